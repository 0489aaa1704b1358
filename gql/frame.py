"""Frames of a socket: text in and out within bounds, and the shape of every message (graphql-transport-ws)."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from aiohttp import WebSocketError, WSMsgType, web
from strawberry.aiohttp.views import AiohttpWebSocketAdapter
from strawberry.http.exceptions import NonJsonMessageReceived, NonTextMessageReceived, WebSocketDisconnected

from gql.body import decode, encode, has_lone_surrogate
from services.error import BadRequest

if TYPE_CHECKING:
    from gql.view import View

MAX_REASON_BYTES = 123  # RFC 6455 §5.5: a control frame holds 125 bytes, two of them the code
MAX_ID_LENGTH = 128
CLOSE_SECONDS = 10.0  # until the other side has said goodbye, or is cut off
HANG_UP_SECONDS = 1.0  # until the other side has hung up after the goodbyes, or is cut off

_TYPES = ("connection_init", "ping", "pong", "subscribe", "complete")


class ProtocolError(Exception):
    """A message that graphql-transport-ws does not know: the socket is closed with 4400 and this sentence."""


@dataclass(frozen=True, slots=True)
class HalfCharacter:
    """Stands for the payload of a `subscribe` that is JSON but for a lone surrogate: clients cut emoji in two."""


class SocketResponse(web.WebSocketResponse):
    """aiohttp's socket, which hangs up too early on a client that speaks, and too late on one that is silent."""

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


class SocketAdapter(AiohttpWebSocketAdapter):
    """Frames as text: bytes would be sent as binary frames, which a browser gives out as a Blob."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
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
        async for frame in self.ws:
            if frame.type is WSMsgType.TEXT:
                yield _message_of(frame.data)
            elif frame.type is WSMsgType.BINARY:
                raise NonTextMessageReceived

    async def send_json(self, message: Mapping[str, object]) -> None:
        """Send a message; raises WebSocketDisconnected when nobody reads, and then cuts the connection.

        A client that does not read holds the sender for the time-out, never for longer (design §5). Its operations
        send in turn, so that what waits in memory is one message above the transport's high-water mark.
        """
        try:
            async with asyncio.timeout(cast("View", self.view).options.send_timeout_seconds), self._turn:
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
        message = reason.encode(errors="replace")[:MAX_REASON_BYTES].decode(errors="ignore").encode()
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.ws.close(code=code, message=message)
        except TimeoutError:
            self._cut()

    async def hang_up(self) -> None:
        """End our half, and read until the other side has ended its own (RFC 6455 §7.1.1); then cut what is left."""
        transport = self.request.transport
        if transport is None:
            return
        if isinstance(self.ws.exception(), WebSocketError):
            await _until_closed(transport)  # it may be in the middle of a large frame: first it shall read our Close
        if transport.can_write_eof():
            transport.write_eof()
        await _until_closed(transport)
        transport.abort()

    def _cut(self) -> None:
        if self.request.transport is not None:
            self.request.transport.abort()


async def _until_closed(transport: asyncio.Transport) -> None:
    """Until the other side has hung up; what it still sends is dropped."""
    with suppress(TimeoutError):
        async with asyncio.timeout(HANG_UP_SECONDS):
            while not transport.is_closing():
                await asyncio.sleep(0.01)


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
    if not isinstance(payload, dict) or not isinstance(payload.get("query"), str):
        raise ProtocolError("The payload of subscribe must be an object with a string `query`")
    if not isinstance(payload.get("operationName"), str | None):
        raise ProtocolError("`operationName` must be a string or null")
    for key in ("variables", "extensions"):
        if not isinstance(payload.get(key), dict | None):
            raise ProtocolError(f"`{key}` must be an object or null")
