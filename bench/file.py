"""Downloads and uploads beside the same by hand with aiohttp, in paired rounds.

Run: .venv/bin/python -m bench.file [--rounds 5] [--only upload]. Prints a Markdown table: the CPU time of each
server per operation, the MiB per second, and the ratios of both. The peer is bench/file_peer.py. Both are as durable:
what is uploaded is hashed, synced, and has a row; ours also becomes a message. Responses and hashes are checked.
"""

import argparse
import hashlib
import json
import os
import re
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

MIB = 1 << 20
CONTENT = secrets.token_bytes(8 * MIB)
BOUNDARY = f"----WebKitFormBoundary{secrets.token_hex(8)}"
SEND = """mutation ($input: SendPrivateMessageInput!) { sendPrivateMessage(input: $input) {
  ... on SendPrivateMessageSuccess { message { attachments { url sha256 } } } ... on UserError { detail } } }"""
CREATE = """mutation ($input: CreateUploadInput!) { createUpload(input: $input) {
  ... on CreateUploadSuccess { upload { uploadUrl } } ... on UserError { detail } } }"""
SIGN_UP = "mutation ($input: SignUpInput!) { signUp(input: $input) { ... on SignUpSuccess { token } } }"
OPERATIONS = (  # what, bytes, how often in a round
    ("download", 16 * 1024, 400),
    ("download", MIB, 100),
    ("download", 8 * MIB, 20),
    ("download", 25 * MIB, 8),
    ("upload", 16 * 1024, 60),
    ("upload", MIB, 30),
    ("upload", 8 * MIB, 6),
    ("tus", 100 * MIB, 1),
)


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen[bytes]
    port: int

    def cpu_seconds(self) -> float:
        """CPU time of all threads of the process so far (clock_getcpuclockid(3))."""
        return time.clock_gettime((~self.process.pid << 3) | 2)


