"""Message requests: a first message from outside the recipient's audience waits for the recipient's answer."""

from models import conversation as conversations
from models import member as members
from models.conversation import ConversationKind, ConversationRow
from models.event import EventKind
from models.member import UNANSWERED_STATES, RequestState
from models.prepared import id_list
from models.transaction import Transaction
from services.error import Conflict, NotFound
from services.guard import GuardedDatabase
from services.message.consent import accept
from services.message.conversation import ConversationService
from services.message.conversation_view import ConversationView
from services.message.part import ALL_OF_CONVERSATION, ConversationParts
from services.person.block import set_block
from services.person.user import Person, UserService
from services.transaction import WriteTransaction
from services.viewer import Viewer


class RequestService:
    """Answers requests. The sender gets an event if it is accepted, and none if it is declined."""

    def __init__(self, database: GuardedDatabase, users: UserService, conversations: ConversationService) -> None:
        self._database = database
        self._users = users
        self._conversations = conversations

    async def accept(
        self, viewer: Viewer, conversation_id: int, parts: ConversationParts = ALL_OF_CONVERSATION
    ) -> ConversationView:
        """Turns the request into an ordinary conversation; a declined request can still be accepted.

        In a group the viewer answers only for themselves.

        Raises NotFound, and Conflict if there is no request to answer.
        """
        return await self._database.write_for(viewer, self._accept, viewer.user_id, conversation_id, parts)

    async def decline(self, viewer: Viewer, conversation_id: int, *, block: bool) -> Person | None:
        """Removes the conversation from the viewer's lists.

        The requester can no longer write to the viewer or create a group with them. A group goes on without the
        viewer, who gets no more messages or events from it. `block` also blocks the requester, who is returned then.
        Raises NotFound, and Conflict if no request is pending.
        """
        return await self._database.write_for(viewer, self._decline, viewer.user_id, conversation_id, block)

    def _accept(
        self, tx: WriteTransaction, viewer_id: int, conversation_id: int, parts: ConversationParts
    ) -> ConversationView:
        mine = _check(tx, viewer_id, conversation_id, UNANSWERED_STATES)
        accept(tx, viewer_id, conversation_id, is_group=mine.kind == ConversationKind.GROUP)
        rows = members.members_of(tx, [conversation_id])[conversation_id]
        people = [each.user_id for each in rows if each.request_state != RequestState.DECLINED]
        tx.events.append(people, EventKind.CONVERSATION_UPDATED, conversation_id)
        return self._conversations.load_by_id(tx, viewer_id, [conversation_id], parts)[conversation_id]

    def _decline(self, tx: WriteTransaction, viewer_id: int, conversation_id: int, with_block: bool) -> Person | None:
        _check(tx, viewer_id, conversation_id, (RequestState.PENDING,))
        tx.run(members.DECLINE, conversation=conversation_id, user=viewer_id)
        tx.events.append([viewer_id], EventKind.CONVERSATION_REMOVED, conversation_id)
        rows = members.members_of(tx, [conversation_id])[conversation_id] if with_block else []
        requester_id = next((each.requester_id for each in rows if each.user_id == viewer_id), None)
        if not requester_id:
            return None
        set_block(tx, viewer_id, requester_id)
        return self._users.load(tx, viewer_id, [requester_id]).get(requester_id)


def _check(tx: Transaction, viewer_id: int, conversation_id: int, wanted: tuple[RequestState, ...]) -> ConversationRow:
    """Returns the conversation; raises NotFound, and Conflict if the viewer's request state is not one of `wanted`."""
    mine = tx.first(conversations.BY_IDS, viewer=viewer_id, ids=id_list([conversation_id]))
    if mine is None:
        raise NotFound("There is no such conversation.")
    if mine.request_state not in wanted:
        raise Conflict("There is no message request here that waits for an answer.")
    return mine
