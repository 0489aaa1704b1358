"""The storage protocol, and the exceptions that every backend raises.

StorageError
├── StorageNotFound  no such key, or a malformed key
├── StorageFull      the disk or the quota is full; nothing was stored, reading still works
└── StorageFailed    any other failure outside this program

Exceptions of drivers are chained to one of these, whose text contains no path of a file.
"""

import errno
import os
import re
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from storage.direct_upload import DirectUploads
    from storage.local_file import LocalFile
    from storage.partial import PartialFiles
    from storage.temp_file import TempFile

CHUNK_BYTES = 256 * 1024
PARTIAL_SUFFIX = ".partial"
RESERVE_BYTES = 128 * 1024**2  # or a tenth of a small disk, but at least LOG_BYTES
LOG_BYTES = 24 * 1024**2  # the maximum size of SQLite's write-ahead log before a checkpoint

_KEY = re.compile(r"[0-9a-f]{32}", re.ASCII)


class StorageError(Exception):
    """The base of all storage errors; the text is one line and safe to log."""


class StorageNotFound(StorageError):
    """Nothing is stored under this key, or the key is malformed."""


class StorageFull(StorageError):
    """There is no room for these bytes (ENOSPC or EDQUOT)."""


class StorageFailed(StorageError):
    """The disk or the remote server failed, refused or is not available."""


@contextmanager
def failing_as(sentence: str) -> Iterator[None]:
    """Turns an OSError into StorageFull or StorageFailed; the message starts with `sentence`."""
    try:
        yield
    except OSError as error:
        kind = StorageFull if error.errno in {errno.ENOSPC, errno.EDQUOT} else StorageFailed
        raise kind(f"{sentence}: {error.strerror or type(error).__name__}.") from error


def new_key() -> str:
    """128 random bits as lowercase hex: a key reveals nothing about its bytes or their owner."""
    return secrets.token_hex(16)


def is_key(text: str) -> bool:
    """Whether `text` has the form of a key. Anything else must not become part of a path."""
    return _KEY.fullmatch(text) is not None


def check_room(descriptor: int, byte_size: int) -> None:
    """Raises OSError (ENOSPC) if this many more bytes would leave less than the reserve on the disk.

    Files stop before the disk is full, so that a database on the same disk can still store messages and deletions.
    """
    disk = os.fstatvfs(descriptor)
    size = disk.f_blocks * disk.f_frsize
    reserve = min(RESERVE_BYTES, max(size // 10, min(LOG_BYTES, size // 2)))
    if disk.f_bavail * disk.f_frsize - byte_size < reserve:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def check_room_in(folder: Path, byte_size: int = CHUNK_BYTES) -> None:
    """`check_room` for the disk of a folder; by default for the first chunk of a file."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        check_room(descriptor, byte_size)
    finally:
        os.close(descriptor)


class Storage(Protocol):
    """Stores bytes under random keys. Stored bytes never change; a root folder or bucket belongs to one server.

    `partials` are files of resumable uploads, which are on a local disk with every backend and survive a restart.
    `name` is shown to the operator: the folder or the bucket.
    """

    name: str

    @property
    def partials(self) -> "PartialFiles":
        """Opened together with the storage."""
        ...

    @property
    def direct_uploads(self) -> "DirectUploads | None":
        """Uploads from clients directly to the backend; None if it does not support them."""
        ...

    async def open(self) -> None:
        """Creates missing folders, deletes temporary files of the previous run, and checks that bytes can be written.

        Must return before any other call. Raises StorageFull if only room for files is missing: everything else works
        then, and files do once there is room. Otherwise StorageFailed; the text is one line for the operator.
        """
        ...

    async def check(self) -> None:
        """Returns if files can be stored now; cheap and without changes. Raises the same errors as `open`."""
        ...

    async def has_room(self, byte_size: int) -> bool:
        """Whether this many more bytes can be stored, as far as is known; always true for a bucket. Never raises."""
        ...

    async def identity(self) -> str | None:
        """The identity of the storage, None if it has none yet; `keys` never lists it. Raises StorageFailed."""
        ...

    async def identify(self, identity: str, *, is_new: bool = False) -> str | None:
        """Sets the identity unless there is one, or in any case with `is_new`; returns the resulting identity.

        Raises StorageFull or StorageFailed.
        """
        ...

    async def create_temp(self) -> "TempFile":
        """A new temporary file, created on the disk with its first bytes; the caller must `store` or `discard` it."""
        ...

    async def store(self, temp: "TempFile") -> str:
        """Finishes the file, stores all of its bytes or none, and returns their new key. A file can be stored once.

        When this returns, the bytes survive a power failure. Raises StorageFull or StorageFailed: then nothing is
        stored, and the temporary file can still be discarded. A cancelled `store` can leave bytes without an owner,
        which the sweeper deletes. A file of `partials` is copied, not moved.
        """
        ...

    def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """Yields the bytes from `start` to `end` (exclusive; None or too large: to the end), CHUNK_BYTES at a time.

        Yields nothing if `start` is after the last byte. Raises ValueError for a negative `start` and StorageNotFound
        before the first chunk; StorageFailed if the bytes end early, so that a truncated file never looks complete.
        Close the iterator if you stop early (`contextlib.aclosing`). Bytes deleted meanwhile are read to the end.
        """
        ...

    async def open_file(self, key: str, start: int, end: int) -> "LocalFile | None":
        """Opens the file for sendfile(2), with the beginning of this range loaded; the caller must `close` it.

        None if the bytes are not on a local disk, or the kernel cannot send them from there: then `read` them. Raises
        StorageNotFound, and StorageFailed, also if the bytes end early. Bytes deleted meanwhile are sent to the end.
        """
        ...

    async def size_of(self, key: str) -> int:
        """The number of bytes. Raises StorageNotFound or StorageFailed."""
        ...

    async def delete(self, key: str) -> None:
        """Deletes the bytes; a second delete does nothing. Raises StorageFailed; StorageNotFound for a malformed key.

        After a power failure within seconds the bytes can reappear without an owner; the sweeper deletes them again.
        """
        ...

    async def presigned(self, key: str, seconds: int) -> str | None:
        """A URL for downloading the bytes directly from the backend, valid for `seconds`; None if not supported.

        Browsers save the file and never display it. Raises StorageNotFound for a malformed key.
        """
        ...

    def keys(self) -> AsyncIterator[tuple[str, float]]:
        """Yields every key with its modification time in Unix seconds, unordered and in bounded memory.

        A key that is stored or deleted meanwhile may or may not be included. Raises StorageFailed.
        """
        ...
