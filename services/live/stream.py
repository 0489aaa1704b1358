"""The stream: a viewer's events in order, without gaps or repeats, as they may see them now."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from models import event as events
from models.event import EventRow, Position
from models.transaction import Transaction
from pubsub.base import PubSub
from services.account.authentication import Authenticator
from services.cursor import Signer
from services.error import CursorExpired, NotFound
from services.guard import GuardedDatabase
from services.limit import Limits
from services.live.ephemeral import EphemeralResolver
from services.live.event_log import EXPIRED, EventLog
from services.live.feed import Feed, known_to
from services.live.group_registry import StreamGroups
from services.live.live_stream import EventStream, LiveStream, StreamParts
from services.live.log_reader import EventBatch, LogRead
from services.live.presence import PresenceService
from services.live.resolved_event import (
    ALL_OF_EVENT,
    Asked,
    EventParts,
    EventResolver,
    ResolvedEvent,
    event_parts,
)
from services.live.signal import Signal
from services.message.conversation import ConversationService
from services.message.message_view import MessageView
from services.message.part import ALL_OF_CONVERSATION, ALL_OF_MESSAGE, MessageParts
from services.page import PageRequest
from services.person.user import PersonDetail, UserService
from services.rate import ConcurrencyLimit, RateLimiter
from services.viewer import Right, Viewer

__all__ = ["MAX_REPLAY", "RECHECK_SECONDS", "Delivery", "EventBatch", "StreamService"]

BATCH = 100  # events read at once
JOB_EVENTS = 400  # after which a job that reads for many streams begins no further one: some 30 ms
MAX_REPLAY = 10_000  # a client that missed more must load its data again
RECHECK_SECONDS = 30.0  # an event or a revocation whose hint was lost is found after this time at most


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message for a subscriber; `is_replay` if it was sent before the subscription began."""

    position: Position
    message: MessageView
    is_replay: bool


