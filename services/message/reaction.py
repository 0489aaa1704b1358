"""Reactions: an emoji on a message, and who set it."""

from collections.abc import Iterable

from models import reaction as reactions
from models.event import Change
from models.member import UNANSWERED_STATES
from models.transaction import Transaction
from services.cursor import Signer
from services.error import InvalidInput, PermissionDenied
from services.guard import GuardedDatabase
from services.limit import Limits
from services.message.change import check_not_deleted, check_reach, get_subject
from services.message.emoji import qualified
from services.message.message import MessageService
from services.message.message_view import MessageView
from services.message.part import ALL_OF_MESSAGE, MessageParts
from services.message.reaction_group import ReactionGroup, Reactor, groups_of, rows_of
from services.page import Page, PageRequest, forward
from services.person.person_batch import PersonBatch
from services.person.user import PersonDetail, UserService
from services.rejection import Issue, IssueReason
from services.transaction import WriteTransaction
from services.viewer import Viewer


class ReactionService:
    """Sets and removes reactions; a viewer who sees a message and can write to its conversation can react to it."""

    def __init__(
        self, database: GuardedDatabase, users: UserService, messages: MessageService, signer: Signer, limits: Limits
    ) -> None:
        self._database = database
        self._signer = signer
        self._users = users
        self._messages = messages
        self._limits = limits

    async def react(
        self, viewer: Viewer, id_: int, emoji: str, parts: MessageParts = ALL_OF_MESSAGE, *, is_set: bool
    ) -> MessageView:
        """Sets or removes the viewer's emoji; appends no event if nothing changes.

        The emoji is stored fully qualified. Raises InvalidInput if `emoji` is not one emoji or exceeds the limit of
        different emoji, NotFound, and PermissionDenied if the message is deleted, the viewer cannot write to the
        conversation, or has not accepted it: their name on a message would show the sender that the request was seen.
        """
        form = await qualified(emoji)
        if form is None:
            raise InvalidInput([Issue(("emoji",), IssueReason.MALFORMED, "Send exactly one Unicode emoji.")])
        forms = emoji, form  # the first: stored as it was sent, by an older version
        return await self._database.write_for(viewer, self._react, viewer.user_id, id_, forms, is_set, parts)

    async def find_many(
        self, viewer: Viewer, ids: Iterable[int], people: PersonDetail = PersonDetail.RELATION
    ) -> dict[int, list[ReactionGroup]]:
        """The reactions to messages, the oldest emoji first, in two statements; none for messages that the viewer
        cannot see. `people` is how much of those who reacted is loaded.
        """
        return await self._database.read_for(viewer, self._load, viewer.user_id, list(ids), people)

    def page_of_people(self, viewer: Viewer, group: ReactionGroup, request: PageRequest) -> Page[Reactor]:
        """A page of a group that is already loaded; does not query. Raises BadRequest and CursorInvalid."""
        request.check()
        after = (-1, -1)
        if request.after is not None:
            at, user_id = self._signer.verify("reaction", viewer.user_id, request.after, 2)
            after = (at, user_id)
        left = [each for each in group.reactors if each.position > after]
        return forward(left, request.size, has_previous=request.after is not None)

    def cursor_of(self, viewer: Viewer, reactor: Reactor) -> str:
        """The cursor of a person in `page_of_people`."""
        return self._signer.sign("reaction", viewer.user_id, *reactor.position)

    def _react(
        self,
        tx: WriteTransaction,
        viewer_id: int,
        id_: int,
        forms: tuple[str, str],
        is_set: bool,
        parts: MessageParts,
    ) -> MessageView:
        subject = get_subject(tx, viewer_id, id_)
        check_not_deleted(subject, "react to")
        check_reach(tx, self._users, subject, viewer_id)
        if subject.conversation.request_state in UNANSWERED_STATES:
            raise PermissionDenied("Accept the message request before you react to a message.")
        if is_set:
            changed = tx.run(reactions.PUT, message=id_, user=viewer_id, emoji=forms[1], at=tx.at)
            limit = self._limits.max_reactions
            if changed and tx.value(reactions.COUNT, message=id_) > limit:
                detail = f"A message holds at most {limit} different emoji."
                raise InvalidInput([Issue(("emoji",), IssueReason.TOO_MANY, detail, limit)])
        else:
            changed = sum(tx.run(reactions.DELETE, message=id_, user=viewer_id, emoji=each) for each in {*forms})
        if changed:
            subject.append_update(tx, Change.REACTIONS)
        return self._messages.load_visible(tx, viewer_id, [id_], parts)[id_]

    def _load(
        self, tx: Transaction, viewer_id: int, ids: list[int], detail: PersonDetail
    ) -> dict[int, list[ReactionGroup]]:
        rows = rows_of(tx, viewer_id, ids)
        people = PersonBatch(self._users, tx, viewer_id)
        people.want({row.user_id for row in rows}, detail)
        people.load()
        return groups_of(rows, viewer_id, people if detail else None)
