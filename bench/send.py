"""Durable sends per second over HTTP with 1, 16 and 64 connections, in paired rounds.

Run: .venv/bin/python -m bench.send [--rounds 5] [--seconds 3] [--connections 1 16 64]. Prints a Markdown table.

ours: the real server. peer: bench/peer.py. raw 1: bench/raw.py with one message per COMMIT. raw n: with one message per
COMMIT and connection. Every round runs all of them on fresh files; ratios compare runs of the same round. Afterwards
the messages in the database are counted and compared with those acknowledged.
"""

import argparse
import asyncio
import hashlib
import json
import os
import platform
import re
import secrets
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from bench import peer
from bench.raw import Raw
from models import session as sessions
from models import user as users
from models.base import now_ms
from models.transaction import Transaction
from pubsub.memory import MemoryPubSub
from services.guard import GuardedDatabase

OURS = """mutation ($to: String!, $text: String!, $key: String!) {
  sendPrivateMessage(input: {to: {users: [{username: $to}]}, text: $text, clientMessageId: $key}) {
    __typename
    ... on SendPrivateMessageSuccess { message { id text createdAt sender { username } conversation { id } } }
  }
}"""
PEER = """mutation ($to: String!, $text: String!, $key: String!) {
  sendPrivateMessage(to: $to, text: $text, clientMessageId: $key) {
    __typename message { id text createdAt sender { username } conversation { id } }
  }
}"""
VARIANTS = ("ours", "peer", "raw 1", "raw n")


@dataclass
class Load:
    """The result of a run: messages per second, messages acknowledged in total, and the time of each, in seconds."""

    rate: float = 0.0
    acknowledged: int = 0
    times: list[float] = field(default_factory=list)


def request_of(document: str, token: str, to: str) -> bytes:
    """An HTTP/1.1 request with a new idempotency key."""
    variables = {"to": to, "text": "Hello, how are you?", "key": f"{time.time_ns():x}{secrets.token_hex(6)}"}
    body = json.dumps({"query": document, "variables": variables}).encode()
    head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


async def connection(port: int, make: Callable[[], bytes], warm: float, until: float, load: Load) -> None:
    """Sends requests sequentially; fails at the first response that is not a success."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    measured = 0
    while (began := time.perf_counter()) < until:
        writer.write(make())
        head = await reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"[Cc]ontent-[Ll]ength: (\d+)", head)
        assert found, head
        answer = await reader.readexactly(int(found[1]))
        assert b'"SendPrivateMessageSuccess"' in answer, answer
        load.acknowledged += 1
        if began >= warm:
            measured += 1
            load.times.append(time.perf_counter() - began)
    writer.close()
    load.rate += measured


async def load_on(port: int, document: str, people: list[tuple[str, str]], connections: int, seconds: float) -> Load:
    """Sends on all connections; half a second of warm-up is not measured."""
    load = Load()
    warm = time.perf_counter() + 0.5
    makes = [lambda pair=pair: request_of(document, *pair) for pair in people[:connections]]
    await asyncio.gather(*(connection(port, make, warm, warm + seconds, load) for make in makes))
    load.rate /= seconds
    return load


async def serve_and_load(
    command: list[str], document: str, people: list[tuple[str, str]], connections: int, seconds: float
) -> Load:
    """Starts a server, sends to it and stops it."""
    environment = {**os.environ, "SOTTO_SEND_RATE_PER_MINUTE": "0", "SOTTO_LOG_LEVEL": "warning"}
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, env=environment)
    assert process.stdout is not None
    output = ""
    while not (found := re.search(r"http://127\.0\.0\.1:(\d+)", output)):
        output += (await process.stdout.readline()).decode()
    try:
        return await load_on(int(found[1]), document, people, connections, seconds)
    finally:
        process.terminate()
        await process.wait()


async def populate(path: Path, pairs: int) -> list[tuple[str, str, int, int]]:
    """Creates our tables and users; returns token, name of the recipient and both IDs for each pair."""
    database = GuardedDatabase(path, MemoryPubSub())
    await database.open()

    def put(tx: Transaction) -> list[tuple[str, str, int, int]]:
        people: list[tuple[str, str, int, int]] = []
        for number in range(pairs):
            sender, recipient = (
                users.put(tx, f"{name}{number}", display_name=name, password_hash=None) or 0
                for name in ("sender", "recipient")
            )
            token = f"sot_{secrets.token_urlsafe(32)}"
            sessions.put(tx, sender, hashlib.sha256(token.encode()).digest(), now_ms() + 86_400_000 * 30)
            people.append((token, f"recipient{number}", sender, recipient))
        return people

    people = await database.write(put)
    await database.close()
    return people


async def run(variant: str, connections: int, seconds: float, folder: Path) -> Load:
    """Runs a variant once, on fresh files."""
    python = sys.executable
    if variant == "peer":
        path = folder / "peer.db"
        people = peer.populate(path, connections)
        load = await serve_and_load([python, "-m", "bench.peer", str(path)], PEER, people, connections, seconds)
        assert peer.count(path) == load.acknowledged
        return load
    path = folder / "sotto.db"
    ours = await populate(path, connections)
    if variant == "ours":
        command = [python, "-m", "server", "serve", "--port", "0", "--data", str(folder)]
        load = await serve_and_load(command, OURS, [each[:2] for each in ours], connections, seconds)
        with closing(sqlite3.connect(path)) as database:
            assert database.execute("SELECT count(*) FROM message").fetchone()[0] == load.acknowledged
        return load
    batch = connections if variant == "raw n" else 1
    raw_people = [(sender, recipient, name) for _, name, sender, recipient in ours]
    return Load(rate=Raw(path).measure(raw_people, batch, seconds))


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 16, 64])
    options = parser.parse_args()
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}\n")
    print("| connections | variant | per second | ratio ours / variant (min to max) | p50 ms | p99 ms |")
    print("|---|---|---|---|---|---|")
    for connections in options.connections:
        rounds: list[dict[str, Load]] = []
        for number in range(options.rounds):
            variants = [VARIANTS[(number + shift) % len(VARIANTS)] for shift in range(len(VARIANTS))]
            loads = {}
            for variant in variants:
                with tempfile.TemporaryDirectory(dir=".", prefix="bench-") as folder:
                    loads[variant] = await run(variant, connections, options.seconds, Path(folder))
            rounds.append(loads)
        for variant in VARIANTS:
            print(row_of(connections, variant, rounds), flush=True)


def row_of(connections: int, variant: str, rounds: list[dict[str, Load]]) -> str:
    """The medians of all rounds, and the range of the paired ratio."""
    rates = [loads[variant].rate for loads in rounds]
    ratios = [loads["ours"].rate / loads[variant].rate for loads in rounds]
    times = sorted(each for loads in rounds for each in loads[variant].times)
    p50, p99 = (f"{times[int(len(times) * part)] * 1000:.1f}" if times else "" for part in (0.5, 0.99))
    spread = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return f"| {connections} | {variant} | {statistics.median(rates):.0f} | {spread} | {p50} | {p99} |"


if __name__ == "__main__":
    asyncio.run(main())
