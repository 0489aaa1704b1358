"""Files of the disk, opened and read in threads, and closed before their readers return."""

import asyncio
import errno
import os
from collections.abc import AsyncGenerator, Callable
from io import FileIO
from pathlib import Path
from stat import S_ISREG
from typing import TypeVar

from storage.base import CHUNK_BYTES, StorageFailed

T = TypeVar("T")


async def chunks_of(path: Path, start: int = 0, end: int | None = None) -> AsyncGenerator[bytes, None]:
    """Yields the bytes from `start` to `end`, as `Storage.read` does; close it with `aclosing`.

    A range of one chunk takes one call of a thread, which also opens and closes the file. Raises OSError, and
    StorageFailed if the bytes end early.
    """
    if start < 0:
        raise ValueError("`start` must not be negative.")
    file, left, chunk = await acquired(_begin, _release, path, start, end)
    try:
        while left > 0:
            if not chunk:
                raise StorageFailed("The file ended early.")
            left -= len(chunk)
            start += len(chunk)
            yield chunk
            if left:
                chunk = await in_thread(os.pread, file.fileno(), min(left, CHUNK_BYTES), start)
    finally:
        if not file.closed:
            await in_thread(file.close)


async def in_thread(work: Callable[..., T], *args: object) -> T:
    """Run it in a thread, and return when the thread has, also where the caller is cancelled meanwhile.

    So a file is never closed under a thread that reads it, and the loop never ends before it is closed.
    """
    return await acquired(work, None, *args)


async def acquired(work: Callable[..., T], release: Callable[[T], None] | None, *args: object) -> T:
    """As `in_thread`, but what the work returned is released again where the caller is cancelled meanwhile."""
    working = asyncio.get_running_loop().run_in_executor(None, work, *args)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        if working.exception() is None and release is not None:
            await in_thread(release, working.result())
        raise


def open_regular(path: Path) -> FileIO:
    """Opens a file for reading, for threads; raises OSError, also for a symbolic link and whatever is not a file."""
    file = FileIO(path, opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK))
    if not S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "Not a regular file")
    return file


def _begin(path: Path, start: int, end: int | None) -> tuple[FileIO, int, bytes]:
    """The file, the number of bytes in the range, and its first chunk; the file is closed where that is all."""
    file = open_regular(path)
    try:
        size = os.fstat(file.fileno()).st_size
        left = (size if end is None else min(end, size)) - start
        chunk = os.pread(file.fileno(), min(left, CHUNK_BYTES), start) if left > 0 else b""
    except BaseException:
        file.close()
        raise
    if len(chunk) >= left:
        file.close()
    return file, left, chunk


def _release(begun: tuple[FileIO, int, bytes]) -> None:
    begun[0].close()
