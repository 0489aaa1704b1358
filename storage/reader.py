"""Files of the disk, read in threads, and closed before their readers return."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from io import FileIO
from pathlib import Path
from typing import TypeVar

from storage.base import CHUNK_BYTES

T = TypeVar("T")


async def chunks_of(path: Path) -> AsyncGenerator[bytes, None]:
    """Yield the bytes, CHUNK_BYTES at a time; close it with `aclosing`. Raises OSError."""
    file = await opened(path)
    try:
        while chunk := await in_thread(file.read, CHUNK_BYTES):
            yield chunk
    finally:
        await in_thread(file.close)


async def in_thread(work: Callable[..., T], *args: object) -> T:
    """Run it in a thread, and return when the thread has, also where the caller is cancelled meanwhile.

    So a file is never closed under a thread that reads it, and the loop never ends before it is closed.
    """
    working = asyncio.get_running_loop().run_in_executor(None, work, *args)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.wait([working])
        raise


async def opened(path: Path) -> FileIO:
    """Open for reading; a thread cannot be cancelled, so where the caller is, what it opened is closed again."""
    opening = asyncio.get_running_loop().run_in_executor(None, FileIO, path)
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        await asyncio.wait([opening])
        if opening.exception() is None:
            await in_thread(opening.result().close)
        raise
