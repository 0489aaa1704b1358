"""Idempotency keys: what a sender's `clientMessageId` stands for, for ever."""

from typing import NamedTuple

from peewee import BigIntegerField, BlobField, CompositeKey, TextField

from models.base import Base
from models.prepared import Command, Param, Query


class Idempotency(Base):
    """`result` is JSON: what the first call answered, as ids."""

    key = TextField()
    user_id = BigIntegerField()
    request_hash = BlobField()
    result = TextField()
    at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("key", "user_id")


class IdempotencyRow(NamedTuple):
    """What was asked under the key, as a hash, and what was answered."""

    request_hash: bytes
    result: str


FIND = Query(
    Idempotency.select(Idempotency.request_hash, Idempotency.result).where(
        Idempotency.key == Param("key"), Idempotency.user_id == Param("user")
    ),
    IdempotencyRow,
)
PUT = Command(
    Idempotency.insert(
        {
            Idempotency.key: Param("key"),
            Idempotency.user_id: Param("user"),
            Idempotency.request_hash: Param("request_hash"),
            Idempotency.result: Param("result"),
            Idempotency.at: Param("at"),
        }
    )
)
