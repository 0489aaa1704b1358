"""Conversations as a member sees them: the inbox, one by id or by its members, unread counts."""

from collections.abc import Iterable, Sequence

from models import attachment as attachments
from models import conversation as conversations
from models import member as members
from models import message as messages
from models.attachment import AttachmentRow
from models.base import MAX_INTEGER, message_id, now_ms
from models.conversation import ConversationRow
from models.prepared import id_list
from models.transaction import Transaction
from models.unread import UnreadRow
from services.cursor import Signer
from services.error import BadRequest, NotFound
from services.guard import GuardedDatabase
from services.message.conversation_view import ConversationBatch, ConversationView
from services.message.inbox import ConversationFilter, count_of, rows_of
from services.message.message import MessageService
from services.message.message_view import MessageView
from services.message.part import ALL_OF_CONVERSATION, ALL_OF_MESSAGE, ConversationParts, MessageParts
from services.message.participant import ParticipantView
from services.message.viewer_view import ViewerParts, ViewerView, unread_of
from services.page import Page, PageRequest, forward
from services.person.user import Reference, UserService
from services.viewer import Right, Viewer

_ALL_KINDS = (1, 2, 3, 4)


class ConversationService:
    """Reads conversations; only members can read one."""

    def __init__(self, database: GuardedDatabase, users: UserService, messages: MessageService, signer: Signer) -> None:
        self._database = database
        self._users = users
        self._messages = messages
        self._signer = signer

    async def find_many(
        self, viewer: Viewer, ids: Iterable[int], parts: ConversationParts = ALL_OF_CONVERSATION
    ) -> dict[int, ConversationView]:
        """The conversations with these ids that the viewer is a member of."""
        return await self._database.read_for(viewer, self.load_by_id, viewer.user_id, list(ids), parts)

    async def find(self, viewer: Viewer, id_: int) -> ConversationView | None:
        """The conversation; None if it does not exist or the viewer is not a member."""
        return (await self.find_many(viewer, [id_])).get(id_)

    async def find_with(
        self, viewer: Viewer, references: Sequence[Reference], parts: ConversationParts = ALL_OF_CONVERSATION
    ) -> ConversationView | None:
        """The conversation of the viewer with exactly these people; None before the first message."""
        return await self._database.read_for(viewer, self._find_with, viewer.user_id, references, parts)

    async def find_directs(
        self, viewer: Viewer, user_ids: Iterable[int], parts: ConversationParts = ALL_OF_CONVERSATION
    ) -> dict[int, ConversationView]:
        """The existing direct conversations with these people, by user id."""
        return await self._database.read_for(viewer, self._find_directs, viewer.user_id, list(user_ids), parts)

    async def page_of(
        self,
        viewer: Viewer,
        wanted: ConversationFilter,
        request: PageRequest,
        parts: ConversationParts = ALL_OF_CONVERSATION,
        *,
        with_total: bool = False,
    ) -> Page[ConversationView]:
        """The viewer's conversations under a filter, newest activity first; `with_total` counts them in the same read.

        Raises BadRequest and CursorInvalid, and RateLimited for searches.
        """
        request.check()
        wanted.check()
        if request.after is not None and request.before is not None:
            raise BadRequest("Give `after` or `before`, not both.")
        if (request.first and request.before is not None) or (request.last and request.after is not None):
            raise BadRequest("`after` goes with `first`, `before` with `last`.")
        after, before = (
            None if cursor is None else self._signer.verify("conversation", viewer.user_id, cursor, 2)
            for cursor in (request.after, request.before)
        )
        if wanted.search is not None:
            self._users.searches.take(viewer.user_id)

        def read(tx: Transaction) -> Page[ConversationView]:
            page = rows_of(tx, self._users, viewer.user_id, wanted, request, after, before)
            views = self.load(tx, viewer.user_id, page.items, parts)
            total = count_of(tx, self._users, viewer.user_id, wanted) if with_total else None
            return Page(views, page.has_next, page.has_previous, total)

        return await self._database.read_for(viewer, read)

    async def get_viewer(self, viewer: Viewer, parts: ViewerParts) -> ViewerView:
        """The viewer's person with their counters, in one read.

        Raises as `UserService.get_self` does. A credential that may not read gets no counters, so that only those who
        show them are refused.
        """
        self._users.check_self(viewer)
        if parts.has_counters and viewer.may(Right.READ):
            return await self._database.read_for(viewer, self._load_viewer, viewer, parts)
        return ViewerView(viewer, await self._users.get_self(viewer, parts.person) if parts.person else None)

    async def unread(self, viewer: Viewer) -> UnreadRow:
        """The viewer's unread counts over all conversations."""
        return await self._database.read_for(viewer, unread_of, viewer.user_id)

    async def count_unmuted(self, viewer: Viewer) -> int:
        """The number of unread messages, without those of muted conversations and muted people."""
        return await self._database.read_for(viewer, messages.count_unmuted_unread, viewer.user_id, now_ms())

    async def count_requests(self, viewer: Viewer) -> int:
        """The number of requests that the viewer has not answered."""
        return await self._database.read_for(viewer, lambda tx: tx.value(members.REQUESTS, viewer=viewer.user_id))

    async def page_of_attachments(
        self,
        viewer: Viewer,
        conversation_id: int,
        kinds: Sequence[int] | None,
        request: PageRequest,
        parts: MessageParts = ALL_OF_MESSAGE,
    ) -> Page[tuple[AttachmentRow, MessageView]]:
        """The files of a conversation with their messages, newest first; `kinds` None means all of them."""
        request.check()
        after = None if request.after is None else self._signer.verify("attachment", viewer.user_id, request.after, 2)
        wanted = kinds or _ALL_KINDS
        return await self._database.read_for(
            viewer, self._page_of_attachments, viewer.user_id, conversation_id, wanted, after, request.size, parts
        )

    def page_of_members(
        self, viewer: Viewer, members: Sequence[ParticipantView], request: PageRequest
    ) -> Page[ParticipantView]:
        """A page of members that are already loaded, by id; does not query. Raises BadRequest and CursorInvalid."""
        request.check()
        after = -1 if request.after is None else self._signer.verify("participant", viewer.user_id, request.after, 1)[0]
        left = [each for each in members if each.person.row.id > after]
        return forward(left, request.size, has_previous=after >= 0)

    def participant_cursor_of(self, viewer: Viewer, view: ParticipantView) -> str:
        """The cursor of a member in `page_of_members`."""
        return self._signer.sign("participant", viewer.user_id, view.person.row.id)

    def cursor_of(self, viewer: Viewer, view: ConversationView) -> str:
        """The cursor of a conversation in `page_of`."""
        return self._signer.sign("conversation", viewer.user_id, view.row.activity, view.row.id)

    def attachment_cursor_of(self, viewer: Viewer, row: AttachmentRow) -> str:
        """The cursor of a file in `page_of_attachments`."""
        return self._signer.sign("attachment", viewer.user_id, row.message_id, row.position)

    def _load_viewer(self, tx: Transaction, viewer: Viewer, parts: ViewerParts) -> ViewerView:
        person = self._users.load_self(tx, viewer, parts.person) if parts.person else None
        return ViewerView.load(tx, viewer, person, parts)

    def load_by_id(
        self, tx: Transaction, viewer_id: int, ids: Iterable[int], parts: ConversationParts = ALL_OF_CONVERSATION
    ) -> dict[int, ConversationView]:
        """The conversations with these ids that the viewer is a member of; runs inside a transaction."""
        rows = tx.all(conversations.BY_IDS, viewer=viewer_id, ids=id_list(ids))
        return {view.row.id: view for view in self.load(tx, viewer_id, rows, parts)}

    def load(
        self,
        tx: Transaction,
        viewer_id: int,
        rows: Sequence[ConversationRow],
        parts: ConversationParts = ALL_OF_CONVERSATION,
    ) -> list[ConversationView]:
        """What the conversations of a whole page show, in one statement for each kind of thing."""
        if not rows:
            return []
        return ConversationBatch(tx, viewer_id, rows, parts, self._users, self._signer).views()

    def _find_with(
        self, tx: Transaction, viewer_id: int, references: Sequence[Reference], parts: ConversationParts
    ) -> ConversationView | None:
        people = self._users.resolve(tx, viewer_id, references)
        found = [person.row.id for person in people if person is not None]
        if not found or len(found) != len(people):
            return None
        id_ = conversations.find_with(tx, frozenset({viewer_id, *found}))
        return None if id_ is None else self.load_by_id(tx, viewer_id, [id_], parts).get(id_)

    def _find_directs(
        self, tx: Transaction, viewer_id: int, user_ids: list[int], parts: ConversationParts
    ) -> dict[int, ConversationView]:
        rows = tx.all(conversations.DIRECTS_OF, viewer=viewer_id, ids=id_list(user_ids))
        views = self.load_by_id(tx, viewer_id, [row.conversation_id for row in rows], parts)
        return {row.user_id: views[row.conversation_id] for row in rows if row.conversation_id in views}

    def _page_of_attachments(
        self,
        tx: Transaction,
        viewer_id: int,
        conversation_id: int,
        kinds: Sequence[int],
        after: tuple[int, ...] | None,
        size: int,
        parts: MessageParts,
    ) -> Page[tuple[AttachmentRow, MessageView]]:
        member = tx.first(conversations.BY_IDS, viewer=viewer_id, ids=id_list([conversation_id]))
        if member is None:
            raise NotFound("There is no such conversation.")
        newest = (message_id(conversation_id, member.last_seq), MAX_INTEGER)
        before, position = min(after or newest, newest)  # also bounds a cursor of another conversation
        rows = tx.all(
            attachments.IN_CONVERSATION,
            viewer=viewer_id,
            floor=message_id(conversation_id, member.floor_seq),
            before=before,
            before_position=position,
            kinds=id_list(kinds),
            count=size + 1,
        )
        page = forward(rows, size, has_previous=after is not None)
        views = self._messages.load_visible(tx, viewer_id, {row.message_id for row in page.items}, parts)
        return Page([(row, views[row.message_id]) for row in page.items], page.has_next, page.has_previous)
