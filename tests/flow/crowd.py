"""A crowd: a thousand subscribers in one process, each as light as a socket can be (RFC 6455, graphql-transport-ws)."""

import asyncio
import json
import resource
from typing import Any

from tests.flow.client import HEAR, Person

BATCH = 100  # connections that are opened at once: the server's queue for them holds 128

_HANDSHAKE = (
    b"GET /graphql HTTP/1.1\r\nHost: crowd\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
)
_TEXT, _CLOSE, _PING, _PONG = 1, 8, 9, 10


class Subscriber(asyncio.Protocol):
    """Remembers the ids of the messages it heard, its last cursor, and the code that it was closed with."""

    def __init__(self, person: Person, after: str) -> None:
        self.person = person
        self.heard: list[str] = []
        self.cursor = after
        self.close_code: int | None = None
        self.is_gone = asyncio.Event()
        self._is_open = False
        self._is_ready = asyncio.Event()
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None

    async def connect(self) -> None:
        """Returns when the server has acknowledged it."""
        host, port = self.person.server.url.removeprefix("http://").split(":")
        await asyncio.get_running_loop().create_connection(lambda: self, host, int(port))
        await self._is_ready.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for everything at once; the server reads it in order."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(_HANDSHAKE)
        self._send({"type": "connection_init", "payload": {"authorization": f"Bearer {self.person.token}"}})
        payload = {"query": HEAR, "variables": {"after": self.cursor}}
        self._send({"id": "1", "type": "subscribe", "payload": payload})

    def connection_lost(self, _error: Exception | None) -> None:
        """The end."""
        self.is_gone.set()

    def data_received(self, data: bytes) -> None:
        """Take the frames that are whole."""
        self._received += data
        if not self._is_open:
            head, found, rest = self._received.partition(b"\r\n\r\n")
            if not found:
                return
            assert head.startswith(b"HTTP/1.1 101 "), head
            self._received, self._is_open = rest, True
        while (frame := self._next_frame()) is not None:
            self._take(*frame)

    def _next_frame(self) -> tuple[int, bytes] | None:
        """Kind and content of the first frame; a server's are neither masked nor, from this one, in parts."""
        received = self._received
        if len(received) < 2:
            return None
        size, begin = received[1], 2
        if size == 126:
            size, begin = int.from_bytes(received[2:4]), 4
        elif size == 127:
            size, begin = int.from_bytes(received[2:10]), 10
        if len(received) < begin or len(received) < begin + size:
            return None
        content = bytes(received[begin : begin + size])
        kind = received[0] & 0x0F
        del received[: begin + size]
        return kind, content

    def _take(self, kind: int, content: bytes) -> None:
        if kind == _PING:
            self._write(_PONG, content)
        elif kind == _CLOSE:
            self.close_code = int.from_bytes(content[:2])
            self._write(_CLOSE, content[:2])
            assert self._transport is not None
            self._transport.close()
        elif kind == _TEXT:
            self._hear(json.loads(content))

    def _hear(self, message: dict[str, Any]) -> None:
        if message["type"] == "connection_ack":
            self._is_ready.set()
            return
        assert message["type"] == "next", message
        delivery = message["payload"]["data"]["privateMessageReceived"]
        self.heard.append(delivery["message"]["text"])
        self.cursor = delivery["cursor"]

    def _send(self, message: dict[str, Any]) -> None:
        self._write(_TEXT, json.dumps(message).encode())

    def _write(self, kind: int, content: bytes) -> None:
        """A frame; masked with zeros, as a client must mask, and nobody has to compute it."""
        assert self._transport is not None
        size = bytes((0x80 | len(content),)) if len(content) < 126 else b"\xfe" + len(content).to_bytes(2)
        self._transport.write(bytes((0x80 | kind,)) + size + b"\0\0\0\0" + content)


async def gather_crowd(people: list[Person], cursors: list[str], count: int) -> list[Subscriber]:
    """Opens so many subscriptions, of the people in turn; returns when the server has acknowledged every one."""
    _allow_open_files(2 * count + 512)
    crowd = [Subscriber(people[number % len(people)], cursors[number % len(people)]) for number in range(count)]
    async with asyncio.timeout(60):
        for first in range(0, count, BATCH):
            batch = crowd[first : first + BATCH]
            await asyncio.gather(*(each.connect() for each in batch))
    return crowd


def _allow_open_files(count: int) -> None:
    """Each end of a socket is one; the server inherits what is allowed here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(count, hard) if hard >= 0 else count, hard))
