"""WebSocket frames: text in and out within limits, and the shape of every message (graphql-transport-ws)."""

import asyncio
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import WebSocketError, WSMsgType, web
from aiohttp.http import WebSocketWriter
from strawberry.http.exceptions import NonJsonMessageReceived, NonTextMessageReceived, WebSocketDisconnected

from gql.wire.body import decode, encode, has_lone_surrogate
from gql.wire.mask import MaskCheck
from gql.wire.operation import is_reference
from services.error import BadRequest

MAX_REASON_BYTES = 123  # RFC 6455 §5.5: a control frame holds 125 bytes, two of them for the code
MAX_ID_LENGTH = 128
CLOSE_SECONDS = 10.0  # for the client to send its Close, before the connection is cut
HANG_UP_SECONDS = 1.0  # for the client's Close, and again for it to end the connection, before we cut it
FRAMES_AT_ONCE = 64  # of one socket, before other tasks run

ENDED = object()  # instead of a message: the socket is closed

_ENDS = frozenset({WSMsgType.CLOSE, WSMsgType.CLOSING, WSMsgType.CLOSED})
_TYPES = ("connection_init", "ping", "pong", "subscribe", "complete")


class ProtocolError(Exception):
    """A message that graphql-transport-ws does not define: the socket is closed with 4400 and this sentence."""


@dataclass(frozen=True, slots=True)
class HalfCharacter:
    """Replaces the payload of a `subscribe` with a lone surrogate: some clients cut emoji in two."""


class SocketResponse(web.WebSocketResponse):
    """aiohttp's socket without two faults: it closes with data unread, and waits for a Close that never comes."""

    _check: MaskCheck | None = None

    @property
    def has_close(self) -> bool:
        """Whether the client has sent its Close."""
        return self._check is not None and self._check.has_closed

    def _post_start(self, request: web.BaseRequest, protocol: str | None, writer: WebSocketWriter) -> None:
        """Put the check of masks in front of the reader, and pass it the bytes that came right after the handshake."""
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
        """`hang_up` does it: closing with unread bytes sends a TCP RST, and the client never sees our close frame."""

    def _reset_heartbeat(self) -> None:
        """No heartbeat once closed: its timer would keep the socket in memory for another 30 s."""
        if not self.closed:
            super()._reset_heartbeat()

    def _handle_ping_pong_exception(self, exc: BaseException) -> None:
        """Cut off a client that answers no ping: its unread data would keep the connection and the senders waiting."""
        super()._handle_ping_pong_exception(exc)
        if self._req is not None and self._req.transport is not None:
            self._req.transport.abort()


