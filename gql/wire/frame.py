"""Frames of a socket: text in and out within bounds, and the shape of every message (graphql-transport-ws)."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import WebSocketError, WSMsgType, web
from aiohttp.http import WebSocketWriter
from strawberry.http.async_base_view import AsyncWebSocketAdapter
from strawberry.http.exceptions import NonJsonMessageReceived, NonTextMessageReceived, WebSocketDisconnected

from gql.wire.body import decode, encode, has_lone_surrogate
from gql.wire.mask import MaskCheck
from gql.wire.operation import is_hash_alone
from services.error import BadRequest

MAX_REASON_BYTES = 123  # RFC 6455 §5.5: a control frame holds 125 bytes, two of them the code
MAX_ID_LENGTH = 128
CLOSE_SECONDS = 10.0  # until the other side has said goodbye, or is cut off
HANG_UP_SECONDS = 1.0  # until the other side's own Close has come, and then until it has hung up, or is cut off
FRAMES_AT_ONCE = 64  # of one socket, before all others have their turn

_TYPES = ("connection_init", "ping", "pong", "subscribe", "complete")


class ProtocolError(Exception):
    """A message that graphql-transport-ws does not know: the socket is closed with 4400 and this sentence."""


@dataclass(frozen=True, slots=True)
class HalfCharacter:
    """Stands for the payload of a `subscribe` that is JSON but for a lone surrogate: clients cut emoji in two."""


class SocketResponse(web.WebSocketResponse):
    """aiohttp's socket, which hangs up too early on a client that speaks, and too late on one that is silent."""

    _check: MaskCheck | None = None

    @property
    def has_goodbye(self) -> bool:
        """Whether the client has sent its Close."""
        return self._check is not None and self._check.has_closed

    def _post_start(self, request: web.BaseRequest, protocol: str | None, writer: WebSocketWriter) -> None:
        """Put the check of masks before the reader, and before whatever came right behind the handshake."""
        connection = request.protocol
        tail, connection._message_tail = connection._message_tail, b""  # noqa: SLF001 -- aiohttp has no hook
        super()._post_start(request, protocol, writer)
        assert self._parser is not None
        assert self._reader is not None
        self._check = MaskCheck(self._parser, self._reader.set_exception)
        connection._payload_parser = self._check  # noqa: SLF001
        if tail:
            self._check.feed_data(tail)

    def _close_transport(self) -> None:
        """Leave it to `hang_up`: closing while bytes are unread makes RST of our last words (1006 instead of 1009)."""

    def _reset_heartbeat(self) -> None:
        """Set none for what comes behind the goodbye: it would hold a closed socket for another 30 s."""
        if not self.closed:
            super()._reset_heartbeat()

    def _handle_ping_pong_exception(self, exc: BaseException) -> None:
        """Cut off whoever answers no ping: what it does not read would keep the connection open, and its senders."""
        super()._handle_ping_pong_exception(exc)
        if self._req is not None and self._req.transport is not None:
            self._req.transport.abort()


