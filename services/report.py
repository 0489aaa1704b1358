"""Reports: a message and what was said before it, copied for the operator, who reads nothing else."""

from enum import IntEnum

import orjson

from models import attachment as attachments
from models import block as blocks
from models import message as messages
from models import report as reports
from models.base import conversation_of, message_id, new_id, now_ms
from models.event import EventKind
from models.message import MessageRow
from models.transaction import Transaction
from pubsub.base import Hint, PubSub
from services.announcement import Announcement
from services.change import get_subject
from services.error import InvalidInput, NotFound
from services.guard import GuardedDatabase
from services.limit import Limits
from services.rate import RateLimiter
from services.rejection import Issue, IssueReason
from services.text import text_issues
from services.viewer import Right, Viewer

MAX_PRECEDING = 20
MAX_COMMENT_LENGTH = 1000


class ReportReason(IntEnum):
    """What is wrong with it."""

    SPAM = 0
    HARASSMENT = 1
    THREAT = 2
    SEXUAL = 3
    ILLEGAL = 4
    IMPERSONATION = 5
    OTHER = 6


class ReportService:
    """Takes reports; `./sotto report` lists and resolves them. The one who is reported is not told."""

    def __init__(self, database: GuardedDatabase, pubsub: PubSub, limits: Limits) -> None:
        self._database = database
        self._pubsub = pubsub
        self._limits = limits
        self._rate = RateLimiter(limits.reports_per_minute, "reports")

    async def report(
        self, viewer: Viewer, id_: int, reason: ReportReason, comment: str | None, preceding: int, *, block: bool
    ) -> int:
        """Copies the message and up to `preceding` before it, as the viewer sees them; returns the report's id.

        The copies stay whatever becomes of the messages. `block` blocks the sender as well. Raises InvalidInput (one's
        own message, counts, comment), NotFound, RateLimited.
        """
        viewer.check(Right.WRITE)
        if issues := self._issues_of(comment, preceding):
            raise InvalidInput(issues)
        self._rate.take(viewer.user_id)
        report_id, hints = await self._database.write_for(
            viewer, _store, viewer.user_id, id_, reason, comment or None, preceding, block
        )
        self._pubsub.publish(hints)
        return report_id

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
    tx: Transaction,
    viewer_id: int,
    id_: int,
    reason: ReportReason,
    comment: str | None,
    preceding: int,
    block: bool,
) -> tuple[int, list[Hint]]:
    subject = get_subject(tx, viewer_id, id_)
    row = subject.row
    if row.sender_id == viewer_id:
        raise InvalidInput([Issue(("messageId",), IssueReason.MISMATCH, "This is your own message.")])
    report_id = new_id()
    tx.run(reports.PUT, id=report_id, reporter=viewer_id, message=id_, reason=int(reason), comment=comment, at=now_ms())
    floor = message_id(conversation_of(id_), subject.conversation.floor_seq)
    before = tx.all(messages.PAGE_BACKWARD, viewer=viewer_id, after=floor, before=id_, count=preceding)
    _copy(tx, report_id, [*reversed(before), row])
    told = Announcement(tx)
    if block and tx.run(blocks.PUT, viewer=viewer_id, user=row.sender_id, at=told.at):
        told.tell([viewer_id], EventKind.USER_BLOCKED, row.sender_id)
    return report_id, told.hints


def _copy(tx: Transaction, report_id: int, rows: list[MessageRow]) -> None:
    files = attachments.of_messages(tx, [row.id for row in rows])
    for row in rows:
        names = [each.filename for each in files.get(row.id, ())]
        tx.run(
            reports.PUT_MESSAGE,
            report=report_id,
            message=row.id,
            sender=row.sender_id,
            at=row.created_at,
            body=row.body,
            filenames=orjson.dumps(names).decode(),
        )


def resolve(tx: Transaction, report_id: int, resolution: str) -> None:
    """Closes a report with what the operator did about it; raises NotFound where no open one has this id."""
    if not tx.run(reports.RESOLVE, id=report_id, at=now_ms(), resolution=resolution):
        raise NotFound("There is no open report with this id.")
