"""Completion: after its last byte, an upload is checked and becomes ready, or fails."""

import asyncio
from collections.abc import Coroutine, Sequence
from contextlib import suppress

from models import upload_session as sessions
from models.transaction import Transaction
from models.upload_session import UploadSessionRow
from services.credential_status import credential_status_of
from services.error import AttachmentsRejected, NotFound, OutcomeUnclear
from services.file.attached_upload import number_of
from services.file.attachment import AttachmentService, put_uploads
from services.file.direct_upload import DirectUploadFetcher
from services.file.file import ReceivedFile
from services.file.inspection import FileInspector
from services.file.picture import Picture
from services.guard import GuardedDatabase
from services.rejection import AttachmentRejectionReason as Reason
from services.viewer import Viewer
from storage.base import Storage
from storage.temp_file import TempFile


class Completion:
    """Completes uploads, whether received over tus or fetched from the bucket."""

    def __init__(
        self,
        database: GuardedDatabase,
        storage: Storage,
        files: AttachmentService,
        inspector: FileInspector,
        direct_uploads: DirectUploadFetcher,
    ) -> None:
        self._database = database
        self._storage = storage
        self._files = files
        self._inspector = inspector
        self._direct_uploads = direct_uploads

    async def finish(self, viewer: Viewer, session: UploadSessionRow, whole: TempFile) -> None:
        """1 check hash, type and picture; 2 store the file; 3 replace the session by an upload; 4 delete the parts.

        Takes ownership of `whole`, which is finished. The parts stay until 4: after a crash, or if the write is
        refused, the session is unchanged and can be continued. A crash between 2 and 3 leaves bytes without a row, one
        between 3 and 4 parts without a session; the sweeper deletes both. Raises AttachmentsRejected if the file is
        not accepted, and NotFound if the upload was cancelled meanwhile. From 2 on, a cancellation is ignored: the
        request that cancels this one waits for its end, and then finds the upload ready.
        """
        received = ReceivedFile(session.filename, whole, whole.byte_size, duration_ms=session.duration_ms)
        try:
            picture = await self._judge(session, received)
            if received.rejection is not None:
                await self._fail(session, received)
        except BaseException:
            await self._inspector.discard(received)
            raise
        await _to_the_end(self._keep(viewer, session, received, picture))

    async def clear(self, id_: int, unused_keys: Sequence[str] = ()) -> None:
        """Deletes the parts, the bucket object and stored bytes of an upload that is completed, failed or cancelled."""
        await self._files.forget(unused_keys)
        await self._storage.partials.delete(id_)
        await self._direct_uploads.forget(id_)

    async def _judge(self, session: UploadSessionRow, received: ReceivedFile) -> Picture | None:
        """Sets `rejection` if the file does not match its form or is not accepted."""
        assert received.temp_file is not None
        if session.sha256 is not None and received.temp_file.sha256 != session.sha256.hex():
            received.rejection = (Reason.CHECKSUM_MISMATCH, f"`{session.filename}` is not what its SHA-256 says.")
        else:
            await self._inspector.inspect(received)
        picture = await self._inspector.prove(received)
        if session.thumbnail_for is not None and picture is None and received.rejection is None:
            received.rejection = (Reason.TYPE_NOT_ALLOWED, "A thumbnail must be a picture.")
        return picture

    async def _keep(
        self, viewer: Viewer, session: UploadSessionRow, received: ReceivedFile, picture: Picture | None
    ) -> None:
        try:
            key = await self._files.store_bytes(0, received)
        except BaseException:
            await self._inspector.discard(received)
            raise
        row = self._files.row_of(viewer.user_id, received, key, picture)._replace(
            id=session.id, thumbnail_for=session.thumbnail_for, expires_at=session.expires_at
        )

        def write(tx: Transaction, whole: frozenset[str]) -> list[str]:
            credential_status_of(tx, viewer)
            if not tx.run(sessions.DELETE, id=session.id, owner=viewer.user_id):
                raise NotFound("There is no such upload.")  # cancelled meanwhile
            return put_uploads(tx, [row], whole)  # counted towards the quota since `create`

        try:
            unused = await self._database.write(write, await self._files.whole_copies_of([row]))
        except OutcomeUnclear:
            raise  # the row may be there after all; the sweeper decides later
        except BaseException:
            await self._files.forget([key])
            raise
        await self.clear(session.id, unused)

    async def _fail(self, session: UploadSessionRow, received: ReceivedFile) -> None:
        """Raises AttachmentsRejected; unless it is retryable, the upload stays failed and its bytes are deleted."""
        rejection = self._inspector.rejection_of(0, received)
        if not rejection.is_retryable:
            failure = number_of(rejection.reason)
            await self._database.write(lambda tx: tx.run(sessions.FAIL, id=session.id, failure=failure))
            await self._inspector.discard(received)
            await self.clear(session.id)
        raise AttachmentsRejected([rejection])


async def _to_the_end(work: Coroutine[None, None, None]) -> None:
    """Keeps the caller's exclusive task running until the work is done, however often that task is cancelled."""
    working = asyncio.ensure_future(work)
    while not working.done():
        with suppress(asyncio.CancelledError):
            await asyncio.wait([working])
    working.result()
