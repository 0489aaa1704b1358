"""Deleted messages: copies of what was deleted for everyone, stored as long as it can be reported."""

from collections.abc import Iterable
from typing import NamedTuple

from peewee import BigIntegerField, CompositeKey, IntegerField, TextField, fn

from models.base import Base
from models.message import MessageRow
from models.prepared import Command, IdList, Param, Query, Value, id_list
from models.report import ReportMessage
from models.transaction import Transaction

BATCH = 100


class DeletedMessage(Base):
    """A message as it was when it was deleted; only reporting reads it."""

    id = BigIntegerField(primary_key=True)
    sender_id = BigIntegerField()
    created_at = BigIntegerField()
    body = TextField(null=True)
    revision = IntegerField()
    deleted_at = BigIntegerField()


class DeletedFile(Base):
    """A file of a deleted message; its bytes stay in the storage, and no URL serves them."""

    message_id = BigIntegerField()
    position = IntegerField()
    storage_key = TextField()
    filename = TextField()
    mime_type = TextField()
    byte_size = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("message_id", "position")


class Reportable(Base):
    """A user who could see a message before it was deleted, and may report it."""

    user_id = BigIntegerField()
    message_id = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("user_id", "message_id")


class DeletedRow(NamedTuple):
    id: int
    sender_id: int
    created_at: int
    body: str | None
    revision: int
    deleted_at: int


class DeletedFileRow(NamedTuple):
    message_id: int
    position: int
    storage_key: str
    filename: str
    mime_type: str
    byte_size: int


_COLUMNS = tuple(getattr(DeletedMessage, name) for name in DeletedRow._fields)
_FILE_COLUMNS = tuple(getattr(DeletedFile, name) for name in DeletedFileRow._fields)

# An edit that hid the message from some has stored a row; replace its text.
PUT = Command(
    DeletedMessage.insert({getattr(DeletedMessage, name): Param(name) for name in DeletedRow._fields}).on_conflict(
        conflict_target=[DeletedMessage.id],
        preserve=[DeletedMessage.body, DeletedMessage.revision, DeletedMessage.deleted_at],
    )
)
PUT_REPORTABLE = Command(
    Reportable.insert({Reportable.user_id: Param("user"), Reportable.message_id: Param("message")}).on_conflict_ignore()
)
PUT_FILE = Command(DeletedFile.insert({getattr(DeletedFile, name): Param(name) for name in DeletedFileRow._fields}))
# What the viewer may report of messages deleted at `since` or later; both id bounds are exclusive.
PAGE_BACKWARD = Query(
    Reportable.select(*_COLUMNS)
    .join(DeletedMessage, on=(DeletedMessage.id == Reportable.message_id))
    .where(
        Reportable.user_id == Param("viewer"),
        Reportable.message_id > Param("after"),
        Reportable.message_id < Param("before"),
        DeletedMessage.deleted_at >= Param("since"),
    )
    .order_by(Reportable.message_id.desc())
    .limit(Param("count")),
    DeletedRow,
)
FILES = Query(
    DeletedFile.select(*_FILE_COLUMNS)
    .where(DeletedFile.message_id.in_(IdList("ids")))
    .order_by(DeletedFile.message_id, DeletedFile.position),
    DeletedFileRow,
)
# Ids of messages deleted before `before` and shown in no report, oldest first.
EXPIRED = Value[int](
    DeletedMessage.select(DeletedMessage.id)
    .where(
        DeletedMessage.deleted_at < Param("before"),
        ~fn.EXISTS(ReportMessage.select(ReportMessage.message_id).where(ReportMessage.message_id == DeletedMessage.id)),
    )
    .order_by(DeletedMessage.deleted_at, DeletedMessage.id)
    .limit(BATCH)
)
# As EXPIRED, only messages with files.
WITH_FILES = Value[int](
    DeletedMessage.select(DeletedMessage.id)
    .where(
        DeletedMessage.deleted_at < Param("before"),
        fn.EXISTS(DeletedFile.select(DeletedFile.message_id).where(DeletedFile.message_id == DeletedMessage.id)),
        ~fn.EXISTS(ReportMessage.select(ReportMessage.message_id).where(ReportMessage.message_id == DeletedMessage.id)),
    )
    .order_by(DeletedMessage.deleted_at, DeletedMessage.id)
    .limit(Param("count"))
)
DELETE = Command(DeletedMessage.delete().where(DeletedMessage.id == Param("message")))
DELETE_FILES = Command(DeletedFile.delete().where(DeletedFile.message_id == Param("message")))
DELETE_REPORTABLE = Command(Reportable.delete().where(Reportable.message_id == Param("message")))


def put(transaction: Transaction, row: MessageRow, at: int, reporter_ids: Iterable[int]) -> None:
    """Stores a copy of a message, which these users may report.

    The caller must not delete its former texts: a report reads them from `MessageEdit`.
    """
    transaction.run(
        PUT,
        id=row.id,
        sender_id=row.sender_id,
        created_at=row.created_at,
        body=row.body,
        revision=row.revision,
        deleted_at=at,
    )
    for user_id in sorted(set(reporter_ids)):
        transaction.run(PUT_REPORTABLE, user=user_id, message=row.id)


def files_of(transaction: Transaction, message_ids: Iterable[int]) -> dict[int, list[DeletedFileRow]]:
    """The files of each deleted message, by position."""
    files: dict[int, list[DeletedFileRow]] = {}
    for row in transaction.all(FILES, ids=id_list(message_ids)):
        files.setdefault(row.message_id, []).append(row)
    return files


def forget(transaction: Transaction, message_id: int) -> None:
    """Deletes the copy of a message; the caller deletes its former texts and uploads."""
    transaction.run(DELETE_REPORTABLE, message=message_id)
    transaction.run(DELETE_FILES, message=message_id)
    transaction.run(DELETE, message=message_id)
