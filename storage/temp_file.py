"""Temporary files: local files that are written and hashed in threads, to be stored or discarded."""

import asyncio
import errno
import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import TypeVar

from storage.base import PARTIAL_SUFFIX, StorageFailed, failing_as, new_key
from storage.write_buffer import Part, WriteBuffer, write_parts

T = TypeVar("T")


class _HashedFile:
    """A file that hashes what is written to it, created by the first write; use it in threads only.

    When an `await` is cancelled, its thread keeps running. So a lock separates writes from the close: otherwise a late
    write could go to another file that has reused the descriptor, or create a file that was deleted.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.digest = hashlib.sha256()
        self._lock = threading.Lock()
        self._file: FileIO | None = None
        self._is_closed = False

    def write(self, parts: Sequence[Part]) -> None:
        with self._lock:
            self._write(parts)

    def finish(self, parts: Sequence[Part]) -> None:
        """Writes the rest and returns when everything is on the disk. (The close can report a full quota too.)"""
        with self._lock:
            file = self._write(parts)
            os.fsync(file.fileno())
            self._close()

    def close(self) -> None:
        with self._lock:
            self._close()

    def _write(self, parts: Sequence[Part]) -> FileIO:
        if self._is_closed:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if self._file is None:
            self._file = FileIO(self.path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))
        write_parts(self._file.fileno(), parts)
        for part in parts:
            self.digest.update(part)
        return self._file

    def _close(self) -> None:
        self._is_closed = True
        if self._file is not None:
            self._file.close()


class TempFile:
    """A local temporary file `<random>.partial`, mode 0600, that one task writes in chunks.

    Buffers at most CHUNK_BYTES and one chunk in memory; creates, hashes and writes it in threads. After `write` or
    `finish` has failed or was cancelled, it can only be discarded, because its contents on the disk are unknown.
    """

    def __init__(self, folder: Path) -> None:
        """The folder must exist; the file is created with its first bytes."""
        self.path = folder / f"{new_key()}{PARTIAL_SUFFIX}"
        self.byte_size = 0
        self._file = _HashedFile(self.path)
        self._buffer = WriteBuffer()
        self._is_finished = False
        self._is_usable = True
        self._is_gone = False

    @property
    def sha256(self) -> str:
        """The SHA-256 of all bytes as lowercase hex; raises ValueError before `finish`."""
        if not self._is_finished:
            raise ValueError("The hash is not known before the file is finished.")
        return self._file.digest.hexdigest()

    async def write(self, chunk: bytes) -> None:
        """Appends; uses a thread once per CHUNK_BYTES. Raises StorageFull or StorageFailed."""
        self._check_usable()
        if self._is_finished:
            raise StorageFailed("The temporary file is finished; nothing can be added.")
        self._buffer.add(chunk)
        self.byte_size += len(chunk)
        if self._buffer.is_full:
            self._is_usable = False
            with failing_as("The bytes could not be written"):
                await asyncio.to_thread(self._file.write, self._buffer.take())
            self._is_usable = True

    async def finish(self) -> None:
        """Returns when the bytes are on the disk and the file is closed; a second call does nothing.

        Raises StorageFull or StorageFailed. A failed fsync is final: a second one could report success for lost bytes.
        """
        self._check_usable()
        if not self._is_finished:
            await self.finish_and(lambda _: None)

    async def finish_and(self, inspect: Callable[[Path], T]) -> T:
        """Finishes the file and inspects it, in one call of a thread. Raises what `finish` and `inspect` raise."""
        self._check_usable()
        self._is_usable = False
        found = await asyncio.to_thread(self._finish_and, inspect, self._buffer.take())
        self._is_usable = True
        return found

    async def discard(self) -> None:
        """Closes and deletes; does nothing after `store`. Never raises: `Storage.open` deletes leftovers."""
        if self._is_gone:
            return
        self._is_usable = False
        self._buffer.take()
        # Shielded: a job that is cancelled before a thread is free never runs.
        await asyncio.shield(asyncio.to_thread(self._remove))
        self._is_gone = True

    def mark_moved(self) -> None:
        """Called after the file has got another name: there is nothing to discard."""
        self._is_usable, self._is_gone = False, True

    def _finish_and(self, inspect: Callable[[Path], T], rest: Sequence[Part]) -> T:
        if not self._is_finished:
            with failing_as("The temporary file could not be finished"):
                self._file.finish(rest)
            self._is_finished = True
        return inspect(self.path)

    def _remove(self) -> None:
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self.path.unlink()

    def _check_usable(self) -> None:
        if not self._is_usable:
            raise StorageFailed("The temporary file failed, was stored or was discarded; create a new one.")
