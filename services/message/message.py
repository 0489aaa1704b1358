"""Messages as a viewer sees them: one by id, a page of a conversation, search results."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from models import conversation as conversations
from models import message as messages
from models import search
from models.base import MAX_INTEGER, conversation_of
from models.message import MessageRow
from models.prepared import id_list
from models.profile import ProfileRow
from models.transaction import Transaction
from services.cursor import Signer
from services.error import NotFound
from services.guard import GuardedDatabase
from services.message.excerpt import SearchQuery, TextSpan, beginning_of, excerpts_of, slices_of
from services.message.message_page import MOST_AT_ONCE, MessagePageRequest
from services.message.message_view import MessageBatch, MessageView, shown_page
from services.message.part import ALL_OF_MESSAGE, MessageParts
from services.page import Page, PageRequest, forward
from services.person.person_batch import PersonBatch
from services.person.user import Reference, UserService
from services.viewer import Right, Viewer


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
        self, viewer: Viewer, conversation_id: int, request: PageRequest, around: int | None = None
    ) -> Page[MessageView]:
        """As `pages_of`, for one conversation; raises NotFound."""
        wanted = MessagePageRequest(request, around)
        page = (await self.pages_of(viewer, [conversation_id], wanted))[conversation_id]
        if isinstance(page, NotFound):
            raise page
        return page

    async def pages_of(
        self,
        viewer: Viewer,
        conversation_ids: Sequence[int],
        wanted: MessagePageRequest,
        parts: MessageParts = ALL_OF_MESSAGE,
    ) -> dict[int, Page[MessageView] | NotFound]:
        """The same page of several conversations, a few of them in one read.

        NotFound stands for a conversation of which the viewer is no member, or which does not have `around`, as far as
        they see it. Raises BadRequest and CursorInvalid.
        """
        bounds = wanted.bounds(self._signer, viewer.user_id)
        at_once = max(1, MOST_AT_ONCE // wanted.request.size)

        async def read(ids: Sequence[int]) -> dict[int, Page[MessageView] | NotFound]:
            return await self._database.read_for(viewer, self._pages, viewer.user_id, ids, wanted, bounds, parts)

        slices = [conversation_ids[start : start + at_once] for start in range(0, len(conversation_ids), at_once)]
        found = await asyncio.gather(*map(read, slices))
        return {id_: page for pages in found for id_, page in pages.items()}

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
        self,
        tx: Transaction,
        viewer_id: int,
        rows: Sequence[MessageRow],
        parts: MessageParts = ALL_OF_MESSAGE,
        profiles: Mapping[int, ProfileRow] = MappingProxyType({}),
    ) -> list[MessageView]:
        """What the messages show, in one statement for each kind of thing; the caller has checked access.

        `profiles` of people were read before, in the same transaction.
        """
        if not rows:
            return []
        people = PersonBatch(self._users, tx, viewer_id, profiles)
        batch = MessageBatch(tx, viewer_id, rows, parts, people)
        people.load()
        return list(batch.views().values())

    def _oldest_unread(
        self, tx: Transaction, viewer_id: int, conversation_ids: Iterable[int], parts: MessageParts
    ) -> dict[int, MessageView]:
        rows = tx.all(messages.OLDEST_UNREAD, viewer=viewer_id, ids=id_list(conversation_ids))
        return {conversation_of(view.row.id): view for view in self.load(tx, viewer_id, rows, parts)}

    def _pages(
        self,
        tx: Transaction,
        viewer_id: int,
        conversation_ids: Sequence[int],
        wanted: MessagePageRequest,
        bounds: tuple[int | None, int | None],
        parts: MessageParts,
    ) -> dict[int, Page[MessageView] | NotFound]:
        rows = {row.id: row for row in tx.all(conversations.BY_IDS, viewer=viewer_id, ids=id_list(conversation_ids))}
        pages: dict[int, Page[MessageRow] | NotFound] = {}
        for id_ in conversation_ids:
            try:
                pages[id_] = wanted.rows_of(tx, viewer_id, rows.get(id_), bounds)
            except NotFound as error:
                pages[id_] = error
        shown = [row for page in pages.values() if isinstance(page, Page) for row in page.items]
        views = {view.row.id: view for view in self.load(tx, viewer_id, shown, parts)}
        return {id_: shown_page(page, views) if isinstance(page, Page) else page for id_, page in pages.items()}

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
