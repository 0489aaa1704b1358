"""Partial files: bytes that come in parts, in local files that outlive a restart, until the last one is there."""

import asyncio
import errno
import hashlib
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

from storage.base import CHUNK_BYTES, StagedFile, StorageFailed, StorageNotFound, check_room, failing_as

_NAME = re.compile(r"[0-9a-f]{16}", re.ASCII)


class FoundFile(StagedFile):
    """A whole file among the partial ones, which stays there, whoever keeps or discards it: see `PartialFiles.delete`.

    So what came in many parts outlives a keep of which nothing came, and a crash in the middle of one.
    """

    def __init__(self, path: Path, byte_size: int, sha256: str) -> None:
        self.path = path
        self.byte_size = byte_size
        self._sha256 = sha256

    @property
    def sha256(self) -> str:
        """See StagedFile."""
        return self._sha256

    async def write(self, chunk: bytes) -> None:  # noqa: ARG002 - see StagedFile
        """Refused: it is finished."""
        raise StorageFailed("The file is finished: nothing can be added.")

    async def finish(self) -> None:
        """It is."""

    async def discard(self) -> None:
        """Does nothing."""


class PartialFiles:
    """One file for each number, below one folder, mode 0600. Whoever writes to one is alone with it.

    What the disk has of a file whose write, close or fsync failed is not known, and a second fsync would report success
    for lost bytes. So such a file is deleted, and its upload begins again from 0.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lost: set[int] = set()  # files whose bytes cannot be trusted, and that could not be deleted so far

    async def open(self) -> None:
        """Make the folder; what a former run left stays. Raises StorageFull or StorageFailed."""
        with failing_as(f"The folder {self._folder} cannot be used"):
            await asyncio.to_thread(self._folder.mkdir, 0o700, parents=True, exist_ok=True)

    async def size_of(self, number: int) -> int:
        """How many bytes have come; 0 before the first. Raises StorageFailed."""
        with failing_as("The size could not be read"):
            return await asyncio.to_thread(self._size_of, number)

    async def append(self, number: int, chunks: AsyncIterator[bytes]) -> None:
        """Write behind the last byte, in pieces of CHUNK_BYTES; what came before an end of the client's is kept.

        Raises StorageFull or StorageFailed, and whatever the chunks raise. After StorageFailed all bytes of the file
        are forgotten.
        """
        with failing_as("The bytes could not be staged"):
            file = await asyncio.to_thread(self._opened, number)
        buffer = bytearray()
        try:
            try:
                async for chunk in chunks:
                    buffer += chunk
                    if len(buffer) >= CHUNK_BYTES:
                        full, buffer = buffer, bytearray()
                        with failing_as("The bytes could not be staged"):
                            await _to_the_end(_write_all, file, full)
            finally:
                with failing_as("The bytes could not be staged"):
                    await _to_the_end(_close, file, buffer)
        except StorageFailed:
            await asyncio.shield(asyncio.to_thread(self._forget, number))
            raise

    async def cut(self, number: int, size: int) -> None:
        """Forget what lies behind the first `size` bytes. Raises StorageFailed."""
        with failing_as("The bytes could not be cut"):
            path = self._path_of(number)
            await (asyncio.to_thread(_truncate, path, size) if size else asyncio.to_thread(_unlink, path))

    async def finished(self, number: int) -> FoundFile:
        """The whole file, on the disk and hashed.

        Raises StorageNotFound, StorageFull or StorageFailed; where fsync failed all bytes of the file are forgotten.
        """
        path = self._path_of(number)
        with failing_as("The file could not be finished"):
            try:
                size, sha256 = await asyncio.to_thread(self._synced, number)
            except FileNotFoundError as error:
                raise StorageNotFound("There is no such file.") from error
        return FoundFile(path, size, sha256)

    async def delete(self, number: int) -> None:
        """Forget the bytes; a second delete does nothing."""
        await asyncio.to_thread(_unlink, self._path_of(number))

    async def numbers(self) -> list[int]:
        """Those of which there are bytes. Raises StorageFailed."""
        with failing_as("The files could not be listed"):
            names = await asyncio.to_thread(os.listdir, self._folder)
        return [int(name, 16) for name in names if _NAME.fullmatch(name)]

    def _path_of(self, number: int) -> Path:
        return self._folder / f"{number:016x}"

    def _size_of(self, number: int) -> int:
        """Not 0 where only the folder is missing: its disk may come back."""
        if number in self._lost:
            self._delete_lost(number)
        try:
            return self._path_of(number).stat().st_size
        except FileNotFoundError:
            self._folder.stat()
            return 0

    def _synced(self, number: int) -> tuple[int, str]:
        """Size and SHA-256 of a file that a power cut leaves as it is."""
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
        """Deletes what cannot be trusted, now or before it is looked at again."""
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


async def _to_the_end(
    work: Callable[[int, bytes | bytearray], None], descriptor: int, content: bytes | bytearray
) -> None:
    """Runs it in a thread, and returns when the thread has: a late write could reach a descriptor of another file."""
    working = asyncio.ensure_future(asyncio.to_thread(work, descriptor, content))
    try:
        await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        raise


def _write_all(descriptor: int, content: bytes | bytearray) -> None:
    if content:
        check_room(descriptor, len(content))
    with memoryview(content) as rest:
        written = 0
        while written < len(rest):
            written += os.write(descriptor, rest[written:])


def _close(descriptor: int, content: bytes | bytearray) -> None:
    try:
        _write_all(descriptor, content)
    finally:
        try:
            os.close(descriptor)
        except OSError as error:  # a quota too, over a network: what was written before is lost
            raise OSError(errno.EIO, os.strerror(error.errno or errno.EIO)) from error


def _truncate(path: Path, size: int) -> None:
    with suppress(FileNotFoundError):
        os.truncate(path, size)


def _unlink(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
