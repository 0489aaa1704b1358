"""Storage in a local folder: `staging/` for temporary files, `files/ab/` for stored ones."""

import asyncio
import errno
import os
import shutil
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import NoReturn

import aiofiles.os

from storage.base import (
    CHUNK_BYTES,
    PARTIAL_SUFFIX,
    Storage,
    StorageError,
    StorageFailed,
    StorageFull,
    StorageNotFound,
    check_room,
    check_room_in,
    failing_as,
    is_key,
    new_key,
)
from storage.identity import IdentityFile
from storage.local_file import LocalFile
from storage.partial import CompleteFile, PartialFiles
from storage.reader import chunks_of
from storage.temp_file import TempFile

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}  # link(2): the file is copied instead


class LocalStorage(Storage):
    """Stores a file as `files/<first two digits>/<key>`; both folders must be on the same file system."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.name = str(root)
        self._files = root / "files"
        self._temp = root / "staging"
        self._partials = PartialFiles(root / "partial")
        self._identity = IdentityFile(root / "identity", self._temp)
        self._durable: set[Path] = set()  # folders whose creation has been synced
        self._lock = threading.Lock()

    @property
    def partials(self) -> PartialFiles:
        """See `Storage.partials`."""
        return self._partials

    @property
    def direct_uploads(self) -> None:
        """See `Storage.direct_uploads`: a folder has no URL."""

    async def open(self) -> None:
        """See `Storage.open`. The modes of existing folders are not changed."""
        try:
            with failing_as(f"The folder {self._root} cannot be used"):
                await asyncio.to_thread(self._prepare)
            await self._partials.open()
        except StorageFull as error:  # without its folders nothing works
            raise StorageFailed(str(error)) from error
        probe = await self.create_temp()
        try:
            await probe.write(b"0")
            await probe.finish()
        finally:
            await probe.discard()

    async def check(self) -> None:
        """See `Storage.check`: the folders are writable, and there is room beyond the reserve."""
        await asyncio.to_thread(self._check)

    async def has_room(self, byte_size: int) -> bool:
        """See `Storage.has_room`: beyond the reserve."""
        try:
            with failing_as("The free space on the disk could not be determined"):
                await asyncio.to_thread(check_room_in, self._files, byte_size)
        except StorageError as error:  # deleting files would not help
            return not isinstance(error, StorageFull)
        return True

    async def identity(self) -> str | None:
        """See `Storage.identity`."""
        with failing_as("The storage's identity could not be read"):
            return await asyncio.to_thread(self._identity.read)

    async def identify(self, identity: str, *, is_new: bool = False) -> str | None:
        """See `Storage.identify`."""
        with failing_as("The storage's identity could not be written"):
            await asyncio.to_thread(self._identity.write, identity, is_new=is_new)
        return await self.identity()

    async def create_temp(self) -> TempFile:
        """See `Storage.create_temp`."""
        return TempFile(self._temp)

    async def store(self, temp: TempFile) -> str:
        """See `Storage.store`: syncs the file, renames it and syncs its new folder.

        A file of `partials` gets a hard link instead of a new name.
        """
        await temp.finish()
        key = new_key()
        with failing_as("The file could not be stored"):
            put = self._add_link if isinstance(temp, CompleteFile) else self._move
            await asyncio.to_thread(put, temp.path, self._path_of(key))
        temp.mark_moved()
        return key

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """See `Storage.read`."""
        path = self._path_of(key)
        with failing_as("The file could not be read"):
            try:
                async with aclosing(chunks_of(path, start, end)) as chunks:
                    async for chunk in chunks:
                        yield chunk
            except FileNotFoundError as error:
                await self._raise_missing(error)

    async def open_file(self, key: str, start: int, end: int) -> LocalFile | None:
        """See `Storage.open_file`."""
        path = self._path_of(key)
        with failing_as("The file could not be read"):
            try:
                return await LocalFile.open(path, start, end)
            except FileNotFoundError as error:
                await self._raise_missing(error)

    async def size_of(self, key: str) -> int:
        """See `Storage.size_of`."""
        path = self._path_of(key)
        with failing_as("The size could not be read"):
            try:
                return (await aiofiles.os.stat(path)).st_size
            except FileNotFoundError as error:
                await self._raise_missing(error)

    async def delete(self, key: str) -> None:
        """See `Storage.delete`."""
        path = self._path_of(key)
        with failing_as("The file could not be deleted"), suppress(FileNotFoundError):
            await aiofiles.os.unlink(path)

    async def presigned(self, key: str, seconds: int) -> str | None:  # noqa: ARG002
        """See `Storage.presigned`: a folder has no URL."""
        self._path_of(key)
        return None

    async def keys(self) -> AsyncIterator[tuple[str, float]]:
        """See `Storage.keys`: lists one folder, a 256th of the files, per call of a thread."""
        with failing_as("The files could not be listed"):
            folders = await asyncio.to_thread(_folders_in, self._files)
        for folder in folders:
            with failing_as("The files could not be listed"):
                listed = await asyncio.to_thread(_stored_in, folder)
            for entry in listed:
                yield entry

    async def _raise_missing(self, error: FileNotFoundError) -> NoReturn:
        """Raises StorageNotFound; OSError if the whole folder is missing, because its disk may only be unmounted."""
        await asyncio.to_thread(self._files.stat)
        raise StorageNotFound("There is no such file.") from error

    def _path_of(self, key: str) -> Path:
        if not is_key(key):
            raise StorageNotFound("There is no such file.")
        return self._files / key[:2] / key

    def _prepare(self) -> None:
        """Creates the folders, except those of `_create_folder`; deletes temporary files of the previous run."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self._files, self._temp):
            folder.mkdir(mode=0o700, exist_ok=True)
        for folder in (self._files, self._root, self._root.parent):
            _fsync_folder(folder)
        for partial in self._temp.glob(f"*{PARTIAL_SUFFIX}"):
            partial.unlink(missing_ok=True)

    def _move(self, source: Path, target: Path) -> None:
        """Renames durably: if the folder cannot be synced, the file is moved back."""
        self._create_folder(target.parent)
        source.rename(target)
        try:
            _fsync_folder(target.parent)
        except OSError:
            with suppress(OSError):
                target.rename(source)
            raise

    def _add_link(self, source: Path, target: Path) -> None:
        """Adds a name to a file durably; removes it again if that fails."""
        self._create_folder(target.parent)
        try:
            _link(source, target)
            _fsync_folder(target.parent)
        except OSError:
            with suppress(OSError):
                target.unlink()
            raise

    def _create_folder(self, folder: Path) -> None:
        """Creates and syncs a folder before its first file of this run; concurrent callers wait."""
        with self._lock:
            if folder not in self._durable:
                folder.mkdir(mode=0o700, exist_ok=True)
                _fsync_folder(self._files)
                self._durable.add(folder)

    def _check(self) -> None:
        for folder in (self._files, self._temp):
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                raise StorageFailed(f"The folder {folder} is missing or cannot be written.")
        with failing_as(f"The disk of the folder {self._root} has no room for files"):
            check_room_in(self._temp)


def _folders_in(files: Path) -> list[Path]:
    found = set(os.listdir(files))  # noqa: PTH208 - only names are needed
    return [files / name for number in range(256) if (name := f"{number:02x}") in found]


def _link(source: Path, target: Path) -> None:
    """Creates a hard link, or a copy if the file system has no links, and sets the modification time to now.

    The sweeper spares recent files, which may not have a row yet; the last part may have arrived days ago.
    """
    try:
        target.hardlink_to(source)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _copy(source, target)
    os.utime(target)


def _copy(source: Path, target: Path) -> None:
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as copy, source.open("rb") as file:
        check_room(copy.fileno(), os.fstat(file.fileno()).st_size)
        shutil.copyfileobj(file, copy, CHUNK_BYTES)
        copy.flush()
        os.fsync(copy.fileno())


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _stored_in(folder: Path) -> list[tuple[str, float]]:
    """Lists a folder, without files that disappear meanwhile or that Sotto did not create."""
    stored = []
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if is_key(entry.name) and entry.name.startswith(folder.name):
                    stored.append((entry.name, entry.stat(follow_symlinks=False).st_mtime))
    return stored
