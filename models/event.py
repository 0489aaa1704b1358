"""The event log, from which streams resume: per user n = 1, 2, 3 … without gaps."""

from collections.abc import Iterable
from enum import IntEnum, IntFlag
from typing import NamedTuple

from peewee import BigIntegerField, CompositeKey, IntegerField, Select, fn

from models.base import Base
from models.prepared import Command, Param, Query, Value, each_of, id_list
from models.transaction import Transaction
from models.user import User

TRIM_BATCH = 20


class EventKind(IntEnum):
    """What happened; the comments say what `subject_id` refers to, and `actor_id` and `detail` if they are used."""

    MESSAGE_CREATED = 0  # a message
    CONVERSATION_CREATED = 1  # a conversation
    USER_BLOCKED = 2  # the blocked user
    USER_UNBLOCKED = 3  # the user who is no longer blocked
    MESSAGE_UPDATED = 4  # a message; detail: Change flags
    MESSAGE_REMOVED = 5  # a message; detail: a Removal
    RECEIPT_UPDATED = 6  # the last message that is covered; actor: its reader; detail: a Receipt
    CONVERSATION_UPDATED = 7  # a conversation
    CONVERSATION_REMOVED = 8  # a conversation
    SETTINGS_CHANGED = 9  # the user
    DEVICE_ADDED = 10  # a device
    USER_UPDATED = 11  # a user other than the owner of the log: what they see of that user changed
    VIEWER_UPDATED = 12  # the owner of the log: what they see of themselves changed; detail: a Part


class Change(IntFlag):
    TEXT = 1
    STATE = 2
    REACTIONS = 4
    ATTACHMENTS = 8


class Removal(IntEnum):
    DELETED_FOR_VIEWER = 0
    DELETED_SILENTLY = 1
    CLEARED = 2  # with all messages before it
    RETENTION = 3


class Part(IntEnum):
    """Which part of a viewer changed."""

    PROFILE = 0
    ACCESS = 1  # their devices and keys


class Receipt(IntEnum):
    """Which position of a member has moved."""

    DELIVERED = 1
    READ = 2


class Event(Base):
    """An entry of a user's log."""

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
    n: int
    kind: int
    subject_id: int
    at: int
    actor_id: int
    detail: int


class NumberRow(NamedTuple):
    """The number of an event in the log of a user."""

    user_id: int
    n: int


class Position(NamedTuple):
    """A position in a user's log: after the event `n`, which happened at `at`; both are 0 before the first.

    `n` alone does not identify an event: a log that was restored from a backup assigns the same numbers again.
    """

    n: int
    at: int


START = Position(0, 0)


class EdgeRow(NamedTuple):
    """The oldest and the newest entry of a user's log; both `START` while it is empty."""

    first: Position
    last: Position


_LOG = Event.alias("log")
_EACH, _USER = each_of("users")
# n is counted inside the writing transaction, so commits are in the order of n.
PUT = Query(
    Event.insert_from(
        Select(
            [_EACH],
            [
                _USER,
                fn.COALESCE(_LOG.select(fn.MAX(_LOG.n)).where(_LOG.user_id == _USER), 0) + 1,
                Param("kind"),
                Param("subject"),
                Param("at"),
                Param("actor"),
                Param("detail"),
            ],
        ),
        [Event.user_id, Event.n, Event.kind, Event.subject_id, Event.at, Event.actor_id, Event.detail],
    ).returning(Event.user_id, Event.n),
    NumberRow,
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
USERS = Value[int](User.select(User.id).where(User.id > Param("after")).order_by(User.id).limit(TRIM_BATCH))


def put(
    transaction: Transaction,
    user_ids: Iterable[int],
    kind: EventKind,
    subject_id: int,
    at: int,
    *,
    actor_id: int = 0,
    detail: int = 0,
) -> list[NumberRow]:
    """Appends an event to the log of each user, who must be different; runs inside `Database.write`."""
    return transaction.all(
        PUT, users=id_list(user_ids), kind=int(kind), subject=subject_id, at=at, actor=actor_id, detail=int(detail)
    )


def edges_of(transaction: Transaction, user_id: int) -> EdgeRow:
    first = transaction.first(FIRST, user=user_id)
    return EdgeRow(START, START) if first is None else EdgeRow(first, last_of(transaction, user_id))


def last_of(transaction: Transaction, user_id: int) -> Position:
    return transaction.first(LAST, user=user_id) or START


def find_position(transaction: Transaction, user_id: int, n: int, at: int | None) -> Position | None:
    """The position after the event n; None if the log can no longer be read from there without a gap.

    None too if `n` is now another event than the one at `at`: the log was restored from a backup. Cursors of earlier
    versions have no `at`.
    """
    if n == 0:
        return START if edges_of(transaction, user_id).first.n <= 1 else None
    found = transaction.first(AT, user=user_id, n=n)
    return found if found is not None and at in (None, found.at) else None


def trim(transaction: Transaction, after_user_id: int, before: int) -> int:
    """Deletes events before a time (ms since 1970) from the logs of the next users after an id, in order of ids.

    The newest of these events stays: a cursor at it is still valid, and is compared with it. Returns the id of the last
    user, or 0 at the end. Covers at most TRIM_BATCH users and 1,000 events each, to keep the writer free.
    """
    users = transaction.values(USERS, after=after_user_id)
    for user_id in users:
        edges = edges_of(transaction, user_id)
        younger = transaction.value(YOUNGER, user=user_id, at=before) or edges.last.n + 1
        transaction.run(TRIM, user=user_id, up_to=min(younger - 1, edges.first.n + 1000))
    return users[-1] if users else 0