class SocketAdapter(AsyncWebSocketAdapter):
    """Frames as text: bytes would be sent as binary frames, which a browser gives out as a Blob."""

    def __init__(self, request: web.Request, ws: SocketResponse, send_seconds: float) -> None:
        super().__init__(cast("Any", None))  # Strawberry's view, of which nothing here has need
        self.request = request
        self.ws = ws
        self._send_seconds = send_seconds
        self._turn = asyncio.Lock()
        self._said: int | None = None

    @property
    def close_code(self) -> int:
        """What closed the socket: our code, or the client's; 1005 without a code, 1006 without a goodbye (RFC 6455)."""
        error = self.ws.exception()
        broken = error.code if isinstance(error, WebSocketError) else None
        code = self._said or broken or self.ws.close_code
        return 1006 if code is None else int(code) or 1005

    async def iter_json(self, *, ignore_parsing_errors: bool = False) -> AsyncGenerator[object, None]:
        """The messages, decoded; ends when the socket is closed."""
        count = 0
        async for frame in self.ws:
            if frame.type is WSMsgType.TEXT:
                yield _message_of(frame.data)
            elif frame.type is WSMsgType.BINARY:
                raise NonTextMessageReceived
            elif frame.type is WSMsgType.PING:
                await self._answer(frame.data)
            count += 1
            if not count % FRAMES_AT_ONCE:
                await asyncio.sleep(0)  # what has arrived is read without a wait, as much as there is

    async def _answer(self, ping: bytes) -> None:
        """Send a pong. A client that does not read it is cut off, as in `send_json`."""
        try:
            async with asyncio.timeout(self._send_seconds):
                await self.ws.pong(ping)
        except TimeoutError:
            self._cut()
        except (RuntimeError, ConnectionError):
            pass  # the next frame says why

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Send a message; raises WebSocketDisconnected when nobody reads, and then cuts the connection.

        A client that does not read holds the sender for the time-out, never for longer. Its operations send in turn, so
        that what waits in memory is one message above the transport's high-water mark.
        """
        try:
            async with asyncio.timeout(self._send_seconds), self._turn:
                await self.ws.send_str(encode(message).decode())
        except TimeoutError:
            self._cut()
            raise WebSocketDisconnected from None
        except (RuntimeError, ConnectionError) as error:
            raise WebSocketDisconnected from error

    async def close(self, code: int, reason: str) -> None:
        """Close with a code; the reason is cut to what a control frame holds, and the connection if it stays open."""
        if not self.ws.closed:
            self._said = code
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.ws.close(code=code, message=_shortened(reason))
        except TimeoutError:
            self._cut()

    async def hang_up(self) -> None:
        """End our half once the client's Close has come, then read until it has ended its own (RFC 6455 §7.1.1).

        Each within a second; then what is left is cut. A client that finds the connection ended before it could answer
        our Close calls that an abnormal end (1006), and does not tell our code. One that is gone is waited for no more.
        """
        transport, ws = self.request.transport, self.ws
        if transport is None:
            return
        # Behind a broken frame no Close is found: the client may be in the middle of a large one, and first reads ours.
        is_broken = isinstance(ws.exception(), WebSocketError)
        await _until(lambda: (ws.has_goodbye and not is_broken) or transport.is_closing())
        if not transport.is_closing() and transport.can_write_eof():
            with suppress(OSError):  # reset by the client, which the event loop has not seen yet
                transport.write_eof()
        await _until(transport.is_closing)
        transport.abort()

    def _cut(self) -> None:
        if self.request.transport is not None:
            self.request.transport.abort()


async def _until(is_reached: Callable[[], bool]) -> None:
    """Wait for what the other side does, for a bounded time; what it still sends is dropped."""
    with suppress(TimeoutError):
        async with asyncio.timeout(HANG_UP_SECONDS):
            while not is_reached():
                await asyncio.sleep(0.01)


def _shortened(reason: str) -> bytes:
    """The reason as a control frame can hold it: whole, or cut between two words."""
    text = reason.encode(errors="replace")
    if len(text) <= MAX_REASON_BYTES:
        return text
    room = MAX_REASON_BYTES - len("…".encode())
    words = text[: room + 1].rpartition(b" ")[0] or text[:room].decode(errors="ignore").encode()
    return words.rstrip(b" ,;:(`") + "…".encode()


def _message_of(text: str) -> object:
    """Decode a frame; raises NonJsonMessageReceived, which closes the socket with 4400."""
    try:
        return decode(text)
    except BadRequest as error:
        if has_lone_surrogate(text):
            return _without_payload(text)
        raise NonJsonMessageReceived from error


def _without_payload(text: str) -> object:
    """A message that holds half a character, its payload replaced, so that it can be refused under its own id."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NonJsonMessageReceived from error
    if not isinstance(message, dict) or message.get("type") != "subscribe":
        raise NonJsonMessageReceived
    return {**message, "payload": HalfCharacter()}


def check_message(message: object) -> dict[str, Any]:
    """The message, if its shape is the protocol's; raises ProtocolError that says what is wrong with it."""
    if not isinstance(message, dict):
        raise ProtocolError("A message must be a JSON object")
    kind = message.get("type")
    if kind not in _TYPES:
        raise ProtocolError("Unknown message type")
    if kind in ("subscribe", "complete"):
        operation_id = message.get("id")
        if not isinstance(operation_id, str) or not 0 < len(operation_id) <= MAX_ID_LENGTH:
            raise ProtocolError(f"`id` must be a string of 1 to {MAX_ID_LENGTH} characters")
    payload = message.get("payload")
    if kind == "subscribe":
        _check_subscription(payload)
    elif kind != "complete" and payload is not None and not isinstance(payload, dict):
        raise ProtocolError(f"The payload of {kind} must be an object or null")
    return message


def _check_subscription(payload: object) -> None:
    if isinstance(payload, HalfCharacter):
        return
    if not isinstance(payload, dict) or not (isinstance(payload.get("query"), str) or is_hash_alone(payload)):
        raise ProtocolError("The payload of subscribe must be an object with a string `query`")
    if not isinstance(payload.get("operationName"), str | None):
        raise ProtocolError("`operationName` must be a string or null")
    for key in ("variables", "extensions"):
        if not isinstance(payload.get(key), dict | None):
            raise ProtocolError(f"`{key}` must be an object or null")
