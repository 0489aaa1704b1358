"""Messages as a viewer sees them: one by id, a page of a conversation, search results."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from models import attachment as attachments
from models import conversation as conversations
from models import message as messages
from models import search
from models.attachment import AttachmentRow
from models.base import MAX_INTEGER, conversation_of, now_ms
from models.message import MessageRow
from models.prepared import id_list
from models.transaction import Transaction
from services.cursor import Signer
from services.error import BadRequest, NotFound
from services.guard import GuardedDatabase
from services.message.excerpt import SearchQuery, TextSpan, beginning_of, excerpts_of, slices_of
from services.message.message_page import MessagePageRequest
from services.message.part import ALL_OF_MESSAGE, MessageParts
from services.message.participant import Members
from services.message.reaction_group import ReactionGroup, groups_of
from services.message.reaction_group import rows_of as reaction_rows_of
from services.page import Page, PageRequest, forward
from services.part import MISSING, Missing, NotLoaded
from services.person.user import People, Person, Reference, UserService
from services.text import is_blank
from services.viewer import Right, Viewer


@dataclass(slots=True)
class MessageView:
    """A message with the parts that were asked for; reading `sender` or `attachments` raises NotLoaded without them.

    The others are MISSING if they were not loaded along: `reactions`, `reply_to` (None for a message that the viewer
    cannot see), and `members` of its conversation.
    """

    row: MessageRow
    is_own: bool
    sender_part: Person | Missing | None
    attachments_part: Sequence[AttachmentRow] | Missing
    reactions: Sequence[ReactionGroup] | Missing = MISSING
    reply_to: "MessageView | Missing | None" = MISSING
    members: Members | Missing = MISSING

    @property
    def sender(self) -> Person | None:
        """Who sent it; None if the account no longer exists."""
        if self.sender_part is MISSING:
            raise NotLoaded("The sender of this message was not loaded.")
        return self.sender_part

    @property
    def attachments(self) -> Sequence[AttachmentRow]:
        """Its files, by position."""
        if self.attachments_part is MISSING:
            raise NotLoaded("The files of this message were not loaded.")
        return self.attachments_part

    def is_within(self, window_seconds: int) -> bool:
        """Whether it is not deleted and was sent at most `window_seconds` ago; 0 means no limit."""
        age = now_ms() - self.row.created_at
        return self.row.deleted_at is None and (not window_seconds or age <= window_seconds * 1000)

    def preview(self, max_length: int | None) -> str:
        """One line of at most 1 to 1,000 characters (120 for None): the text, or the names of the files."""
        length = 120 if max_length is None else max_length
        if not 1 <= length <= 1000:
            raise BadRequest(f"`maxLength` must be between 1 and 1000; it is {length}.")
        text = self.row.body if self.row.body and not is_blank(self.row.body) else None
        line = " ".join((text or ", ".join(each.filename for each in self.attachments)).split())
        return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


class MessageBatch:
    """Messages that are loaded together: their rows are given, and the constructor reads all but the people.

    It `want`s these. The caller has checked that the viewer may see the messages.
    """

    def __init__(
        self, tx: Transaction, viewer_id: int, rows: Sequence[MessageRow], parts: MessageParts, people: People
    ) -> None:
        self._viewer_id, self._rows, self._parts, self._people = viewer_id, rows, parts, people
        with_files = [row.id for row in rows if row.attachments] if parts.attachments else []
        self._files = attachments.of_messages(tx, with_files) if with_files else {}
        people.want({row.sender_id for row in rows}, parts.sender)
        self._reactions = []
        if parts.reactions is not None:
            self._reactions = reaction_rows_of(tx, viewer_id, [row.id for row in rows])
            people.want({row.user_id for row in self._reactions}, parts.reactions)
        self._replied_to: MessageBatch | None = None
        if parts.reply_to is not None:
            ids = {row.reply_to_id for row in rows if row.reply_to_id is not None}
            found = list(messages.find_visible(tx, viewer_id, ids).values()) if ids else []
            self._replied_to = MessageBatch(tx, viewer_id, found, parts.reply_to, people)

    def views(self, members: Mapping[int, Members] | None = None) -> dict[int, MessageView]:
        """The messages by id, once the people are loaded; `members` are those of conversations, as far as known."""
        parts, people, known = self._parts, self._people, members or {}
        reactions: dict[int, list[ReactionGroup]] = {}
        if parts.reactions is not None:
            reactions = groups_of(self._reactions, self._viewer_id, people if parts.reactions else None)
        replied_to = self._replied_to.views(known) if self._replied_to is not None else {}
        return {
            row.id: MessageView(
                row,
                row.sender_id == self._viewer_id,
                people.get(row.sender_id) if parts.sender else MISSING,
                self._files.get(row.id, ()) if parts.attachments else MISSING,
                MISSING if parts.reactions is None else reactions.get(row.id, ()),
                MISSING if parts.reply_to is None else replied_to.get(row.reply_to_id or 0),
                known.get(conversation_of(row.id), MISSING),
            )
            for row in self._rows
        }


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """Further conditions on the messages found; times are in ms since 1970, both exclusive."""

    conversation_id: int | None = None
    sender: Reference | None = None
    has_attachment: bool | None = None
    sent_after: int | None = None
    sent_before: int | None = None


class MessageService:
    """Reads messages; the right to see one is a condition of every statement."""

    def __init__(self, database: GuardedDatabase, users: UserService, signer: Signer) -> None:
        self._database = database
        self._users = users
        self._signer = signer
        self._excerpt_slot = asyncio.Semaphore(1)

    async def find_many(
        self, viewer: Viewer, ids: Iterable[int], parts: MessageParts = ALL_OF_MESSAGE
    ) -> dict[int, MessageView]:
        """The messages with these ids that exist and that the viewer may see."""
        return await self._database.read_for(viewer, self.load_visible, viewer.user_id, list(ids), parts)

    async def find(self, viewer: Viewer, id_: int) -> MessageView | None:
        """The message; None if it does not exist or the viewer may not see it."""
        return (await self.find_many(viewer, [id_])).get(id_)

    async def find_oldest_unread(
        self, viewer: Viewer, conversation_ids: Iterable[int], parts: MessageParts = ALL_OF_MESSAGE
    ) -> dict[int, MessageView]:
        """The oldest unread message of each of these conversations that has one, by conversation id."""
        return await self._database.read_for(viewer, self._oldest_unread, viewer.user_id, list(conversation_ids), parts)

    async def page_of(
        self,
        viewer: Viewer,
        conversation_id: int,
        request: PageRequest,
        around: int | None = None,
        parts: MessageParts = ALL_OF_MESSAGE,
    ) -> Page[MessageView]:
        """Messages of a conversation, oldest first; the newest ones without `first` and `after`.

        `around` is a message id: the page has that message in its middle. Raises BadRequest, CursorInvalid, and
        NotFound if the viewer is not a member or `around` is outside the messages that they have.
        """
        wanted = MessagePageRequest(request, around)
        bounds = wanted.bounds(self._signer, viewer.user_id)
        return await self._database.read_for(viewer, self._page, viewer.user_id, conversation_id, wanted, bounds, parts)

    async def search(
        self,
        viewer: Viewer,
        query: str,
        wanted: SearchFilter,
        first: int | None,
        after: str | None,
        parts: MessageParts = ALL_OF_MESSAGE,
    ) -> Page[MessageView]:
        """The viewer's messages that contain every word of `query` (the last may be a prefix), newest first.

        A message can be found about a second after it was sent. Raises BadRequest if the query has no word, and
        RateLimited.
        """
        request = PageRequest(first=first)
        request.check()
        viewer.check(Right.READ)
        self._users.searches.take(viewer.user_id)
        words = SearchQuery.parse(query)
        at, id_ = (
            self._signer.verify("found", viewer.user_id, after, 2) if after is not None else (MAX_INTEGER, MAX_INTEGER)
        )
        return await self._database.read_for(
            viewer, self._search, viewer.user_id, words, wanted, (at, id_), request.size, parts
        )

    async def excerpts(self, viewer: Viewer, query: str, found: Sequence[MessageView]) -> dict[int, list[TextSpan]]:
        """The excerpt of each message that `search` found with this query, by id; none for a message without text.

        Of a page with very much text, the last messages are shown from their beginning. Reads nothing: a thread other
        than the database's looks for the words, and the pages that wait for it take turns.
        """
        viewer.check(Right.READ)
        texts = {view.row.id: view.row.body for view in found if view.row.body is not None}
        words = SearchQuery.parse(query)
        excerpts: dict[int, list[TextSpan]] = {}
        for part in slices_of(texts):
            async with self._excerpt_slot:
                excerpts |= await asyncio.to_thread(excerpts_of, part, words)
        return excerpts | {id_: beginning_of(text) for id_, text in texts.items() if id_ not in excerpts}

    def cursor_of(self, viewer: Viewer, view: MessageView) -> str:
        """The cursor of a message in `page_of`."""
        return self._signer.sign("message", viewer.user_id, view.row.id)

    def found_cursor_of(self, viewer: Viewer, view: MessageView) -> str:
        """The cursor of a message in `search`."""
        return self._signer.sign("found", viewer.user_id, view.row.created_at, view.row.id)

    def load_visible(
        self, tx: Transaction, viewer_id: int, ids: Iterable[int], parts: MessageParts = ALL_OF_MESSAGE
    ) -> dict[int, MessageView]:
        """The messages with these ids that the viewer may see; runs inside a transaction."""
        rows = messages.find_visible(tx, viewer_id, ids)
        return {view.row.id: view for view in self.load(tx, viewer_id, list(rows.values()), parts)}

    def load(
        self, tx: Transaction, viewer_id: int, rows: Sequence[MessageRow], parts: MessageParts = ALL_OF_MESSAGE
    ) -> list[MessageView]:
        """What the messages show, in one statement for each kind of thing; the caller has checked access."""
        if not rows:
            return []
        people = People(self._users, tx, viewer_id)
        batch = MessageBatch(tx, viewer_id, rows, parts, people)
        people.load()
        return list(batch.views().values())

    def _oldest_unread(
        self, tx: Transaction, viewer_id: int, conversation_ids: Iterable[int], parts: MessageParts
    ) -> dict[int, MessageView]:
        rows = tx.all(messages.OLDEST_UNREAD, viewer=viewer_id, ids=id_list(conversation_ids))
        return {conversation_of(view.row.id): view for view in self.load(tx, viewer_id, rows, parts)}

    def _page(
        self,
        tx: Transaction,
        viewer_id: int,
        conversation_id: int,
        wanted: MessagePageRequest,
        bounds: tuple[int | None, int | None],
        parts: MessageParts,
    ) -> Page[MessageView]:
        mine = tx.first(conversations.BY_IDS, viewer=viewer_id, ids=id_list([conversation_id]))
        if mine is None:
            raise NotFound("There is no such conversation.")
        page = wanted.rows_of(tx, viewer_id, mine, bounds)
        return Page(self.load(tx, viewer_id, page.items, parts), page.has_next, page.has_previous)

    def _search(
        self,
        tx: Transaction,
        viewer_id: int,
        query: SearchQuery,
        wanted: SearchFilter,
        beyond: tuple[int, int],
        size: int,
        parts: MessageParts,
    ) -> Page[MessageView]:
        sender = None
        if wanted.sender is not None:
            sender = self._users.resolve(tx, viewer_id, [wanted.sender])[0]
            if sender is None:
                return Page([])
        found = search.find(
            tx,
            viewer_id,
            search.Wanted(
                words=query.words,
                has_beginning=query.has_beginning,
                match=query.match,
                conversation=wanted.conversation_id,
                sender=sender.row.id if sender else None,
                has_attachment=wanted.has_attachment,
                since=wanted.sent_after,
                until=wanted.sent_before,
                at=beyond[0],
                id=beyond[1],
            ),
            size + 1,
        )
        views = self.load_visible(tx, viewer_id, [row.id for row in found], parts)
        page = forward(found, size, has_previous=beyond[0] != MAX_INTEGER)
        return Page([views[row.id] for row in page.items if row.id in views], page.has_next, page.has_previous)
