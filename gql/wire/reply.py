"""The reply: a response whose head and body can be written at once."""

from collections.abc import Mapping

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.helpers import rfc822_formatted_time

LARGE_BYTES = 65_536  # of a body that is not copied behind the head


class Reply(web.Response):
    """A response with a body of bytes; no value of its headers comes from a client.

    aiohttp prepares a response in seven steps and calls a signal for its headers: that takes as long as all of ours,
    from the bearer token to the encoded answer. A server that knows the headers to add has the head written directly.
    """

    _added: Mapping[str, str] | None = None
    _is_written = False

    def write_with(self, headers: Mapping[str, str] | None) -> None:
        """Write directly, with these headers where the response has none; None for aiohttp's own way.

        Only for HTTP/1.1, and for connections that stay open.
        """
        self._added = headers

    @property
    def keep_alive(self) -> bool | None:
        return True if self._is_written else super().keep_alive

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Write the whole response, or only prepare it. Raises ConnectionError if the client has left."""
        if self._added is None or not isinstance(self.body, bytes):
            return await super().prepare(request)
        headers, body, writer = self.headers, self.body, request.writer
        for name, value in self._added.items():
            headers.setdefault(name, value)
        lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
        head = (
            f"HTTP/1.1 {self.status} {self.reason}\r\n{lines}"
            f"Content-Length: {len(body)}\r\nDate: {rfc822_formatted_time()}\r\n\r\n"
        ).encode("ascii")
        self._is_written = True
        await writer.write(head + body if len(body) < LARGE_BYTES else head)
        if len(body) >= LARGE_BYTES:
            await writer.write(body)
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        if not self._is_written:
            await super().write_eof(data)
