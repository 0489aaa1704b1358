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
    """What happened; the comment says what `subject_id` names."""

    TYPING = 0  # a conversation, in which `actor_id` types until `until`, or has stopped for 0
    PRESENCE = 1  # the user whose presence is different
    PRESENCE_WITHDRAWN = 2  # the user whose presence the listener could see, and no longer can


class EphemeralEvent(NamedTuple):
    """An event that is never stored and may be lost: worth a look now, and nothing later. `until` in ms since 1970."""

    user_id: int
    kind: EphemeralKind
    subject_id: int
    actor_id: int = 0
    until: int = 0


class Mailbox(Protocol):
    """One listener's hints and ephemeral events; a context manager that stops listening at its end.

    Hints that arrive while nobody waits become one: a mailbox has the bound of one, and a slow listener holds up
    nobody and costs no memory. It goes back to the log, as everybody does.
    """

    async def wait(self, timeout_seconds: float) -> bool:
        """True at the first hint or event since the last call, or since it was opened; False at the timeout."""
        ...

    def take_ephemeral(self) -> list[EphemeralEvent]:
        """Those that came since the last call, the oldest lost where they were more than EPHEMERAL_LIMIT."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class PubSub(Protocol):
    """Carries hints from those who wrote to those who listen."""

    def publish(self, hints: list[Hint]) -> None:
        """Wakes the listeners of these users; called after the commit, returns at once, never raises."""
        ...

    def publish_ephemeral(self, events: Iterable[EphemeralEvent]) -> None:
        """Hands the events to those who listen now; returns at once, never raises."""
        ...

    def listen(self, user_id: int) -> Mailbox:
        """Opens a mailbox: every hint published after this call reaches it, or is lost."""
        ...
