"""Partial files: local files of resumable uploads, which survive a restart."""

import asyncio
import errno
import hashlib
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from storage.base import StorageFailed, StorageNotFound, failing_as
from storage.reader import acquired, in_thread
from storage.temp_file import TempFile
from storage.write_buffer import Part, WriteBuffer, write_parts

T = TypeVar("T")

_NAME = re.compile(r"[0-9a-f]{16}", re.ASCII)


class CompleteFile(TempFile):
    """A complete partial file. `store` and `discard` do not delete it: see `PartialFiles.delete`.

    So an upload survives a failed `store`, and a crash during one.
    """

    def __init__(self, path: Path, byte_size: int, sha256: str) -> None:
        self.path = path
        self.byte_size = byte_size
        self._sha256 = sha256
        self._is_finished = self._is_usable = True

    @property
    def sha256(self) -> str:
        """See TempFile."""
        return self._sha256

    async def write(self, chunk: bytes) -> None:  # noqa: ARG002 - see TempFile
        """Raises StorageFailed: the file is finished."""
        raise StorageFailed("The file is finished; nothing can be added.")

    async def finish_and(self, inspect: Callable[[Path], T]) -> T:
        """Inspects the file in a thread: it is finished."""
        return await asyncio.to_thread(inspect, self.path)

    async def discard(self) -> None:
        """Does nothing."""

    def mark_moved(self) -> None:
        """Does nothing: a hard link was added."""


class PartialFiles:
    """One file per number in one folder, mode 0600. The caller must ensure that each file has one writer at a time.

    After a failed write, close or fsync, the contents on the disk are unknown, and a second fsync could report success
    for lost bytes. So the file is deleted, and its upload starts again from 0.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lost: set[int] = set()  # damaged files that could not be deleted yet

    async def open(self) -> None:
        """Creates the folder; existing files are kept. Raises StorageFull or StorageFailed."""
        with failing_as(f"The folder {self._folder} cannot be used"):
            await asyncio.to_thread(self._folder.mkdir, 0o700, parents=True, exist_ok=True)

    async def size_of(self, number: int) -> int:
        """The number of bytes received so far. Raises StorageFailed."""
        with failing_as("The size could not be read"):
            return await asyncio.to_thread(self._size_of, number)

    async def append(self, number: int, chunks: AsyncIterator[bytes]) -> None:
        """Appends in pieces of CHUNK_BYTES; if the chunks raise, the bytes before are kept.

        Raises StorageFull or StorageFailed, and the exceptions of the chunks. StorageFailed deletes the whole file.
        """
        with failing_as("The bytes could not be written"):
            file = await acquired(self._opened, os.close, number)
        buffer = WriteBuffer()
        try:
            try:
                async for chunk in chunks:
                    buffer.add(chunk)
                    if buffer.is_full:
                        with failing_as("The bytes could not be written"):
                            await in_thread(write_parts, file, buffer.take())
            finally:
                with failing_as("The bytes could not be written"):
                    await in_thread(_close, file, buffer.take())
        except StorageFailed:
            await asyncio.shield(asyncio.to_thread(self._forget, number))
            raise

    async def cut(self, number: int, size: int) -> None:
        """Truncates the file to `size` bytes. Raises StorageFailed."""
        with failing_as("The file could not be truncated"):
            path = self._path_of(number)
            await (asyncio.to_thread(_truncate, path, size) if size else asyncio.to_thread(_unlink, path))

    async def finished(self, number: int) -> CompleteFile:
        """The complete file, synced and hashed.

        Raises StorageNotFound, StorageFull or StorageFailed; a failed fsync deletes the whole file.
        """
        path = self._path_of(number)
        with failing_as("The file could not be finished"):
            try:
                size, sha256 = await asyncio.to_thread(self._synced, number)
            except FileNotFoundError as error:
                raise StorageNotFound("There is no such file.") from error
        return CompleteFile(path, size, sha256)

    async def delete(self, number: int) -> None:
        """Forget the bytes; a second delete does nothing."""
        await asyncio.to_thread(_unlink, self._path_of(number))

    async def numbers(self) -> list[int]:
        """The numbers of all files. Raises StorageFailed."""
        with failing_as("The files could not be listed"):
            names = await asyncio.to_thread(os.listdir, self._folder)
        return [int(name, 16) for name in names if _NAME.fullmatch(name)]

    def _path_of(self, number: int) -> Path:
        return self._folder / f"{number:016x}"

    def _size_of(self, number: int) -> int:
        """Raises if the folder is missing, because its disk may only be unmounted."""
        if number in self._lost:
            self._delete_lost(number)
        try:
            return self._path_of(number).stat().st_size
        except FileNotFoundError:
            self._folder.stat()
            return 0

    def _synced(self, number: int) -> tuple[int, str]:
        """Syncs the file; returns its size and SHA-256."""
        if number in self._lost:
            self._delete_lost(number)
        with self._path_of(number).open("rb") as file:
            try:
                os.fsync(file.fileno())
            except OSError:
                self._forget(number)
                raise
            digest = hashlib.file_digest(file, "sha256")
            return file.tell(), digest.hexdigest()

    def _forget(self, number: int) -> None:
        """Deletes a damaged file, now or before the next access."""
        self._lost.add(number)
        with suppress(OSError):
            self._delete_lost(number)

    def _delete_lost(self, number: int) -> None:
        self._path_of(number).unlink(missing_ok=True)
        self._lost.discard(number)

    def _opened(self, number: int) -> int:
        if number in self._lost:
            self._delete_lost(number)
        return os.open(self._path_of(number), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _close(descriptor: int, parts: list[Part]) -> None:
    try:
        write_parts(descriptor, parts)
    finally:
        try:
            os.close(descriptor)
        except OSError as error:  # even for a quota on a network disk: earlier writes are lost
            raise OSError(errno.EIO, os.strerror(error.errno or errno.EIO)) from error


def _truncate(path: Path, size: int) -> None:
    with suppress(FileNotFoundError):
        os.truncate(path, size)


def _unlink(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
