"""Uploads: created by a mutation, received over tus 1.0 or fetched from the bucket, and attached by ID."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from models import attachment as attachments
from models import upload_session as sessions
from models.base import new_id, now_ms
from models.prepared import id_list
from models.transaction import Transaction
from models.upload_session import UploadSessionRow
from services.error import AttachmentsRejected, Conflict, InvalidInput, NotFound, RateLimited, ServerUnavailable
from services.file.attachment import check_quota
from services.file.completion import Completion
from services.file.direct_upload import DirectUploadFetcher
from services.file.exclusive_task import ExclusiveTasks, Superseded
from services.file.partial_sweep import PartialFilePart
from services.file.quarantine import StoragePart
from services.file.upload_session import (
    ChecksumMismatch,
    OffsetMismatch,
    TooLong,
    UploadForm,
    UploadState,
    UploadView,
    at_most,
    check_promise,
    check_target,
    failure_of,
    find_upload,
    issues_of,
    view_of,
)
from services.guard import GuardedDatabase
from services.limit import Limits
from services.rate import RateLimiter
from services.text import clean_filename
from services.viewer import Right, Viewer
from storage.base import Storage, StorageError

T = TypeVar("T")

_NONE = "There is no such upload."


class UploadService:
    """Uploads belong to one user, are used once, expire, and survive a restart."""

    def __init__(
        self,
        database: GuardedDatabase,
        storage: Storage,
        direct_uploads: DirectUploadFetcher,
        completion: Completion,
        limits: Limits,
    ) -> None:
        self._database = database
        self._storage = storage
        self._direct_uploads = direct_uploads
        self._completion = completion
        self._limits = limits
        self._rate = RateLimiter(limits.upload_rate_per_minute, "uploads")
        self._completions = RateLimiter(limits.upload_rate_per_minute, "uploads to complete")
        self._tasks = ExclusiveTasks()  # by owner and upload
        self._is_stopping = False

    async def create(self, viewer: Viewer, form: UploadForm) -> UploadView:
        """Creates an upload. Raises InvalidInput, AttachmentsRejected (TOO_LARGE, TYPE_NOT_ALLOWED), RateLimited."""
        viewer.check(Right.SEND)
        self._rate.take(viewer.user_id)
        if issues := issues_of(form):
            raise InvalidInput(issues)
        check_promise(form, self._limits)
        now = now_ms()
        row = UploadSessionRow(
            id=new_id(),
            owner_id=viewer.user_id,
            filename=clean_filename(form.filename, self._limits.max_filename_length),
            byte_size=form.byte_size,
            sha256=None if form.sha256 is None else bytes.fromhex(form.sha256),
            duration_ms=None if form.duration_seconds is None else round(form.duration_seconds * 1000),
            thumbnail_for=form.thumbnail_for,
            failure=None,
            expires_at=now + self._limits.upload_life_seconds * 1000,
        )

        def write(tx: Transaction) -> None:
            if form.thumbnail_for is not None:
                check_target(tx, viewer.user_id, form.thumbnail_for)
            if tx.value(sessions.COUNT, owner=viewer.user_id) >= self._limits.max_uploads:
                detail = f"At most {self._limits.max_uploads} uploads at once: finish or cancel one first."
                raise RateLimited(detail, 60.0)
            check_quota(tx, viewer.user_id, {0: form.byte_size}, self._limits.quota_bytes)
            tx.run(sessions.PUT, created_at=now, **row._asdict())

        await self._database.send_for(viewer, write)
        return UploadView(row.id, UploadState.PENDING, 0, row.byte_size, row.expires_at, row.filename)

    async def find(self, viewer: Viewer, id_: int) -> UploadView | None:
        """An upload of the viewer that no message uses; None for any other ID."""
        return (await self.find_many(viewer, [id_])).get(id_)

    async def find_many(self, viewer: Viewer, ids: list[int]) -> dict[int, UploadView]:
        """As `find`, for several IDs; the uploads that exist, by ID."""
        viewer.check(Right.SEND)
        found = await self._database.read(lambda tx: {id_: find_upload(tx, viewer.user_id, id_) for id_ in ids})
        views = {
            id_: ready if session is None else await self._view_of(session) for id_, (session, ready) in found.items()
        }
        return {id_: view for id_, view in views.items() if view is not None}

    async def offset(self, viewer: Viewer, id_: int) -> UploadView:
        """The upload with the offset at which to continue, for a client that lost its connection.

        Cancels a part that is still being received. If the server stopped after the last byte, completes the upload
        now. Raises NotFound, and AttachmentsRejected if the file is not accepted.
        """
        viewer.check(Right.SEND)
        return await self._run_exclusive(viewer, id_, partial(self._offset, viewer, id_))

    async def append(
        self, viewer: Viewer, id_: int, offset: int, chunks: AsyncIterator[bytes], checksum: tuple[str, bytes] | None
    ) -> int:
        """Appends a part that begins at `offset`; returns the next offset. With the last byte the upload is completed.

        If the connection breaks, the received bytes are kept, unless the part has a checksum (algorithm and digest).
        Raises NotFound, OffsetMismatch, TooLong, ChecksumMismatch, AttachmentsRejected if the file is not accepted,
        and ServerUnavailable if the storage fails.
        """
        viewer.check(Right.SEND)
        return await self._run_exclusive(viewer, id_, partial(self._append, viewer, id_, offset, chunks, checksum))

    async def direct_url(self, viewer: Viewer, view: UploadView) -> str | None:
        """A URL of the storage itself for the file; see `DirectUploadFetcher.url_of`."""
        viewer.check(Right.SEND)
        return await self._direct_uploads.url_of(view)

    async def complete(self, viewer: Viewer, id_: int) -> UploadView:
        """Fetches the file that the client has put into the bucket, and completes the upload.

        Replaces bytes that were received in parts. Further calls, also during this one, have the same result. Raises
        NotFound; AttachmentsRejected, finally if the file is not accepted, and otherwise with the upload unchanged (see
        `DirectUploadFetcher.fetch`); Conflict if a part or a cancellation superseded it; RateLimited.
        """
        viewer.check(Right.SEND)
        self._completions.take(viewer.user_id)
        try:
            return await self._tasks.run_shared((viewer.user_id, id_), partial(self._complete, viewer, id_))
        except Superseded:
            if self._is_stopping:
                raise ServerUnavailable("The server is stopping: ask again, the file is where it was.", 5.0) from None
            raise Conflict("The upload went on in another way meanwhile: look at its `state`.") from None

    def stop(self) -> None:
        """Cancels all fetches, which can take long; clients call `complete` again."""
        self._is_stopping = True
        self._tasks.cancel_shared()

    async def cancel(self, viewer: Viewer, id_: int) -> None:
        """Deletes an upload that no message uses, with its bytes; raises NotFound."""
        viewer.check(Right.SEND)

        def write(tx: Transaction) -> list[str]:
            keys = [row.storage_key for row in tx.all(attachments.MINE, owner=viewer.user_id, ids=id_list([id_]))]
            gone = tx.run(attachments.CANCEL, id=id_, owner=viewer.user_id)
            gone += tx.run(sessions.DELETE, id=id_, owner=viewer.user_id)
            if not gone:
                raise NotFound(_NONE)
            return attachments.unused(tx, keys)

        unused = await self._database.send_for(viewer, write)
        with suppress(ServerUnavailable):  # a completion that goes on finds no session
            await self._tasks.cancel((viewer.user_id, id_))
        await self._completion.clear(id_, unused)

    async def delete_expired(self) -> None:
        """Deletes the rows of expired uploads; the storage sweep deletes their bytes."""
        while await self._database.write(sessions.take_expired, now_ms()):
            pass

    @property
    def parts(self) -> tuple[StoragePart, ...]:
        """The parts of the storage that hold uploads in progress."""
        direct = self._direct_uploads.part
        partial_files = PartialFilePart(self._storage.partials, self._tasks)
        return (partial_files,) if direct is None else (partial_files, direct)

    async def _run_exclusive(self, viewer: Viewer, id_: int, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The key includes the viewer: requests of other users cannot cancel a part that is being received."""
        try:
            return await self._tasks.run_exclusive((viewer.user_id, id_), work)
        except Superseded:
            raise OffsetMismatch(await self._received_bytes(id_)) from None

    async def _find(self, viewer: Viewer, id_: int) -> tuple[UploadSessionRow | None, UploadView | None]:
        viewer.check(Right.SEND)
        return await self._database.read(find_upload, viewer.user_id, id_)

    async def _open(self, viewer: Viewer, id_: int) -> UploadSessionRow | UploadView:
        """An upload in progress, or ready; raises NotFound, also if expired, and AttachmentsRejected if it failed."""
        session, ready = await self._find(viewer, id_)
        if ready is not None:
            return ready
        if session is None or session.expires_at <= now_ms():
            raise NotFound(_NONE)
        if session.failure is not None:
            raise AttachmentsRejected([failure_of(session)])
        return session

    async def _offset(self, viewer: Viewer, id_: int) -> UploadView:
        session, ready = await self._find(viewer, id_)
        if session is None:
            if ready is None:
                raise NotFound(_NONE)
            return ready
        view = await self._view_of(session)
        if view.received_bytes == session.byte_size and view.state is UploadState.UPLOADING:
            await self._finish(viewer, session)
        return view

    async def _append(
        self, viewer: Viewer, id_: int, offset: int, chunks: AsyncIterator[bytes], checksum: tuple[str, bytes] | None
    ) -> int:
        session = await self._open(viewer, id_)
        if isinstance(session, UploadView):
            raise OffsetMismatch(session.received_bytes)
        end = await self._put(session, offset, chunks, checksum)
        if end == session.byte_size:
            await self._finish(viewer, session)
        return end

    async def _complete(self, viewer: Viewer, id_: int) -> UploadView:
        if self._is_stopping:
            raise Superseded
        session = await self._open(viewer, id_)
        if isinstance(session, UploadSessionRow):
            if (await self._view_of(session)).received_bytes == session.byte_size:
                await self._finish(viewer, session)  # the server stopped before it could
            else:
                await self._completion.finish(viewer, session, await self._direct_uploads.fetch(session))
            session = await self._open(viewer, id_)
        if isinstance(session, UploadSessionRow) or session.state is UploadState.EXPIRED:
            raise NotFound(_NONE)
        return session

    async def _put(
        self, session: UploadSessionRow, offset: int, chunks: AsyncIterator[bytes], checksum: tuple[str, bytes] | None
    ) -> int:
        """Appends the bytes; returns the new offset."""
        partials = self._storage.partials
        try:
            at = await partials.size_of(session.id)
            if offset != at:
                raise OffsetMismatch(at)
            digest = None if checksum is None else hashlib.new(checksum[0], usedforsecurity=False)
            update = None if digest is None else digest.update
            try:
                await partials.append(session.id, at_most(chunks, session.byte_size - at, update))
            except BaseException as error:
                if digest is not None or isinstance(error, TooLong):
                    await asyncio.shield(partials.cut(session.id, at))
                raise
            if digest is not None and checksum is not None and digest.digest() != checksum[1]:
                await partials.cut(session.id, at)
                raise ChecksumMismatch
            return await partials.size_of(session.id)
        except StorageError as error:
            raise ServerUnavailable("The bytes could not be kept; try again.", 5.0) from error

    async def _finish(self, viewer: Viewer, session: UploadSessionRow) -> None:
        """Completes the upload after its last part."""
        try:
            found = await self._storage.partials.finished(session.id)
        except StorageError as error:
            raise ServerUnavailable("The file could not be finished; try again.", 5.0) from error
        await self._completion.finish(viewer, session, found)

    async def _view_of(self, session: UploadSessionRow) -> UploadView:
        return view_of(session, await self._received_bytes(session.id))

    async def _received_bytes(self, id_: int) -> int:
        try:
            return await self._storage.partials.size_of(id_)
        except StorageError as error:
            raise ServerUnavailable("The upload cannot be read just now.", 5.0) from error
