"""Hints inside one process."""

import asyncio
from collections import Counter, deque
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from pubsub.base import EPHEMERAL_LIMIT, EphemeralEvent, Hint, Listener


class MemoryMailbox:
    """A flag, set by hints and cleared by `wait`, the future of a `wait`, and the latest ephemeral events."""

    __slots__ = ("_ephemeral", "_pubsub", "_user_id", "_waiting", "is_woken")

    def __init__(self, pubsub: "MemoryPubSub", user_id: int) -> None:
        self._pubsub = pubsub
        self._user_id = user_id
        self._waiting: asyncio.Future[None] | None = None
        self._ephemeral: deque[EphemeralEvent] | None = None  # most never get one
        self.is_woken = False

    def wake(self) -> None:
        """See `pubsub.base.Listener`."""
        self.is_woken = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def put(self, event: EphemeralEvent) -> None:
        """See `pubsub.base.Listener`."""
        if self._ephemeral is None:
            self._ephemeral = deque(maxlen=EPHEMERAL_LIMIT)
        self._ephemeral.append(event)
        self.wake()

    def clear(self) -> None:
        """See `pubsub.base.Mailbox`."""
        self.is_woken = False

    def take_ephemeral(self) -> list[EphemeralEvent]:
        """See `pubsub.base.Mailbox`."""
        taken, self._ephemeral = list(self._ephemeral or ()), None
        return taken

    async def wait(self, timeout_seconds: float) -> bool:
        """See `pubsub.base.Mailbox`; one task waits at a time."""
        if not self.is_woken:
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(timeout_seconds):
                    await self._waiting
            except TimeoutError:
                pass
            finally:
                self._waiting = None
        was_woken, self.is_woken = self.is_woken, False
        return was_woken

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pubsub.forget(self._user_id, self)


class MemoryPubSub:
    """Listeners by user, with how often each was attached."""

    def __init__(self) -> None:
        self._listeners: dict[int, Counter[Listener]] = {}

    def publish(self, hints: list[Hint]) -> None:
        """See `pubsub.base.PubSub`."""
        for hint in hints:
            for listener in self._listeners.get(hint.user_id, ()):
                listener.wake()

    def publish_ephemeral(self, events: Iterable[EphemeralEvent]) -> None:
        """See `pubsub.base.PubSub`."""
        for event in events:
            for listener in self._listeners.get(event.user_id, ()):
                listener.put(event)

    def listen(self, user_id: int) -> MemoryMailbox:
        """See `pubsub.base.PubSub`."""
        mailbox = MemoryMailbox(self, user_id)
        self.attach(user_id, mailbox)
        return mailbox

    def attach(self, user_id: int, listener: Listener) -> None:
        """See `pubsub.base.PubSub`."""
        self._listeners.setdefault(user_id, Counter())[listener] += 1

    def forget(self, user_id: int, listener: Listener) -> None:
        """See `pubsub.base.PubSub`."""
        listeners = self._listeners.get(user_id)
        if listeners is None or listener not in listeners:
            return
        listeners[listener] -= 1
        if not listeners[listener]:
            del listeners[listener]
            if not listeners:
                del self._listeners[user_id]

    def listeners(self) -> int:
        """How many listeners are attached, each as often as it was."""
        return sum(each.total() for each in self._listeners.values())
