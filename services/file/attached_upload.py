"""Attached uploads: files that a message refers to by upload ID, why one cannot be attached, and how it is claimed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from models import attachment as attachments
from models import job
from models import upload_session as sessions
from models.attachment import FileState, UploadRow
from models.base import now_ms
from models.job import JobKind
from models.prepared import id_list
from models.transaction import Transaction
from models.upload_session import UploadSessionRow
from services.error import AttachmentsRejected
from services.file.file import AttachedFile, AttachedUpload, ReceivedFile, ResolvedFile, ResolvedUpload, StoredFiles
from services.file.stored_file import StoredState, states_of
from services.rejection import AttachmentRejection
from services.rejection import AttachmentRejectionReason as Reason
from storage.base import Storage, StorageError

_REASONS = tuple(Reason)
_SENTENCES = {
    Reason.NOT_FOUND: "There is no such upload.",
    Reason.NOT_READY: "The upload has not come to its end yet.",
    Reason.EXPIRED: "The upload's time is over: begin again.",
    Reason.ALREADY_USED: "The upload went with a message already; it is used once.",
}


def resolve_files(tx: Transaction, owner_id: int, files: Sequence[AttachedFile]) -> list[ResolvedFile]:
    """The files in the same order, with their uploads resolved; runs inside a transaction."""
    ids = [file.upload_id for file in files if isinstance(file, AttachedUpload)]
    uploads = iter(resolve_uploads(tx, owner_id, ids))
    return [file if isinstance(file, ReceivedFile) else next(uploads) for file in files]


def resolve_uploads(
    tx: Transaction, owner_id: int, ids: Sequence[int], claimed_by: int | None = None
) -> list[ResolvedUpload]:
    """What each upload is, in the order of `ids`, and why it cannot be attached; runs inside a transaction.

    `claimed_by` is the message that is being written: uploads that it has claimed itself do not count as used. An ID
    that occurs twice is refused the second time.
    """
    if not ids:
        return []
    rows = {row.id: row for row in tx.all(attachments.MINE, owner=owner_id, ids=id_list(set(ids)))}
    uploads: list[ResolvedUpload] = []
    for index, id_ in enumerate(ids):
        row = rows.get(id_)
        if row is None:
            reason: Reason | None = _reason_of_session(tx.first(sessions.FIND, id=id_, owner=owner_id))
        else:
            reason = Reason.ALREADY_USED if id_ in ids[:index] else _reason_of(row, claimed_by)
        detail = None if reason is None else (reason, _SENTENCES.get(reason, "The upload failed: begin again."))
        uploads.append(ResolvedUpload(id_, row, detail))
    return uploads


async def refuse_lost_bytes(storage: Storage, files: Sequence[ResolvedFile]) -> list[ResolvedFile]:
    """The files; uploads whose bytes are missing get a rejection, and if the storage fails, all uploads do."""
    sizes = {
        file.row.storage_key: file.row.byte_size
        for file in files
        if isinstance(file, ResolvedUpload) and file.row is not None and file.rejection is None
    }
    if not sizes:
        return list(files)
    try:
        states: Mapping[str, StoredState] | None = await states_of(storage, sizes)
    except StorageError:
        states = None
    return [file if isinstance(file, ReceivedFile) else _with_state(file, states) for file in files]


def _with_state(upload: ResolvedUpload, states: Mapping[str, StoredState] | None) -> ResolvedUpload:
    if upload.row is None or upload.rejection is not None:
        return upload
    if states is None:
        detail = "The storage failed; nothing was stored, try again later."
        return replace(upload, rejection=(Reason.STORAGE_FAILED, detail))
    if states[upload.row.storage_key] is not StoredState.WHOLE:
        return replace(upload, rejection=(Reason.EXPIRED, "The bytes of the upload are lost: begin again."))
    return upload


def upload_rejection(index: int, upload: ResolvedUpload) -> AttachmentRejection:
    """The rejection as the client sees it."""
    assert upload.rejection is not None
    reason, detail = upload.rejection
    return AttachmentRejection(index, reason, detail, filename=upload.filename or None)


def attach_uploads(
    tx: Transaction, owner_id: int, message_ids: Iterable[int], files: StoredFiles, *, are_as_files: bool
) -> None:
    """Attaches the uploads of these files to the messages; the first message claims them.

    With `are_as_files`, pictures, video and audio are attached as plain files. Raises AttachmentsRejected with every
    upload that does not belong to the owner or is used already.
    """
    thumbnails: dict[int | None, UploadRow] | None = None
    for message_id in message_ids:
        if thumbnails is None:
            thumbnails = _claim(tx, owner_id, message_id, files.upload_ids)
        _put_attachments(tx, message_id, files, thumbnails, are_as_files=are_as_files)


def _claim(tx: Transaction, owner_id: int, message_id: int, upload_ids: Sequence[int]) -> dict[int | None, UploadRow]:
    """Claims the uploads by one conditional UPDATE: its row count says whether all are the owner's and unused.

    Returns the uploaded thumbnails, by the upload that they belong to.
    """
    ids = id_list(upload_ids)
    if tx.run(attachments.CLAIM, message=message_id, owner=owner_id, ids=ids, now=now_ms()) != len(upload_ids):
        uploads = resolve_uploads(tx, owner_id, upload_ids, claimed_by=message_id)
        lost = [upload_rejection(index, upload) for index, upload in enumerate(uploads) if upload.rejection is not None]
        detail = "A file is no longer there to be attached; send it again."
        raise AttachmentsRejected(lost or [AttachmentRejection(0, Reason.EXPIRED, detail)])
    tx.run(attachments.CLAIM_THUMBNAILS, message=message_id, owner=owner_id, ids=ids)
    return {row.thumbnail_for: row for row in tx.all(attachments.THUMBNAILS_FOR, owner=owner_id, ids=ids)}


def _put_attachments(
    tx: Transaction,
    message_id: int,
    files: StoredFiles,
    thumbnails: Mapping[int | None, UploadRow],
    *,
    are_as_files: bool,
) -> None:
    """A picture with an uploaded thumbnail keeps it; a job makes the thumbnails of other pictures."""
    is_waiting = False
    put = attachments.PUT_AS_FILE if are_as_files else attachments.PUT
    for position, upload_id in enumerate(files.upload_ids):
        thumbnail = thumbnails.get(upload_id)
        waits = thumbnail is None and upload_id in files.picture_ids and not are_as_files
        state = FileState.PROCESSING if waits else FileState.READY
        tx.run(put, message=message_id, position=position, state=int(state), upload=upload_id)
        if thumbnail is not None:
            tx.run(
                attachments.SET_THUMBNAIL,
                message=message_id,
                position=position,
                state=int(FileState.READY),
                blurhash=None,
                key=thumbnail.storage_key,
                width=thumbnail.width,
                height=thumbnail.height,
            )
        is_waiting |= waits
    if is_waiting:
        tx.run(job.PUT, kind=int(JobKind.MAKE_THUMBNAILS), ref=message_id)


def reason_of(number: int) -> Reason:
    """The reason that is stored in a session as this number."""
    return _REASONS[number]


def number_of(reason: Reason) -> int:
    """The number that is stored for a reason: its position, so new reasons must be appended."""
    return _REASONS.index(reason)


def _reason_of(row: UploadRow, claimed_by: int | None) -> Reason | None:
    """Why a file cannot be attached now; None if it can."""
    if row.message_id not in (None, claimed_by):
        return Reason.ALREADY_USED
    if row.thumbnail_for is not None:
        return Reason.NOT_FOUND
    return Reason.EXPIRED if row.expires_at <= now_ms() else None


def _reason_of_session(session: UploadSessionRow | None) -> Reason:
    if session is None:
        return Reason.NOT_FOUND
    if session.failure is not None:
        return reason_of(session.failure)
    return Reason.EXPIRED if session.expires_at <= now_ms() else Reason.NOT_READY