class SocketAdapter:
    """Frames as text: Strawberry would send bytes as binary frames, which browsers deliver as Blob."""

    def __init__(self, request: web.Request, ws: SocketResponse, send_seconds: float) -> None:
        self.request = request
        self.ws = ws
        self._send_seconds = send_seconds
        self._turn = asyncio.Lock()
        self._said: int | None = None
        self._received = 0

    @property
    def close_code(self) -> int:
        """The code that closed the socket, ours or the client's; 1005 if it had none, 1006 without a Close."""
        error = self.ws.exception()
        broken = error.code if isinstance(error, WebSocketError) else None
        code = self._said or broken or self.ws.close_code
        return 1006 if code is None else int(code) or 1005

    async def receive(self) -> object:
        """The next decoded message, or ENDED; keeps nothing of it, because the next one may come days later."""
        while (frame := await self.ws.receive()).type not in _ENDS:
            self._received += 1
            if not self._received % FRAMES_AT_ONCE:
                await asyncio.sleep(0)  # reading buffered frames never yields by itself
            if frame.type is WSMsgType.TEXT:
                return _message_of(frame.data)
            if frame.type is WSMsgType.BINARY:
                raise NonTextMessageReceived
            if frame.type is WSMsgType.PING:
                await self._answer(frame.data)
            del frame
        return ENDED

    async def _answer(self, ping: bytes) -> None:
        """Send a pong; cuts off a client that does not read it, as `send_json` does."""
        try:
            async with asyncio.timeout(self._send_seconds):
                await self.ws.pong(ping)
        except TimeoutError:
            self._cut()
        except (RuntimeError, ConnectionError):
            pass  # the next frame reports it

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Send a message; see `send_text`."""
        await self.send_text(encode(message))

    async def send_text(self, *parts: bytes) -> None:
        """Send a message, its JSON in parts; raises WebSocketDisconnected if nobody reads it, and cuts the connection.

        A client that does not read blocks the sender for at most `send_seconds`. The operations of a socket send one at
        a time, so at most one message above the transport's high-water mark is in memory.
        """
        is_sent = self.push_text(*parts)
        if is_sent and not self.request.protocol.writing_paused:
            return
        try:
            async with asyncio.timeout(self._send_seconds), self._turn:
                await self._room()
                if not is_sent and not self._write(parts):
                    raise WebSocketDisconnected
                await self._room()
        except TimeoutError:
            self._cut()
            raise WebSocketDisconnected from None
        except ConnectionError as error:
            raise WebSocketDisconnected from error

    def push_text(self, *parts: bytes) -> bool:
        """Send a message at once; False, and nothing was sent, if it would have to wait or the socket is closed."""
        return not (self.request.protocol.writing_paused or self._turn.locked()) and self._write(parts)

    def _write(self, parts: tuple[bytes, ...]) -> bool:
        """Write one text frame; False if the socket is closed. aiohttp's `send_frame` could not be told not to wait."""
        transport = self.request.transport
        if transport is None or transport.is_closing() or self.ws.closed:
            return False
        transport.write(b"".join((_header_of(sum(map(len, parts))), *parts)))
        return True

    async def _room(self) -> None:
        """Wait until the transport takes more; raises ConnectionError if the connection ends.

        aiohttp has one future for all who wait, and one of them who is cancelled cancels it.
        """
        protocol, task = self.request.protocol, asyncio.current_task()
        while protocol.writing_paused:
            waiter = protocol._drain_waiter  # noqa: SLF001
            if waiter is None or waiter.done():
                waiter = protocol._drain_waiter = asyncio.get_running_loop().create_future()  # noqa: SLF001
            try:
                await asyncio.shield(waiter)
            except asyncio.CancelledError:
                if not waiter.cancelled() or (task is not None and task.cancelling()):
                    raise

    async def close(self, code: int, reason: str) -> None:
        """Close with a code. The reason is cut to fit a control frame; a connection that stays open is cut."""
        if not self.ws.closed:
            self._said = code
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.ws.close(code=code, message=_shortened(reason))
        except TimeoutError:
            self._cut()

    async def hang_up(self) -> None:
        """End our half after the client's Close, then read until the client has ended its half (RFC 6455 §7.1.1).

        Each step takes at most a second; then the connection is cut. A client whose connection ends before it has
        answered our Close reports 1006 instead of our code. There is no wait for a client that has left.
        """
        transport, ws = self.request.transport, self.ws
        if transport is None:
            return
        # After a broken frame the client's Close cannot be recognised, so we do not wait for it.
        is_broken = isinstance(ws.exception(), WebSocketError)
        await _until(lambda: (ws.has_close and not is_broken) or transport.is_closing())
        if not transport.is_closing() and transport.can_write_eof():
            with suppress(OSError):  # reset by the client, which the event loop has not noticed yet
                transport.write_eof()
        await _until(transport.is_closing)
        transport.abort()

    def _cut(self) -> None:
        if self.request.transport is not None:
            self.request.transport.abort()


def _header_of(length: int) -> bytes:
    """The header of a text frame that is not masked, compressed or split (RFC 6455 §5.2)."""
    if length < 126:
        return bytes((0x81, length))
    if length < 65_536:
        return b"\x81\x7e" + length.to_bytes(2)
    return b"\x81\x7f" + length.to_bytes(8)


async def _until(is_reached: Callable[[], bool]) -> None:
    """Wait for the client, for a limited time; drops what it still sends."""
    with suppress(TimeoutError):
        async with asyncio.timeout(HANG_UP_SECONDS):
            while not is_reached():
                await asyncio.sleep(0.01)


def _shortened(reason: str) -> bytes:
    """The reason, cut between two words if it does not fit a control frame."""
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
    """A message with a lone surrogate, its payload replaced, so that the refusal carries its id."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NonJsonMessageReceived from error
    if not isinstance(message, dict) or message.get("type") != "subscribe":
        raise NonJsonMessageReceived
    return {**message, "payload": HalfCharacter()}


def check_message(message: object) -> dict[str, Any]:
    """Return the message if the protocol allows its shape; else raise ProtocolError, which says what is wrong."""
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
    if not isinstance(payload, dict) or not (isinstance(payload.get("query"), str) or _names_document(payload)):
        raise ProtocolError("The payload of subscribe must be an object with a string `query`")
    if not isinstance(payload.get("operationName"), str | None):
        raise ProtocolError("`operationName` must be a string or null")
    for key in ("variables", "extensions"):
        if not isinstance(payload.get(key), dict | None):
            raise ProtocolError(f"`{key}` must be an object or null")


def _names_document(payload: dict[str, Any]) -> bool:
    """Whether it has an id instead of `query`, which the protocol does not know; a wrong one ends the operation."""
    try:
        return is_reference(payload)
    except BadRequest:
        return True
