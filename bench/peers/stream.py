"""Live deliveries over WebSockets: the CPU time of each, and the memory of an open stream.

A plain protocol counts the messages that arrive, so that hundreds of streams cost the load's core little. What a send
costs without listeners is measured first, and subtracted.
"""

import asyncio
import base64
import json
import os
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.peers import document
from bench.peers.load import KEY, Request
from bench.peers.operation import post
from bench.peers.result import Row, Sample, percentile
from bench.peers.server import Server

HANDSHAKES = 20  # at a time
SECONDS = 30


@dataclass(frozen=True)
class Audience:
    """Who listens: one token for each stream, and the requests that reach all of them."""

    name: str
    title: str
    count: int
    is_group: bool

    def tokens(self, server: Server) -> list[str]:
        people = server.people
        tokens = people["group"]["tokens"] if self.is_group else [people["pairs"][0]["to_token"]]
        return [tokens[place % len(tokens)] for place in range(self.count)]

    def send(self, server: Server) -> Request:
        people = server.people
        token = people["viewer"]["token"] if self.is_group else people["pairs"][0]["token"]
        to: dict[str, Any] = {"users": [{"username": people["pairs"][0]["to"]}]}
        if self.is_group:
            to = {"conversationId": server.conversation_id(people["group"])}
        given = {"to": to, "text": "Hello, how are you?", "clientMessageId": KEY}
        return post(token, document.SEND, '"SendPrivateMessageSuccess"', "Send", input=given)


AUDIENCES = (
    Audience("group", "in a group of 50, a stream for each member", 50, is_group=True),
    Audience("group-many", "in a group of 50, 20 streams for each member", 1_000, is_group=True),
    Audience("person", "to one person's 100 streams", 100, is_group=False),
)


class Listeners:
    """All streams to one server; counts the deliveries."""

    def __init__(self) -> None:
        self.count = 0
        self.wrong: list[bytes] = []
        self._awaited = 0
        self._reached = asyncio.Event()

    def take(self, frame: bytes) -> None:
        """A frame that is neither an answer of the protocol nor a ping."""
        if b'"next"' not in frame or b'"privateMessageReceived"' not in frame:
            self.wrong.append(frame)
        self.count += 1
        if self.count >= self._awaited:
            self._reached.set()

    def expect(self, count: int) -> None:
        """Begins to wait for so many more."""
        self._awaited = self.count + count
        self._reached.clear()

    async def all(self) -> None:
        await asyncio.wait_for(self._reached.wait(), SECONDS)


class Stream(asyncio.Protocol):
    """A WebSocket with one subscription, over graphql-transport-ws."""

    def __init__(self, token: str, listeners: Listeners) -> None:
        self._token = token
        self._listeners = listeners
        self._buffer = b""
        self._is_open = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self.transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            "GET /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._is_open:
            head, found, self._buffer = self._buffer.partition(b"\r\n\r\n")
            if not found:
                self._buffer = head
                return
            if b" 101 " not in head[:20]:
                self.ready.set_exception(ConnectionError(head[:300].decode()))
                return
            self._is_open = True
            self._say({"type": "connection_init", "payload": {"authorization": f"Bearer {self._token}"}})
        while (frame := self._next_frame()) is not None:
            self._handle(*frame)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(error or ConnectionError("closed"))

    def _next_frame(self) -> tuple[int, bytes] | None:
        """The opcode and the payload of the next whole frame."""
        if len(self._buffer) < 2:
            return None
        length, start = self._buffer[1], 2
        if length == 126:
            if len(self._buffer) < 4:
                return None
            length, start = struct.unpack(">H", self._buffer[2:4])[0], 4
        if len(self._buffer) < start + length:
            return None
        frame = self._buffer[0] & 15, self._buffer[start : start + length]
        self._buffer = self._buffer[start + length :]
        return frame

    def _handle(self, opcode: int, payload: bytes) -> None:
        if opcode == 9:
            self.transport.write(b"\x8a\x80\0\0\0\0")
        elif opcode == 1 and b'"connection_ack"' in payload:
            self._say({"id": "1", "type": "subscribe", "payload": {"query": document.RECEIVE}})
            self.ready.set_result(None)
        elif opcode == 1 and b'"type":"ping"' in payload.replace(b" ", b""):
            self._say({"type": "pong"})
        elif opcode == 1:
            self._listeners.take(payload)

    def _say(self, message: dict[str, Any]) -> None:
        """Masked with zeros, so that nothing needs to be computed."""
        payload = json.dumps(message).encode()
        length = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack(">H", len(payload))
        self.transport.write(b"\x81" + length + b"\0\0\0\0" + payload)


