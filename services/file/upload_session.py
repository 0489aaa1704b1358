"""Upload sessions: uploads before they are ready; their form, their state, and what can be wrong with them."""

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import Enum

from models import attachment as attachments
from models import upload_session as sessions
from models.base import now_ms
from models.prepared import id_list
from models.transaction import Transaction
from models.upload_session import UploadSessionRow
from services.error import AttachmentsRejected, InvalidInput
from services.file.attached_upload import reason_of
from services.file.media import LONGEST_MS
from services.limit import Limits
from services.rejection import AttachmentRejection, Issue, IssueReason
from services.rejection import AttachmentRejectionReason as Reason
from services.text import clean_filename, is_blank

_SHA256 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


class UploadState(Enum):
    """The state of an upload."""

    PENDING = "pending"
    UPLOADING = "uploading"
    READY = "ready"
    FAILED = "failed"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class UploadForm:
    """What the client declares about a file before it sends it; `sha256` in hexadecimal, checked at the end."""

    filename: str
    byte_size: int
    mime_type: str | None = None
    sha256: str | None = None
    duration_seconds: float | None = None
    thumbnail_for: int | None = None


@dataclass(frozen=True, slots=True)
class UploadView:
    """An upload as its owner sees it; `expires_at` in ms since 1970; `mime_type` is detected, once it is ready."""

    id: int
    state: UploadState
    received_bytes: int
    byte_size: int
    expires_at: int
    filename: str
    failure: Reason | None = None
    mime_type: str | None = None


class OffsetMismatch(Exception):
    """The part does not begin where the last one ended, at `offset`."""

    def __init__(self, offset: int) -> None:
        super().__init__()
        self.offset = offset


class TooLong(Exception):
    """More bytes than the size of the upload; nothing of this part was kept."""


class ChecksumMismatch(Exception):
    """The part does not match its checksum; nothing of it was kept."""


def view_of(session: UploadSessionRow, received_bytes: int) -> UploadView:
    """The view of a session that has received so many bytes."""
    failure = None if session.failure is None else reason_of(session.failure)
    if failure is not None:
        state, received_bytes = UploadState.FAILED, session.byte_size
    elif session.expires_at <= now_ms():
        state = UploadState.EXPIRED
    else:
        state = UploadState.UPLOADING if received_bytes else UploadState.PENDING
    return UploadView(
        session.id, state, received_bytes, session.byte_size, session.expires_at, session.filename, failure
    )


def issues_of(form: UploadForm) -> list[Issue]:
    """All issues of the form that need no query."""
    issues = []
    if is_blank(form.filename):
        issues.append(Issue(("filename",), IssueReason.EMPTY, "`filename` has nothing visible in it."))
    if form.byte_size < 1:
        issues.append(Issue(("byteSize",), IssueReason.OUT_OF_RANGE, "`byteSize` is at least 1.", 1))
    if form.sha256 is not None and not _SHA256.fullmatch(form.sha256):
        issues.append(Issue(("sha256",), IssueReason.MALFORMED, "`sha256` is 64 hexadecimal digits."))
    if form.duration_seconds is not None and not 0 <= form.duration_seconds <= LONGEST_MS / 1000:
        issues.append(Issue(("durationSeconds",), IssueReason.OUT_OF_RANGE, "`durationSeconds` is 0 to a week."))
    return issues


def check_promise(form: UploadForm, limits: Limits) -> None:
    """Raises AttachmentsRejected if the declared size or type is not accepted; the type is detected at the end."""
    limit, allowed = limits.max_attachment_bytes, limits.allowed_mime_types
    filename = clean_filename(form.filename, limits.max_filename_length)
    if form.byte_size > limit:
        detail = f"`{filename}` has {form.byte_size} bytes; at most {limit} are allowed."
        raise AttachmentsRejected([AttachmentRejection(0, Reason.TOO_LARGE, detail, filename, limit)])
    if form.mime_type is not None and allowed and form.mime_type.partition(";")[0].strip().lower() not in allowed:
        detail = f"`{filename}` is of a type that is not accepted here."
        rejection = AttachmentRejection(0, Reason.TYPE_NOT_ALLOWED, detail, filename, allowed_mime_types=allowed)
        raise AttachmentsRejected([rejection])


def check_target(tx: Transaction, owner_id: int, id_: int) -> None:
    """Raises InvalidInput unless this is an unused upload of the owner."""
    if find_upload(tx, owner_id, id_) == (None, None):
        detail = "`thumbnailFor` names no upload of yours that waits to be sent."
        raise InvalidInput([Issue(("thumbnailFor",), IssueReason.MISMATCH, detail)])


def find_upload(tx: Transaction, owner_id: int, id_: int) -> tuple[UploadSessionRow | None, UploadView | None]:
    """The session of an upload in progress, or the view of one that is ready; runs inside a transaction."""
    session = tx.first(sessions.FIND, id=id_, owner=owner_id)
    if session is not None:
        return session, None
    for row in tx.all(attachments.MINE, owner=owner_id, ids=id_list([id_])):
        if row.message_id is None:
            state = UploadState.EXPIRED if row.expires_at <= now_ms() else UploadState.READY
            view = UploadView(
                row.id, state, row.byte_size, row.byte_size, row.expires_at, row.filename, mime_type=row.mime_type
            )
            return None, view
    return None, None


def failure_of(session: UploadSessionRow) -> AttachmentRejection:
    """The rejection of a request that continues a failed upload."""
    assert session.failure is not None
    return AttachmentRejection(0, reason_of(session.failure), "The upload failed: begin again.", session.filename)


async def at_most(
    chunks: AsyncIterator[bytes], size: int, update: Callable[[bytes], None] | None
) -> AsyncIterator[bytes]:
    """The chunks, each passed to `update` first; raises TooLong past `size` bytes."""
    async for chunk in chunks:
        size -= len(chunk)
        if size < 0:
            raise TooLong
        if update is not None:
            update(chunk)
        yield chunk
