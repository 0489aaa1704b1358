"""sendfile(2): the kernel sends a file from the page cache, with no copy in this process and no thread that waits."""

import asyncio
import errno
import os
from collections.abc import AsyncGenerator

from aiohttp import web

from storage.base import CHUNK_BYTES, StorageFailed
from storage.local_file import LocalFile


def can_send(request: web.Request) -> bool:
    """Whether the bytes of the response are those that the socket sends: not over TLS."""
    return request.transport is not None and request.transport.get_extra_info("sslcontext") is None


async def send_file(
    request: web.Request, file: LocalFile, start: int, end: int, seconds: float
) -> AsyncGenerator[int, None]:
    """Sends the bytes from `start` to `end`, after the headers; yields how many each call has sent.

    Bytes that are not in the page cache are read by a thread first, so the event loop never waits for the disk, and
    nothing waits in a thread for the client. Raises ConnectionError; TimeoutError if the client does not read
    CHUNK_BYTES in so many seconds; StorageFailed if the disk fails or the file ends early.
    """
    clock = asyncio.get_running_loop().time
    due, deadline = start + CHUNK_BYTES, clock() + seconds
    await _flush(request, deadline)
    socket = _duplicate(request)
    try:
        while start < end:
            if start >= file.loaded or not file.is_cached(start):
                await file.load(start, end)
            count = _send(socket, file, start, file.loaded)
            start += count
            yield count
            if start >= due:
                due, deadline = start + CHUNK_BYTES, clock() + seconds
            if start < end:
                await _writable(socket, deadline)
    finally:
        os.close(socket)


async def _flush(request: web.Request, deadline: float) -> None:
    """Waits until the transport has sent what it holds: the headers, and perhaps the response before."""
    transport = request.transport
    if transport is not None and transport.get_write_buffer_size():
        transport.set_write_buffer_limits(high=0)
        try:
            async with asyncio.timeout_at(deadline):
                await request.writer.drain()
        finally:
            transport.set_write_buffer_limits()


def _duplicate(request: web.Request) -> int:
    """A descriptor of our own: the transport can close its own at any time, and another client could then get it."""
    if request.transport is None or request.transport.is_closing():
        raise ConnectionResetError("The client disconnected.")
    return os.dup(request.transport.get_extra_info("socket").fileno())


def _send(socket: int, file: LocalFile, start: int, end: int) -> int:
    """Sends as much as the socket takes now; 0 if it is full."""
    try:
        count = os.sendfile(socket, file.file.fileno(), start, end - start)
    except BlockingIOError:
        return 0
    except OSError as error:
        kind = StorageFailed if error.errno == errno.EIO else ConnectionResetError  # no route, or no answer
        raise kind(error.strerror) from error
    if not count:
        raise StorageFailed("The file ended early.")
    return count


async def _writable(socket: int, deadline: float) -> None:
    """Waits until the socket takes more, and in any case lets others run. Raises TimeoutError."""
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_writer(socket, _wake, ready)
    try:
        async with asyncio.timeout_at(deadline):
            await ready
    finally:
        loop.remove_writer(socket)


def _wake(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
