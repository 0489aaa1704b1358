"""A WebSocket at the level of bytes: tests control every bit of a handshake and of a frame (RFC 6455)."""

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import urlsplit

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
MASK = b"\x01\x02\x03\x04"
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # the answer to that key in RFC 6455 §1.3
HANDSHAKE = {
    "Host": "127.0.0.1",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Protocol": "graphql-transport-ws",
}


def frame(payload: bytes, opcode: int = TEXT, *, fin: bool = True, reserved: int = 0, mask: bytes = MASK) -> bytes:
    """A client's frame; unmasked if `mask` is empty."""
    first = (0x80 if fin else 0) | reserved | opcode
    bit = 0x80 if mask else 0
    if len(payload) < 126:
        head = struct.pack("!BB", first, bit | len(payload))
    elif len(payload) < 65_536:
        head = struct.pack("!BBH", first, bit | 126, len(payload))
    else:
        head = struct.pack("!BBQ", first, bit | 127, len(payload))
    return head + mask + (masked(payload, mask) if mask else payload)


def masked(payload: bytes, mask: bytes = MASK) -> bytes:
    """The masked payload, computed as one number, because a megabyte byte by byte is slow."""
    pad = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")).to_bytes(len(payload), "big")


def request(headers: dict[str, str | list[str] | None] | None = None, line: str = "GET /graphql HTTP/1.1") -> bytes:
    """A handshake; None removes a header, a list sends it several times."""
    lines = [line]
    for name, value in {**HANDSHAKE, **(headers or {})}.items():
        values = value if isinstance(value, list) else [] if value is None else [value]
        lines += [f"{name}: {each}" for each in values]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape")


class Wire:
    """A connection that sends bytes and reads frames."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.status = 0
        self.head = ""

    @classmethod
    async def open(cls, url: str, limit: int = 2**16) -> Self:
        """Connected, nothing sent."""
        at = urlsplit(url)
        return cls(*await asyncio.open_connection(at.hostname, at.port, limit=limit))

    async def shake(self, handshake: bytes | None = None) -> Self:
        """Sends a handshake, and reads the head of the answer."""
        self.writer.write(handshake or request())
        async with asyncio.timeout(5):
            self.head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        self.status = int(self.head.split(" ", 2)[1])
        return self

    async def body(self) -> Any:
        """The JSON body of a refusal."""
        length = int(self.head.lower().split("content-length: ")[1].split("\r\n")[0])
        return json.loads(await asyncio.wait_for(self.reader.readexactly(length), 5))

    async def read(self) -> tuple[int, bytes]:
        """The next frame: opcode and payload; raises IncompleteReadError or ConnectionError at the end."""
        async with asyncio.timeout(5):
            first, second = await self.reader.readexactly(2)
            assert first & 0xF0 == 0x80, "one whole frame, no reserved bits"
            assert second < 128, "a server does not mask"
            length = second
            if second == 126:
                length = int.from_bytes(await self.reader.readexactly(2), "big")
            elif second == 127:
                length = int.from_bytes(await self.reader.readexactly(8), "big")
            return first & 0x0F, await self.reader.readexactly(length)

    async def message(self) -> Any:
        """The next message; skips pings of the server."""
        while (found := await self.read())[0] == PING:
            pass
        assert found[0] == TEXT, found
        return json.loads(found[1])

    async def closing(self) -> int:
        """The code with which the server closes, skipping other frames; 1006 if it only ends the connection."""
        try:
            while (found := await self.read())[0] != CLOSE:
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            return 1006
        return int.from_bytes(found[1][:2], "big")

    def send(self, message: object) -> None:
        """Sends a message, or any text."""
        text = message if isinstance(message, str) else json.dumps(message)
        self.writer.write(frame(text.encode("utf-8", "surrogatepass")))

    async def init(self, token: str | None = None) -> Self:
        """Connects to graphql-transport-ws, acknowledged."""
        self.send({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"} if token else {}})
        assert (await self.message())["type"] == "connection_ack"
        return self

    def abort(self) -> None:
        """Aborts the connection."""
        self.writer.transport.abort()


@asynccontextmanager
async def wire(url: str, *, init: bool = True, token: str | None = None) -> AsyncIterator[Wire]:
    """A connection after its handshake, acknowledged by default; aborted at the end."""
    found = await Wire.open(url)
    try:
        await found.shake()
        assert found.status == 101, found.head
        if init:
            await found.init(token)
        yield found
    finally:
        found.abort()
