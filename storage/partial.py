"""Partial files: bytes that come in parts, in local files that outlive a restart, until the last one is there."""

import asyncio
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
    """One file for each number, below one folder, mode 0600. Whoever writes to one is alone with it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def open(self) -> None:
        """Make the folder; what a former run left stays. Raises StorageFull or StorageFailed."""
        with failing_as(f"The folder {self._folder} cannot be used"):
            await asyncio.to_thread(self._folder.mkdir, 0o700, parents=True, exist_ok=True)

    async def size_of(self, number: int) -> int:
        """How many bytes have come; 0 before the first. Raises StorageFailed."""
        with failing_as("The size could not be read"):
            try:
                return (await asyncio.to_thread(self._path_of(number).stat)).st_size
            except FileNotFoundError:
                return 0

    async def append(self, number: int, chunks: AsyncIterator[bytes]) -> None:
        """Write behind the last byte, in pieces of CHUNK_BYTES; what came before an end of the client's is kept.

        Raises StorageFull or StorageFailed, and whatever the chunks raise.
        """
        with failing_as("The bytes could not be staged"):
            file = await asyncio.to_thread(self._opened, number)
        buffer = bytearray()
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

    async def cut(self, number: int, size: int) -> None:
        """Forget what lies behind the first `size` bytes. Raises StorageFailed."""
        with failing_as("The bytes could not be cut"):
            path = self._path_of(number)
            await (asyncio.to_thread(_truncate, path, size) if size else asyncio.to_thread(_unlink, path))

    async def finished(self, number: int) -> FoundFile:
        """The whole file, on the disk and hashed. Raises StorageNotFound, StorageFull or StorageFailed."""
        path = self._path_of(number)
        with failing_as("The file could not be finished"):
            try:
                size, sha256 = await asyncio.to_thread(_sealed, path)
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

    def _opened(self, number: int) -> int:
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
        os.close(descriptor)


def _truncate(path: Path, size: int) -> None:
    with suppress(FileNotFoundError):
        os.truncate(path, size)


def _sealed(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        digest = hashlib.file_digest(file, "sha256")
        return file.tell(), digest.hexdigest()


def _unlink(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
