"""The operator's commands about reports; each answers with lines for a terminal."""

from collections.abc import Iterator
from typing import NamedTuple

import orjson

from gql.id import Kind, encode, number_of
from models import report as reports
from models import user as users
from models.report import ReportedRow, ReportRow
from models.transaction import Transaction
from server.terminal import harmless, moment
from services.report import ReportReason, resolve
from services.service import Services

MOST = 100  # reports shown at once, the oldest first


class Reported(NamedTuple):
    """A report with its copies, and the user names of those in it by their ids."""

    report: ReportRow
    messages: list[ReportedRow]
    names: dict[int, str]


async def list_reports(services: Services) -> list[str]:
    """Those that wait for the operator, the oldest first."""
    return [line for each in await services.database.read(_load) for line in lines_of(each)]


async def resolve_report(services: Services, report_id: str, note: str) -> list[str]:
    """Closes a report with what was done about it; raises NotFound."""
    await services.database.write(resolve, number_of(Kind.REPORT, report_id), note)
    return [f"{report_id} is closed."]


def lines_of(reported: Reported) -> Iterator[str]:
    """A report for a terminal; what people wrote cannot steer it."""
    report, messages, names = reported
    reason = ReportReason(report.reason).name
    reporter = _name(names, report.reporter_id)
    yield f"{encode(Kind.REPORT, report.id)}  {moment(report.created_at)}  {reason}  by {reporter}"
    if report.comment:
        yield f"    says: {harmless(report.comment)}"
    for each in messages:
        mark = ">" if each.message_id == report.message_id else " "
        files = "".join(f" [{harmless(name)}]" for name in orjson.loads(each.filenames))
        sender, text = _name(names, each.sender_id), harmless(each.body or "")
        yield f"  {mark} {moment(each.created_at)}  {sender}: {text}{files}"


def _load(tx: Transaction) -> list[Reported]:
    found = []
    for report in tx.all(reports.OPEN, count=MOST):
        messages = tx.all(reports.MESSAGES, report=report.id)
        people = users.find_many(tx, 0, {report.reporter_id, *(each.sender_id for each in messages)})
        found.append(Reported(report, messages, {id_: row.username for id_, row in people.items()}))
    return found


def _name(names: dict[int, str], user_id: int) -> str:
    return names.get(user_id, "(gone)")