class StreamService:
    """Delivers events from the log; a hint only says that the log has new entries."""

    def __init__(
        self,
        database: GuardedDatabase,
        pubsub: PubSub,
        authenticator: Authenticator,
        users: UserService,
        conversations: ConversationService,
        presence: PresenceService,
        resolver: EventResolver,
        signer: Signer,
        limits: Limits,
    ) -> None:
        self._database = database
        self._pubsub = pubsub
        self._authenticator = authenticator
        self._conversations = conversations
        self._presence = presence
        self._resolver = resolver
        self._signer = signer
        self._log = EventLog(database, authenticator, signer, self._load)
        self._ephemeral = EphemeralResolver(database, users, conversations, presence)
        self._parts: StreamParts | None = None
        self.groups: StreamGroups[bytes] = StreamGroups()  # of streams whose answers are encoded once
        self._begun = RateLimiter(limits.subscription_rate_per_minute, "subscriptions")
        self._open = ConcurrencyLimit(limits.max_subscriptions, "subscriptions")

    async def position(self, viewer: Viewer) -> Position:
        """The current end of the viewer's log."""
        return await self._log.position(viewer)

    def cursor_of(self, viewer: Viewer, position: Position) -> str:
        """The cursor of an event; resuming from it starts with the next event."""
        return self._signer.sign("event", viewer.user_id, *position)

    async def page_after(
        self, viewer: Viewer, cursor: str, first: int | None, parts: EventParts = ALL_OF_EVENT
    ) -> EventBatch:
        """Events after the cursor, oldest first; raises BadRequest, CursorInvalid, CursorExpired."""
        request = PageRequest(first=first)
        request.check()
        n, at = self._log.verify(viewer, cursor)

        def read(tx: Transaction) -> EventBatch | None:
            after = events.find_position(tx, viewer.user_id, n, at)
            return None if after is None else self._load_batch(tx, viewer.user_id, after, request.size, parts)

        batch = await self._database.read_for(viewer, read)
        if batch is None:
            raise CursorExpired(EXPIRED)
        return known_to(viewer, batch)

    async def messages(
        self, viewer: Viewer, cursor: str | None, conversation_id: int | None = None
    ) -> AsyncGenerator[Delivery, None]:
        """New messages of the viewer's conversations, or of one; with a cursor, first those after it, then live ones.

        1. Subscribes to hints. 2. Finds the end of the log. 3. Reads from the cursor and delivers. 4. Waits for a hint,
        at most 30 s, and continues with 3. Does not end by itself; raises CursorInvalid, CursorExpired, and
        Unauthenticated or another error of `authenticate` when the session has ended. A slow reader delays nobody:
        it finds what it missed in the log.
        """
        stream = self.message_stream(viewer, conversation_id)
        async with aclosing(_signals_of(stream, cursor)) as signals:
            async for each in signals:
                assert isinstance(each, ResolvedEvent)
                assert each.message is not None
                yield Delivery(each.position, each.message, each.n <= stream.began_at.n)

    async def events(
        self, viewer: Viewer, cursor: str | None, conversation_ids: Sequence[int] | None, *, with_ephemeral: bool
    ) -> AsyncGenerator[Signal, None]:
        """All of the viewer's events; with `conversation_ids`, no events of other conversations.

        The steps are those of `messages`; both count as live streams of the viewer. A cursor that cannot be resumed
        gives a Reset, after which the stream continues from the end of the log. Ends after Revoked; raises NotFound if
        the viewer is not a member of a conversation.
        """
        stream = await self.event_stream(viewer, conversation_ids, with_ephemeral=with_ephemeral)
        async with aclosing(_signals_of(stream, cursor)) as signals:
            async for each in signals:
                yield each

    def message_stream(
        self, viewer: Viewer, conversation_id: int | None = None, parts: MessageParts = ALL_OF_MESSAGE
    ) -> LiveStream:
        """A stream as `messages` reads it, not open yet."""
        self._check(viewer)
        places = None if conversation_id is None else frozenset({conversation_id})
        only_messages = event_parts(parts, ALL_OF_CONVERSATION, PersonDetail.ID, only_messages=True)
        return LiveStream(self._shared(), viewer, Feed(only_messages, places))

    async def event_stream(
        self,
        viewer: Viewer,
        conversation_ids: Sequence[int] | None,
        parts: EventParts = ALL_OF_EVENT,
        *,
        with_ephemeral: bool,
    ) -> EventStream:
        """A stream as `events` reads it, not open yet; raises NotFound."""
        self._check(viewer)
        places = None if conversation_ids is None else frozenset(conversation_ids)
        if places is not None and (await self._conversations.find_many(viewer, places)).keys() != places:
            raise NotFound("There is no such conversation.")
        return EventStream(self._shared(), viewer, Feed(parts, places, with_ephemeral=with_ephemeral))

    def _check(self, viewer: Viewer) -> None:
        viewer.check(Right.READ)
        viewer.check(Right.STREAM)
        self._begun.take(viewer.user_id)

    def _shared(self) -> StreamParts:
        """What all streams share; made anew only after a test has changed one of the numbers."""
        parts = self._parts
        if parts is None or (parts.recheck_seconds, parts.most_replayed) != (RECHECK_SECONDS, MAX_REPLAY):
            parts = self._parts = StreamParts(
                log=self._log,
                ephemeral=self._ephemeral,
                pubsub=self._pubsub,
                presence=self._presence,
                authenticator=self._authenticator,
                open=self._open,
                recheck_seconds=RECHECK_SECONDS,
                most_replayed=MAX_REPLAY,
            )
        return parts

    def _load(self, tx: Transaction, reads: Sequence[LogRead]) -> list[EventBatch | None]:
        """See `services.live.log_reader.Load`."""
        found, count = [], 0
        for read in reads:
            found.append(_rows_after(tx, read, BATCH))
            count += len(found[-1])
            if count >= JOB_EVENTS:
                break
        return self._batches(tx, reads, found, BATCH)

    def _load_batch(
        self, tx: Transaction, viewer_id: int, after: Position, size: int, parts: EventParts
    ) -> EventBatch | None:
        read = LogRead(viewer_id, after, parts)
        return self._batches(tx, [read], [_rows_after(tx, read, size)], size)[0]

    def _batches(
        self, tx: Transaction, reads: Sequence[LogRead], found: Sequence[list[EventRow]], size: int
    ) -> list[EventBatch | None]:
        """The batch of each read with its rows, one more than `size` if there are more."""
        asked = [Asked(read.viewer_id, rows[:size], read.parts) for read, rows in zip(reads, found, strict=False)]
        resolved = self._resolver.resolve(tx, asked)
        return [
            _batch_of(rows[:size], items, read.after, has_more=len(rows) > size)
            for read, rows, items in zip(reads, found, resolved, strict=False)
        ]


def _rows_after(tx: Transaction, read: LogRead, size: int) -> list[EventRow]:
    return tx.all(events.AFTER, user=read.viewer_id, after=read.after.n, count=size + 1)


def _batch_of(
    rows: Sequence[EventRow], items: list[ResolvedEvent], after: Position, *, has_more: bool
) -> EventBatch | None:
    """None if entries were trimmed because the reader is slower than retention."""
    if rows and rows[0].n != after.n + 1:
        return None
    return EventBatch(items, Position(rows[-1].n, rows[-1].at) if rows else after, has_more)


async def _signals_of(stream: LiveStream, cursor: str | None) -> AsyncGenerator[Signal, None]:
    """What a stream delivers, until it ends or its reader leaves."""
    try:
        for signal in await stream.open(cursor):
            yield signal
        while not stream.has_ended:
            for signal in await stream.read():
                yield signal
            if not stream.is_behind and not stream.has_ended:
                for signal in await stream.wait():
                    yield signal
    finally:
        await stream.close()
