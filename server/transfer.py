"""Transfers: the bytes of a download on their way to the client, at once, by sendfile, or chunk by chunk."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import structlog
from aiohttp import web

from gql.wire.sse import cut
from server.sendfile import can_send, send_file
from services.error import NotFound, ServerUnavailable
from services.file.download import Download, DownloadService
from storage.base import StorageFailed

log = structlog.get_logger("sotto.file")

SEND_SECONDS = 30.0  # for the client to read a chunk
SMALL_BYTES = 128 * 1024  # up to here, one read and one write cost less than sendfile


class Transfer:
    """The response to one download of the bytes from `start` to `end`."""

    def __init__(self, files: DownloadService, download: Download, start: int, end: int) -> None:
        self._files = files
        self._download = download
        self._start = start
        self._end = end

    async def send(self, request: web.Request, status: int, headers: dict[str, str]) -> web.StreamResponse:
        """Sends the response. Raises NotFound and ServerUnavailable if the first bytes cannot be read.

        After a later error the connection is closed, so that a truncated file never looks complete.
        """
        left = self._end - self._start
        headers = {**headers, "Content-Length": str(left)}
        response: web.StreamResponse
        if left <= SMALL_BYTES:
            response = whole = web.Response(status=status, headers=headers)
            body = self._at_once(whole)
        else:
            response = web.StreamResponse(status=status, headers=headers)
            body = self._in_steps(request, response)
        async with aclosing(body) as counts:
            try:
                await anext(counts)
                await response.prepare(request)
                async for count in counts:
                    left -= count
            except ConnectionError:
                return response  # the client disconnected
            except TimeoutError:
                log.info("download not read")
            except (ServerUnavailable, StorageFailed) as error:
                log.warning("download failed", cause=type(error.__cause__ or error).__name__)
                if not response.prepared:
                    raise
        if left:
            log.info("download cut short", missing_bytes=left)
            cut(request)
        return response

    # Both yield 0 when the first bytes can be sent, and after the headers were sent, the number of bytes of each step.

    async def _at_once(self, response: web.Response) -> AsyncGenerator[int, None]:
        """One write, together with the headers."""
        content = b"".join([chunk async for chunk in self._files.read(self._download, self._start, self._end)])
        if not content:
            raise NotFound("There is no such file.")
        response.body = content
        yield 0
        async with asyncio.timeout(SEND_SECONDS):
            await response.write_eof()
        yield len(content)

    async def _in_steps(self, request: web.Request, response: web.StreamResponse) -> AsyncGenerator[int, None]:
        """With sendfile from a local disk; with chunks from a bucket, or over TLS."""
        span = self._start, self._end
        if can_send(request) and (file := await self._files.open_file(self._download, *span)) is not None:
            try:
                yield 0
                async with aclosing(send_file(request, file, *span, SEND_SECONDS)) as counts:
                    async for count in counts:
                        yield count
            finally:
                await file.close()
            return
        async with aclosing(self._files.read(self._download, *span)) as chunks:
            chunk = await anext(chunks, b"")
            if not chunk:
                raise NotFound("There is no such file.")
            yield 0
            while chunk:
                async with asyncio.timeout(SEND_SECONDS):
                    await response.write(chunk)
                yield len(chunk)
                chunk = await anext(chunks, b"")
