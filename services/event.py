"""Announcements: what a transaction writes into people's event logs, and what is published after its commit."""

from collections.abc import Iterable

from models import event as events
from models.base import now_ms
from models.event import EventKind
from models.transaction import Transaction
from pubsub.base import Flash, Hint, PubSub


class Announcement:
    """Collects the hints and the ephemeral events of one transaction; `at` is its time, in ms since 1970."""

    def __init__(self, tx: Transaction, at: int | None = None) -> None:
        self._tx = tx
        self.at = now_ms() if at is None else at
        self.hints: list[Hint] = []
        self.ephemeral: list[Flash] = []

    def tell(
        self, user_ids: Iterable[int], kind: EventKind, subject_id: int, *, actor_id: int = 0, detail: int = 0
    ) -> None:
        """Append one event to the log of each; in order of ids, so that PostgreSQL's row locks cannot cross."""
        for user_id in sorted(set(user_ids)):
            n = events.put(self._tx, user_id, kind, subject_id, self.at, actor_id=actor_id, detail=detail)
            self.hints.append(Hint(user_id, n))

    def publish(self, pubsub: PubSub) -> None:
        """Wake the listeners; to be called after the commit."""
        pubsub.publish(self.hints)
        pubsub.flash(self.ephemeral)
