"""Attachments: files are received, checked, stored, and attached to messages."""

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import suppress

from models import attachment as attachments
from models import stored_file as stored_files
from models import upload_session as sessions
from models.attachment import NewUploadRow
from models.base import new_id, now_ms
from models.message import MessageKind
from models.transaction import Transaction
from services.error import (
    AttachmentsRejected,
    SottoError,
)
from services.file.attached_upload import attach_uploads, refuse_lost_bytes, upload_rejection
from services.file.file import ReceivedFile, ResolvedFile, StoredFiles
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
from storage.base import Storage, StorageError

KIND_NUMBERS = {
    AttachmentKind.IMAGE: MessageKind.IMAGE,
    AttachmentKind.VIDEO: MessageKind.VIDEO,
    AttachmentKind.AUDIO: MessageKind.AUDIO,
    AttachmentKind.FILE: MessageKind.FILE,
}


class AttachmentService:
    """Receives, checks, stores and attaches files; see also services/file/attached_upload.py."""

    def __init__(self, database: GuardedDatabase, storage: Storage, inspector: FileInspector, limits: Limits) -> None:
        self._database = database
        self._storage = storage
        self._inspector = inspector
        self._limits = limits
        self._uploads = RateLimiter(limits.upload_rate_per_minute, "files")

    def admit(self, viewer: Viewer) -> None:
        """Called before a file is received from the viewer; raises RateLimited, DeviceUntrusted, PermissionDenied."""
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
        """Checks the files and stores the received bytes; the transaction of the send inserts their rows.

        All or nothing: raises AttachmentsRejected with every rejected file, or with STORAGE_FAILED, which is retryable.
        A crash before that transaction is committed leaves bytes without a row, which the sweeper deletes.
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
        """Decodes pictures and removes their metadata; checks that the bytes of attached uploads are stored."""
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
        """Inserts the rows of the files and attaches them to these messages; returns the keys of bytes without a row.

        Runs inside the transaction that inserts the messages. Raises AttachmentsRejected: TOO_LARGE if the owner's
        quota is exceeded; see also `attach_uploads`.
        """
        if not files.upload_ids or not message_ids:
            return files.new_keys
        if files.new_rows:
            places = {id_: index for index, id_ in enumerate(files.upload_ids)}
            sizes = {places[row.id]: row.byte_size for row in files.new_rows}
            check_quota(tx, owner_id, sizes, self._limits.quota_bytes)
        unused = put_uploads(tx, files.new_rows, files.whole_keys)
        attach_uploads(tx, owner_id, message_ids, files, are_as_files=are_as_files)
        return unused

    async def whole_copies_of(self, rows: Iterable[NewUploadRow]) -> frozenset[str]:
        """The keys under which the bytes of these rows are already stored; see `whole_copies`."""
        return await whole_copies(self._database, self._storage, {(row.sha256, row.byte_size) for row in rows})

    async def forget(self, keys: Sequence[str]) -> None:
        """Deletes bytes without a row; the sweeper deletes what cannot be deleted now."""
        for key in keys:
            with suppress(StorageError):
                await self._storage.delete(key)

    async def abandon(self, files: StoredFiles) -> None:
        """Deletes what `store` stored for a send that failed, except bytes that a message refers to.

        A transaction after that of the send checks it, so it is right even if the outcome of the send's COMMIT is
        unclear or nobody waited for it. Raises nothing: the sweeper deletes what cannot be deleted now.
        """
        if files.new_rows:
            with suppress(SottoError):
                await self.forget(await self._database.write(attachments.unused, files.new_keys))

    async def store_bytes(self, index: int, received: ReceivedFile) -> str:
        """Stores the bytes and returns their key; raises AttachmentsRejected."""
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
    """Inserts the rows of files, and returns the keys of the bytes that no row uses: equal bytes are stored once.

    `whole` are the keys whose bytes were complete just before (`whole_copies`). A key is used only if a row still
    refers to it: this runs inside `Database.write`, which orders it against the deletion of those bytes.
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
    """Raises AttachmentsRejected if these files, by index, exceed the quota of the user; 0: no quota."""
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
