"""Thumbnails: made after the send by a job that survives a restart; an event follows when they are ready."""

from collections.abc import Sequence
from contextlib import aclosing

import structlog

from models import attachment as attachments
from models import job
from models import member as members
from models.attachment import AttachmentRow, FileState
from models.base import conversation_of
from models.event import Change, EventKind
from models.job import JobKind
from services.cause import causes_of
from services.error import SottoError
from services.file.picture import PictureDecoder, SmallPicture, UnsafePicture
from services.guard import GuardedDatabase
from services.message.change import recipients_of, visible_to_of
from services.transaction import WriteTransaction
from storage.base import Storage, StorageError, StorageNotFound
from storage.temp_file import TempFile

log = structlog.get_logger("sotto.thumbnail")


class Thumbnailer:
    """Makes thumbnails, one message after another; one that cannot be made is FAILED, and the picture stays usable."""

    def __init__(self, database: GuardedDatabase, storage: Storage, pictures: PictureDecoder) -> None:
        self._database = database
        self._storage = storage
        self._pictures = pictures

    async def work(self) -> None:
        """Runs the pending jobs. A job is deleted last, so it is retried if the storage fails or the server is busy."""
        kind = int(JobKind.MAKE_THUMBNAILS)
        while waiting := await self._database.read(lambda tx: tx.all(job.NEXT, kind=kind, count=10)):
            for n, message_id in waiting:
                try:
                    await self._make(n, message_id)
                except (SottoError, StorageError, OSError):
                    raise  # temporary: the next round retries
                except Exception as error:  # noqa: BLE001 - one message must not stop all the others
                    log.warning("thumbnails failed", causes=causes_of(error))
                    await self._give_up(n, message_id)

    async def _make(self, n: int, message_id: int) -> None:
        """1. Stores the bytes of the thumbnails. 2. In one transaction, stores rows and events and deletes the job."""
        files = await self._database.read(lambda tx: attachments.of_messages(tx, [message_id]).get(message_id, []))
        made: list[tuple[AttachmentRow, SmallPicture | None, str | None]] = []
        for row in files:
            if row.state == FileState.PROCESSING:
                small = await self._shrink(row)
                made.append((row, small, None if small is None else await self._store_bytes(small)))
        for key in await self._database.write(_store, n, message_id, made):
            await self._storage.delete(key)

    async def _give_up(self, n: int, message_id: int) -> None:
        files = await self._database.read(lambda tx: attachments.of_messages(tx, [message_id]).get(message_id, []))
        failed = [(row, None, None) for row in files if row.state == FileState.PROCESSING]
        await self._database.write(_store, n, message_id, failed)

    async def _shrink(self, row: AttachmentRow) -> SmallPicture | None:
        """Copies the bytes to the local disk first, whatever the storage is; returns None without a usable picture."""
        temp_file = await self._storage.create_temp()
        try:
            await self._copy(row, temp_file)
            return await self._pictures.shrink(temp_file.path, row.mime_type)
        except (UnsafePicture, StorageNotFound) as error:
            log.warning("no thumbnail", cause=type(error).__name__)
            return None
        finally:
            await temp_file.discard()

    async def _copy(self, row: AttachmentRow, temp_file: TempFile) -> None:
        async with aclosing(self._storage.read(row.storage_key)) as chunks:
            async for chunk in chunks:
                await temp_file.write(chunk)
        await temp_file.finish()

    async def _store_bytes(self, small: SmallPicture) -> str:
        temp_file = await self._storage.create_temp()
        try:
            await temp_file.write(small.content)
            return await self._storage.store(temp_file)
        except BaseException:
            await temp_file.discard()
            raise


def _store(
    tx: WriteTransaction,
    n: int,
    message_id: int,
    made: Sequence[tuple[AttachmentRow, SmallPicture | None, str | None]],
) -> list[str]:
    """Returns the keys of thumbnails whose message has been deleted since."""
    unused: list[str] = []
    is_there = False
    for row, small, key in made:
        count = tx.run(
            attachments.SET_THUMBNAIL,
            message=message_id,
            position=row.position,
            state=int(FileState.FAILED if small is None else FileState.READY),
            blurhash=small.blurhash if small else None,
            key=key,
            width=small.width if small else None,
            height=small.height if small else None,
        )
        is_there |= count > 0
        if not count and key is not None:
            unused.append(key)
    if is_there:
        place = conversation_of(message_id)
        rows = members.members_of(tx, [place]).get(place, [])
        recipients = recipients_of(rows, visible_to_of(tx, message_id, rows))
        tx.events.append(recipients, EventKind.MESSAGE_UPDATED, message_id, detail=Change.ATTACHMENTS)
    tx.run(job.FINISHED, n=n)
    return unused
