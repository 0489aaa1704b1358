"""The load generator: one thread with epoll, and one request after another on each connection; checks every answer.

It costs about 15 µs of CPU for each request.
"""

import gc
import itertools
import re
import select
import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
KEY = "{key}"  # in a body: 24 characters that are new in each request
_EMPTY_KEY = "0" * 24
_keys = itertools.count(time.time_ns() << 16)


@dataclass(frozen=True, slots=True)
class Request:
    """The bytes of a request up to its key and after it, and what its answer contains."""

    before: bytes
    after: bytes | None
    marker: bytes

    @classmethod
    def post(cls, body: str, token: str, marker: str) -> "Request":
        """To /graphql; `KEY` in the body becomes a new key each time."""
        length = len(body.replace(KEY, _EMPTY_KEY).encode())
        head = "POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        text = f"{head}Authorization: Bearer {token}\r\nContent-Length: {length}\r\n\r\n{body}"
        before, key, after = text.partition(KEY)
        return cls(before.encode(), after.encode() if key else None, marker.encode())

    @classmethod
    def get(cls, path: str, marker: str) -> "Request":
        return cls(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode(), None, marker.encode())

    def to_bytes(self) -> bytes:
        if self.after is None:
            return self.before
        return b"%b%024x%b" % (self.before, next(_keys), self.after)


@dataclass(slots=True)
class Load:
    """The answers that came in `seconds`: their times, in seconds, and those that were wrong."""

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    wrong: list[bytes] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.times) / self.seconds


class Connection:
    """A connection that waits for one answer at a time."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._parts: list[bytes] = []
        self._missing = 0
        self._marker = b""
        self.began = 0.0

    def send(self, request: Request) -> None:
        self._parts.clear()
        self._missing = 0
        self._marker = request.marker
        self.began = time.perf_counter()
        self.socket.sendall(request.to_bytes())

    def receive(self) -> bytes | None:
        """Reads what has come; the answer, once it is complete."""
        part = self.socket.recv(1 << 18)
        if not part:
            raise ConnectionError(f"the server closed the connection after {b''.join(self._parts)[:300]!r}")
        if self._missing:
            self._parts.append(part)
            self._missing -= len(part)
        else:
            part = b"".join((*self._parts, part))
            self._parts = [part]
            end = part.find(b"\r\n\r\n")
            if end < 0:
                return None
            found = CONTENT_LENGTH.search(part, 0, end + 2)
            if found is None:
                raise ConnectionError(f"no Content-Length in {part[:300]!r}")
            self._missing = end + 4 + int(found[1]) - len(part)
        return None if self._missing else b"".join(self._parts)

    def is_right(self, answer: bytes) -> bool:
        """Whether the answer has the status 200, no errors, and what the request expects."""
        return answer.startswith(b"HTTP/1.1 200 ") and self._marker in answer and b'"errors":' not in answer


def run(port: int, requests: Sequence[Request], connections: int, seconds: float) -> Load:
    """Sends the requests in turn for so long, then waits for the last answers."""
    load, turn = Load(), itertools.cycle(requests)
    poll = select.epoll()
    by_number: dict[int, Connection] = {}
    gc.collect()
    gc.disable()
    try:
        for _ in range(connections):
            connection = Connection(port)
            poll.register(connection.socket, select.EPOLLIN)
            by_number[connection.socket.fileno()] = connection
        _exchange(poll, by_number, turn, load, seconds)
    finally:
        gc.enable()
        poll.close()
        for connection in by_number.values():
            connection.socket.close()
    return load


def _exchange(
    poll: select.epoll, by_number: dict[int, Connection], turn: Iterator[Request], load: Load, seconds: float
) -> None:
    waiting, began = len(by_number), time.perf_counter()
    for connection in by_number.values():
        connection.send(next(turn))
    while waiting:
        for number, _ in _ready(poll):
            connection = by_number[number]
            answer = connection.receive()
            if answer is None:
                continue
            now = time.perf_counter()
            if connection.is_right(answer):
                load.times.append(now - connection.began)
            else:
                load.wrong.append(answer)
            if now - began < seconds:
                connection.send(next(turn))
            else:
                waiting -= 1
    load.seconds = time.perf_counter() - began


def _ready(poll: select.epoll) -> Iterable[tuple[int, int]]:
    if found := poll.poll(30):
        return found
    raise TimeoutError("the server has not answered for 30 seconds")
