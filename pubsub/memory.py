"""Hints inside one process."""

import asyncio
from collections import deque
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from pubsub.base import EPHEMERAL_LIMIT, EphemeralEvent, Hint


class MemoryMailbox:
    """An `asyncio.Event`, set by hints and cleared by `wait`, and the latest ephemeral events."""

    __slots__ = ("_ephemeral", "_event", "_pubsub", "_user_id")

    def __init__(self, pubsub: "MemoryPubSub", user_id: int) -> None:
        self._pubsub = pubsub
        self._user_id = user_id
        self._event = asyncio.Event()
        self._ephemeral: deque[EphemeralEvent] = deque(maxlen=EPHEMERAL_LIMIT)

    def wake(self) -> None:
        self._event.set()

    def put(self, event: EphemeralEvent) -> None:
        self._ephemeral.append(event)
        self._event.set()

    def take_ephemeral(self) -> list[EphemeralEvent]:
        """See `pubsub.base.Mailbox`."""
        taken = list(self._ephemeral)
        self._ephemeral.clear()
        return taken

    async def wait(self, timeout_seconds: float) -> bool:
        """See `pubsub.base.Mailbox`."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pubsub.forget(self._user_id, self)


class MemoryPubSub:
    """Mailboxes by user."""

    def __init__(self) -> None:
        self._mailboxes: dict[int, set[MemoryMailbox]] = {}

    def publish(self, hints: list[Hint]) -> None:
        """See `pubsub.base.PubSub`."""
        for hint in hints:
            for mailbox in self._mailboxes.get(hint.user_id, ()):
                mailbox.wake()

    def publish_ephemeral(self, events: Iterable[EphemeralEvent]) -> None:
        """See `pubsub.base.PubSub`."""
        for event in events:
            for mailbox in self._mailboxes.get(event.user_id, ()):
                mailbox.put(event)

    def listen(self, user_id: int) -> MemoryMailbox:
        """See `pubsub.base.PubSub`."""
        mailbox = MemoryMailbox(self, user_id)
        self._mailboxes.setdefault(user_id, set()).add(mailbox)
        return mailbox

    def forget(self, user_id: int, mailbox: MemoryMailbox) -> None:
        """Closes a mailbox; does nothing the second time."""
        mailboxes = self._mailboxes.get(user_id)
        if mailboxes is not None:
            mailboxes.discard(mailbox)
            if not mailboxes:
                del self._mailboxes[user_id]

    def listeners(self) -> int:
        """The number of open mailboxes."""
        return sum(map(len, self._mailboxes.values()))