@contextmanager
def serving(*command: str, **environment: str) -> Iterator[Server]:
    """Starts a program that prints its URL; ends it after the block."""
    process = subprocess.Popen(
        (sys.executable, "-m", *command), env={**os.environ, **environment}, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    output = ""
    while not (found := re.search(r"http://127\.0\.0\.1:(\d+)", output)):
        line = process.stdout.readline().decode()
        assert line, output
        output += line
    try:
        yield Server(process, int(found[1]))
    finally:
        process.terminate()
        process.wait()


class Connection:
    """One connection, with blocking calls, so that the client costs little beside the server."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._buffer = bytearray(MIB)

    def request(self, method: str, path: str, body: tuple[bytes, ...] = (), **headers: str) -> tuple[int, bytes, int]:
        """Status, the beginning of the body, and its bytes."""
        lines = [f"{method} {path} HTTP/1.1", "Host: x", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]
        if body:
            lines.append(f"Content-Length: {sum(map(len, body))}")
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode() + (body[0] if body else b""))
        for part in body[1:]:
            self._socket.sendall(part)
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._socket.recv(65_536)
        head, _, first = received.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        size = int(length[1]) if length else 0
        left = size - len(first)
        while left:
            count = self._socket.recv_into(self._buffer, min(left, MIB))
            assert count
            left -= count
            if len(first) < 65_536:
                first += self._buffer[:count]
        return int(head.split()[1]), first[:65_536], size


class Side(Protocol):
    """What is compared: a server with a file of each size."""

    server: Server

    def prepare(self, size: int) -> str:
        """Stores a file; returns the path of its download."""
        ...

    def upload(self, size: int) -> None:
        """Uploads a new file in a multipart form."""
        ...

    def tus(self, size: int) -> None:
        """Uploads a new file as the body of one PATCH."""
        ...


def content_of(size: int) -> tuple[bytes, ...]:
    """New content of this size, in pieces: a few random bytes, then always the same."""
    pieces, left = [secrets.token_bytes(16)], size - 16
    while left:
        pieces.append(CONTENT[:left])
        left -= len(pieces[-1])
    return tuple(pieces)


def hash_of(pieces: tuple[bytes, ...]) -> str:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def form_of(content: tuple[bytes, ...], operations: dict[str, Any]) -> tuple[bytes, ...]:
    """A multipart request with one file."""
    head = b"".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{json.dumps(value)}\r\n'.encode()
        for name, value in (("operations", operations), ("map", {"0": ["variables.input.attachments.0.file"]}))
    )
    head += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="0"; filename="a.bin"\r\n\r\n'.encode()
    return (head, *content, f"\r\n--{BOUNDARY}--\r\n".encode())


def path_of(url: str) -> str:
    return "/" + url.split("/", 3)[3]


class Ours:
    """Sotto, with alice who sends to bob."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._connection = Connection(server.port)
        self._token = ""
        for name in ("bob", "alice"):
            form = {"username": name, "password": "correct horse"}
            self._token = self._ask(SIGN_UP, form)["signUp"]["token"]

    def _ask(self, query: str, form: dict[str, Any]) -> Any:
        body = json.dumps({"query": query, "variables": {"input": form}}).encode()
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        status, answer, _ = self._connection.request(
            "POST", "/graphql", (body,), Content_Type="application/json", **headers
        )
        assert status == 200, answer
        return json.loads(answer)["data"]

    def prepare(self, size: int) -> str:
        return path_of(self._send(content_of(size))["url"])

    def upload(self, size: int) -> None:
        content = content_of(size)
        assert self._send(content)["sha256"] == hash_of(content)

    def _send(self, content: tuple[bytes, ...]) -> dict[str, Any]:
        draft = {"to": {"users": [{"username": "bob"}]}, "attachments": [{"file": None}]}
        status, answer, _ = self._connection.request(
            "POST",
            "/graphql",
            form_of(content, {"query": SEND, "variables": {"input": draft}}),
            Content_Type=f"multipart/form-data; boundary={BOUNDARY}",
            Authorization=f"Bearer {self._token}",
        )
        assert status == 200, answer
        found: dict[str, Any] = json.loads(answer)["data"]["sendPrivateMessage"]["message"]["attachments"][0]
        return found

    def tus(self, size: int) -> None:
        content = content_of(size)
        form = {"filename": "a.bin", "byteSize": size, "sha256": hash_of(content)}
        address = self._ask(CREATE, form)["createUpload"]["upload"]["uploadUrl"]
        status, answer, _ = self._connection.request(
            "PATCH",
            path_of(address),
            content,
            Tus_Resumable="1.0.0",
            Upload_Offset="0",
            Content_Type="application/offset+octet-stream",
            Authorization=f"Bearer {self._token}",
        )
        assert status == 204, answer


class ByHand:
    """aiohttp by hand."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server = server
        self._connection = Connection(server.port)
        self._folder = folder

    def prepare(self, size: int) -> str:
        name = secrets.token_hex(16)
        (self._folder / name).write_bytes(b"".join(content_of(size)))
        return f"/files/{name}"

    def upload(self, size: int) -> None:
        content = content_of(size)
        status, answer, _ = self._connection.request(
            "POST", "/files", form_of(content, {}), Content_Type=f"multipart/form-data; boundary={BOUNDARY}"
        )
        assert status == 200, answer
        assert json.loads(answer)["sha256"] == hash_of(content)

    def tus(self, size: int) -> None:
        content = content_of(size)
        hash_of(content)  # as the client of the other server must
        status, answer, _ = self._connection.request("PATCH", f"/files/{secrets.token_hex(16)}", content)
        assert status == 204, answer


@dataclass(frozen=True)
class Figures:
    """Of one round: CPU seconds of the server per operation, and seconds per operation."""

    cpu: float
    seconds: float


def measure(side: Side, what: str, size: int, times: int) -> Figures:
    """Runs an operation so often on one connection; once before, unmeasured."""
    run = (
        download_of(side, size) if what == "download" else partial(side.upload if what == "upload" else side.tus, size)
    )
    if times > 1:
        run()
    cpu, began = side.server.cpu_seconds(), time.perf_counter()
    for _ in range(times):
        run()
    return Figures((side.server.cpu_seconds() - cpu) / times, (time.perf_counter() - began) / times)


def download_of(side: Side, size: int) -> Callable[[], None]:
    path, connection = side.prepare(size), Connection(side.server.port)

    def download() -> None:
        status, first, received = connection.request("GET", path)
        assert (status, received) == (200, size), (status, first[:200])

    return download


@contextmanager
def sides(folder: Path) -> Iterator[dict[str, Side]]:
    """Both servers, on folders below this one."""
    theirs = folder / "peer"
    theirs.mkdir()
    unlimited = dict.fromkeys(("SEND", "UPLOAD", "SIGN_UP", "COST"), "0")
    environment = {f"SOTTO_{name}_RATE_PER_MINUTE": value for name, value in unlimited.items()} | {
        "SOTTO_MAX_ATTACHMENT_BYTES": str(1 << 30),
        "SOTTO_ATTACHMENT_TYPES": "any",
        "SOTTO_LOG_LEVEL": "warning",
    }
    serve = ("server", "serve", "--port", "0", "--data", str(folder / "ours"))
    with serving(*serve, **environment) as ours, serving("bench.file_peer", str(theirs)) as peer:
        yield {"ours": Ours(ours), "by hand": ByHand(peer, theirs)}


def label_of(what: str, size: int) -> str:
    return f"{what} {size / MIB:g} MiB" if size >= MIB else f"{what} {size // 1024} KiB"


def compare(both: dict[str, Side], what: str, size: int, times: int, rounds: int) -> str:
    """One row of the table: medians, and the median ratio of paired rounds with its range."""
    figures: dict[str, list[Figures]] = {name: [] for name in both}
    for number in range(rounds):
        for name in sorted(both, reverse=bool(number % 2)):
            figures[name].append(measure(both[name], what, size, times))
    cpu = [ours.cpu / hand.cpu for ours, hand in zip(figures["ours"], figures["by hand"], strict=True)]
    speed = [hand.seconds / ours.seconds for ours, hand in zip(figures["ours"], figures["by hand"], strict=True)]
    cells = [label_of(what, size)]
    cells += [f"{statistics.median(each.cpu for each in figures[name]) * 1e6:,.0f}" for name in ("ours", "by hand")]
    cells += [f"{size / MIB / statistics.median(e.seconds for e in figures[n]):,.1f}" for n in ("ours", "by hand")]
    cells += [f"{statistics.median(each):.2f} ({min(each):.2f} to {max(each):.2f})" for each in (cpu, speed)]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    print(
        "| operation | CPU µs: ours | by hand | MiB/s: ours | by hand | CPU, ours / by hand | speed, ours / by hand |"
    )
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=".", prefix="bench-") as folder, sides(Path(folder).absolute()) as both:
        for what, size, times in OPERATIONS:
            if options.only in label_of(what, size):
                print(compare(both, what, size, times, options.rounds), flush=True)


if __name__ == "__main__":
    main()
