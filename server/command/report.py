"""The operator's commands for reports; each returns its output, one string per line."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple

import orjson

from gql.id import Kind, encode, number_of
from models import attachment as attachments
from models import deletion as deletions
from models import edit as edits
from models import report as reports
from models import user as users
from models.attachment import AttachmentRow
from models.base import seq_of
from models.deletion import DeletedFileRow
from models.edit import EditRow
from models.report import ReportedRow, ReportRow
from models.transaction import Transaction
from server.terminal import harmless, moment
from services.error import InvalidInput, NotFound, ServerUnavailable
from services.message.report import ReportReason, resolve
from services.rejection import Issue, IssueReason
from services.service import Services
from services.text import clean_filename
from storage.base import StorageError

MOST = 100  # reports in a list
MOST_CHARACTERS = 500_000  # in a list: the control socket allows 4 MiB, at up to four bytes per character
EXCERPT = 500  # characters per text in a list
FORMER = 3  # previous texts per message in a list
_PAGE = 100


class Reported(NamedTuple):
    """A report with its messages, their previous texts by message ID, and usernames by user ID."""

    report: ReportRow
    messages: list[ReportedRow]
    former: dict[int, list[EditRow]]
    names: dict[int, str]


async def list_reports(services: Services) -> list[str]:
    """Open reports with excerpts, oldest first."""
    shown: list[str] = []
    size = 0
    found = await services.database.read(_load)
    for index, each in enumerate(found):
        lines = list(lines_of(each, excerpt=EXCERPT))
        size += sum(map(len, lines))
        if shown and size > MOST_CHARACTERS:
            return [*shown, f"{len(found) - index} more reports are open: resolve some of these first."]
        shown += lines
    return shown


async def resolve_report(services: Services, report_id: str, note: str) -> list[str]:
    """Closes a report with a note; raises NotFound."""
    await services.database.write(resolve, number_of(Kind.REPORT, report_id), note)
    return [f"{report_id} is closed."]


async def save_report(services: Services, report_id: str, folder: str) -> list[str]:
    """Writes a complete report with its files to a new folder; returns the paths.

    Raises NotFound, InvalidInput if the folder exists or cannot be created, ServerUnavailable.
    """
    reported, files = await services.database.read(_load_whole, number_of(Kind.REPORT, report_id))
    target = Path(folder)
    try:
        await asyncio.to_thread(target.mkdir, 0o700)
    except OSError as error:
        detail = f"{folder} cannot be created ({error.strerror}): choose a new folder inside an existing one."
        raise InvalidInput([Issue(("folder",), IssueReason.MALFORMED, detail)]) from error
    await asyncio.to_thread(_write, target / "report.txt", "\n".join(lines_of(reported)).encode() + b"\n")
    written = [target / "report.txt"]
    for file in files:
        # 60 characters are at most 240 bytes; a file name can have 255
        path = target / f"{seq_of(file.message_id)}-{file.position}-{clean_filename(file.filename, 60)}"
        try:
            async with aclosing(services.storage.read(file.storage_key)) as chunks:
                content = b"".join([chunk async for chunk in chunks])
        except StorageError as error:
            raise ServerUnavailable(
                f"{path.name} cannot be read; {target} contains the report up to this file."
            ) from error
        await asyncio.to_thread(_write, path, content)
        written.append(path)
    return [harmless(str(path)) for path in written]


def lines_of(reported: Reported, excerpt: int | None = None) -> Iterator[str]:
    """A report as terminal output, without control characters. Texts are cut to `excerpt` characters."""
    report, messages, former, names = reported
    reason = ReportReason(report.reason).name
    reporter = _name(names, report.reporter_id)
    yield f"{encode(Kind.REPORT, report.id)}  {moment(report.created_at)}  {reason}  by {reporter}"
    if report.comment:
        yield f"    comment: {harmless(report.comment)}"
    for each in messages:
        mark = ">" if each.message_id == report.message_id else " "
        files = "".join(f" [{harmless(name)}]" for name in orjson.loads(each.filenames))
        sender, text = _name(names, each.sender_id), _cut(each.body, excerpt)
        yield f"  {mark} {moment(each.created_at)}  {sender}: {text}{files}"
        texts = former.get(each.message_id, [])
        for edit in texts:
            yield f"      {moment(edit.at)}  previous text: {_cut(edit.body, excerpt)}"
        if more := max(0, each.revision - 1 - len(texts)):
            noun = "text" if more == 1 else "texts"
            yield f"      {more} more previous {noun}: `./sotto report save` writes them all"
        if each.deleted_at is not None:
            yield f"      {moment(each.deleted_at)}  deleted by its sender"


def _load(tx: Transaction) -> list[Reported]:
    return [_reported(tx, report, FORMER) for report in tx.all(reports.OPEN, count=MOST)]


def _load_whole(tx: Transaction, report_id: int) -> tuple[Reported, list[AttachmentRow | DeletedFileRow]]:
    report = tx.first(reports.FIND, id=report_id)
    if report is None:
        raise NotFound("There is no open report with this id.")
    reported = _reported(tx, report, None)
    ids = [each.message_id for each in reported.messages]
    present, deleted = attachments.of_messages(tx, ids), deletions.files_of(tx, ids)
    return reported, [file for id_ in ids for file in (*present.get(id_, ()), *deleted.get(id_, ()))]


def _reported(tx: Transaction, report: ReportRow, most_former: int | None) -> Reported:
    messages = tx.all(reports.MESSAGES, report=report.id)
    former = {each.message_id: _former(tx, each, most_former) for each in messages}
    people = users.find_many(tx, 0, {report.reporter_id, *(each.sender_id for each in messages)})
    return Reported(report, messages, former, {id_: row.username for id_, row in people.items()})


def _former(tx: Transaction, message: ReportedRow, most: int | None) -> list[EditRow]:
    """The texts that a message had before the reported one, oldest first."""
    found: list[EditRow] = []
    while page := tx.all(
        edits.PAGE, message=message.message_id, after=found[-1].revision if found else 0, count=most or _PAGE
    ):
        found += [row for row in page if row.revision < message.revision]
        if most is not None or page[-1].revision >= message.revision:
            break
    return found


def _cut(text: str | None, length: int | None) -> str:
    whole = text or ""
    return harmless(whole if length is None or len(whole) <= length else f"{whole[:length]}…")


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def _name(names: dict[int, str], user_id: int) -> str:
    return names.get(user_id, "(deleted user)")
