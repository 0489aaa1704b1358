"""Messages as a viewer sees them: one by id, a page of a conversation, search results."""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from models import attachment as attachments
from models import conversation as conversations
from models import message as messages
from models import search
from models.attachment import AttachmentRow
from models.base import MAX_INTEGER, SEQ_BITS, conversation_of, message_id, now_ms, seq_of
from models.message import MessageRow
from models.prepared import id_list
from models.transaction import Transaction
from services.cursor import Signer
from services.error import BadRequest, NotFound
from services.guard import GuardedDatabase
from services.message.excerpt import SearchQuery, TextSpan, beginning_of, excerpts_of, slices_of
from services.page import Page, PageRequest, backward, forward
from services.person.user import Person, Reference, UserService
from services.text import is_blank
from services.viewer import Right, Viewer


@dataclass(frozen=True, slots=True)
class MessageView:
    """A message with its sender and its files; `sender` is None if the account no longer exists."""

    row: MessageRow
    sender: Person | None
    attachments: Sequence[AttachmentRow]
    is_own: bool = False

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

    async def find_many(self, viewer: Viewer, ids: Iterable[int]) -> dict[int, MessageView]:
        """The messages with these ids that exist and that the viewer may see."""
        return await self._database.read_for(viewer, self.load_visible, viewer.user_id, list(ids))

    async def find(self, viewer: Viewer, id_: int) -> MessageView | None:
        """The message; None if it does not exist or the viewer may not see it."""
        return (await self.find_many(viewer, [id_])).get(id_)

    async def find_oldest_unread(self, viewer: Viewer, conversation_ids: Iterable[int]) -> dict[int, MessageView]:
        """The oldest unread message of each of these conversations that has one, by conversation id."""
        return await self._database.read_for(viewer, self._oldest_unread, viewer.user_id, list(conversation_ids))

    async def page_of(
        self, viewer: Viewer, conversation_id: int, request: PageRequest, around: int | None = None
    ) -> Page[MessageView]:
        """Messages of a conversation, oldest first; the newest ones without `first` and `after`.

        `around` is a message id: the page has that message in its middle. Raises BadRequest, CursorInvalid, and
        NotFound if the viewer is not a member or `around` is outside the messages that they have.
        """
        request.check()
        if around is not None and (request.after is not None or request.before is not None):
            raise BadRequest("`around` can be combined with `first` or `last`, but not with a cursor.")
        after, before = (
            None if cursor is None else self._signer.verify("message", viewer.user_id, cursor, 1)[0]
            for cursor in (request.after, request.before)
        )
        return await self._database.read_for(
            viewer, self._page, viewer.user_id, conversation_id, request, after, before, around
        )

    async def search(
        self, viewer: Viewer, query: str, wanted: SearchFilter, first: int | None, after: str | None
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
        beyond = (at, id_)
        return await self._database.read_for(viewer, self._search, viewer.user_id, words, wanted, beyond, request.size)

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

    def load_visible(self, tx: Transaction, viewer_id: int, ids: Iterable[int]) -> dict[int, MessageView]:
        """The messages with these ids that the viewer may see; runs inside a transaction."""
        rows = messages.find_visible(tx, viewer_id, ids)
        return {view.row.id: view for view in self.load(tx, viewer_id, list(rows.values()))}

    def load(self, tx: Transaction, viewer_id: int, rows: Sequence[MessageRow]) -> list[MessageView]:
        """Loads senders and files for a whole page, in one statement each; the caller has checked access."""
        if not rows:
            return []
        senders = self._users.load(tx, viewer_id, {row.sender_id for row in rows})
        with_files = [row.id for row in rows if row.attachments]
        files = attachments.of_messages(tx, with_files) if with_files else {}
        return [
            MessageView(row, senders.get(row.sender_id), files.get(row.id, ()), row.sender_id == viewer_id)
            for row in rows
        ]

    def _oldest_unread(
        self, tx: Transaction, viewer_id: int, conversation_ids: Iterable[int]
    ) -> dict[int, MessageView]:
        found = tx.values(messages.OLDEST_UNREAD, viewer=viewer_id, ids=id_list(conversation_ids))
        views = self.load_visible(tx, viewer_id, [id_ for id_ in found if id_ is not None])
        return {conversation_of(id_): view for id_, view in views.items()}

    def _page(
        self,
        tx: Transaction,
        viewer_id: int,
        conversation_id: int,
        request: PageRequest,
        after: int | None,
        before: int | None,
        around: int | None,
    ) -> Page[MessageView]:
        member = tx.first(conversations.BY_IDS, viewer=viewer_id, ids=id_list([conversation_id]))
        if member is None:
            raise NotFound("There is no such conversation.")
        floor, top = message_id(conversation_id, member.floor_seq), message_id(conversation_id, member.last_seq) + 1
        if around is not None:
            page = _page_around(tx, viewer_id, floor, top, around, request.size)
        else:
            after, before = max(after or floor, floor), min(before or top, top)
            page = _page_between(tx, viewer_id, floor, top, request, after, before)
        return Page(self.load(tx, viewer_id, page.items), page.has_next, page.has_previous)

    def _search(
        self,
        tx: Transaction,
        viewer_id: int,
        query: SearchQuery,
        wanted: SearchFilter,
        beyond: tuple[int, int],
        size: int,
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
        views = self.load_visible(tx, viewer_id, [row.id for row in found])
        page = forward(found, size, has_previous=beyond[0] != MAX_INTEGER)
        return Page([views[row.id] for row in page.items if row.id in views], page.has_next, page.has_previous)


def _page_between(
    tx: Transaction, viewer_id: int, floor: int, top: int, request: PageRequest, after: int, before: int
) -> Page[MessageRow]:
    size = request.size
    if request.first is not None or (request.after is not None and request.last is None):
        rows = tx.all(messages.PAGE_FORWARD, viewer=viewer_id, after=after, before=before, count=size + 1)
        page = forward(rows, size, has_previous=after > floor)
        return Page(page.items, page.has_next or before < top, page.has_previous)
    rows = tx.all(messages.PAGE_BACKWARD, viewer=viewer_id, after=after, before=before, count=size + 1)
    page = backward(rows, size, has_next=before < top)
    return Page(page.items, page.has_next, page.has_previous or after > floor)


def _page_around(tx: Transaction, viewer_id: int, floor: int, top: int, around: int, size: int) -> Page[MessageRow]:
    if around >> SEQ_BITS != floor >> SEQ_BITS or not floor < around < top or not seq_of(around):
        raise NotFound("There is no such message in this conversation.")
    half = size // 2
    older = tx.all(messages.PAGE_BACKWARD, viewer=viewer_id, after=floor, before=around, count=half + 1)
    newer = tx.all(messages.PAGE_FORWARD, viewer=viewer_id, after=around - 1, before=top, count=size - half + 1)
    items = older[:half][::-1] + newer[: size - half]
    return Page(items, has_next=len(newer) > size - half, has_previous=len(older) > half)
