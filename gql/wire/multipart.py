"""multipart/form-data, read part by part and never whole (RFC 7578, RFC 2046 §5.1)."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import unquote

from gql.error import HttpRefusal

MAX_HEADER_BYTES = 8_192  # all headers of one part
MAX_PREAMBLE_BYTES = 1_024  # before the first boundary; RFC 2046 §5.1.1 says to ignore it
MAX_PADDING_BYTES = 128  # white space after a boundary, RFC 2046 §5.1.1

_BOUNDARY = re.compile(r"[\w'()+,./:=? -]{0,69}[\w'()+,./:=?-]", re.ASCII)  # RFC 2046 §5.1.1: bchars, 1 to 70
_HEADER = re.compile(r"([\w!#$%&'*+.^`|~-]+):([^\x00-\x08\x0a-\x1f\x7f]*)", re.ASCII)
_PARAMETER = re.compile(r';[ \t]*([\w!#$&+.^`|~*-]+)[ \t]*=[ \t]*("(?:[^"\\]|\\.)*"|[^\s;"]*)[ \t]*', re.ASCII)


def malformed(message: str) -> HttpRefusal:
    """400 BAD_MULTIPART."""
    return HttpRefusal(400, "BAD_MULTIPART", message)


@dataclass(frozen=True, slots=True)
class PartHead:
    """The headers of a part; `filename` and `content_type` are the client's, unchecked."""

    name: str
    filename: str | None
    content_type: str | None


class MultipartReader:
    """Reads parts in order: `next_part`, all of its `chunks`, then `next_part` again, until it returns None.

    `read` returns the next bytes of the body, empty at the end. Malformed input raises HttpRefusal BAD_MULTIPART. At
    most one chunk of the body and one delimiter are in memory.
    """

    def __init__(self, read: Callable[[], Awaitable[bytes]], boundary: str | None) -> None:
        if boundary is None or not _BOUNDARY.fullmatch(boundary):
            raise malformed("The Content-Type needs a boundary of 1 to 70 characters.")
        self._read = read
        self._delimiter = b"\r\n--" + boundary.encode()
        self._buffer = b"\r\n"  # so that a boundary at the very start is found like the others
        self._at = 0  # what comes before was consumed
        self._is_started = False

    async def next_part(self) -> PartHead | None:
        """The head of the next part; None after the closing boundary, whatever follows it."""
        if not self._is_started:
            await self._take_until(self._delimiter, MAX_PREAMBLE_BYTES, "the first boundary")
            self._is_started = True
        while len(self._buffer) - self._at < 2:
            await self._fill()
        if self._buffer.startswith(b"--", self._at):
            return None
        if (await self._take_until(b"\r\n", MAX_PADDING_BYTES, "the end of a boundary line")).strip(b" \t"):
            raise malformed("A boundary line holds something else than the boundary.")
        self._at -= 2  # a part may have no headers: the empty line follows at once
        return _head_of(await self._take_until(b"\r\n\r\n", MAX_HEADER_BYTES, "the end of a part's headers"))

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content of this part, in chunks as they arrive, without copies; consumes the boundary after it."""
        while (end := self._buffer.find(self._delimiter, self._at)) < 0:
            end = self._start_of_delimiter()
            piece, self._buffer, self._at = self._buffer[self._at : end], self._buffer[end:], 0
            if piece:
                yield piece
            await self._fill()
        piece, self._at = self._buffer[self._at : end], end + len(self._delimiter)
        if piece:
            yield piece

    def _start_of_delimiter(self) -> int:
        """Where a delimiter may begin that ends in the next bytes; the end of the buffer if there is none."""
        start = self._buffer.find(b"\r", max(self._at, len(self._buffer) - len(self._delimiter) + 1))
        while start >= 0 and not self._delimiter.startswith(self._buffer[start:]):
            start = self._buffer.find(b"\r", start + 1)
        return len(self._buffer) if start < 0 else start

    async def _take_until(self, end: bytes, limit_bytes: int, sought: str) -> bytes:
        """The bytes before `end`, which is consumed too."""
        while (position := self._buffer.find(end, self._at, self._at + limit_bytes + len(end))) < 0:
            if len(self._buffer) - self._at >= limit_bytes + len(end):
                raise malformed(f"Found {limit_bytes:,} bytes without {sought}.")
            await self._fill()
        taken = self._buffer[self._at : position]
        self._at = position + len(end)
        return taken

    async def _fill(self) -> None:
        piece = await self._read()
        if not piece:
            raise malformed("The body ends before its closing boundary.")
        self._buffer, self._at = self._buffer[self._at :] + piece, 0


def _head_of(block: bytes) -> PartHead:
    """Parse the headers of a part: one Content-Disposition of `form-data` with a name (RFC 7578 §4.2)."""
    try:
        lines = block.decode().removeprefix("\r\n").split("\r\n")
    except UnicodeDecodeError:
        raise malformed("The headers of a part are not UTF-8 (RFC 7578 §5.1).") from None
    headers: dict[str, str] = {}
    for line in filter(None, lines):
        match = _HEADER.fullmatch(line)
        if match is None:
            raise malformed("A part has a malformed header line.")
        if headers.setdefault(match[1].lower(), match[2].strip()) != match[2].strip():
            raise malformed(f"A part has two headers {match[1].lower()!r}.")
    # RFC 7578 §4.7 deprecates it, and no later step would decode it.
    if headers.get("content-transfer-encoding", "binary").lower() not in ("binary", "8bit", "7bit"):
        raise malformed("Send the parts without Content-Transfer-Encoding.")
    parameters = _parameters_of(headers.get("content-disposition", ""))
    name = parameters.get("name")
    if not name:
        raise malformed('Every part needs `Content-Disposition: form-data; name="…"`.')
    filename = parameters.get("filename*", parameters.get("filename"))
    return PartHead(name, filename or None, headers.get("content-type") or None)


def _parameters_of(disposition: str) -> dict[str, str]:
    """The parameters of a `form-data` disposition."""
    kind, _, rest = disposition.partition(";")
    if kind.strip().lower() != "form-data":
        raise malformed("Every part needs `Content-Disposition: form-data`.")
    rest, position, found = ";" + rest if rest.strip() else "", 0, dict[str, str]()
    while position < len(rest):
        match = _PARAMETER.match(rest, position)
        if match is None or match[1].lower() in found:
            raise malformed("A part has a Content-Disposition that cannot be read.")
        found[match[1].lower()] = _value_of(match[1].lower(), match[2])
        position = match.end()
    return found


def _value_of(key: str, value: str) -> str:
    r"""A parameter without its quoting: `\"` as in RFC 2183, `%22` as browsers write it, RFC 8187 for `filename*`."""
    if value.startswith('"'):
        return re.sub(r'\\(["\\])', r"\1", value[1:-1]).replace("%22", '"')
    if key == "filename*":
        charset, _, encoded = value.partition("'")
        if charset.lower() != "utf-8":
            raise malformed("`filename*` must be in UTF-8.")
        return unquote(encoded.partition("'")[2], errors="replace")
    return value
