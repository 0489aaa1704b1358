"""Completion: the last byte of an upload is there; what the file is, and whether it is what was said of it."""

import asyncio
from collections.abc import Coroutine
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
from storage.base import Storage, TempFile


class Completion:
    """The same end for every upload, whichever way its bytes came."""

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
        """1 the hash, the type, the picture; 2 the file is kept; 3 the session becomes an upload; 4 the rest goes.

        Takes the file over, finished. What came in parts stays until 4: after a crash, or a write that was refused,
        the session is as it was before, and can be gone on with. A crash between 2 and 3 leaves bytes without a row,
        and one between 3 and 4 bytes of no session; the sweeper takes both. Raises AttachmentsRejected for what the
        file turned out to be, and NotFound where the upload was cancelled meanwhile. From 2 on it returns when it is
        done, also where it is cancelled: whoever ends it waits, and finds the upload ready.
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

    async def clear(self, id_: int) -> None:
        """Forgets the bytes of an upload that is at its end, wherever they wait."""
        await self._storage.partials.delete(id_)
        await self._direct_uploads.forget(id_)

    async def _judge(self, session: UploadSessionRow, received: ReceivedFile) -> Picture | None:
        """Sets `rejection` where the file is not what was said, or not accepted."""
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
            return put_uploads(tx, [row], whole)  # towards the quota it counts since it was begun

        try:
            unused = await self._database.write(write, await self._files.whole_copies_of([row]))
        except OutcomeUnclear:
            raise  # a crash may bring back the row that points at the bytes: the sweeper knows better, later
        except BaseException:
            await self._files.forget([key])
            raise
        await self._files.forget(unused)
        await self.clear(session.id)

    async def _fail(self, session: UploadSessionRow, received: ReceivedFile) -> None:
        """Says so for good, but for a storage that may work again; raises AttachmentsRejected."""
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
