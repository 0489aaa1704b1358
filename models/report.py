"""Reports: messages reported to the operator, copied together with the messages before them."""

from typing import NamedTuple

from peewee import BigIntegerField, CompositeKey, IntegerField, TextField

from models.base import Base
from models.prepared import Command, Param, Query, Value


class Report(Base):
    """A report of a message; `resolution` says what the operator did about it."""

    id = BigIntegerField(primary_key=True)
    reporter_id = BigIntegerField()
    message_id = BigIntegerField()
    reason = IntegerField()
    comment = TextField(null=True)
    created_at = BigIntegerField()
    resolved_at = BigIntegerField(null=True)
    resolution = TextField(null=True)


class ReportMessage(Base):
    """A copy of a message at the time of the report; `filenames` is JSON. Deleted when the report is resolved.

    Its former texts are those in `MessageEdit` before `revision`.
    """

    report_id = BigIntegerField()
    message_id = BigIntegerField()
    sender_id = BigIntegerField()
    created_at = BigIntegerField()
    body = TextField(null=True)
    filenames = TextField()
    revision = IntegerField()
    deleted_at = BigIntegerField(null=True)

    class Meta:
        primary_key = CompositeKey("report_id", "message_id")


class ReportRow(NamedTuple):
    id: int
    reporter_id: int
    message_id: int
    reason: int
    comment: str | None
    created_at: int
    resolved_at: int | None
    resolution: str | None


class ReportedRow(NamedTuple):
    report_id: int
    message_id: int
    sender_id: int
    created_at: int
    body: str | None
    filenames: str
    revision: int
    deleted_at: int | None


_ALL = tuple(getattr(Report, name) for name in ReportRow._fields)

PUT = Command(
    Report.insert(
        {
            Report.id: Param("id"),
            Report.reporter_id: Param("reporter"),
            Report.message_id: Param("message"),
            Report.reason: Param("reason"),
            Report.comment: Param("comment"),
            Report.created_at: Param("at"),
        }
    )
)
PUT_MESSAGE = Command(
    ReportMessage.insert(
        {
            ReportMessage.report_id: Param("report"),
            ReportMessage.message_id: Param("message"),
            ReportMessage.sender_id: Param("sender"),
            ReportMessage.created_at: Param("at"),
            ReportMessage.body: Param("body"),
            ReportMessage.filenames: Param("filenames"),
            ReportMessage.revision: Param("revision"),
            ReportMessage.deleted_at: Param("deleted_at"),
        }
    )
)
# Oldest first.
OPEN = Query(
    Report.select(*_ALL).where(Report.resolved_at.is_null()).order_by(Report.created_at).limit(Param("count")),
    ReportRow,
)
MESSAGES = Query(
    ReportMessage.select(*(getattr(ReportMessage, name) for name in ReportedRow._fields))
    .where(ReportMessage.report_id == Param("report"))
    .order_by(ReportMessage.message_id),
    ReportedRow,
)
RESOLVE = Command(
    Report.update({Report.resolved_at: Param("at"), Report.resolution: Param("resolution")}).where(
        Report.id == Param("id"), Report.resolved_at.is_null()
    )
)
DELETE_MESSAGES = Command(ReportMessage.delete().where(ReportMessage.report_id == Param("report")))
# Whether an open report shows a message.
SHOWING = Value[int](
    ReportMessage.select(ReportMessage.report_id).where(ReportMessage.message_id == Param("message")).limit(1)
)
# The open report of a message by a person, with the text that it has at a revision.
OPEN_OF = Value[int](
    ReportMessage.select(ReportMessage.report_id)
    .join(Report, on=(Report.id == ReportMessage.report_id))
    .where(
        ReportMessage.message_id == Param("message"),
        ReportMessage.revision == Param("revision"),
        Report.message_id == ReportMessage.message_id,
        Report.reporter_id == Param("reporter"),
        Report.resolved_at.is_null(),
    )
    .limit(1)
)
FIND = Query(Report.select(*_ALL).where(Report.id == Param("id"), Report.resolved_at.is_null()), ReportRow)
