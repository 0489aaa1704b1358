"""Receipts: when each member's positions moved, which gives the time at which a message was delivered or read."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from peewee import BigIntegerField, CompositeKey, Expression, IntegerField, Select, Tuple, fn

from models.base import SEQ_BITS, Base
from models.event import Receipt
from models.member import Member
from models.message import Message
from models.prepared import Command, IdList, Param, Query, id_list
from models.transaction import Transaction

HOUR_MS = 3_600_000


class ReceiptTime(Base):
    """A position of `kind` (a Receipt) moved to `seq` at `at`, in ms since 1970; READ implies DELIVERED."""

    conversation_id = BigIntegerField()
    user_id = BigIntegerField()
    kind = IntegerField()
    seq = BigIntegerField()
    at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("conversation_id", "user_id", "kind", "seq")


class ReceiptTimeRow(NamedTuple):
    conversation_id: int
    user_id: int
    kind: int
    seq: int
    at: int


class MessageTimesRow(NamedTuple):
    """When a message was delivered to a member and first read by them; None if unknown."""

    message_id: int
    user_id: int
    delivered_at: int | None
    read_at: int | None


_ALL = tuple(getattr(ReceiptTime, name) for name in ReceiptTimeRow._fields)
_MINE = Member.alias("mine")


def _first(kind: Receipt) -> Select:
    """When the position of a member first reached or passed the message."""
    return (
        ReceiptTime.select(ReceiptTime.at)
        .where(
            ReceiptTime.conversation_id == Member.conversation_id,
            ReceiptTime.user_id == Member.user_id,
            ReceiptTime.kind == int(kind),
            ReceiptTime.seq >= Expression(Message.id, "&", (1 << SEQ_BITS) - 1),
        )
        .order_by(ReceiptTime.seq)
        .limit(1)
    )


PUT = Command(
    ReceiptTime.insert(
        {
            ReceiptTime.conversation_id: Param("conversation"),
            ReceiptTime.user_id: Param("user"),
            ReceiptTime.kind: Param("kind"),
            ReceiptTime.seq: Param("seq"),
            ReceiptTime.at: Param("at"),
        }
    ).on_conflict_ignore()
)
# Of all members, for messages in conversations of the viewer.
OF_MESSAGES = Query(
    Message.select(Message.id, Member.user_id, _first(Receipt.DELIVERED), _first(Receipt.READ))
    .join(Member, on=(Member.conversation_id == Expression(Message.id, ">>", SEQ_BITS)))
    .where(
        Message.id.in_(IdList("ids")),
        fn.EXISTS(
            _MINE.select(_MINE.user_id).where(
                _MINE.conversation_id == Member.conversation_id, _MINE.user_id == Param("viewer")
            )
        ),
    ),
    MessageTimesRow,
)
DELETE_OF = Command(
    ReceiptTime.delete().where(
        ReceiptTime.conversation_id == Param("conversation"), ReceiptTime.user_id == Param("user")
    )
)
_KEY = (ReceiptTime.conversation_id, ReceiptTime.user_id, ReceiptTime.kind, ReceiptTime.seq)
# In key order; the parameters are an exclusive bound.
AFTER = Query(
    ReceiptTime.select(*_ALL)
    .where(Tuple(*_KEY) > Tuple(Param("conversation"), Param("user"), Param("kind"), Param("seq")))
    .order_by(*_KEY)
    .limit(Param("count")),
    ReceiptTimeRow,
)
DELETE = Command(
    ReceiptTime.delete().where(
        ReceiptTime.conversation_id == Param("conversation"),
        ReceiptTime.user_id == Param("user"),
        ReceiptTime.kind == Param("kind"),
        ReceiptTime.seq == Param("seq"),
    )
)


def times_of(
    transaction: Transaction, viewer_id: int, message_ids: Iterable[int]
) -> dict[int, dict[int, MessageTimesRow]]:
    """By message id, then by user id, for conversations of the viewer; reading implies delivery."""
    times: dict[int, dict[int, MessageTimesRow]] = {}
    for row in transaction.all(OF_MESSAGES, viewer=viewer_id, ids=id_list(message_ids)):
        known = [at for at in (row.delivered_at, row.read_at) if at is not None]
        times.setdefault(row.message_id, {})[row.user_id] = row._replace(delivered_at=min(known, default=None))
    return times


def unused_rows(rows: Sequence[ReceiptTimeRow], before: int) -> list[ReceiptTimeRow]:
    """Of rows in key order: those before a time that are followed by another move in the same hour."""
    return [
        row
        for row, following in pairwise(rows)
        if row[:3] == following[:3] and following.at < before and row.at // HOUR_MS == following.at // HOUR_MS
    ]
