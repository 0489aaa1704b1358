"""Files: received with a request or uploaded before, stored, and given out again to whoever may see their message."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import aclosing, suppress

from models import attachment as attachments
from models import stored_file as stored_files
from models import upload_session as sessions
from models import user as users
from models.attachment import AttachmentRow, NewUploadRow
from models.base import new_id, now_ms
from models.message import MessageKind
from models.transaction import Transaction
from services.cursor import Signer
from services.error import (
    AttachmentsRejected,
    BadRequest,
    CursorInvalid,
    NotFound,
    ServerUnavailable,
    SottoError,
)
from services.file.attached_upload import attach, refuse_lost_bytes, upload_rejection
from services.file.file import Download, ReceivedFile, ResolvedFile, StoredFiles
from services.file.inspection import FileInspector, storage_rejection
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
    """The way of a file: receive, check, store, attach (services/file/attached_upload.py), download."""

    def __init__(
        self, database: GuardedDatabase, storage: Storage, signer: Signer, inspector: FileInspector, limits: Limits
    ) -> None:
        self._database = database
        self._storage = storage
        self._signer = signer
        self._inspector = inspector
        self._limits = limits
        self._uploads = RateLimiter(limits.upload_rate_per_minute, "files")

    def admit(self, viewer: Viewer) -> None:
        """Before a file of the viewer's is received; raises RateLimited, DeviceUntrusted, PermissionDenied."""
        viewer.check(Right.SEND)
        self._uploads.take(viewer.user_id)

    async def receive(self, chunks: AsyncIterator[bytes], filename: str | None) -> ReceivedFile:
        """See `FileInspector.receive`."""
        return await self._inspector.receive(chunks, filename)

    async def copy(self, received: ReceivedFile) -> ReceivedFile:
        """See `FileInspector.copy`."""
        return await self._inspector.copy(received)

    async def discard(self, received: ReceivedFile) -> None:
        """See `FileInspector.discard`."""
        await self._inspector.discard(received)

    async def store(self, viewer: Viewer, files: Sequence[ResolvedFile]) -> StoredFiles:
        """Checks the files and puts received bytes into the storage; the transaction that sends them puts their rows.

        All or nothing; raises AttachmentsRejected with every offender, or STORAGE_FAILED, retryable. Until that
        transaction is committed a crash leaves bytes without a row, which the sweeper takes.
        """
        if not files:
            return StoredFiles()
        pictures = await self._check(files)
        ids: list[int] = []
        rows: list[NewUploadRow] = []
        try:
            for index, (file, picture) in enumerate(zip(files, pictures, strict=True)):
                if isinstance(file, ReceivedFile):
                    rows.append(self.row_of(viewer.user_id, file, await self.store_bytes(index, file), picture))
                ids.append(rows[-1].id if isinstance(file, ReceivedFile) else file.upload_id)
            whole = await self.whole_copies_of(rows) if rows else frozenset[str]()
        except BaseException:
            await self.forget([row.storage_key for row in rows])
            raise
        kinds = zip(ids, (file.kind for file in files), strict=True)
        return StoredFiles(ids, frozenset(id_ for id_, kind in kinds if kind is AttachmentKind.IMAGE), rows, whole)

    async def _check(self, files: Sequence[ResolvedFile]) -> list[Picture | None]:
        """Decodes and cleans the pictures among the files, and looks for the bytes of attached uploads."""
        pictures: list[Picture | None] = []
        rejections: list[AttachmentRejection] = []
        for index, file in enumerate(await refuse_lost_bytes(self._storage, files)):
            picture = None
            if isinstance(file, ReceivedFile):
                picture = await self._inspector.prove(file)
                if file.rejection is not None:
                    rejections.append(self._inspector.rejection_of(index, file))
            elif file.rejection is not None:
                rejections.append(upload_rejection(index, file))
            pictures.append(picture)
        if rejections:
            raise AttachmentsRejected(rejections)
        return pictures

    def attach(
        self, tx: Transaction, owner_id: int, message_ids: Sequence[int], files: StoredFiles, *, are_as_files: bool
    ) -> list[str]:
        """Puts the rows of the files and gives them to these messages; returns the keys of bytes that no row needs.

        Runs inside the transaction that puts the messages. Raises AttachmentsRejected: TOO_LARGE past the owner's
        quota; see also `attach`.
        """
        if not files.upload_ids or not message_ids:
            return files.new_keys
        if files.new_rows:
            places = {id_: index for index, id_ in enumerate(files.upload_ids)}
            sizes = {places[row.id]: row.byte_size for row in files.new_rows}
            check_quota(tx, owner_id, sizes, self._limits.quota_bytes)
        unused = put_uploads(tx, files.new_rows, files.whole_keys)
        attach(tx, owner_id, message_ids, files, are_as_files=are_as_files)
        return unused

    async def whole_copies_of(self, rows: Iterable[NewUploadRow]) -> frozenset[str]:
        """Where the bytes of these rows are stored already, and can be relied upon; see `whole_copies`."""
        return await whole_copies(self._database, self._storage, {(row.sha256, row.byte_size) for row in rows})

    async def forget(self, keys: Sequence[str]) -> None:
        """Deletes bytes that nothing points at; what cannot be deleted now is the sweeper's."""
        for key in keys:
            with suppress(StorageError):
                await self._storage.delete(key)

    async def abandon(self, files: StoredFiles) -> None:
        """Deletes what `store` stored for a send that failed; what a message has in spite of all stays.

        Whether it has any says a transaction that is committed after that of the send: so it is settled also where
        the outcome of that COMMIT was unclear, or nobody waited for it.

        Raises nothing: what cannot be deleted now is the sweeper's.
        """
        if files.new_rows:
            with suppress(SottoError):
                await self.forget(await self._database.write(attachments.unused, files.new_keys))

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
        return f"/files/{self._signer.sign('file', 0, *numbers)}"

    async def open(self, token: str) -> Download:
        """The file that a signed path names, if its viewer may still see it.

        Raises NotFound for every reason alike: changed, expired, no longer visible, account not active.
        """
        try:
            viewer_id, message_id, position, expires_at, form = self._signer.verify("file", 0, token, 5)
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

    async def store_bytes(self, index: int, received: ReceivedFile) -> str:
        """Puts the bytes into the storage; returns their key. Raises AttachmentsRejected."""
        assert received.temp_file is not None
        try:
            return await self._storage.store(received.temp_file)
        except StorageError as error:
            received.rejection = storage_rejection(error)
            raise AttachmentsRejected([self._inspector.rejection_of(index, received)]) from error

    def row_of(self, owner_id: int, received: ReceivedFile, storage_key: str, picture: Picture | None) -> NewUploadRow:
        """The row of a file whose bytes are stored."""
        width, height = (picture.width, picture.height) if picture else received.frame or (None, None)
        return NewUploadRow(
            new_id(),
            owner_id,
            storage_key,
            int(KIND_NUMBERS[received.kind]),
            received.filename,
            received.mime_type,
            received.byte_size,
            bytes.fromhex(received.sha256),
            width,
            height,
            int(picture.is_animated) if picture else None,
            received.duration_ms,
            thumbnail_for=None,
            expires_at=now_ms() + self._limits.upload_life_seconds * 1000,
        )


