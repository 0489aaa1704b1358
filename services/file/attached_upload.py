"""Chosen uploads: files that a message names by their upload, and why one of them cannot be attached."""

from collections.abc import Sequence

from models import attachment as attachments
from models import upload_session as sessions
from models.base import now_ms
from models.prepared import id_list
from models.transaction import Transaction
from models.upload_session import UploadSessionRow
from services.file.file import ChosenFile, ChosenUpload
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


def find_uploads(tx: Transaction, owner_id: int, files: Sequence[ChosenFile], but: int | None = None) -> None:
    """Finds what the chosen uploads are, and why one cannot be attached; runs inside a transaction.

    `but` is the message that is being written: what it has claimed itself is not used.
    """
    chosen = [file for file in files if isinstance(file, ChosenUpload)]
    if not chosen:
        return
    ids = id_list({file.upload_id for file in chosen})
    rows = {row.id: row for row in tx.all(attachments.MINE, owner=owner_id, ids=ids)}
    seen: set[int] = set()
    for file in chosen:
        file.row = rows.get(file.upload_id)
        reason = _barrier_of(tx, owner_id, file, but, is_twice=file.upload_id in seen)
        file.rejection = None if reason is None else (reason, _SENTENCES.get(reason, "The upload failed: begin again."))
        seen.add(file.upload_id)


async def find_lost_bytes(storage: Storage, files: Sequence[ChosenFile]) -> None:
    """Sets `rejection` of attached uploads whose bytes are gone, or of all where the storage cannot tell."""
    found = [file for file in files if isinstance(file, ChosenUpload) and file.row is not None and not file.rejection]
    rows = [file.row for file in found if file.row is not None]
    try:
        states = await states_of(storage, {row.storage_key: row.byte_size for row in rows})
    except StorageError:
        for file in found:
            file.rejection = (Reason.STORAGE_FAILED, "The storage failed; nothing was stored, try again later.")
        return
    for file, row in zip(found, rows, strict=True):
        if states[row.storage_key] is not StoredState.WHOLE:
            file.rejection = (Reason.EXPIRED, "The bytes of the upload are lost: begin again.")


def chosen_rejection(index: int, file: ChosenUpload) -> AttachmentRejection:
    """For the client; an upload that has not ended yet may pass later."""
    assert file.rejection is not None
    reason, detail = file.rejection
    is_retryable = reason in {Reason.NOT_READY, Reason.STORAGE_FAILED}
    return AttachmentRejection(index, reason, detail, filename=file.filename or None, is_retryable=is_retryable)


def reason_of(number: int) -> Reason:
    """The reason that a session keeps by its number."""
    return _REASONS[number]


def number_of(reason: Reason) -> int:
    """The number that a session keeps a reason by: its place, so new ones go last."""
    return _REASONS.index(reason)


def _barrier_of(
    tx: Transaction, owner_id: int, file: ChosenUpload, but: int | None, *, is_twice: bool
) -> Reason | None:
    """Why an upload cannot be attached now; None where it can."""
    row = file.row
    if row is None:
        return _barrier_of_session(tx.first(sessions.FIND, id=file.upload_id, owner=owner_id))
    if row.message_id not in (None, but) or is_twice:
        return Reason.ALREADY_USED
    if row.thumbnail_for is not None:
        return Reason.NOT_FOUND
    return Reason.EXPIRED if row.expires_at <= now_ms() else None


def _barrier_of_session(session: UploadSessionRow | None) -> Reason:
    if session is None:
        return Reason.NOT_FOUND
    if session.failure is not None:
        return reason_of(session.failure)
    return Reason.EXPIRED if session.expires_at <= now_ms() else Reason.NOT_READY
