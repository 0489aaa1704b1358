"""Files: received with a request or uploaded before, kept, and given out again to whoever may see their message."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable, Sequence
from contextlib import aclosing, suppress
from typing import Any

from models import attachment as attachments
from models import stored_file as stored_files
from models import upload_session as sessions
from models import user as users
from models.attachment import AttachmentRow
from models.base import new_id, now_ms
from models.message import MessageKind
from models.prepared import id_list
from models.transaction import Transaction
from services.cursor import Seal
from services.error import (
    AttachmentsRejected,
    BadRequest,
    CursorInvalid,
    NotFound,
    ServerUnavailable,
    SottoError,
)
from services.file.attached_upload import chosen_rejection, find_lost_bytes
from services.file.file import ChosenFile, ChosenUpload, Download, KeptFiles, ReceivedFile
from services.file.inspection import Reception, storage_rejection
from services.file.media_type import AttachmentKind
from services.file.picture import Picture
from services.file.stored_file import whole_copies
from services.guard import GuardedDatabase
from services.limit import Limits
from services.rate import RateLimiter
from services.rejection import AttachmentRejection
from services.rejection import AttachmentRejectionReason as Reason
from services.viewer import Right, Viewer
from storage.base import Storage, StorageError, StorageNotFound

PRESIGNED_SECONDS = 60  # in which nobody is asked again
KIND_NUMBERS = {
    AttachmentKind.IMAGE: MessageKind.IMAGE,
    AttachmentKind.VIDEO: MessageKind.VIDEO,
    AttachmentKind.AUDIO: MessageKind.AUDIO,
    AttachmentKind.FILE: MessageKind.FILE,
}


class AttachmentService:
    """The way of a file: receive, check, keep, claim (in services/message/send.py), download."""

    def __init__(
        self, database: GuardedDatabase, storage: Storage, seal: Seal, reception: Reception, limits: Limits
    ) -> None:
        self._database = database
        self._storage = storage
        self._seal = seal
        self._reception = reception
        self._limits = limits
        self._uploads = RateLimiter(limits.upload_rate_per_minute, "files")

    def admit(self, viewer: Viewer) -> None:
        """Before a file of the viewer's is received; raises RateLimited, DeviceUntrusted, PermissionDenied."""
        viewer.check(Right.SEND)
        self._uploads.take(viewer.user_id)

    async def receive(self, chunks: AsyncIterator[bytes], filename: str | None) -> ReceivedFile:
        """See `Reception.receive`."""
        return await self._reception.receive(chunks, filename)

    async def copy(self, received: ReceivedFile) -> ReceivedFile:
        """See `Reception.copy`."""
        return await self._reception.copy(received)

    async def discard(self, received: ReceivedFile) -> None:
        """See `Reception.discard`."""
        await self._reception.discard(received)

    async def check(self, files: Sequence[ChosenFile]) -> list[Picture | None]:
        """Decodes and cleans the pictures among the files, and looks whether the bytes of attached uploads are there.

        Raises AttachmentsRejected with every offender.
        """
        await find_lost_bytes(self._storage, files)
        pictures: list[Picture | None] = []
        rejections: list[AttachmentRejection] = []
        for index, file in enumerate(files):
            picture = None
            if isinstance(file, ReceivedFile):
                picture = await self._reception.prove(file)
                if file.rejection is not None:
                    rejections.append(self._reception.rejection_of(index, file))
            elif file.rejection is not None:
                rejections.append(chosen_rejection(index, file))
            pictures.append(picture)
        if rejections:
            raise AttachmentsRejected(rejections)
        return pictures

    async def keep(self, viewer: Viewer, files: Sequence[ChosenFile], pictures: Sequence[Picture | None]) -> KeptFiles:
        """Puts received bytes into the storage, then their rows: staged, the viewer's own, waiting to be claimed.

        All or nothing; raises AttachmentsRejected (STORAGE_FAILED, retryable; TOO_LARGE past the viewer's quota). A
        crash in between leaves bytes without a row, which the sweeper takes.
        """
        kept = KeptFiles()
        rows: list[tuple[int, dict[str, Any]]] = []
        try:
            for index, (file, picture) in enumerate(zip(files, pictures, strict=True)):
                id_ = file.upload_id if isinstance(file, ChosenUpload) else new_id()
                kept.upload_ids.append(id_)  # before the write, which may be cancelled
                if file.kind is AttachmentKind.IMAGE:
                    kept.picture_ids.add(id_)
                if isinstance(file, ReceivedFile):
                    key = await self.keep_bytes(index, file)
                    kept.storage_keys.append(key)
                    kept.own_ids.append(id_)
                    rows.append((id_, self.columns_of(viewer.user_id, file, key, picture)))
            if rows:
                whole = await self.whole_copies_of(columns for _, columns in rows)
                spare = await self._database.write(put_uploads, viewer.user_id, rows, whole, self._limits.quota_bytes)
                await self.forget(spare)
        except BaseException:
            await self.abandon(kept)
            raise
        return kept

    async def whole_copies_of(self, rows: Iterable[dict[str, Any]]) -> frozenset[str]:
        """Where the bytes of these rows are stored already, and can be relied upon; see `whole_copies`."""
        contents = {(columns["sha256"], columns["byte_size"]) for columns in rows}
        return await whole_copies(self._database, self._storage, contents)

    async def forget(self, keys: Sequence[str]) -> None:
        """Deletes bytes that nothing points at; what cannot be deleted now is the sweeper's."""
        for key in keys:
            with suppress(StorageError):
                await self._storage.delete(key)

    async def abandon(self, kept: KeptFiles) -> None:
        """Deletes what `keep` kept, rows before bytes; what a message has claimed in spite of all stays.

        After a COMMIT whose outcome was unclear, the one that deletes the rows settles it: only then bytes are deleted.

        Raises nothing: what cannot be deleted now is the sweeper's.
        """
        if not kept.storage_keys:
            return
        with suppress(SottoError):
            await self.forget(await self._database.write(_forget_staged, kept))

    def url_path(
        self,
        viewer: Viewer,
        row: AttachmentRow,
        expires_in_seconds: int,
        *,
        inline: bool,
        is_thumbnail: bool = False,
    ) -> str:
        """The signed path of a file or its thumbnail, for this viewer and that long, or as long as the limit allows.

        Raises BadRequest for less than a second.
        """
        if expires_in_seconds < 1:
            raise BadRequest(f"`expiresInSeconds` must be at least 1; it is {expires_in_seconds}.")
        expires_in_seconds = min(expires_in_seconds, self._limits.url_life_seconds)
        expires_at = now_ms() // 1000 + expires_in_seconds
        numbers = (viewer.user_id, row.message_id, row.position, expires_at, inline + 2 * is_thumbnail)
        return f"/files/{self._seal.write('file', 0, *numbers)}"

    async def open(self, token: str) -> Download:
        """The file that a signed path names, if its viewer may still see it.

        Raises NotFound for every reason alike: changed, expired, no longer visible, account not active.
        """
        try:
            viewer_id, message_id, position, expires_at, form = self._seal.read("file", 0, token, 5)
        except CursorInvalid:
            raise NotFound("There is no such file.") from None
        row = await self._database.read(_find_for, viewer_id, message_id, position)
        if row is None or expires_at < now_ms() / 1000:
            raise NotFound("There is no such file.")
        if form & 2:
            return Download(row, is_inline=True, thumbnail_bytes=await self._size_of(row.thumbnail_key))
        is_picture = row.kind == MessageKind.IMAGE and row.width is not None
        return Download(row, is_inline=bool(form & 1) and is_picture)

    async def _size_of(self, key: str | None) -> int:
        try:
            if key is not None:
                return await self._storage.size_of(key)
        except StorageNotFound:
            pass
        except StorageError as error:
            raise ServerUnavailable("The file cannot be read just now.") from error
        raise NotFound("There is no such file.")

    async def presigned(self, download: Download) -> str | None:
        """Where the storage itself gives the bytes, for a minute; None where it does not. Raises ServerUnavailable."""
        try:
            return await self._storage.presigned(download.storage_key, PRESIGNED_SECONDS)
        except StorageError as error:
            raise ServerUnavailable("The file cannot be read just now.") from error

    async def read(self, download: Download, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` to `end`, exclusive; raises NotFound, before the first, and ServerUnavailable."""
        try:
            async with aclosing(self._storage.read(download.storage_key, start, end)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except StorageNotFound:
            raise NotFound("There is no such file.") from None
        except StorageError as error:
            raise ServerUnavailable("The file cannot be read just now.") from error

    async def keep_bytes(self, index: int, received: ReceivedFile) -> str:
        """Puts the bytes into the storage; raises AttachmentsRejected."""
        assert received.staged is not None
        try:
            return await self._storage.keep(received.staged)
        except StorageError as error:
            received.rejection = storage_rejection(error)
            raise AttachmentsRejected([self._reception.rejection_of(index, received)]) from error

    def columns_of(
        self, owner_id: int, received: ReceivedFile, storage_key: str, picture: Picture | None
    ) -> dict[str, Any]:
        """The row of a staged file."""
        frame = received.frame or (None, None)
        return {
            "owner": owner_id,
            "storage_key": storage_key,
            "kind": int(KIND_NUMBERS[received.kind]),
            "filename": received.filename,
            "mime_type": received.mime_type,
            "byte_size": received.byte_size,
            "sha256": bytes.fromhex(received.sha256),
            "width": picture.width if picture else frame[0],
            "height": picture.height if picture else frame[1],
            "is_animated": int(picture.is_animated) if picture else None,
            "duration_ms": received.duration_ms,
            "thumbnail_for": None,
            "expires_at": now_ms() + self._limits.upload_life_seconds * 1000,
        }


def put_uploads(
    tx: Transaction,
    owner_id: int,
    rows: Sequence[tuple[int, dict[str, Any]]],
    whole: Collection[str],
    quota_bytes: int,
) -> list[str]:
    """Stores the rows of pending files; equal bytes that are stored already are used instead: returns the unused keys.

    `whole` are the keys that have their bytes (`whole_copies`, asked just before). One counts only if a row names it
    still: this runs inside `Database.write`, which orders it against the deletion of those bytes. Raises
    AttachmentsRejected for all of them past the owner's quota.
    """
    spare: list[str] = []
    check_quota(tx, owner_id, [columns["byte_size"] for _, columns in rows], quota_bytes)
    usable = {*whole, *(columns["storage_key"] for _, columns in rows)}
    for upload_id, columns in rows:
        same = stored_files.same_keys(tx, columns["sha256"], columns["byte_size"])
        key = next((key for key in same if key in usable), columns["storage_key"])
        if key != columns["storage_key"]:
            spare.append(columns["storage_key"])
            columns["storage_key"] = key
        tx.run(attachments.PUT_UPLOAD, id=upload_id, **columns)
    return spare


def check_quota(tx: Transaction, owner_id: int, sizes: Sequence[int], quota_bytes: int) -> None:
    """Raises AttachmentsRejected where these files would be more than a user may have; 0: no quota."""
    if not quota_bytes:
        return
    used = tx.value(attachments.USED_BYTES, owner=owner_id) + tx.value(sessions.EXPECTED_BYTES, owner=owner_id)
    if used + sum(sizes) > quota_bytes:
        detail = f"Your files take {used} of {quota_bytes} bytes: delete some, or send less."
        raise AttachmentsRejected(
            [
                AttachmentRejection(index, Reason.TOO_LARGE, detail, limit_bytes=max(0, quota_bytes - used))
                for index in range(len(sizes))
            ]
        )


def _forget_staged(tx: Transaction, kept: KeptFiles) -> list[str]:
    """Deletes the rows that no message has claimed; returns the keys that nothing points at any more.

    Among them may be keys of others, whose equal bytes were used instead: they left them to these rows.
    """
    keys = [*kept.storage_keys, *tx.values(attachments.PENDING_KEYS, ids=id_list(kept.own_ids))]
    tx.run(attachments.DELETE_PENDING, ids=id_list(kept.own_ids))
    return attachments.unused(tx, keys)


def _find_for(tx: Transaction, viewer_id: int, message_id: int, position: int) -> AttachmentRow | None:
    if tx.value(users.STATE, id=viewer_id) != users.ACTIVE:
        return None
    return tx.first(attachments.VISIBLE, viewer=viewer_id, message=message_id, position=position)