def put_uploads(tx: Transaction, rows: Iterable[NewUploadRow], whole: Collection[str]) -> list[str]:
    """Stores the rows of files; equal bytes that are stored already are used instead: returns the unused keys.

    `whole` are the keys that have their bytes (`whole_copies`, asked just before). One counts only if a row names it
    still: this runs inside `Database.write`, which orders it against the deletion of those bytes.
    """
    unused: list[str] = []
    usable = set(whole)
    for row in rows:
        usable.add(row.storage_key)
        same = stored_files.same_keys(tx, row.sha256, row.byte_size)
        key = next((key for key in same if key in usable), row.storage_key)
        if key != row.storage_key:
            unused.append(row.storage_key)
        tx.run(attachments.PUT_UPLOAD, **row._replace(storage_key=key)._asdict())
    return unused


def check_quota(tx: Transaction, owner_id: int, sizes: Mapping[int, int], quota_bytes: int) -> None:
    """Raises AttachmentsRejected where these files, by place, would be more than a user may have; 0: no quota."""
    if not quota_bytes:
        return
    used = tx.value(attachments.USED_BYTES, owner=owner_id) + tx.value(sessions.EXPECTED_BYTES, owner=owner_id)
    if used + sum(sizes.values()) > quota_bytes:
        detail = f"Your files take {used} of {quota_bytes} bytes: delete some, or send less."
        raise AttachmentsRejected(
            [
                AttachmentRejection(index, Reason.TOO_LARGE, detail, limit_bytes=max(0, quota_bytes - used))
                for index in sizes
            ]
        )


def _find_for(tx: Transaction, viewer_id: int, message_id: int, position: int) -> AttachmentRow | None:
    if tx.value(users.STATE, id=viewer_id) != users.ACTIVE:
        return None
    return tx.first(attachments.VISIBLE, viewer=viewer_id, message=message_id, position=position)
