"""Upload sessions: files that arrive in parts, until they are complete."""

from collections.abc import Iterable
from typing import NamedTuple

from peewee import BigIntegerField, BlobField, IntegerField, TextField, fn

from models.base import Base
from models.prepared import Command, IdList, OneValue, Param, Query, Value, id_list
from models.transaction import Transaction


class UploadSession(Base):
    """A file that is being uploaded; deleted when it is complete, cancelled or expired."""

    id = BigIntegerField(primary_key=True)
    owner_id = BigIntegerField()
    filename = TextField()
    byte_size = BigIntegerField()
    sha256 = BlobField(null=True)
    duration_ms = IntegerField(null=True)
    thumbnail_for = BigIntegerField(null=True)
    failure = IntegerField(null=True)
    created_at = BigIntegerField()
    expires_at = BigIntegerField()


class UploadSessionRow(NamedTuple):
    """An upload session; `failure` is the number of a rejection reason, or None."""

    id: int
    owner_id: int
    filename: str
    byte_size: int
    sha256: bytes | None
    duration_ms: int | None
    thumbnail_for: int | None
    failure: int | None
    expires_at: int


class SizeRow(NamedTuple):
    """The declared size of a file."""

    id: int
    byte_size: int


_ID = UploadSession.id == Param("id")
_COLUMNS = ("id", "owner_id", "filename", "byte_size", "sha256", "duration_ms", "thumbnail_for", "failure")

PUT = Command(
    UploadSession.insert(
        {
            **{getattr(UploadSession, name): Param(name) for name in _COLUMNS if name != "failure"},
            UploadSession.created_at: Param("created_at"),
            UploadSession.expires_at: Param("expires_at"),
        }
    )
)
_SEEN = UploadSession.select(*(getattr(UploadSession, name) for name in _COLUMNS), UploadSession.expires_at)
FIND = Query(_SEEN.where(_ID, UploadSession.owner_id == Param("owner")), UploadSessionRow)
FAIL = Command(UploadSession.update({UploadSession.failure: Param("failure")}).where(_ID))
DELETE = Command(UploadSession.delete().where(_ID, UploadSession.owner_id == Param("owner")))
EXPECTED_BYTES = OneValue[int](
    UploadSession.select(fn.COALESCE(fn.SUM(UploadSession.byte_size), 0)).where(
        UploadSession.owner_id == Param("owner")
    )
)
COUNT = OneValue[int](UploadSession.select(fn.COUNT(UploadSession.id)).where(UploadSession.owner_id == Param("owner")))
EXPIRED = Value[int](UploadSession.select(UploadSession.id).where(UploadSession.expires_at < Param("now")).limit(100))
KNOWN = Value[int](UploadSession.select(UploadSession.id).where(UploadSession.id.in_(IdList("ids"))))
SIZES = Query(
    UploadSession.select(UploadSession.id, UploadSession.byte_size).where(
        UploadSession.id.in_(IdList("ids")), UploadSession.failure.is_null()
    ),
    SizeRow,
)
DELETE_MANY = Command(UploadSession.delete().where(UploadSession.id.in_(IdList("ids"))))


def take_expired(transaction: Transaction, now: int) -> list[int]:
    """Deletes up to 100 expired sessions and returns their ids; the caller deletes their bytes."""
    ids = transaction.values(EXPIRED, now=now)
    transaction.run(DELETE_MANY, ids=id_list(ids))
    return ids


def sizes_of(transaction: Transaction, ids: Iterable[int]) -> dict[int, int]:
    """The declared sizes of the sessions that have not failed, by id."""
    return {row.id: row.byte_size for row in transaction.all(SIZES, ids=id_list(ids))}


def known(transaction: Transaction, ids: Iterable[int]) -> set[int]:
    """The ids that have a session, failed ones included."""
    return set(transaction.values(KNOWN, ids=id_list(ids)))
