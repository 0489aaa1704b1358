"""Groups: live streams of one person that wait for the same, served together.

A group does the ordinary work: its streams are at the same position, their sessions are valid, their readers keep up.
A stream for which one of these ends leaves the group and goes on by itself from its own position, by the steps of
LiveStream; when it has caught up it may come back. So there is one place for everything out of the ordinary.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from time import monotonic
from typing import Generic, Protocol, TypeVar

import structlog

from pubsub.base import EPHEMERAL_LIMIT, EphemeralEvent
from services.cause import causes_of
from services.error import CursorExpired, RequestError, ServerUnavailable
from services.live.event_log import patience
from services.live.live_stream import LiveStream, StreamParts, silence_of
from services.live.log_reader import EventBatch
from services.live.resolved_event import ResolvedEvent
from services.live.signal import Heartbeat, Signal
from services.viewer import Viewer

P = TypeVar("P")
P_contra = TypeVar("P_contra", contravariant=True)

log = structlog.get_logger("sotto.stream")

FAR = 2**62  # ms since 1970
AT_ONCE = 50  # deliveries before other tasks run: about half a millisecond


class Member(Protocol[P_contra]):
    """A stream in a group, with its reader."""

    @property
    def stream(self) -> LiveStream:
        """Its place; the group moves it as it delivers."""
        ...

    def deliver(self, payload: P_contra) -> bool:
        """Takes a payload at once; False if the reader is behind, and then nothing of the payload was taken."""
        ...

    def resume(self) -> None:
        """Goes on alone from the stream's position: the group has let go of it, and the stream listens itself."""
        ...


Render = Callable[[Signal, int], Awaitable[P]]  # a signal as the payload of all members, and how many they are


