"""Edits: replace the text of a message and keep its earlier texts."""

from models import deletion as deletions
from models import edit as edits
from models import hidden, job
from models import message as messages
from models.block import BLOCKERS
from models.edit import EditRow
from models.event import Change
from models.prepared import id_list
from models.transaction import Transaction
from services.cursor import Signer
from services.error import Conflict, InvalidInput, NotFound
from services.guard import GuardedDatabase
from services.limit import Limits
from services.message.change import Subject, check_not_deleted, check_own, check_reach, check_window, get_subject, hide
from services.message.message import MessageService
from services.message.message_view import MessageView
from services.message.part import ALL_OF_MESSAGE, MessageParts
from services.page import Page, PageRequest, forward
from services.person.user import UserService
from services.rejection import Issue, IssueReason
from services.text import is_blank, text_issues
from services.transaction import WriteTransaction
from services.viewer import Viewer


class EditService:
    """Edits messages of the viewer; every member who sees a message can read its earlier texts."""

    def __init__(
        self,
        database: GuardedDatabase,
        users: UserService,
        messages: MessageService,
        signer: Signer,
        limits: Limits,
    ) -> None:
        self._database = database
        self._users = users
        self._messages = messages
        self._signer = signer
        self._limits = limits

    async def edit(
        self,
        viewer: Viewer,
        id_: int,
        text: str,
        expected_revision: int | None,
        parts: MessageParts = ALL_OF_MESSAGE,
    ) -> MessageView:
        """Replaces the text of the message; the same text changes nothing.

        Raises InvalidInput, NotFound, PermissionDenied (not the sender, deleted, or the sender could not write now),
        TooLate, and Conflict if the message is not at the expected revision: another device edited it first.
        """
        if issues := text_issues(text, self._limits):
            raise InvalidInput(issues)
        return await self._database.write_for(viewer, self._edit, viewer.user_id, id_, text, expected_revision, parts)

    async def page_of(self, viewer: Viewer, id_: int, request: PageRequest) -> Page[EditRow]:
        """Every text of the message, oldest first, the current one last; none if it is deleted.

        Raises BadRequest, CursorInvalid, and NotFound if the viewer cannot see the message.
        """
        request.check()
        after = 0 if request.after is None else self._signer.verify("edit", viewer.user_id, request.after, 1)[0]
        return await self._database.read_for(viewer, _page, viewer.user_id, id_, after, request.size)

    def cursor_of(self, viewer: Viewer, row: EditRow) -> str:
        """The cursor of a text in `page_of`."""
        return self._signer.sign("edit", viewer.user_id, row.revision)

    def _edit(
        self,
        tx: WriteTransaction,
        viewer_id: int,
        id_: int,
        text: str,
        expected_revision: int | None,
        parts: MessageParts,
    ) -> MessageView:
        subject = get_subject(tx, viewer_id, id_)
        check_own(subject, viewer_id, "edit")
        check_not_deleted(subject, "edit")
        check_window(subject, tx.at, self._limits.edit_window_seconds, "edited")
        check_reach(tx, self._users, subject, viewer_id)
        row = subject.row
        if expected_revision is not None and expected_revision != row.revision:
            raise Conflict(f"The message is at revision {row.revision}, not {expected_revision}: load it again.")
        body = self._body_of(subject, text)
        if body != row.body:
            at = row.created_at if row.edited_at is None else row.edited_at
            tx.run(edits.PUT, message=id_, revision=row.revision, body=row.body, at=at)
            tx.run(messages.EDIT, id=id_, body=body, at=tx.at)
            job.reindex(tx, id_, row.body, body)
            self._hide_from_blockers(tx, subject, viewer_id)
            subject.append_update(tx, Change.TEXT)
        return self._messages.load_visible(tx, viewer_id, [id_], parts)[id_]

    def _hide_from_blockers(self, tx: WriteTransaction, subject: Subject, viewer_id: int) -> None:
        """Hides the edited message from members who have blocked the sender: in a group, nothing written during a
        block reaches the blocker. They can still report the text that they had.
        """
        blockers = set(tx.values(BLOCKERS, user=viewer_id, ids=id_list(subject.member_ids)))
        hidden.put(tx, blockers - subject.visible_to, subject.row.id)  # even if they accept the request
        blockers &= subject.visible_to
        if blockers and self._limits.report_window_seconds:
            deletions.put(tx, subject.row, tx.at, blockers)
        hide(tx, subject, blockers)

    def _body_of(self, subject: Subject, text: str) -> str | None:
        """The text to store; None if the text is blank and the message has files."""
        if not is_blank(text):
            return text
        if subject.row.attachments and not self._limits.require_text:
            return None
        raise InvalidInput(
            [Issue(("text",), IssueReason.EMPTY, "The text has no visible character; delete the message instead.")]
        )


def _page(tx: Transaction, viewer_id: int, id_: int, after: int, size: int) -> Page[EditRow]:
    row = messages.find_visible(tx, viewer_id, [id_]).get(id_)
    if row is None:
        raise NotFound("There is no such message.")
    if row.deleted_at is not None:
        return Page([])
    rows = tx.all(edits.PAGE, message=id_, after=after, count=size + 1)
    if len(rows) <= size and row.revision > after:
        rows.append(EditRow(row.revision, row.body, row.created_at if row.edited_at is None else row.edited_at))
    return forward(rows, size, has_previous=after > 0)
