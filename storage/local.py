"""Bytes as files below one folder: `staging/` for those on their way in, `files/ab/` for those that are kept."""

import asyncio
import errno
import os
import shutil
import threading
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from pathlib import Path

import aiofiles.os

from storage.base import (
    CHUNK_BYTES,
    PARTIAL_SUFFIX,
    StagedFile,
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
from storage.partial import FoundFile, PartialFiles
from storage.reader import in_thread, opened

_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}  # link(2); what there is instead is a copy


class LocalStorage(Storage):
    """Keeps a file as `files/<first two digits>/<key>`; both folders must be on one file system."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.name = str(root)
        self._files = root / "files"
        self._staging = root / "staging"
        self._partials = PartialFiles(root / "partial")
        self._identity = IdentityFile(root / "identity", self._staging)
        self._lasting: set[Path] = set()  # folders of files that a power cut leaves where they are
        self._lock = threading.Lock()

    @property
    def partials(self) -> PartialFiles:
        """Fulfil `Storage.partials`."""
        return self._partials

    @property
    def incoming(self) -> None:
        """Fulfil `Storage.incoming`: a folder has no address."""

    async def open(self) -> None:
        """Fulfil `Storage.open`. Folders that exist keep the mode that the operator gave them."""
        try:
            with failing_as(f"The folder {self._root} cannot be used"):
                await asyncio.to_thread(self._prepare)
            await self._partials.open()
        except StorageFull as error:  # without its folders nothing else works either
            raise StorageFailed(str(error)) from error
        probe = await self.stage()
        try:
            await probe.write(b"0")
            await probe.finish()
        finally:
            await probe.discard()

    async def check(self) -> None:
        """Fulfil `Storage.check`: the folders are there and writable, with room beyond the reserve."""
        await asyncio.to_thread(self._check)

    async def has_room(self, byte_size: int) -> bool:
        """Fulfil `Storage.has_room`: beyond the reserve."""
        try:
            with failing_as("The room on the disk could not be asked for"):
                await asyncio.to_thread(check_room_in, self._files, byte_size)
        except StorageError as error:  # what else is wrong, deleting does not mend
            return not isinstance(error, StorageFull)
        return True

    async def identity(self) -> str | None:
        """Fulfil `Storage.identity`."""
        with failing_as("The storage's identity could not be read"):
            return await asyncio.to_thread(self._identity.read)

    async def identify(self, identity: str, *, is_new: bool = False) -> str | None:
        """Fulfil `Storage.identify`."""
        with failing_as("The storage's identity could not be written"):
            await asyncio.to_thread(self._identity.write, identity, is_new=is_new)
        return await self.identity()

    async def stage(self) -> StagedFile:
        """Fulfil `Storage.stage`."""
        return await StagedFile.create(self._staging)

    async def keep(self, staged: StagedFile) -> str:
        """Fulfil `Storage.keep`: fsync the file, rename it, fsync the folder that now names it.

        A file of `partials` gets a second name in place of another one.
        """
        await staged.finish()
        key = new_key()
        with failing_as("The file could not be kept"):
            put = self._add if isinstance(staged, FoundFile) else self._move
            await asyncio.to_thread(put, staged.path, self._path_of(key))
        return key

    async def read(self, key: str, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
        """Fulfil `Storage.read`."""
        if start < 0:
            raise ValueError("A range starts at 0 or later.")
        path = self._path_of(key)
        with failing_as("The file could not be read"):
            try:
                file = await opened(path)
            except FileNotFoundError as error:
                await asyncio.to_thread(self._files.stat)  # where the whole folder is gone, this says so
                raise StorageNotFound("There is no such file.") from error
            try:
                size = await in_thread(file.seek, 0, os.SEEK_END)
                left = (size if end is None else min(end, size)) - start
                await in_thread(file.seek, start)
                while left > 0:
                    chunk = await in_thread(file.read, min(left, CHUNK_BYTES))
                    if not chunk:
                        raise StorageFailed("The file ended before its size.")
                    left -= len(chunk)
                    yield chunk
            finally:
                await in_thread(file.close)  # also where the reader was cancelled: its client has left

    async def size_of(self, key: str) -> int:
        """Fulfil `Storage.size_of`."""
        path = self._path_of(key)
        with failing_as("The size could not be read"):
            try:
                return (await aiofiles.os.stat(path)).st_size
            except FileNotFoundError as error:
                await asyncio.to_thread(self._files.stat)
                raise StorageNotFound("There is no such file.") from error

    async def delete(self, key: str) -> None:
        """Fulfil `Storage.delete`."""
        path = self._path_of(key)
        with failing_as("The file could not be deleted"), suppress(FileNotFoundError):
            await aiofiles.os.unlink(path)

    async def presigned(self, key: str, seconds: int) -> str | None:  # noqa: ARG002
        """Fulfil `Storage.presigned`: a folder has no address."""
        self._path_of(key)
        return None

    async def keys(self) -> AsyncIterator[tuple[str, float]]:
        """Fulfil `Storage.keys`: one folder, a 256th of the files, per thread hop."""
        with failing_as("The files could not be listed"):
            folders = await asyncio.to_thread(_folders_in, self._files)
        for folder in folders:
            with failing_as("The files could not be listed"):
                listed = await asyncio.to_thread(_kept_in, folder)
            for entry in listed:
                yield entry

    def _path_of(self, key: str) -> Path:
        if not is_key(key):
            raise StorageNotFound("There is no such file.")
        return self._files / key[:2] / key

    def _prepare(self) -> None:
        """Make the folders, but for those of `_move`; remove what a former run left."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self._files, self._staging):
            folder.mkdir(mode=0o700, exist_ok=True)
        for folder in (self._files, self._root, self._root.parent):
            _fsync_folder(folder)
        for partial in self._staging.glob(f"*{PARTIAL_SUFFIX}"):
            partial.unlink(missing_ok=True)

    def _move(self, source: Path, target: Path) -> None:
        """Rename for good: where the folder cannot be brought to the disk, the file goes back where it was."""
        self._make(target.parent)
        source.rename(target)
        try:
            _fsync_folder(target.parent)
        except OSError:
            with suppress(OSError):
                target.rename(source)
            raise

    def _add(self, source: Path, target: Path) -> None:
        """Name a file for good, beside the name that it has; where that fails, it is as it was."""
        self._make(target.parent)
        try:
            _link(source, target)
            _fsync_folder(target.parent)
        except OSError:
            with suppress(OSError):
                target.unlink()
            raise

    def _make(self, folder: Path) -> None:
        """Make a folder for good, with its first file of this run; whoever comes meanwhile waits until it is there."""
        with self._lock:
            if folder not in self._lasting:
                folder.mkdir(mode=0o700, exist_ok=True)
                _fsync_folder(self._files)
                self._lasting.add(folder)

    def _check(self) -> None:
        for folder in (self._files, self._staging):
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                raise StorageFailed(f"The folder {folder} is missing or cannot be written.")
        with failing_as(f"The disk of the folder {self._root} has no room for files"):
            check_room_in(self._staging)


def _folders_in(files: Path) -> list[Path]:
    found = set(os.listdir(files))  # noqa: PTH208 - the names are all that is wanted
    return [files / name for number in range(256) if (name := f"{number:02x}") in found]


def _link(source: Path, target: Path) -> None:
    """Give a file a second name, or a copy where the file system has only one for each; its time is now.

    By its time the sweeper spares what has no row yet, and the last part may have come days ago.
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


def _kept_in(folder: Path) -> list[tuple[str, float]]:
    """List a folder; a file that goes meanwhile is left out, and so is any that Sotto did not name."""
    kept = []
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if is_key(entry.name) and entry.name.startswith(folder.name):
                    kept.append((entry.name, entry.stat(follow_symlinks=False).st_mtime))
    return kept