class StreamGroup(Generic[P]):
    """Reads the log and renders each signal once for all of its members, and hears hints for them.

    Its members have the same user, the same rights and the same feed, and are where it is in the log when they join.
    """

    __slots__ = (
        "_beat_at",
        "_ephemeral",
        "_expires_at",
        "_feed",
        "_is_woken",
        "_members",
        "_on_end",
        "_parts",
        "_position",
        "_sessions",
        "_task",
        "_timer",
        "_viewer",
        "render",
    )

    def __init__(self, parts: StreamParts, first: LiveStream, render: Render[P], on_end: Callable[[], None]) -> None:
        self._parts = parts
        self._viewer = first.viewer  # for whom it reads: only the user and the rights count
        self._feed = first.feed
        self.render = render
        self._on_end = on_end
        self._position = first.position
        self._members: dict[Member[P], None] = {}
        self._sessions: dict[bytes, tuple[Viewer, int]] = {}  # with the number of their members
        self._ephemeral: list[EphemeralEvent] = []
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_woken = False
        self._expires_at = FAR  # of the session that ends first
        self._beat_at = monotonic()

    def __len__(self) -> int:
        return len(self._members)

    def admit(self, member: Member[P]) -> bool:
        """Takes in a stream if it is settled where the group is; returns whether it did.

        What is under way may be for others alone: the stream has read it. A stream that is ahead has read what the
        group has not heard of, so the group reads the log, too.
        """
        stream, expires_at = member.stream, self._parts.authenticator.find_expiry(member.stream.viewer)
        if expires_at is None or not stream.is_settled:
            return False
        if self._members and (stream.position.n != self._position.n or self._ephemeral):
            if stream.position.n > self._position.n:
                self.wake()
            return False
        stream.feed, stream.position = self._feed, self._position  # equal, and kept once
        self._members[member] = None
        viewer, count = self._sessions.get(stream.viewer.session, (stream.viewer, 0))
        self._sessions[viewer.session] = viewer, count + 1
        self._parts.pubsub.attach(self._viewer.user_id, self)
        stream.deafen()
        self._expires_at = min(self._expires_at, expires_at)
        self._set_timer()
        return True

    async def idle(self) -> None:
        """Waits until nothing is under way, so that a stream can find the same as the group."""
        while self._task is not None:
            await asyncio.wait([self._task])

    def leave(self, member: Member[P]) -> None:
        """Lets go of a member whose stream ends; does nothing if it is not in the group."""
        if member not in self._members:
            return
        del self._members[member]
        viewer, count = self._sessions.pop(member.stream.viewer.session)
        if count > 1:
            self._sessions[viewer.session] = viewer, count - 1
        self._parts.pubsub.forget(self._viewer.user_id, self)
        if not self._members:
            self._end()

    def dismiss(self, *members: Member[P]) -> None:
        """Lets members go on alone; they listen before the group stops to listen for them."""
        for member in members:
            member.stream.listen()
            self.leave(member)
            member.resume()

    def wake(self) -> None:
        """See `pubsub.base.Listener`."""
        self._is_woken = True
        if self._task is None and self._members:
            # a context of its own: it is nobody's operation that publishes the hint
            self._task = asyncio.get_running_loop().create_task(self._run(), context=Context())

    def put(self, event: EphemeralEvent) -> None:
        """See `pubsub.base.Listener`."""
        if self._feed.with_ephemeral:
            self._ephemeral = [*self._ephemeral[1 - EPHEMERAL_LIMIT :], event]
        self.wake()

    async def _run(self) -> None:
        """Serve what the log holds until no hint is left; after a bug, the members go on alone."""
        try:
            while self._is_woken and self._members:
                self._is_woken = False
                await self._serve()
            if self._members:
                self._set_timer()
        except Exception as error:  # noqa: BLE001 -- each stream meets it again, and ends with it
            log.warning("group dissolved", causes=causes_of(error))
            self.dismiss(*self._members)
        finally:
            self._task = None

    async def _serve(self) -> None:
        """1. The sessions; 2. the log; 3. each signal to all members; 4. where they are now."""
        await self._check_sessions()
        if not self._members:
            return
        try:
            batch = await self._parts.log.read(self._viewer, self._position, self._feed.parts)
        except CursorExpired:  # each finds out for itself, and is told
            self.dismiss(*self._members)
            return
        except ServerUnavailable as error:
            await asyncio.sleep(error.retry_after_seconds)
            self._is_woken = True
            return
        for signal in await self._signals_in(batch):
            if not self._members:
                return
            payload = await self.render(signal, len(self._members))
            await self._deliver(signal, payload)
        if batch.items:
            for member in self._members:
                member.stream.position = batch.position

    async def _check_sessions(self) -> None:
        """Dismiss the members whose session has ended, or cannot be checked now."""
        authenticator, self._expires_at, unchecked = self._parts.authenticator, FAR, []
        for viewer, _ in self._sessions.values():
            expires_at = authenticator.find_expiry(viewer)
            if expires_at is None:
                unchecked.append(viewer)
            else:
                self._expires_at = min(self._expires_at, expires_at)
        if not unchecked:
            return
        found = await asyncio.gather(*map(authenticator.check_live, unchecked), return_exceptions=True)
        ended = set[bytes]()
        for viewer, result in zip(unchecked, found, strict=True):
            if isinstance(result, int):
                self._expires_at = min(self._expires_at, result)
            elif isinstance(result, RequestError):
                ended.add(viewer.session)
            else:
                raise result
        self.dismiss(*[member for member in self._members if member.stream.viewer.session in ended])

    async def _signals_in(self, batch: EventBatch) -> list[Signal]:
        """The signals of a batch, and what follows the last one; the group is then behind it."""
        before, self._position = self._position, batch.position
        signals: list[Signal] = [*batch.items]
        if batch.has_more:
            self._is_woken = True
            return self._feed.select(signals)
        if not self._feed.only_messages:
            signals += silence_of(batch, before)
            if monotonic() >= self._beat_at + self._parts.recheck_seconds:
                self._beat_at = monotonic()
                signals.append(Heartbeat(batch.position))
        if self._ephemeral:
            ephemeral, self._ephemeral = self._ephemeral, []
            signals += await self._parts.ephemeral.resolve(self._viewer, ephemeral, self._feed.parts)
        return self._feed.select(signals)

    async def _deliver(self, signal: Signal, payload: P) -> None:
        """Hand a payload to the members: not to a session that has ended since, nor to a reader who is behind."""
        members, find_expiry = list(self._members), self._parts.authenticator.find_expiry
        position = signal.position if isinstance(signal, ResolvedEvent) else None
        for start in range(0, len(members), AT_ONCE):
            if start:
                await asyncio.sleep(0)
            fresh: dict[bytes, bool] = {}
            for member in members[start : start + AT_ONCE]:
                stream = member.stream
                session = stream.viewer.session
                if session not in fresh:
                    fresh[session] = find_expiry(stream.viewer) is not None
                if member not in self._members or (position is not None and stream.position.n >= position.n):
                    continue  # it has left, or it has read the event alone
                if not fresh[session] or not member.deliver(payload):
                    self.dismiss(member)
                elif position is not None:
                    stream.position = position

    def _set_timer(self) -> None:
        """Look again when hints may have been lost, a heartbeat is due, or a session has expired; earlier is harmless.

        So a timer that is set already is only replaced if it would be too late.
        """
        seconds = patience(self._expires_at, self._parts.recheck_seconds)
        if not self._feed.only_messages:
            seconds = min(seconds, max(self._beat_at + self._parts.recheck_seconds - monotonic(), 0))
        loop = asyncio.get_running_loop()
        if self._timer is not None:
            if self._timer.when() <= loop.time() + seconds:
                return
            self._timer.cancel()
        self._timer = loop.call_later(seconds, self._look)

    def _look(self) -> None:
        self._timer = None
        self.wake()

    def _end(self) -> None:
        """The last member has left: forget the group, and stop what is under way for nobody."""
        self._on_end()
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
