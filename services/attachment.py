"""Files: received in the request, inspected, kept, and given out again to whoever may see their message."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, suppress

from models import attachment as attachments
from models import user as users
from models.attachment import AttachmentRow
from models.base import new_id, now_ms
from models.message import MessageKind
from models.prepared import id_list, text_list
from models.transaction import Transaction
from services import media_type
from services.cursor import Seal
from services.error import (
    AttachmentRejection,
    AttachmentRejectionReason,
    AttachmentsRejected,
    BadRequest,
    CursorInvalid,
    NotFound,
    ServerUnavailable,
    SottoError,
)
from services.file import Download, KeptFiles, ReceivedFile
from services.guard import GuardedDatabase
from services.limit import Limits
from services.media_type import AttachmentKind
from services.picture import Picture, PictureDecoder, UnsafePicture
from services.rate import RateLimiter
from services.text import clean_filename
from services.viewer import Right, Viewer
from storage.base import Storage, StorageError, StorageFull, StorageNotFound

Reason = AttachmentRejectionReason

KIND_NUMBERS = {
    AttachmentKind.IMAGE: MessageKind.IMAGE,
    AttachmentKind.VIDEO: MessageKind.VIDEO,
    AttachmentKind.AUDIO: MessageKind.AUDIO,
    AttachmentKind.FILE: MessageKind.FILE,
}


class AttachmentService:
    """The way of a file: receive, check, keep, claim (in services/send.py), download."""

    def __init__(self, database: GuardedDatabase, storage: Storage, seal: Seal, limits: Limits) -> None:
        self._database = database
        self._storage = storage
        self._seal = seal
        self._limits = limits
        self._pictures = PictureDecoder()
        self._uploads = RateLimiter(limits.uploads_per_minute, "files")

    def admit(self, viewer: Viewer) -> None:
        """Before a file of the viewer's is received; raises RateLimited, DeviceUntrusted, PermissionDenied."""
        viewer.check(Right.SEND)
        self._uploads.take(viewer.user_id)

    async def receive(self, chunks: AsyncIterator[bytes], filename: str | None) -> ReceivedFile:
        """Streams a part to disk and says what it is by its bytes; nobody asks what the client claims.

        Consumes every chunk, whatever happens: a file that is too large, or that the disk has no room for, is marked
        and its bytes are dropped. The caller hands the result to a send, and in any case to `discard`.
        """
        received = ReceivedFile(clean_filename(filename, self._limits.max_filename_length))
        try:
            await self._stream(received, chunks)
            if received.rejection is None:
                await self._inspect(received)
        except BaseException:
            await self.discard(received)
            raise
        return received

    async def discard(self, received: ReceivedFile) -> None:
        """Lets go of what was received; after a send kept it, and a second time, this does nothing."""
        if received.staged is not None:
            staged, received.staged = received.staged, None
            await staged.discard()

    async def check(self, files: Sequence[ReceivedFile]) -> list[Picture | None]:
        """Decodes the pictures among the files; raises AttachmentsRejected with every offender."""
        pictures: list[Picture | None] = []
        rejections: list[AttachmentRejection] = []
        for index, received in enumerate(files):
            picture = await self._decode(received)
            if received.rejection is not None:
                rejections.append(self._rejection(index, received))
            pictures.append(picture)
        if rejections:
            raise AttachmentsRejected(rejections)
        return pictures

    async def keep(
        self, viewer: Viewer, files: Sequence[ReceivedFile], pictures: Sequence[Picture | None]
    ) -> KeptFiles:
        """Puts the bytes into the storage, then their rows: staged, the viewer's own, waiting to be claimed.

        All or nothing; raises AttachmentsRejected (STORAGE_FAILED, retryable). A crash in between leaves bytes without
        a row, which the sweeper takes.
        """
        kept = KeptFiles()
        try:
            for index, received in enumerate(files):
                kept.storage_keys.append(await self._keep_bytes(index, received))
            rows = [self._row(viewer, *each) for each in zip(files, kept.storage_keys, pictures, strict=True)]
            kept.upload_ids += [upload_id for upload_id, _ in rows]  # before the write, which may be cancelled
            if rows:
                await self._database.write(_put_uploads, rows)
        except BaseException:
            await self.abandon(kept)
            raise
        return kept

    async def abandon(self, kept: KeptFiles) -> None:
        """Deletes what `keep` kept, rows before bytes; what a message has claimed in spite of all stays.

        Raises nothing: what cannot be deleted now is the sweeper's.
        """
        if not kept.storage_keys:
            return
        with suppress(SottoError, StorageError):
            owned = await self._database.write(_forget_staged, kept)
            for key in kept.storage_keys:
                if key not in owned:
                    await self._storage.delete(key)

    def url_path(self, viewer: Viewer, row: AttachmentRow, expires_in_seconds: int, *, inline: bool) -> str:
        """The signed path of a file, for this viewer and that long, or as long as the limit allows.

        Raises BadRequest for less than a second.
        """
        if expires_in_seconds < 1:
            raise BadRequest(f"`expiresInSeconds` must be at least 1; it is {expires_in_seconds}.")
        expires_in_seconds = min(expires_in_seconds, self._limits.url_life_seconds)
        expires_at = now_ms() // 1000 + expires_in_seconds
        numbers = (viewer.user_id, row.message_id, row.position, expires_at, int(inline))
        return f"/files/{self._seal.write('file', 0, *numbers)}"

    async def open(self, token: str) -> Download:
        """The file that a signed path names, if its viewer may still see it.

        Raises NotFound for every reason alike: changed, expired, no longer visible, account not active.
        """
        try:
            viewer_id, message_id, position, expires_at, inline = self._seal.read("file", 0, token, 5)
        except CursorInvalid:
            raise NotFound("There is no such file.") from None
        row = await self._database.read(_find_for, viewer_id, message_id, position)
        if row is None or expires_at < now_ms() / 1000:
            raise NotFound("There is no such file.")
        is_picture = row.kind == MessageKind.IMAGE and row.width is not None
        return Download(row, is_inline=bool(inline) and is_picture)

    async def read(self, download: Download, start: int, end: int) -> AsyncGenerator[bytes, None]:
        """The bytes from `start` to `end`, exclusive; raises NotFound, before the first, and ServerUnavailable."""
        try:
            async with aclosing(self._storage.read(download.row.storage_key, start, end)) as chunks:
                async for chunk in chunks:
                    yield chunk
        except StorageNotFound:
            raise NotFound("There is no such file.") from None
        except StorageError as error:
            raise ServerUnavailable("The file cannot be read just now.") from error

    async def _stream(self, received: ReceivedFile, chunks: AsyncIterator[bytes]) -> None:
        limit = self._limits.max_attachment_bytes
        try:
            received.staged = await self._storage.stage()
        except StorageError as error:
            received.rejection = _storage_rejection(error)
        async for chunk in chunks:
            received.byte_size += len(chunk)
            if received.rejection is None and received.byte_size > limit:
                received.rejection = (Reason.TOO_LARGE, f"`{received.filename}` is larger than {limit} bytes.")
            if received.rejection is None and received.staged is not None:
                try:
                    await received.staged.write(chunk)
                except StorageError as error:
                    received.rejection = _storage_rejection(error)
            elif received.staged is not None:
                await self.discard(received)

    async def _inspect(self, received: ReceivedFile) -> None:
        assert received.staged is not None
        if not received.byte_size:
            received.rejection = (Reason.EMPTY, f"`{received.filename}` is empty.")
            return
        try:
            await received.staged.finish()
        except StorageError as error:
            received.rejection = _storage_rejection(error)
            return
        received.sha256 = received.staged.sha256
        received.mime_type = await asyncio.to_thread(media_type.detect, received.staged.path)
        allowed = self._limits.allowed_mime_types
        if allowed and received.mime_type not in allowed:
            detail = f"`{received.filename}` is {received.mime_type} by its content, which is not accepted here."
            received.rejection = (Reason.TYPE_NOT_ALLOWED, detail)

    async def _decode(self, received: ReceivedFile) -> Picture | None:
        if received.rejection is not None or received.kind is not AttachmentKind.IMAGE or received.staged is None:
            return None
        try:
            return await self._pictures.decode(received.staged.path, received.mime_type)
        except UnsafePicture as error:
            received.rejection = (Reason.UNSAFE, f"`{received.filename}`: {error.reason}")
        except OSError:
            received.rejection = (Reason.STORAGE_FAILED, f"`{received.filename}` could not be inspected; try again.")
        return None

    async def _keep_bytes(self, index: int, received: ReceivedFile) -> str:
        assert received.staged is not None
        try:
            return await self._storage.keep(received.staged)
        except StorageError as error:
            received.rejection = _storage_rejection(error)
            raise AttachmentsRejected([self._rejection(index, received)]) from error

    def _rejection(self, index: int, received: ReceivedFile) -> AttachmentRejection:
        assert received.rejection is not None
        reason, detail = received.rejection
        return AttachmentRejection(
            index,
            reason,
            detail,
            filename=received.filename,
            limit_bytes=self._limits.max_attachment_bytes if reason is Reason.TOO_LARGE else None,
            allowed_mime_types=self._limits.allowed_mime_types if reason is Reason.TYPE_NOT_ALLOWED else None,
            is_retryable=reason is Reason.STORAGE_FAILED,
        )

    def _row(
        self, viewer: Viewer, received: ReceivedFile, storage_key: str, picture: Picture | None
    ) -> tuple[int, dict[str, object]]:
        return new_id(), {
            "owner": viewer.user_id,
            "storage_key": storage_key,
            "kind": int(KIND_NUMBERS[received.kind]),
            "filename": received.filename,
            "mime_type": received.mime_type,
            "byte_size": received.byte_size,
            "sha256": bytes.fromhex(received.sha256),
            "width": picture.width if picture else None,
            "height": picture.height if picture else None,
            "is_animated": int(picture.is_animated) if picture else None,
            "expires_at": now_ms() + self._limits.upload_life_seconds * 1000,
        }


def _put_uploads(tx: Transaction, rows: list[tuple[int, dict[str, object]]]) -> None:
    for upload_id, columns in rows:
        tx.run(attachments.PUT_UPLOAD, id=upload_id, **columns)


def _forget_staged(tx: Transaction, kept: KeptFiles) -> set[str]:
    """Deletes the rows that no message has claimed; returns the keys that a row still points at."""
    tx.run(attachments.DELETE_STAGED, ids=id_list(kept.upload_ids))
    return set(tx.values(attachments.KNOWN_KEYS, keys=text_list(kept.storage_keys)))


def _find_for(tx: Transaction, viewer_id: int, message_id: int, position: int) -> AttachmentRow | None:
    if tx.value(users.STATE, id=viewer_id) != users.ACTIVE:
        return None
    return tx.first(attachments.VISIBLE, viewer=viewer_id, message=message_id, position=position)


def _storage_rejection(error: StorageError) -> tuple[Reason, str]:
    what = "The disk is full" if isinstance(error, StorageFull) else "The storage failed"
    return Reason.STORAGE_FAILED, f"{what}; nothing was stored, try again later."
