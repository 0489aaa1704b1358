"""Live streams: where one subscription is in the log of its viewer, and what comes next."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

from models.event import START, Position
from pubsub.base import Mailbox, PubSub
from services.account.authentication import Authenticator
from services.error import CursorExpired, CursorInvalid, RequestError
from services.live.ephemeral import EphemeralResolver
from services.live.event_log import EventLog
from services.live.feed import Feed
from services.live.log_reader import EventBatch
from services.live.presence import PresenceService
from services.live.signal import CaughtUp, Heartbeat, Ready, Reset, ResetReason, Revoked, Signal
from services.rate import ConcurrencyLimit
from services.viewer import Viewer


@dataclass(frozen=True, slots=True)
class StreamParts:
    """What live streams share. `recheck_seconds`: an event or a revocation whose hint was lost is found after this
    time at most; `most_replayed`: a client that missed more events must load its data again.
    """

    log: EventLog
    ephemeral: EphemeralResolver
    pubsub: PubSub
    presence: PresenceService
    authenticator: Authenticator
    open: ConcurrencyLimit
    recheck_seconds: float
    most_replayed: int


class LiveStream:
    """The new messages of one subscription; EventStream delivers everything.

    `open` it, then `read` again and again, with a `wait` where nothing is new, and `close` it in any case. Errors end
    it: CursorInvalid, CursorExpired, and those of `Authenticator.check_live` if the session has ended.
    `position` is behind what was read last, `began_at` the end of the log when it was opened.
    """

    __slots__ = (
        "_is_counted",
        "_is_present",
        "_mailbox",
        "began_at",
        "feed",
        "has_ended",
        "is_behind",
        "parts",
        "position",
        "viewer",
    )

    def __init__(self, parts: StreamParts, viewer: Viewer, feed: Feed) -> None:
        self.parts = parts
        self._mailbox: Mailbox | None = None
        self._is_counted = self._is_present = False
        self.viewer = viewer
        self.feed = feed
        self.position = self.began_at = START
        self.is_behind = True  # whether the log has more, as far as was read
        self.has_ended = False

    async def open(self, cursor: str | None) -> list[Signal]:
        """Count it, listen, and find its place: hints are heard before anything is read. Returns the first signals."""
        parts, user_id = self.parts, self.viewer.user_id
        parts.open.take(user_id)
        self._is_counted = True
        self.listen()
        self.position = self.began_at = await parts.log.position(self.viewer)
        signals = await self._begin(cursor)
        self._is_present = True
        await parts.presence.begin(user_id)
        return signals

    async def close(self) -> None:
        """Take back what `open` did; a second call does nothing."""
        user_id = self.viewer.user_id
        self.deafen()
        if self._is_counted:
            self._is_counted = False
            self.parts.open.give(user_id)
        if self._is_present:
            self._is_present = False
            await self.parts.presence.end(user_id)

    def listen(self) -> None:
        """Hear hints; does nothing if it does already."""
        if self._mailbox is None:
            self._mailbox = self.parts.pubsub.listen(self.viewer.user_id)

    def deafen(self) -> None:
        """Hear no more hints, because a group hears them for it, or it is closed."""
        if self._mailbox is not None:
            self.parts.pubsub.forget(self.viewer.user_id, self._mailbox)
            self._mailbox = None

    @property
    def is_settled(self) -> bool:
        """Whether it was read to the end, and no hint came since."""
        return not self.is_behind and self._mailbox is not None and not self._mailbox.is_woken

    async def read(self) -> list[Signal]:
        """The next signals, at most a batch, without waiting for new ones."""
        return self.feed.select((await self._next()).items)

    async def wait(self) -> list[Signal]:
        """Wait for a hint, at most until the log should be read anyway; returns signals that the wait brought."""
        assert self._mailbox is not None
        await self._mailbox.wait(await self.parts.log.patience(self.viewer, self.parts.recheck_seconds))
        return []

    async def _begin(self, cursor: str | None) -> list[Signal]:
        if cursor is not None:
            self.position = await self.parts.log.resume_from(self.viewer, cursor)
        return []

    async def _next(self) -> EventBatch:
        assert self._mailbox is not None
        self._mailbox.clear()
        batch = await self.parts.log.next(self.viewer, self.position, self.feed.parts)
        self.position, self.is_behind = batch.position, batch.has_more
        return batch


class EventStream(LiveStream):
    """Everything about the viewer, in signals that also say where the stream is, and why it ends."""

    __slots__ = ("_beat_at", "_is_replaying", "_replayed")

    def __init__(self, parts: StreamParts, viewer: Viewer, feed: Feed) -> None:
        super().__init__(parts, viewer, feed)
        self._beat_at = monotonic()
        self._is_replaying = False
        self._replayed = 0

    async def read(self) -> list[Signal]:
        """As LiveStream; a Reset if the reader is slower than retention, Revoked if the session has ended."""
        before = self.position
        try:
            batch = await self._next()
        except CursorExpired:
            self.position, self.is_behind = await self.parts.log.position(self.viewer), True
            return [Reset(self.position, ResetReason.CURSOR_EXPIRED)]
        except RequestError as error:
            self.has_ended = True
            return [Revoked(error.reason)]
        self._replayed += len(batch.items)
        signals: list[Signal] = [*batch.items]
        if not self.is_behind:
            signals += self._settle(batch, before)
            signals += await self._take_ephemeral()
        return self.feed.select(signals)

    async def wait(self) -> list[Signal]:
        """As LiveStream; a Heartbeat after so long without one, also where hints bring nothing for this stream."""
        assert self._mailbox is not None
        recheck_seconds = self.parts.recheck_seconds
        left = max(self._beat_at + recheck_seconds - monotonic(), 0)
        if await self._mailbox.wait(min(await self.parts.log.patience(self.viewer, recheck_seconds), left)):
            return []
        self._beat_at = monotonic()
        return [Heartbeat(self.position)]

    def _settle(self, batch: EventBatch, before: Position) -> Sequence[Signal]:
        """What follows the last batch: that all was replayed, or that only the cursor has moved."""
        if self._is_replaying:
            self._is_replaying = False
            return [CaughtUp(self.position, self._replayed)]
        return silence_of(batch, before)

    async def _take_ephemeral(self) -> Sequence[Signal]:
        if not self.feed.with_ephemeral or self._mailbox is None:
            return []
        return await self.parts.ephemeral.resolve(self.viewer, self._mailbox.take_ephemeral(), self.feed.parts)

    async def _begin(self, cursor: str | None) -> list[Signal]:
        """Ready for the end of the log, nothing for a valid cursor, otherwise Reset."""
        if cursor is None:
            return [Ready(self.position)]
        try:
            after = await self.parts.log.resume_from(self.viewer, cursor)
        except CursorInvalid:
            return [Reset(self.position, ResetReason.CURSOR_INVALID)]
        except CursorExpired:
            return [Reset(self.position, ResetReason.CURSOR_EXPIRED)]
        if self.position.n - after.n > self.parts.most_replayed:
            return [Reset(self.position, ResetReason.TOO_MANY_EVENTS)]
        self.position, self._is_replaying = after, True
        return []


def silence_of(batch: EventBatch, before: Position) -> list[Signal]:
    """A heartbeat if the batch, the last one, only moves the cursor."""
    return [Heartbeat(batch.position)] if batch.position != before and not batch.items else []
