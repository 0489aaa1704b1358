"""Edits: the former texts of a message."""

from typing import NamedTuple

from peewee import BigIntegerField, CompositeKey, IntegerField, TextField

from models.base import Base
from models.prepared import Command, Param, Query


class MessageEdit(Base):
    """A replaced text; `revision` and `at` are those of this text, not of the edit that replaced it."""

    message_id = BigIntegerField()
    revision = IntegerField()
    body = TextField(null=True)
    at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("message_id", "revision")


class EditRow(NamedTuple):
    """A former text; `at` is in ms since 1970."""

    revision: int
    body: str | None
    at: int


PUT = Command(
    MessageEdit.insert(
        {
            MessageEdit.message_id: Param("message"),
            MessageEdit.revision: Param("revision"),
            MessageEdit.body: Param("body"),
            MessageEdit.at: Param("at"),
        }
    )
)
# Oldest first; `after` is exclusive.
PAGE = Query(
    MessageEdit.select(MessageEdit.revision, MessageEdit.body, MessageEdit.at)
    .where(MessageEdit.message_id == Param("message"), MessageEdit.revision > Param("after"))
    .order_by(MessageEdit.revision)
    .limit(Param("count")),
    EditRow,
)
DELETE = Command(MessageEdit.delete().where(MessageEdit.message_id == Param("message")))
