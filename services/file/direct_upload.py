"""Direct uploads: clients put files into the bucket with a presigned URL, and the server then fetches them."""

from collections.abc import AsyncIterator, Collection
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

import structlog

from models import upload_session as sessions
from models.base import now_ms
from models.transaction import Transaction
from models.upload_session import UploadSessionRow
from services.error import AttachmentsRejected
from services.file.inspection import storage_rejection
from services.file.partial_sweep import name_of, number_of, sessions_among
from services.file.quarantine import SweepCounts
from services.file.upload_session import UploadState, UploadView
from services.guard import GuardedDatabase
from services.limit import Limits
from services.rejection import AttachmentRejection
from services.rejection import AttachmentRejectionReason as Reason
from storage.base import Storage, StorageError, StorageNotFound
from storage.temp_file import TempFile

if TYPE_CHECKING:
    from storage.direct_upload import DirectUploads  # its driver is imported where a URL names it

_log = structlog.get_logger("sotto.sweep")

_PREFIX = "incoming/"
URL_SECONDS = 3600  # in which the PUT must begin; afterwards the client gets another URL


class DirectUploadFetcher:
    """Fetches objects from the bucket; they are not trusted and pass the same checks as every other upload."""

    def __init__(self, database: GuardedDatabase, storage: Storage, limits: Limits) -> None:
        self._database = database
        self._storage = storage
        self._limits = limits

    async def url_of(self, view: UploadView) -> str | None:
        """A URL for a PUT of the whole file without credentials, valid until the upload expires, at most an hour.

        None once bytes were received or the upload has expired, or if the storage has no such URLs or the operator
        disabled them.
        """
        seconds = min(URL_SECONDS, (view.expires_at - now_ms()) // 1000)
        objects = self._objects
        if objects is None or view.state is not UploadState.PENDING or seconds < 1:
            return None
        with suppress(StorageError):  # `uploadUrl` remains
            return await objects.url_of(view.id, seconds)
        return None

    async def fetch(self, session: UploadSessionRow) -> TempFile:
        """The object as a finished temp file, which the caller stores or discards.

        Raises AttachmentsRejected and leaves the upload unchanged: NOT_READY if there is no object or it is too small;
        TOO_LARGE if it is too large, and then deletes it unread; STORAGE_FAILED.
        """
        objects = self._objects
        if objects is None:
            raise _rejected(session, Reason.NOT_READY, "This server takes the bytes itself: send them to `uploadUrl`.")
        try:
            await _check_size(objects, session)
            return await self._download(objects, session)
        except StorageNotFound:
            raise _nothing(session) from None
        except StorageError as error:
            raise _rejected(session, *storage_rejection(error)) from error

    async def forget(self, id_: int) -> None:
        """Deletes the object of an upload; the sweeper deletes what cannot be deleted now."""
        if self._objects is not None:
            with suppress(StorageError):
                await self._objects.delete(id_)

    @property
    def part(self) -> "DirectUploadPart | None":
        """The objects in the bucket, also if URLs are disabled now; None if the storage has no direct uploads."""
        objects = self._storage.direct_uploads
        return None if objects is None else DirectUploadPart(self._database, objects, self._limits)

    @property
    def _objects(self) -> "DirectUploads | None":
        return self._storage.direct_uploads if self._limits.presigned_uploads else None

    async def _download(self, objects: "DirectUploads", session: UploadSessionRow) -> TempFile:
        temp_file = await self._storage.create_temp()
        try:
            async with aclosing(objects.read(session.id, session.byte_size)) as chunks:
                async for chunk in chunks:
                    await temp_file.write(chunk)
            await temp_file.finish()
        except BaseException:
            await temp_file.discard()
            raise
        return temp_file


class DirectUploadPart:
    """A `StoragePart`: direct uploads, named `incoming/` and the number of their upload.

    An object that a client replaces between the listing and the delete is deleted too, because a delete names no
    version. `completeUpload` then returns NOT_READY, and the client puts the file again.
    """

    def __init__(self, database: GuardedDatabase, objects: "DirectUploads", limits: Limits) -> None:
        self._database = database
        self._objects = objects
        self._limits = limits

    async def batches(self, counts: SweepCounts) -> AsyncIterator[list[str]]:
        """Fulfil `StoragePart.batches`.

        Deletes at once what is larger than its upload or than any file may be, and the objects of failed uploads:
        a URL that is valid for an hour could fill the quarantine.
        """
        async for sizes in self._objects.sizes():
            counts.looked_at += len(sizes)
            known, expected = await self._database.read(_known_and_expected, sizes)
            names = []
            for number, size in sizes.items():
                most = expected.get(number, -1) if number in known else self._limits.max_attachment_bytes
                if size > most:
                    await self._delete_at_once(number, counts)
                else:
                    names.append(name_of(_PREFIX, number))
            yield names

    def named_by_rows(self, tx: Transaction, names: Collection[str]) -> set[str]:
        """Fulfil `StoragePart.named_by_rows`."""
        return sessions_among(tx, _PREFIX, names)

    async def delete(self, name: str) -> None:
        """Fulfil `StoragePart.delete`."""
        await self._objects.delete(number_of(name))

    async def _delete_at_once(self, number: int, counts: SweepCounts) -> None:
        try:
            await self._objects.delete(number)
        except StorageError as error:
            counts.failed += 1
            _log.warning("not deleted", error=str(error))
        else:
            counts.deleted += 1


def _known_and_expected(tx: Transaction, ids: Collection[int]) -> tuple[set[int], dict[int, int]]:
    """Which of the uploads are in progress or failed, and the sizes of those in progress."""
    return sessions.known(tx, ids), sessions.sizes_of(tx, ids)


async def _check_size(objects: "DirectUploads", session: UploadSessionRow) -> None:
    """Raises AttachmentsRejected if the object has another size; deletes one that is too large."""
    size = await objects.size_of(session.id)
    if size is None:
        raise _nothing(session)
    if size < session.byte_size:
        detail = f"{size} of {session.byte_size} bytes were put at `directUploadUrl`: put the whole file there."
        raise _rejected(session, Reason.NOT_READY, detail)
    if size > session.byte_size:
        await objects.delete(session.id)
        detail = (
            f"{size} bytes were put at `directUploadUrl`, where {session.byte_size} were to be: put the file again."
        )
        raise _rejected(session, Reason.TOO_LARGE, detail)


def _nothing(session: UploadSessionRow) -> AttachmentsRejected:
    detail = "Nothing has been put at `directUploadUrl`: put the file there, or send it in parts to `uploadUrl`."
    return _rejected(session, Reason.NOT_READY, detail)


def _rejected(session: UploadSessionRow, reason: Reason, detail: str) -> AttachmentsRejected:
    limit = session.byte_size if reason is Reason.TOO_LARGE else None
    return AttachmentsRejected([AttachmentRejection(0, reason, detail, session.filename, limit)])
