"""Idempotency keys: the stored result of each send with a `clientMessageId`; never deleted."""

from typing import Any, NamedTuple

from peewee import BigIntegerField, BlobField, CompositeKey, TextField

from models.base import Base
from models.prepared import Command, Param, Query


class Idempotency(Base):
    """`result` is JSON: the ids in the answer to the first call."""

    key = TextField()
    user_id = BigIntegerField()
    request_hash = BlobField()
    result = TextField()
    at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("key", "user_id")


class IdempotencyRow(NamedTuple):
    """The hash of the first request and its result."""

    key: str
    request_hash: bytes
    result: str


def _find(key: Param) -> Any:
    columns = (Idempotency.key, Idempotency.request_hash, Idempotency.result)
    return Idempotency.select(*columns).where(Idempotency.key == key, Idempotency.user_id == Param("user"))


FIND = Query(_find(Param("key")) + _find(Param("other")), IdempotencyRow)  # UNION ALL is half the cost of IN
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
