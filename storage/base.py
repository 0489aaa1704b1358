"""The promises of a storage: where bytes wait, how they are kept, and what every backend raises.

StorageError
├── StorageNotFound  no such key, or no key at all
├── StorageFull      the disk or the quota is used up; nothing was kept, reading goes on
└── StorageFailed    anything else that went wrong outside this program

Drivers' exceptions never cross the room: they are chained to one of these, whose text names no path of a file.
"""

import asyncio
import errno
import hashlib
import io
import os
import re
import secrets
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from storage.direct_upload import IncomingObjects
    from storage.partial import PartialFiles

CHUNK_BYTES = 256 * 1024
PARTIAL_SUFFIX = ".partial"
RESERVE_BYTES = 128 * 1024**2  # or a tenth of a small disk, and at least
LOG_BYTES = 24 * 1024**2  # what SQLite's log may take before it is folded into the database

_KEY = re.compile(r"[0-9a-f]{32}", re.ASCII)


class StorageError(Exception):
    """Anything that a storage reports; its text is one line and safe to log."""


class StorageNotFound(StorageError):
    """Nothing is kept under this key; also the answer to a string that cannot be a key."""


class StorageFull(StorageError):
    """ENOSPC or EDQUOT: there is no room for these bytes."""


class StorageFailed(StorageError):
    """The disk or the far end failed, refused, or is not there."""


@contextmanager
def failing_as(sentence: str) -> Iterator[None]:
    """Turn an OSError into a StorageFull or a StorageFailed that begins with `sentence`."""
    try:
        yield
    except OSError as error:
        kind = StorageFull if error.errno in {errno.ENOSPC, errno.EDQUOT} else StorageFailed
        raise kind(f"{sentence}: {error.strerror or type(error).__name__}.") from error


def new_key() -> str:
    """Return 128 random bits as lowercase hex: a key says nothing about its bytes or their owner."""
    return secrets.token_hex(16)


def is_key(text: str) -> bool:
    """Tell whether `text` has the form of a key; only then may it become part of a path."""
    return _KEY.fullmatch(text) is not None


