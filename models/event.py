"""The event log: for each user n = 1, 2, 3 … without a gap; what a stream resumes from."""

from enum import IntEnum, IntFlag
from typing import NamedTuple

from peewee import BigIntegerField, CompositeKey, IntegerField, fn

from models.base import Base
from models.prepared import Command, OneValue, Param, Query, Value
from models.transaction import Transaction
from models.user import User

TRIM_LOT = 20


class EventKind(IntEnum):
    """What happened; the comment says what `subject_id` names, and `actor_id` and `detail` where they are used."""

    MESSAGE_CREATED = 0  # a message
    CONVERSATION_CREATED = 1  # a conversation
    USER_BLOCKED = 2  # the user whom this one blocked
    USER_UNBLOCKED = 3  # the user whom this one no longer blocks
    MESSAGE_UPDATED = 4  # a message; detail: a sum of Change
    MESSAGE_REMOVED = 5  # a message; detail: a Removal
    RECEIPT_UPDATED = 6  # the message up to which; actor: whose; detail: a Receipt
    CONVERSATION_UPDATED = 7  # a conversation
    CONVERSATION_REMOVED = 8  # a conversation
    SETTINGS_CHANGED = 9  # the user
    DEVICE_ADDED = 10  # a device


class Change(IntFlag):
    """What is different about a message."""

    TEXT = 1
    STATE = 2
    REACTIONS = 4
    ATTACHMENTS = 8


class Removal(IntEnum):
    """Why a message is gone."""

    DELETED_FOR_VIEWER = 0
    DELETED_SILENTLY = 1
    CLEARED = 2  # with all before it
    RETENTION = 3


class Receipt(IntEnum):
    """How far a message has come."""

    DELIVERED = 1
    READ = 2


class Event(Base):
    """One thing that concerns one user."""

    user_id = BigIntegerField()
    n = BigIntegerField()
    kind = IntegerField()
    subject_id = BigIntegerField()
    at = BigIntegerField()
    actor_id = BigIntegerField()
    detail = IntegerField()

    class Meta:
        primary_key = CompositeKey("user_id", "n")


class EventRow(NamedTuple):
    """One entry of a user's log."""

    n: int
    kind: int
    subject_id: int
    at: int
    actor_id: int
    detail: int


class Position(NamedTuple):
    """A place in a user's log: behind the event n, which happened at `at`; both 0 before the first.

    A number alone does not identify an event: a log that was restored from an older copy counts on from there, and
    gives the number to another event. Both together do.
    """

    n: int
    at: int


START = Position(0, 0)


class EdgeRow(NamedTuple):
    """The oldest and the newest entry of a user's log; both `START` while it is empty."""

    first: Position
    last: Position


# Counted inside the transaction that commits it, so the order of commits is the order of n.
PUT = OneValue[int](
    Event.insert_from(
        Event.select(
            Param("user"),
            fn.COALESCE(fn.MAX(Event.n), 0) + 1,
            Param("kind"),
            Param("subject"),
            Param("at"),
            Param("actor"),
            Param("detail"),
        ).where(Event.user_id == Param("user")),
        [Event.user_id, Event.n, Event.kind, Event.subject_id, Event.at, Event.actor_id, Event.detail],
    ).returning(Event.n)
)
# After `after`, exclusive, oldest first.
AFTER = Query(
    Event.select(Event.n, Event.kind, Event.subject_id, Event.at, Event.actor_id, Event.detail)
    .where(Event.user_id == Param("user"), Event.n > Param("after"))
    .order_by(Event.n)
    .limit(Param("count")),
    EventRow,
)
_OF_USER = Event.select(Event.n, Event.at).where(Event.user_id == Param("user")).limit(1)
LAST = Query(_OF_USER.order_by(Event.n.desc()), Position)
FIRST = Query(_OF_USER.order_by(Event.n), Position)
AT = Query(Event.select(Event.n, Event.at).where(Event.user_id == Param("user"), Event.n == Param("n")), Position)
TRIM = Command(Event.delete().where(Event.user_id == Param("user"), Event.n < Param("up_to")))
YOUNGER = Value[int](
    Event.select(Event.n).where(Event.user_id == Param("user"), Event.at >= Param("at")).order_by(Event.n).limit(1)
)
USERS = Value[int](User.select(User.id).where(User.id > Param("after")).order_by(User.id).limit(TRIM_LOT))


def put(
    transaction: Transaction,
    user_id: int,
    kind: EventKind,
    subject_id: int,
    at: int,
    *,
    actor_id: int = 0,
    detail: int = 0,
) -> int:
    """Appends to a user's log and returns its n; runs inside `Database.write`."""
    return transaction.value(
        PUT, user=user_id, kind=int(kind), subject=subject_id, at=at, actor=actor_id, detail=int(detail)
    )


def edges_of(transaction: Transaction, user_id: int) -> EdgeRow:
    """Where a user's log begins and ends."""
    first = transaction.first(FIRST, user=user_id)
    return EdgeRow(START, START) if first is None else EdgeRow(first, last_of(transaction, user_id))


def last_of(transaction: Transaction, user_id: int) -> Position:
    """Where a user's log ends."""
    return transaction.first(LAST, user=user_id) or START


def find_position(transaction: Transaction, user_id: int, n: int, at: int | None) -> Position | None:
    """The place behind the event n, from which a user's log can be read without a gap; None where there is none.

    None also where n is another event than the one of that time: the log was restored from a copy that is older than
    it. `at` is None in cursors of earlier versions, which hold the number alone.
    """
    if n == 0:
        return START if edges_of(transaction, user_id).first.n <= 1 else None
    found = transaction.first(AT, user=user_id, n=n)
    return found if found is not None and at in (None, found.at) else None


def trim(transaction: Transaction, after_user_id: int, before: int) -> int:
    """Deletes events before a time (ms since 1970) from the logs of the next users beyond an id, in order of ids.

    The newest of them stays: whoever had come as far as that has missed nothing, and a cursor is compared with it.
    Returns the last of those users, or 0 when there are none left. At most 20 users and 1,000 events each: the writer
    is needed elsewhere.
    """
    users = transaction.values(USERS, after=after_user_id)
    for user_id in users:
        edges = edges_of(transaction, user_id)
        younger = transaction.value(YOUNGER, user=user_id, at=before) or edges.last.n + 1
        transaction.run(TRIM, user=user_id, up_to=min(younger - 1, edges.first.n + 1000))
    return users[-1] if users else 0
