"""Temporary files: local files that are written and hashed in threads, to be stored or discarded."""

import asyncio
import hashlib
import io
import os
import threading
from contextlib import suppress
from pathlib import Path

from storage.base import CHUNK_BYTES, PARTIAL_SUFFIX, StorageFailed, check_room, failing_as, new_key


class _HashedFile(io.FileIO):
    """A new file that hashes what is written to it; use it in threads only.

    When an `await` is cancelled, its thread keeps running. So a lock separates writes from the close: otherwise a late
    write could go to another file that has reused the descriptor.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()  # first, because `close` is called even if opening fails
        self.digest = hashlib.sha256()
        super().__init__(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))

    def write_all(self, content: bytes | bytearray) -> None:
        with self._lock, memoryview(content) as rest:
            check_room(self.fileno(), len(rest))
            written = 0
            while written < len(rest):
                written += super().write(rest[written:])
            self.digest.update(rest)

    def finish(self, content: bytes | bytearray) -> None:
        """Writes the rest and returns when everything is on the disk. (`close` can report a full quota too.)"""
        self.write_all(content)
        os.fsync(self.fileno())
        self.close()

    def close(self) -> None:
        with self._lock:
            super().close()


class TempFile:
    """A local temporary file `<random>.partial` that one task writes in chunks.

    Buffers at most CHUNK_BYTES and one chunk in memory; hashes and writes in threads. After `write` or `finish` has
    failed or was cancelled, the file can only be discarded, because its contents on the disk are unknown.
    """

    def __init__(self, path: Path, file: _HashedFile) -> None:
        self.path = path
        self.byte_size = 0
        self._file = file
        self._buffer = bytearray()
        self._is_finished = False
        self._is_usable = True

    @classmethod
    async def create(cls, folder: Path) -> "TempFile":
        """Creates the file with mode 0600; the folder must exist. Raises StorageFull or StorageFailed.

        A thread cannot be cancelled: if the caller is, the file is created anyway, and deleted again.
        """
        path = folder / f"{new_key()}{PARTIAL_SUFFIX}"
        making = asyncio.ensure_future(asyncio.to_thread(_HashedFile, path))
        with failing_as("A temporary file could not be created"):
            try:
                return cls(path, await asyncio.shield(making))
            except asyncio.CancelledError:
                await asyncio.wait([making])
                if making.exception() is None:
                    await cls(path, making.result()).discard()
                raise

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
        self._buffer += chunk
        self.byte_size += len(chunk)
        if len(self._buffer) >= CHUNK_BYTES:
            full, self._buffer = self._buffer, bytearray()
            self._is_usable = False
            with failing_as("The bytes could not be written"):
                await asyncio.to_thread(self._file.write_all, full)
            self._is_usable = True

    async def finish(self) -> None:
        """Returns when the bytes are on the disk and the file is closed; a second call does nothing.

        Raises StorageFull or StorageFailed. A failed fsync is final: a second one could report success for lost bytes.
        """
        self._check_usable()
        if self._is_finished:
            return
        rest, self._buffer = self._buffer, bytearray()
        self._is_usable = False
        with failing_as("The temporary file could not be finished"):
            await asyncio.to_thread(self._file.finish, rest)
        self._is_usable = self._is_finished = True

    async def discard(self) -> None:
        """Closes and deletes; does nothing after `store`. Never raises: `Storage.open` deletes leftovers."""
        self._is_usable = False
        self._buffer = bytearray()
        # Shielded: a job that is cancelled before a thread is free never runs.
        await asyncio.shield(asyncio.to_thread(self._remove))

    def _remove(self) -> None:
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self.path.unlink()

    def _check_usable(self) -> None:
        if not self._is_usable:
            raise StorageFailed("The temporary file failed or was discarded; create a new one.")