def check_room(descriptor: int, byte_size: int) -> None:
    """Raise OSError (ENOSPC) where so many bytes more would leave the disk with less than the reserve.

    Files stop before the disk is full: the database, which may lie on it, goes on, and with it texts and deletions.
    """
    disk = os.fstatvfs(descriptor)
    size = disk.f_blocks * disk.f_frsize
    reserve = min(RESERVE_BYTES, max(size // 10, min(LOG_BYTES, size // 2)))
    if disk.f_bavail * disk.f_frsize - byte_size < reserve:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def check_room_in(folder: Path, byte_size: int = CHUNK_BYTES) -> None:
    """Raise as `check_room` does for the disk of a folder: without a size, for the first part of a file."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        check_room(descriptor, byte_size)
    finally:
        os.close(descriptor)


class _HashedFile(io.FileIO):
    """A new file that hashes what it writes; for threads only.

    A cancelled `await` leaves its thread running. So a write and the close exclude one another: otherwise the late
    write could reach another file that was given the same descriptor.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()  # first: a file that cannot be opened is closed all the same
        self.digest = hashlib.sha256()
        super().__init__(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))

    def write_all(self, content: bytes | bytearray) -> None:
        with self._lock, memoryview(content) as rest:
            check_room(self.fileno(), len(rest))
            written = 0
            while written < len(rest):
                written += super().write(rest[written:])
            self.digest.update(rest)

    def seal(self, content: bytes | bytearray) -> None:
        """Write the rest, and return when the disk has everything (`close` too may report a full quota)."""
        self.write_all(content)
        os.fsync(self.fileno())
        self.close()

    def close(self) -> None:
        with self._lock:
            super().close()


class StagedFile:
    """Bytes on their way in: a local file `<random>.partial` that one task writes, chunk by chunk.

    It holds at most CHUNK_BYTES and one chunk in memory; hashing and file access happen in threads. A file whose
    `write` or `finish` failed or was cancelled can only be discarded: what the disk has of it is not known.
    """

    def __init__(self, path: Path, file: _HashedFile) -> None:
        self.path = path
        self.byte_size = 0
        self._file = file
        self._buffer = bytearray()
        self._is_finished = False
        self._is_usable = True

    @classmethod
    async def create(cls, folder: Path) -> "StagedFile":
        """Make the file, mode 0600; the folder must exist. Raises StorageFull or StorageFailed.

        A thread cannot be cancelled: where the caller is, the file is made all the same, and taken away again.
        """
        path = folder / f"{new_key()}{PARTIAL_SUFFIX}"
        making = asyncio.ensure_future(asyncio.to_thread(_HashedFile, path))
        with failing_as("A file could not be staged"):
            try:
                return cls(path, await asyncio.shield(making))
            except asyncio.CancelledError:
                await asyncio.wait([making])
                if making.exception() is None:
                    await cls(path, making.result()).discard()
                raise

    @property
    def sha256(self) -> str:
        """The hash of all bytes as lowercase hex; raises ValueError before `finish`."""
        if not self._is_finished:
            raise ValueError("The hash is known when the file is finished.")
        return self._file.digest.hexdigest()

    async def write(self, chunk: bytes) -> None:
        """Append; goes to a thread once per CHUNK_BYTES. Raises StorageFull or StorageFailed."""
        self._check_usable()
        if self._is_finished:
            raise StorageFailed("The staged file is finished: nothing can be added.")
        self._buffer += chunk
        self.byte_size += len(chunk)
        if len(self._buffer) >= CHUNK_BYTES:
            full, self._buffer = self._buffer, bytearray()
            self._is_usable = False
            with failing_as("The bytes could not be staged"):
                await asyncio.to_thread(self._file.write_all, full)
            self._is_usable = True

    async def finish(self) -> None:
        """Return when the bytes are on the disk and the file is closed; a second call does nothing.

        Raises StorageFull or StorageFailed. A failed fsync is final: a second one would report success for lost bytes.
        """
        self._check_usable()
        if self._is_finished:
            return
        rest, self._buffer = self._buffer, bytearray()
        self._is_usable = False
        with failing_as("The staged file could not be finished"):
            await asyncio.to_thread(self._file.seal, rest)
        self._is_usable = self._is_finished = True

    async def discard(self) -> None:
        """Close and delete; after `keep`, or a second time, nothing. Raises nothing: `Storage.open` takes the rest."""
        self._is_usable = False
        self._buffer = bytearray()
        # Shielded: a job that is cancelled while it waits for its thread never runs.
        await asyncio.shield(asyncio.to_thread(self._remove))

    def _remove(self) -> None:
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self.path.unlink()

    def _check_usable(self) -> None:
        if not self._is_usable:
            raise StorageFailed("The staged file failed or was discarded: begin again with a new one.")


class Storage(Protocol):
    """Keeps bytes under random keys. Bytes never change once they are kept; a root or bucket belongs to one server.

    `partials` are files that come in parts: they wait on a local disk, whatever the backend, and outlive a restart.
    `name` is what an operator calls it: its folder, or its bucket.
    """

    name: str

    @property
    def partials(self) -> "PartialFiles":
        """Opened with the storage."""
        ...

    @property
    def incoming(self) -> "IncomingObjects | None":
        """Where clients can put bytes past this server; None where the backend takes them from nobody else."""
        ...

    async def open(self) -> None:
        """Make what is missing, remove what a former run had staged, and prove that bytes can be written.

        Must return before any other call. Raises StorageFull where only room for files is missing: all else works then,
        and so do files once there is room. Else StorageFailed; the text is the reason, in one line, for the operator.
        """
        ...

    async def check(self) -> None:
        """Return if files could be staged and kept now; cheap. Raises as `open` does, and changes nothing."""
        ...

    async def has_room(self, byte_size: int) -> bool:
        """Tell whether so many bytes more can be kept, as far as is known (a bucket: always); raises nothing."""
        ...

    async def identity(self) -> str | None:
        """Return the text that the storage is known by, which `keys` never lists; None before. Raises StorageFailed."""
        ...

    async def identify(self, identity: str, *, is_new: bool = False) -> str | None:
        """Give it a text to be known by, and return the one that it then has: the first of all, or with `is_new` this.

        Raises StorageFull or StorageFailed.
        """
        ...

    async def stage(self) -> StagedFile:
        """Begin a file; the caller must `keep` or `discard` it. Raises StorageFull or StorageFailed."""
        ...

    async def keep(self, staged: StagedFile) -> str:
        """Finish the file, keep all of its bytes or none, and return their new key; a file is kept once.

        When this returns, the bytes survive a power cut. Raises StorageFull or StorageFailed: then nothing is kept and
        the staged file can still be discarded. A cancelled `keep` may leave bytes without an owner, for the sweeper.
        A file of `partials` stays there beside what is kept.
        """
        ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """Yield the bytes from `start` to `end` (exclusive; None or too large: to the last), CHUNK_BYTES at a time.

        Yields nothing where `start` is past the last byte. Raises ValueError for a negative `start` and StorageNotFound
        before the first chunk; StorageFailed where the bytes end early, so that a short answer never looks whole. Who
        leaves early closes it (`contextlib.aclosing`). Bytes deleted meanwhile are read to the end.
        """
        ...

    async def size_of(self, key: str) -> int:
        """Return the number of bytes. Raises StorageNotFound or StorageFailed."""
        ...

    async def delete(self, key: str) -> None:
        """Forget the bytes; a second delete does nothing. Raises StorageFailed, and StorageNotFound for what is no key.

        A power cut within seconds may bring the bytes back, without an owner: the sweeper deletes them again.
        """
        ...

    async def presigned(self, key: str, seconds: int) -> str | None:
        """Return a URL that reads the bytes past this server, for whoever has it and so long; None where there is none.

        A browser saves what it gives, and shows nothing of it in a page of its own. Raises StorageNotFound for no key.
        """
        ...

    def keys(self) -> AsyncIterator[tuple[str, float]]:
        """Yield every key with the time of its bytes, in unix seconds, in no order; holds a small part at a time.

        A key that is kept or deleted meanwhile may be missing or present. Raises StorageFailed.
        """
        ...
