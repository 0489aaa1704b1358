"""The protocol for hints and ephemeral events.

A hint says that a user's event log has grown; it contains numbers, never text. It can be lost, repeated or late:
listeners read the log, so a lost hint delays a message but never loses it.
"""

from collections.abc import Iterable
from enum import IntEnum
from types import TracebackType
from typing import NamedTuple, Protocol, Self

EPHEMERAL_LIMIT = 64


class Hint(NamedTuple):
    """The log of `user_id` has at least `n` events; n = 0 asks the listeners to check the viewer's rights again."""

    user_id: int
    n: int


class EphemeralKind(IntEnum):
    """What happened; the comments say what `subject_id` is."""

    TYPING = 0  # a conversation in which `actor_id` is typing until `until`; 0: has stopped
    PRESENCE = 1  # the user whose presence has changed
    PRESENCE_WITHDRAWN = 2  # a user whose presence the listener can no longer see


class EphemeralEvent(NamedTuple):
    """An event that is never stored and can be lost. `until` is in ms since 1970."""

    user_id: int
    kind: EphemeralKind
    subject_id: int
    actor_id: int = 0
    until: int = 0


class Listener(Protocol):
    """Something to be told at once of what concerns a user; its methods return immediately and never raise."""

    def wake(self) -> None:
        """Called for each hint."""
        ...

    def put(self, event: EphemeralEvent) -> None:
        """Called for each ephemeral event."""
        ...


class Mailbox(Listener, Protocol):
    """The hints and ephemeral events of one listener; a context manager that stops listening on exit.

    Hints that arrive before the next `wait` are merged into one, so a slow listener costs no memory and delays nobody.
    It reads the log anyway.
    """

    @property
    def is_woken(self) -> bool:
        """Whether `wait` would return at once."""
        ...

    def clear(self) -> None:
        """Forgets the hints so far, as `wait` does: call it before reading the log."""
        ...

    async def wait(self, timeout_seconds: float) -> bool:
        """Returns True on the first hint or event since the last call; False on timeout."""
        ...

    def take_ephemeral(self) -> list[EphemeralEvent]:
        """The ephemeral events since the last call; if there were more than EPHEMERAL_LIMIT, the oldest are lost."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class PubSub(Protocol):
    """Delivers hints and ephemeral events to listeners."""

    def publish(self, hints: list[Hint]) -> None:
        """Wakes the listeners of these users. Call it after the commit; returns immediately and never raises."""
        ...

    def publish_ephemeral(self, events: Iterable[EphemeralEvent]) -> None:
        """Delivers events to current listeners; returns immediately and never raises."""
        ...

    def listen(self, user_id: int) -> Mailbox:
        """Opens a mailbox, which gets every hint published after this call, unless the hint is lost."""
        ...

    def attach(self, user_id: int, listener: Listener) -> None:
        """Tells the listener of every hint and event published from now on, once even if it is attached twice."""
        ...

    def forget(self, user_id: int, listener: Listener) -> None:
        """Takes back one `attach`; the listener hears nothing more after the last. Does nothing if there is none."""
        ...
