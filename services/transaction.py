"""Write transactions: each has one time, and collects the events that are published after its commit."""

from collections.abc import Iterable

from models import event as events
from models.base import now_ms
from models.event import EventKind
from models.transaction import Transaction
from pubsub.base import EphemeralEvent, Hint, PubSub


class Events:
    """The events of one transaction: those appended to people's logs, and `ephemeral` ones, which are not stored."""

    __slots__ = ("_at", "_tx", "ephemeral", "hints")

    def __init__(self, tx: Transaction, at: int) -> None:
        self._tx = tx
        self._at = at
        self.hints: list[Hint] = []
        self.ephemeral: list[EphemeralEvent] = []

    def append(
        self, recipients: Iterable[int], kind: EventKind, subject_id: int, *, actor_id: int = 0, detail: int = 0
    ) -> None:
        """Appends one event to each recipient's log by one statement, in order of ids.

        With one order PostgreSQL's locks cannot deadlock.
        """
        if user_ids := sorted(set(recipients)):
            rows = events.put(self._tx, user_ids, kind, subject_id, self._at, actor_id=actor_id, detail=detail)
            self.hints += [Hint(row.user_id, row.n) for row in rows]

    def publish(self, pubsub: PubSub) -> None:
        """Publishes a hint to each recipient; must be called after the commit."""
        if self.hints:
            pubsub.publish(self.hints)
        if self.ephemeral:
            pubsub.publish_ephemeral(self.ephemeral)


class WriteTransaction(Transaction):
    """What a function run by `GuardedDatabase.write` gets; its `events` are published if it is committed.

    `at` is its time, in ms since 1970: the same for all that it stores.
    """

    __slots__ = ("at", "events")

    def __init__(self, tx: Transaction) -> None:
        super().__init__(tx.database)
        self.at = now_ms()
        self.events = Events(tx, self.at)
