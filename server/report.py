"""The operator's commands about reports; they open the folder themselves, so the server must be stopped."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import orjson

from gql.id import Kind, encode, number_of
from models import report as reports
from models import user as users
from models.report import ReportedRow, ReportRow
from models.transaction import Transaction
from server.settings import Settings
from server.user import opened
from services.report import ReportReason, resolve

MOST = 100  # reports shown at once, the oldest first


class Reported(NamedTuple):
    """A report with its copies, and the user names of those in it by their ids."""

    report: ReportRow
    messages: list[ReportedRow]
    names: dict[int, str]


async def open_reports(settings: Settings) -> list[Reported]:
    """Those that wait for the operator, the oldest first; raises StartError."""
    async with opened(settings) as services:
        return await services.database.read(_load)


async def resolve_report(settings: Settings, id_: str, note: str) -> None:
    """Closes a report with what was done about it; raises NotFound, StartError."""
    async with opened(settings) as services:
        await services.database.write(resolve, number_of(Kind.REPORT, id_), note)


def lines_of(reported: Reported) -> Iterator[str]:
    """A report for a terminal; what people wrote cannot steer it."""
    report, messages, names = reported
    reason = ReportReason(report.reason).name
    reporter = _name(names, report.reporter_id)
    yield f"{encode(Kind.REPORT, report.id)}  {_moment(report.created_at)}  {reason}  by {reporter}"
    if report.comment:
        yield f"    says: {_harmless(report.comment)}"
    for each in messages:
        mark = ">" if each.message_id == report.message_id else " "
        files = "".join(f" [{_harmless(name)}]" for name in orjson.loads(each.filenames))
        sender, text = _name(names, each.sender_id), _harmless(each.body or "")
        yield f"  {mark} {_moment(each.created_at)}  {sender}: {text}{files}"


def _load(tx: Transaction) -> list[Reported]:
    found = []
    for report in tx.all(reports.OPEN, count=MOST):
        messages = tx.all(reports.MESSAGES, report=report.id)
        people = users.find_many(tx, 0, {report.reporter_id, *(each.sender_id for each in messages)})
        found.append(Reported(report, messages, {id_: row.username for id_, row in people.items()}))
    return found


def _name(names: dict[int, str], user_id: int) -> str:
    return names.get(user_id, "(gone)")


def _moment(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _harmless(text: str) -> str:
    """Printable characters as they are, line breaks as a mark, all else as U+FFFD."""
    return "".join(each if each.isprintable() else "⏎" if each == "\n" else "\ufffd" for each in text)
