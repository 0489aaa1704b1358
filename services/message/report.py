"""Reports: copies of a message and the messages before it, as sent; the operator can read no other messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import orjson

from models import attachment as attachments
from models import conversation as conversations
from models import deletion as deletions
from models import message as messages
from models import report as reports
from models.base import conversation_of, message_id, new_id, now_ms
from models.deletion import DeletedRow
from models.message import MessageKind, MessageRow
from models.prepared import id_list
from models.transaction import Transaction
from services.error import InvalidInput, NotFound
from services.guard import GuardedDatabase
from services.limit import Limits
from services.message.message import MessageService
from services.message.message_view import MessageView
from services.person.block import set_block
from services.rate import RateLimiter
from services.rejection import Issue, IssueReason
from services.text import text_issues
from services.transaction import WriteTransaction
from services.viewer import Right, Viewer

MAX_PRECEDING = 20
MAX_COMMENT_LENGTH = 1000


class ReportReason(IntEnum):
    """Why the message is reported."""

    SPAM = 0
    HARASSMENT = 1
    THREAT = 2
    SEXUAL = 3
    ILLEGAL = 4
    IMPERSONATION = 5
    OTHER = 6


@dataclass(frozen=True, slots=True)
class Reported:
    """A stored report, and the message as the reporter sees it after it."""

    report_id: int
    message: MessageView


class ReportService:
    """Accepts reports; `./sotto report` lists and resolves them. The reported person gets no event."""

    def __init__(self, database: GuardedDatabase, messages: MessageService, limits: Limits) -> None:
        self._database = database
        self._messages = messages
        self._limits = limits
        self._rate = RateLimiter(limits.report_rate_per_minute, "reports")

    async def report(
        self, viewer: Viewer, id_: int, reason: ReportReason, comment: str | None, preceding: int, *, block: bool
    ) -> Reported:
        """Copies the message and up to `preceding` earlier ones, as the viewer had them.

        The copy includes all earlier texts and files, and messages that were deleted for everyone within the report
        window. It stays until the report is closed, even if the messages are deleted. `block` also blocks the sender.
        A repeat while the viewer's report is open, of a message that was not edited since, is the same report: it
        copies nothing, and the first reason, comment and preceding messages stay.
        Raises InvalidInput (the viewer's own message, `preceding`, comment), NotFound, RateLimited.
        """
        viewer.check(Right.WRITE)
        if issues := self._issues_of(comment, preceding):
            raise InvalidInput(issues)
        self._rate.take(viewer.user_id)
        return await self._database.write_for(
            viewer, self._store, viewer.user_id, id_, reason, comment or None, preceding, block
        )

    def _issues_of(self, comment: str | None, preceding: int) -> list[Issue]:
        issues = []
        if not 0 <= preceding <= MAX_PRECEDING:
            detail = f"`precedingMessages` must be between 0 and {MAX_PRECEDING}."
            issues.append(Issue(("precedingMessages",), IssueReason.OUT_OF_RANGE, detail, MAX_PRECEDING))
        if comment is not None:
            if len(comment) > MAX_COMMENT_LENGTH:
                detail = f"A comment has at most {MAX_COMMENT_LENGTH} characters."
                issues.append(Issue(("comment",), IssueReason.TOO_LONG, detail, MAX_COMMENT_LENGTH))
            wrong = text_issues(comment, self._limits)
            issues += [Issue(("comment",), each.reason, each.detail, each.limit) for each in wrong]
        return issues

    def _store(
        self,
        tx: WriteTransaction,
        viewer_id: int,
        id_: int,
        reason: ReportReason,
        comment: str | None,
        preceding: int,
        block: bool,
    ) -> Reported:
        window = self._limits.report_window_seconds
        rows = _originals(tx, viewer_id, id_, preceding, tx.at - window * 1000 if window else tx.at + 1)
        sender_id = rows[-1].sender_id
        if sender_id == viewer_id:
            raise InvalidInput([Issue(("messageId",), IssueReason.MISMATCH, "This is your own message.")])
        report_id = tx.value(reports.OPEN_OF, reporter=viewer_id, message=id_, revision=rows[-1].revision)
        if report_id is None:
            report_id = new_id()
            report = {"id": report_id, "reporter": viewer_id, "message": id_, "reason": int(reason), "comment": comment}
            tx.run(reports.PUT, **report, at=tx.at)
            _copy(tx, report_id, rows)
        if block:
            set_block(tx, viewer_id, sender_id)
        seen = messages.find_visible(tx, viewer_id, [id_]).get(id_) or _tombstone_of(rows[-1])
        return Reported(report_id, self._messages.load(tx, viewer_id, [seen])[0])


def _originals(tx: Transaction, viewer_id: int, id_: int, preceding: int, since: int) -> list[DeletedRow | MessageRow]:
    """The message and those before it, oldest first, as the viewer had them, even if they can no longer see them.

    Messages that were deleted for everyone at `since` (ms) or later are complete. Raises NotFound if the viewer never
    had the message, or if it no longer exists.
    """
    place = conversation_of(id_)
    mine = tx.first(conversations.BY_IDS, viewer=viewer_id, ids=id_list([place]))
    bounds = {"after": message_id(place, mine.floor_seq if mine else 0), "before": id_ + 1, "count": preceding + 1}
    shown = tx.all(messages.PAGE_BACKWARD, viewer=viewer_id, **bounds) if mine else []
    deleted = tx.all(deletions.PAGE_BACKWARD, viewer=viewer_id, since=since, **bounds)
    rows: dict[int, DeletedRow | MessageRow] = {row.id: row for row in shown}
    rows.update({row.id: row for row in deleted})
    if id_ not in rows:
        raise NotFound("There is no such message.")
    return [rows[each] for each in sorted(rows)[-(preceding + 1) :]]


def _tombstone_of(row: DeletedRow | MessageRow) -> MessageRow:
    """The message without its content, for a reporter who no longer sees it."""
    return MessageRow(
        id=row.id,
        sender_id=row.sender_id,
        created_at=row.created_at,
        kind=MessageKind.TEXT,
        body=None,
        attachments=0,
        reply_to_id=None,
        client_message_id=None,
        metadata=None,
        revision=row.revision,
        edited_at=None,
        deleted_at=row.deleted_at,
    )


def _copy(tx: Transaction, report_id: int, rows: Sequence[DeletedRow | MessageRow]) -> None:
    ids = [row.id for row in rows]
    filenames = {id_: [each.filename for each in files] for id_, files in attachments.of_messages(tx, ids).items()}
    filenames |= {id_: [each.filename for each in files] for id_, files in deletions.files_of(tx, ids).items()}
    present = set(tx.values(messages.PRESENT, ids=id_list(ids)))  # an edit may have hidden some of them from the viewer
    for row in rows:
        tx.run(
            reports.PUT_MESSAGE,
            report=report_id,
            message=row.id,
            sender=row.sender_id,
            at=row.created_at,
            body=row.body,
            filenames=orjson.dumps(filenames.get(row.id, [])).decode(),
            revision=row.revision,
            deleted_at=None if row.id in present else row.deleted_at,
        )


def resolve(tx: Transaction, report_id: int, resolution: str) -> None:
    """Closes a report with the operator's resolution and deletes its copies of the messages.

    The next sweep deletes the deleted messages that were retained only for this report. Raises NotFound if no open
    report has this id.
    """
    if not tx.run(reports.RESOLVE, id=report_id, at=now_ms(), resolution=resolution):
        raise NotFound("There is no open report with this id.")
    tx.run(reports.DELETE_MESSAGES, report=report_id)
