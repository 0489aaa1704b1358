"""The stream: a viewer's events in order, without gaps or repeats, as they may see them now."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from time import monotonic

from models import event as events
from models.base import now_ms
from models.event import EventKind, Position
from models.transaction import Transaction
from pubsub.base import EphemeralEvent, EphemeralKind, Mailbox, PubSub
from services.account.authentication import Authenticator
from services.cursor import Signer
from services.error import CursorExpired, CursorInvalid, NotFound, RequestError, ServerUnavailable
from services.guard import GuardedDatabase
from services.limit import Limits
from services.live.presence import PresenceService
from services.live.resolved_event import EventResolver, ResolvedEvent
from services.live.signal import (
    CaughtUp,
    Heartbeat,
    PresenceChange,
    Ready,
    Reset,
    ResetReason,
    Revoked,
    Signal,
    Typing,
)
from services.message.conversation import ConversationService
from services.message.message import MessageView
from services.page import PageRequest
from services.person.user import UserService
from services.rate import ConcurrencyLimit, RateLimiter
from services.viewer import Right, Viewer

BATCH = 100  # events read at once
CONCURRENT_READS = 64  # streams that read at the same time: a message to thousands of people must not delay requests
MAX_REPLAY = 10_000  # a client that missed more must load its data again
_EXPIRED = "The server no longer has the events after this cursor; load the data again and start from a new cursor."
RECHECK_SECONDS = 30.0  # an event or a revocation whose hint was lost is found after this time at most


@dataclass(frozen=True, slots=True)
class EventBatch:
    """A batch of the log; `position` is where the next one starts, after events that the viewer may no longer see."""

    items: list[ResolvedEvent]
    position: Position
    has_more: bool


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
        self._users = users
        self._conversations = conversations
        self._presence = presence
        self._resolver = resolver
        self._signer = signer
        self._reads = asyncio.Semaphore(CONCURRENT_READS)
        self._begun = RateLimiter(limits.subscription_rate_per_minute, "subscriptions")
        self._open = ConcurrencyLimit(limits.max_subscriptions, "subscriptions")

    async def position(self, viewer: Viewer) -> Position:
        """The current end of the viewer's log."""
        return await self._database.read_for(viewer, events.last_of, viewer.user_id)

    def cursor_of(self, viewer: Viewer, position: Position) -> str:
        """The cursor of an event; resuming from it starts with the next event."""
        return self._signer.sign("event", viewer.user_id, *position)

    async def page_after(self, viewer: Viewer, cursor: str, first: int | None) -> EventBatch:
        """Events after the cursor, oldest first; raises BadRequest, CursorInvalid, CursorExpired."""
        request = PageRequest(first=first)
        request.check()
        after = await self._resume_from(viewer, cursor)
        return _known_to(viewer, await self._database.read_for(viewer, self._load, viewer.user_id, after, request.size))

    async def messages(
        self, viewer: Viewer, cursor: str | None, conversation_id: int | None = None
    ) -> AsyncGenerator[Delivery, None]:
        """New messages of the viewer's conversations, or of one; with a cursor, first those after it, then live ones.

        1. Subscribes to hints. 2. Finds the end of the log. 3. Reads from the cursor and delivers. 4. Waits for a hint,
        at most 30 s, and continues with 3. Does not end by itself; raises CursorInvalid, CursorExpired, and
        Unauthenticated or another error of `authenticate` when the session has ended. A slow reader delays nobody:
        it finds what it missed in the log.
        """
        self._check(viewer)
        with self._open.held(viewer.user_id), self._pubsub.listen(viewer.user_id) as mailbox:
            began_at = await self.position(viewer)
            after = began_at if cursor is None else await self._resume_from(viewer, cursor)
            async with self._presence.streaming(viewer.user_id):
                while True:
                    batch = await self._next_batch(viewer, after)
                    for each in batch.items:
                        is_wanted = conversation_id is None or each.conversation_id == conversation_id
                        if each.kind is EventKind.MESSAGE_CREATED and each.message is not None and is_wanted:
                            yield Delivery(each.position, each.message, each.n <= began_at.n)
                    after = batch.position
                    if not batch.has_more:
                        await mailbox.wait(await self._patience(viewer))

    async def events(
        self, viewer: Viewer, cursor: str | None, conversation_ids: Sequence[int] | None, *, with_ephemeral: bool
    ) -> AsyncGenerator[Signal, None]:
        """All of the viewer's events; with `conversation_ids`, no events of other conversations.

        The steps are those of `messages`; both count as live streams of the viewer. A cursor that cannot be resumed
        gives a Reset, after which the stream continues from the end of the log. Ends after Revoked; raises NotFound if
        the viewer is not a member of a conversation.
        """
        self._check(viewer)
        wanted = None if conversation_ids is None else set(conversation_ids)
        if wanted is not None and set(await self._conversations.find_many(viewer, wanted)) != wanted:
            raise NotFound("There is no such conversation.")
        with self._open.held(viewer.user_id), self._pubsub.listen(viewer.user_id) as mailbox:
            async with (
                self._presence.streaming(viewer.user_id),
                aclosing(self._signals(viewer, cursor, mailbox, with_ephemeral=with_ephemeral)) as signals,
            ):
                async for signal in signals:
                    about = _conversation_of(signal)
                    if about is None or wanted is None or about in wanted:
                        yield signal

    async def _signals(
        self, viewer: Viewer, cursor: str | None, mailbox: Mailbox, *, with_ephemeral: bool
    ) -> AsyncGenerator[Signal, None]:
        began_at, beat_at = await self.position(viewer), monotonic()
        first = await self._begin(viewer, cursor, began_at)
        after, replayed, is_replaying = first.position, 0, cursor is not None and not isinstance(first, Reset)
        if not is_replaying:
            yield first
        while True:
            batch = await self._next_batch_or_end(viewer, after)
            if isinstance(batch, Revoked):
                yield batch
                return
            if isinstance(batch, Reset):
                after = batch.position
                yield batch
                continue
            for each in batch.items:
                yield each
            replayed += len(batch.items)
            is_silent, after = batch.position != after and not batch.items, batch.position
            if batch.has_more:
                continue
            settled: list[Signal] = [Heartbeat(after)] if is_silent else []
            if is_replaying:
                is_replaying, settled = False, [CaughtUp(after, replayed)]
            for signal in [*settled, *await self._load_ephemeral(viewer, mailbox if with_ephemeral else None)]:
                yield signal
            # hints of what is not delivered here must not delay a heartbeat
            if not await mailbox.wait(
                min(await self._patience(viewer), max(beat_at + RECHECK_SECONDS - monotonic(), 0))
            ):
                beat_at = monotonic()
                yield Heartbeat(after)

    def _check(self, viewer: Viewer) -> None:
        viewer.check(Right.READ)
        viewer.check(Right.STREAM)
        self._begun.take(viewer.user_id)

    async def _patience(self, viewer: Viewer) -> float:
        """How long to wait for a hint, in seconds: at most until the session ends, which must be noticed."""
        try:
            left_ms = await self._authenticator.check_live(viewer) - now_ms()
        except RequestError:  # the next read raises it again
            return 0.0
        return min(RECHECK_SECONDS, max(left_ms, 0) / 1000 + 0.01)

    async def _begin(self, viewer: Viewer, cursor: str | None, last: Position) -> Ready | Reset:
        """Where to begin: Ready for the end of the log or a valid cursor, otherwise Reset."""
        if cursor is None:
            return Ready(last)
        try:
            after = await self._resume_from(viewer, cursor)
        except CursorInvalid:
            return Reset(last, ResetReason.CURSOR_INVALID)
        except CursorExpired:
            return Reset(last, ResetReason.CURSOR_EXPIRED)
        return Reset(last, ResetReason.TOO_MANY_EVENTS) if last.n - after.n > MAX_REPLAY else Ready(after)

    async def _next_batch_or_end(self, viewer: Viewer, after: Position) -> EventBatch | Reset | Revoked:
        """As `_next_batch`; Reset if the reader is slower than retention, Revoked if the session has ended."""
        try:
            return await self._next_batch(viewer, after)
        except CursorExpired:
            return Reset(await self.position(viewer), ResetReason.CURSOR_EXPIRED)
        except RequestError as error:
            return Revoked(error.reason)

    async def _next_batch(self, viewer: Viewer, after: Position) -> EventBatch:
        """The next events, if the session is still valid; waits and retries while the server is busy."""
        while True:
            try:
                async with self._reads:
                    await self._authenticator.check_live(viewer)
                    batch = await self._database.read_for(viewer, self._load, viewer.user_id, after, BATCH)
                    return _known_to(viewer, batch)
            except ServerUnavailable as error:
                await asyncio.sleep(error.retry_after_seconds)

    async def _resume_from(self, viewer: Viewer, cursor: str) -> Position:
        n, at = self._read(viewer, cursor)
        found = await self._database.read_for(viewer, events.find_position, viewer.user_id, n, at)
        if found is None:
            raise CursorExpired(_EXPIRED)
        return found

    def _read(self, viewer: Viewer, cursor: str) -> tuple[int, int | None]:
        try:
            n, at = self._signer.verify("event", viewer.user_id, cursor, 2)
        except CursorInvalid:  # cursors of earlier versions have no time; they stay valid after an upgrade
            return self._signer.verify("event", viewer.user_id, cursor, 1)[0], None
        return n, at

    def _load(self, tx: Transaction, viewer_id: int, after: Position, size: int) -> EventBatch:
        rows = tx.all(events.AFTER, user=viewer_id, after=after.n, count=size + 1)
        has_more, rows = len(rows) > size, rows[:size]
        if rows and rows[0].n != after.n + 1:  # entries were trimmed because the reader is slower than retention
            raise CursorExpired(_EXPIRED)
        end = Position(rows[-1].n, rows[-1].at) if rows else after
        return EventBatch(self._resolver.resolve(tx, viewer_id, rows), end, has_more)

    async def _load_ephemeral(self, viewer: Viewer, mailbox: Mailbox | None) -> list[Signal]:
        ephemeral = mailbox.take_ephemeral() if mailbox is not None else []
        try:
            return await self._database.read_for(viewer, self._see, viewer.user_id, ephemeral) if ephemeral else []
        except ServerUnavailable:  # ephemeral events may be lost
            return []

    def _see(self, tx: Transaction, viewer_id: int, ephemeral: list[EphemeralEvent]) -> list[Signal]:
        """Signals for ephemeral events, as the viewer may see them now; one for several about the same subject.

        A person whose presence is private gives none, except once, when the viewer can no longer see it.
        """
        typing = [each for each in ephemeral if each.kind is EphemeralKind.TYPING]
        came = {each.subject_id for each in ephemeral if each.kind is not EphemeralKind.TYPING}
        ended = {each.subject_id for each in ephemeral if each.kind is EphemeralKind.PRESENCE_WITHDRAWN}
        people = self._users.load(tx, viewer_id, {each.actor_id for each in typing} | came)
        places = self._conversations.load_by_id(tx, viewer_id, {each.subject_id for each in typing})
        presences = self._presence.load(tx, viewer_id, came)
        last = {(each.subject_id, each.actor_id): each.until for each in typing}
        signals: list[Signal] = [
            Typing(places[place], people[actor], until or None)
            for (place, actor), until in last.items()
            if place in places and self._presence.shows_typing(places[place], actor)
        ]
        shown = (presences.keys() | ended) & people.keys()
        return signals + [PresenceChange(people[id_], presences.get(id_)) for id_ in sorted(shown)]


def _known_to(viewer: Viewer, batch: EventBatch) -> EventBatch:
    """The batch without the events that the viewer's credential may not see: API keys get none of devices or keys."""
    if viewer.may(Right.DEVICES):
        return batch
    return EventBatch([each for each in batch.items if not each.is_of_access], batch.position, batch.has_more)


def _conversation_of(signal: Signal) -> int | None:
    if isinstance(signal, Typing):
        return signal.conversation.row.id
    return signal.conversation_id if isinstance(signal, ResolvedEvent) else None
