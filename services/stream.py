"""The stream: what concerns a viewer, in order, without a gap or a repeat, as they may see it now."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from models import event as events
from models.base import conversation_of
from models.database import Database
from models.event import EventKind, EventRow
from models.transaction import Transaction
from pubsub.base import Mailbox, PubSub
from services.account import AccountService
from services.conversation import ConversationService, ConversationView
from services.cursor import Seal
from services.error import CursorExpired, ServerUnavailable
from services.message import MessageService, MessageView
from services.page import PageRequest
from services.user import Person, UserService
from services.viewer import Viewer

LOT = 100  # events read at once
TURNS = 64  # streams that read at once: a message to thousands leaves room for requests
_EXPIRED = "The server no longer holds the events after this cursor; load again and go on anew."
RECHECK_SECONDS = 30.0  # a lost hint, or a lost revocation, is made good after this time


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One event with what it is about: exactly one of the three is set."""

    n: int
    kind: EventKind
    at: int
    message: MessageView | None = None
    conversation: ConversationView | None = None
    person: Person | None = None


@dataclass(frozen=True, slots=True)
class Occurrences:
    """A stretch of the log; `n` is where to go on, past events that the viewer may no longer see."""

    items: list[Occurrence]
    n: int
    has_more: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message on its way to a subscriber; `is_replay` when it was sent before the subscription began."""

    n: int
    message: MessageView
    is_replay: bool


class StreamService:
    """Delivers from the log; a hint only says that it is worth a look."""

    def __init__(
        self,
        database: Database,
        pubsub: PubSub,
        account: AccountService,
        users: UserService,
        messages: MessageService,
        conversations: ConversationService,
        seal: Seal,
    ) -> None:
        self._database = database
        self._pubsub = pubsub
        self._account = account
        self._users = users
        self._messages = messages
        self._conversations = conversations
        self._seal = seal
        self._turns = asyncio.Semaphore(TURNS)

    async def position(self, viewer: Viewer) -> int:
        """Where the viewer's log ends now."""
        return (await self._database.read(events.edges_of, viewer.user_id)).last

    def cursor_of(self, viewer: Viewer, n: int) -> str:
        """The cursor behind the event n: going on from it begins with n + 1."""
        return self._seal.write("event", viewer.user_id, n)

    async def page_after(self, viewer: Viewer, cursor: str, first: int | None) -> Occurrences:
        """Events after the cursor, oldest first; raises BadRequest, CursorInvalid, CursorExpired."""
        request = PageRequest(first=first)
        request.check()
        n = await self._resume_from(viewer, cursor)
        return await self._database.read(self._load, viewer.user_id, n, request.size)

    async def messages(
        self, viewer: Viewer, cursor: str | None, conversation_id: int | None = None
    ) -> AsyncGenerator[Delivery, None]:
        """New messages of the viewer's conversations, or of one: with a cursor first all since it, then live.

        1. listen; 2. find the end of the log; 3. read from the cursor on and deliver; 4. wait for a hint, at most 30 s,
        then again from 3. Never ends by itself; raises CursorInvalid, CursorExpired, and Unauthenticated (or its kin)
        once the session has ended. A slow reader holds up nobody: hints that it misses are in the log.
        """
        with self._pubsub.listen(viewer.user_id) as mailbox:
            began_at = await self.position(viewer)
            n = began_at if cursor is None else await self._resume_from(viewer, cursor)
            while True:
                try:
                    async with self._turns:
                        await self._account.check_live(viewer)
                        lot = await self._database.read(self._load, viewer.user_id, n, LOT)
                except ServerUnavailable as error:  # a stream waits, where a request is refused
                    await asyncio.sleep(error.retry_after_seconds)
                    continue
                for each in lot.items:
                    if _is_wanted(each, conversation_id) and each.message:
                        yield Delivery(each.n, each.message, each.n <= began_at)
                n = lot.n
                if not lot.has_more:
                    await self._wait(mailbox)

    async def _wait(self, mailbox: Mailbox) -> None:
        await mailbox.wait(RECHECK_SECONDS)

    async def _resume_from(self, viewer: Viewer, cursor: str) -> int:
        n = self._seal.read("event", viewer.user_id, cursor, 1)[0]
        edges = await self._database.read(events.edges_of, viewer.user_id)
        if n < edges.first - 1 or n > edges.last:
            raise CursorExpired(_EXPIRED)
        return n

    def _load(self, tx: Transaction, viewer_id: int, after: int, size: int) -> Occurrences:
        """One statement a kind of thing, whatever the number of events; what may not be seen is left out."""
        rows = tx.all(events.AFTER, user=viewer_id, after=after, count=size + 1)
        has_more, rows = len(rows) > size, rows[:size]
        if rows and rows[0].n != after + 1:  # trimmed past somebody who is slower than retention
            raise CursorExpired(_EXPIRED)
        of = _Subjects(rows)
        seen_messages = self._messages.load_visible(tx, viewer_id, of.messages) if of.messages else {}
        seen_conversations = self._conversations.load_by_id(tx, viewer_id, of.conversations) if of.conversations else {}
        seen_people = self._users.load(tx, viewer_id, of.people) if of.people else {}
        items = []
        for row in rows:
            message = seen_messages.get(row.subject_id) if row.subject_id in of.messages else None
            conversation = seen_conversations.get(row.subject_id) if row.subject_id in of.conversations else None
            person = seen_people.get(row.subject_id) if row.subject_id in of.people else None
            if message or conversation or person:
                items.append(Occurrence(row.n, EventKind(row.kind), row.at, message, conversation, person))
        return Occurrences(items, rows[-1].n if rows else after, has_more)


class _Subjects:
    """What a stretch of the log is about, by kind."""

    def __init__(self, rows: list[EventRow]) -> None:
        self.messages = {row.subject_id for row in rows if row.kind == EventKind.MESSAGE_CREATED}
        self.conversations = {row.subject_id for row in rows if row.kind == EventKind.CONVERSATION_CREATED}
        blocks = {EventKind.USER_BLOCKED, EventKind.USER_UNBLOCKED}
        self.people = {row.subject_id for row in rows if row.kind in blocks}


def _is_wanted(each: Occurrence, conversation_id: int | None) -> bool:
    if each.message is None:
        return False
    return conversation_id is None or conversation_of(each.message.row.id) == conversation_id
