"""Request bodies: read within a size limit and a deadline, and decoded as strict JSON."""

import asyncio
import json
import re

import orjson
from aiohttp import ClientError, web
from aiohttp.http_exceptions import HttpProcessingError

from gql.error import BAD_REQUEST, HttpRefusal
from gql.wire.expectation import accept_body, is_refused
from services.error import BadRequest

_LONE_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Body:
    """A request body read in chunks; refuses one that is too large (413), too slow (408) or truncated (400).

    `idle_seconds` limits the wait for the next bytes, `total_seconds` the time for the whole body.
    """

    def __init__(
        self, request: web.BaseRequest, limit_bytes: int, *, idle_seconds: float, total_seconds: float | None = None
    ) -> None:
        self._request = request
        self._content = request.content
        self._limit_bytes = limit_bytes
        self._idle_seconds = idle_seconds
        self._deadline = asyncio.get_running_loop().time() + (total_seconds or idle_seconds)
        self._read_bytes = 0
        if (request.content_length or 0) > limit_bytes:
            raise _too_large(limit_bytes)

    async def read(self) -> bytes:
        """The next bytes, as many as are available; empty at the end."""
        await accept_body(self._request)
        chunk = await self._next()
        self._read_bytes += len(chunk)
        if self._read_bytes > self._limit_bytes:
            raise _too_large(self._limit_bytes)
        return chunk

    async def read_all(self) -> bytes:
        """The whole body, within the limit."""
        chunks = []
        while chunk := await self.read():
            chunks.append(chunk)
        return b"".join(chunks)

    async def _next(self) -> bytes:
        """Starts a timer only if it has to wait: most of a large body has arrived when it is asked for."""
        remaining = self._deadline - asyncio.get_running_loop().time()
        try:
            if remaining > 0 and (self._content.total_bytes > self._read_bytes or self._content.is_eof()):
                return self._content.read_nowait()
            async with asyncio.timeout(min(self._idle_seconds, max(0.0, remaining))):
                return await self._content.readany()
        except TimeoutError:
            raise HttpRefusal(408, "TIMEOUT", "The body took too long to arrive.", {"Connection": "close"}) from None
        except (ClientError, ConnectionError, HttpProcessingError, ValueError) as error:
            raise HttpRefusal(400, BAD_REQUEST, "The body was cut off, or its transfer coding is broken.") from error


def arrived(request: web.BaseRequest, limit_bytes: int) -> bytes | None:
    """The whole body if it came together with the headers, as most do; None if `Body` has to wait for it."""
    content = request.content
    if not content.is_eof() or content.exception() is not None or is_refused(request):
        return None
    text = content.read_nowait()
    if len(text) > limit_bytes:
        raise _too_large(limit_bytes)
    return text


def _too_large(limit_bytes: int) -> HttpRefusal:
    message = f"The body may have {limit_bytes:,} bytes at most."
    return HttpRefusal(413, "PAYLOAD_TOO_LARGE", message, extensions={"limitBytes": limit_bytes})


def decode(text: bytes | str) -> object:
    """Decode strict JSON (RFC 8259): no NaN or lone surrogates, at most 1,024 levels. BadRequest has the position."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        # The parser's message gives the position and quotes nothing from the text.
        raise BadRequest(f"This is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None


def has_lone_surrogate(text: str) -> bool:
    """Whether an escaped lone surrogate may be why `decode` refused the text: some clients cut emoji in two."""
    return _LONE_SURROGATE.search(text) is not None


def parameters_of(request: web.BaseRequest) -> dict[str, object]:
    """The parameters of a GET, as in a JSON body; raises BadRequest for duplicates and invalid JSON."""
    parameters: dict[str, object] = {}
    for key in ("query", "documentId", "doc_id", "operationName", "variables", "extensions"):
        values = request.query.getall(key, ())
        if len(values) > 1:
            raise BadRequest(f"Send `{key}` once.")
        if values:
            parameters[key] = decode(values[0]) if key in ("variables", "extensions") else values[0]
    # GraphQL over HTTP, "GET": an empty operationName is the same as none.
    parameters["operationName"] = parameters.get("operationName") or None
    return parameters


def names_operation(request: web.BaseRequest) -> bool:
    """Whether the URL has a document, or an id of one: then it is a request, even if a browser sends it."""
    return any(key in request.query for key in ("query", "documentId", "doc_id", "extensions"))


def encode(value: object) -> bytes:
    """Encode as UTF-8 JSON. What orjson cannot write (integers over 64 bits, lone surrogates) needs a second attempt.

    Raises TypeError or ValueError for values that JSON cannot represent.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