class Sender:
    """A connection on which messages are sent, one after another."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Request) -> None:
        self._reader = reader
        self._writer = writer
        self._request = request

    @classmethod
    async def open(cls, port: int, request: Request) -> "Sender":
        return cls(*await asyncio.open_connection("127.0.0.1", port), request)

    async def send(self) -> None:
        """Sends a message; raises ValueError if it was refused."""
        self._writer.write(self._request.to_bytes())
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        answer = await self._reader.readexactly(length)
        if self._request.marker not in answer:
            raise ValueError(answer[:1000])

    def close(self) -> None:
        self._writer.close()


async def open_streams(port: int, tokens: Sequence[str], listeners: Listeners) -> list[Stream]:
    """Opens all of them; returns when the server has accepted the last."""
    gate = asyncio.Semaphore(HANDSHAKES)

    async def open_one(token: str) -> Stream:
        async with gate:
            loop = asyncio.get_running_loop()
            _, stream = await loop.create_connection(lambda: Stream(token, listeners), "127.0.0.1", port)
            await asyncio.wait_for(stream.ready, SECONDS)
            return stream

    return list(await asyncio.gather(*(open_one(token) for token in tokens)))


async def sample(server: Server, audience: Audience, sends: int) -> Sample:
    """One round: `sends` messages, each sent when all streams have the one before."""
    listeners = Listeners()
    sender = await Sender.open(server.port, audience.send(server))
    for _ in range(5):
        await sender.send()
    cpu = server.cpu_ns()
    for _ in range(sends):
        await sender.send()
    alone = server.cpu_ns() - cpu
    memory = server.memory_bytes()
    streams = await open_streams(server.port, audience.tokens(server), listeners)
    await asyncio.sleep(0.5)  # the subscriptions begin
    memory = server.memory_bytes() - memory
    times = await _deliver(sender, listeners, audience.count, 3)
    count, cpu = listeners.count, server.cpu_ns()
    began = time.perf_counter()
    times = await _deliver(sender, listeners, audience.count, sends)
    seconds = time.perf_counter() - began
    await asyncio.sleep(0.1)
    cpu = server.cpu_ns() - cpu - alone
    if listeners.wrong or listeners.count - count != audience.count * sends:
        raise ValueError(f"{server.kind.title}: {listeners.count - count} deliveries, {listeners.wrong[:1]}")
    for stream in streams:
        stream.transport.close()
    sender.close()
    await asyncio.sleep(0.2)
    deliveries = audience.count * sends
    return Sample(
        deliveries / seconds,
        cpu / deliveries / 1000,
        percentile(times, 0.5),
        percentile(times, 0.99),
        memory / audience.count / 1024,
    )


async def _deliver(sender: Sender, listeners: Listeners, count: int, sends: int) -> list[float]:
    """The time from each send to its last delivery, in ms."""
    times = []
    for _ in range(sends):
        listeners.expect(count)
        began = time.perf_counter()
        await sender.send()
        await listeners.all()
        times.append((time.perf_counter() - began) * 1000)
    return times


def rounds(servers: Sequence[Server], audience: Audience, count: int, deliveries: int) -> Row:
    """The samples of `count` rounds; memory means something in the first, before the process has grown."""
    row = Row(audience.name, audience.title, "Live deliveries")
    sends = max(5, deliveries // audience.count)
    for place in range(count):
        shift = place % len(servers)
        for server in [*servers[shift:], *servers[:shift]]:
            row.add(server.kind.name, asyncio.run(sample(server, audience, sends)))
    return row
