"""File inspection: detects the type of a received file by its bytes, and removes the metadata of pictures."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

from services.file import media_type
from services.file.file import ReceivedFile
from services.file.media import duration_of, frame_of
from services.file.media_type import AttachmentKind
from services.file.picture import Picture, PictureDecoder, UnsafePicture
from services.limit import Limits
from services.rejection import AttachmentRejection
from services.rejection import AttachmentRejectionReason as Reason
from services.text import clean_filename
from storage.base import Storage, StorageError, StorageFull
from storage.reader import chunks_of


class FileInspector:
    """Decides what a file is by its bytes alone; what the client claims has no influence."""

    def __init__(self, storage: Storage, pictures: PictureDecoder, limits: Limits) -> None:
        self._storage = storage
        self._pictures = pictures
        self._limits = limits

    async def receive(self, chunks: AsyncIterator[bytes], filename: str | None) -> ReceivedFile:
        """Streams a part to disk and inspects it.

        Consumes every chunk, whatever happens: a file that is too large, or that the disk has no room for, is marked
        and its bytes are dropped. The caller hands the result to a send, and in any case to `discard`.
        """
        received = ReceivedFile(clean_filename(filename, self._limits.max_filename_length))
        try:
            await self._stream(received, chunks)
            if received.rejection is None:
                await self.inspect(received)
        except BaseException:
            await self.discard(received)
            raise
        return received

    async def copy(self, received: ReceivedFile) -> ReceivedFile:
        """The same bytes in a temp file of their own; `rejection` says why they could not be copied."""
        if received.temp_file is None:
            return replace(received)
        try:
            async with aclosing(chunks_of(received.temp_file.path)) as chunks:
                return await self.receive(chunks, received.filename)
        except OSError:
            return replace(received, temp_file=None, rejection=_not_read(received))

    async def discard(self, received: ReceivedFile) -> None:
        """Deletes what was received; does nothing after a send stored it, or when called again."""
        if received.temp_file is not None:
            temp_file, received.temp_file = received.temp_file, None
            await temp_file.discard()

    async def inspect(self, received: ReceivedFile) -> None:
        """Finishes a received file and detects its type; sets `rejection` if it cannot be attached."""
        assert received.temp_file is not None
        if not received.byte_size:
            received.rejection = (Reason.EMPTY, f"`{received.filename}` is empty.")
            return
        try:
            received.mime_type = await received.temp_file.finish_and(media_type.detect)
        except StorageError as error:
            received.rejection = storage_rejection(error)
            return
        except OSError:
            received.rejection = _not_read(received)
            return
        received.sha256 = received.temp_file.sha256
        allowed = self._limits.allowed_mime_types
        if allowed and received.mime_type not in allowed:
            detail = f"`{received.filename}` is {received.mime_type} by its content, which is not accepted here."
            received.rejection = (Reason.TYPE_NOT_ALLOWED, detail)

    async def prove(self, received: ReceivedFile) -> Picture | None:
        """Decodes a picture and replaces it by an upright one without EXIF; reads the duration of video and audio.

        None if it is not a picture, or if it is rejected: then `rejection` says why.
        """
        if received.rejection is not None or received.temp_file is None:
            return None
        if received.kind in {AttachmentKind.VIDEO, AttachmentKind.AUDIO}:
            found = await duration_of(received.temp_file.path, received.mime_type)
            received.duration_ms = received.duration_ms if found is None else found
            received.frame = await frame_of(received.temp_file.path, received.mime_type)
        if received.kind is not AttachmentKind.IMAGE:
            return None
        try:
            picture = await self._pictures.decode(received.temp_file.path, received.mime_type)
            await self._clean(received)
        except UnsafePicture as error:
            received.rejection = (Reason.UNSAFE, f"`{received.filename}`: {error.reason}")
        except StorageError as error:
            received.rejection = storage_rejection(error)
        except OSError:
            received.rejection = _not_read(received)
        else:
            return picture
        return None

    def rejection_of(self, index: int, received: ReceivedFile) -> AttachmentRejection:
        """The rejection as the client sees it, with the limit that was exceeded."""
        assert received.rejection is not None
        reason, detail = received.rejection
        return AttachmentRejection(
            index,
            reason,
            detail,
            filename=received.filename,
            limit_bytes=self._limits.max_attachment_bytes if reason is Reason.TOO_LARGE else None,
            allowed_mime_types=self._limits.allowed_mime_types if reason is Reason.TYPE_NOT_ALLOWED else None,
        )

    async def _clean(self, received: ReceivedFile) -> None:
        """Replaces the bytes, their size and their hash by those of the picture without metadata."""
        assert received.temp_file is not None
        async with self._pictures.cleaned(received.temp_file.path, received.mime_type) as chunks:
            if chunks is None:
                return
            cleaned = await self._storage.create_temp()
            try:
                async for chunk in chunks:
                    await cleaned.write(chunk)
                await cleaned.finish()
            except BaseException:
                await cleaned.discard()
                raise
        await received.temp_file.discard()
        received.temp_file, received.byte_size, received.sha256 = cleaned, cleaned.byte_size, cleaned.sha256

    async def _stream(self, received: ReceivedFile, chunks: AsyncIterator[bytes]) -> None:
        limit = self._limits.max_attachment_bytes
        received.temp_file = await self._storage.create_temp()
        async for chunk in chunks:
            received.byte_size += len(chunk)
            if received.rejection is None and received.byte_size > limit:
                received.rejection = (Reason.TOO_LARGE, f"`{received.filename}` is larger than {limit} bytes.")
            if received.rejection is None and received.temp_file is not None:
                try:
                    await received.temp_file.write(chunk)
                except StorageError as error:
                    received.rejection = storage_rejection(error)
            elif received.temp_file is not None:
                await self.discard(received)


def _not_read(received: ReceivedFile) -> tuple[Reason, str]:
    """The rejection when the disk, not the file, is at fault."""
    return Reason.STORAGE_FAILED, f"`{received.filename}` could not be inspected; try again."


def storage_rejection(error: StorageError) -> tuple[Reason, str]:
    """The rejection when the storage fails."""
    what = "The disk is full" if isinstance(error, StorageFull) else "The storage failed"
    return Reason.STORAGE_FAILED, f"{what}; nothing was stored, try again later."
