"""Searches for accepted documents that block the event loop longest.

Run: .venv/bin/python -m bench.costly_query [--seconds 60] [--seed 1]. Sends random valid documents to a server with one
long conversation and many short ones. Prints a Markdown table of those with the longest iterations of the event loop,
and of those with the most CPU time per byte. Iterations are measured in CPU time of the loop's thread, so they exclude
other load; the share of the garbage collector is shown separately.
"""

import argparse
import asyncio
import gc
import json
import logging
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import structlog
from graphql import GraphQLField, get_named_type, is_composite_type, is_leaf_type, is_object_type, is_union_type

from gql.wire.schema import build_schema
from server.collector import tune_collector
from server.process import listening
from server.setting.settings import load_settings

MESSAGES = 400
CONVERSATIONS = 60
MAX_BYTES = 4_000
ROOTS = (
    "conversation",
    "conversations",
    "viewer",
    "message",
    "nodes",
    "events",
    "node",
    "searchMessages",
    "messageableUsers",
    "__schema",
)
RATES = ("cost_rate_per_minute", "anonymous_cost_rate_per_minute", "send_rate_per_minute", "search_rate_per_minute",
         "sign_in_rate_per_minute", "sign_up_rate_per_minute")  # fmt: skip
FILL = """mutation ($to: String!, $text: String!) {
  sendPrivateMessage(input: {to: {users: [{username: $to}]}, text: $text}) {
    ... on SendPrivateMessageSuccess { message { id } conversation { id } } } }"""
SIGN_UP = """mutation ($name: String!) { signUp(input: {username: $name, password: "a long password"}) {
  ... on SignUpSuccess { token } } }"""


@dataclass
class LoopMonitor:
    """Measures the CPU time of each iteration of an event loop, in ms, while it is active."""

    longest: float = 0.0
    collected: float = 0.0  # share of the garbage collector in the longest
    total: float = 0.0
    is_active: bool = False
    _collector: float = 0.0
    _began: float = 0.0

    def note(self, phase: str, _info: dict[str, int]) -> None:
        """Callback of the garbage collector; counts only collections in the loop's thread."""
        if threading.current_thread().name == "server":
            if phase == "start":
                self._began = time.thread_time()
            else:
                self._collector += (time.thread_time() - self._began) * 1000

    async def run(self) -> None:
        """Runs in the measured loop."""
        before = time.thread_time()
        while True:
            await asyncio.sleep(0 if self.is_active else 0.001)
            now = time.thread_time()
            if self.is_active:
                elapsed = (now - before) * 1000
                self.total += elapsed
                if elapsed > self.longest:
                    self.longest, self.collected = elapsed, self._collector
            before, self._collector = now, 0.0


class Server(threading.Thread):
    """A server in its own thread, without rate limits."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True, name="server")
        self._folder = folder
        self.monitor = LoopMonitor()
        self.url = ""
        self.is_ready = threading.Event()

    def run(self) -> None:
        """Serves until the process exits."""
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        settings = load_settings(port=0, data=self._folder, **dict.fromkeys(RATES, 0))
        async with listening(settings) as running:
            self.url = f"{running.url}/graphql".replace("//graphql", "/graphql")
            gc.callbacks.append(self.monitor.note)
            self.is_ready.set()
            await self.monitor.run()


@contextmanager
def serving() -> Iterator[Server]:
    """Serves a new folder, logs only errors, and collects garbage as rarely as `./sotto serve`."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    tune_collector()  # as server/process.py does
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder) / "data")
        server.start()
        server.is_ready.wait()
        yield server


class Generator:
    """Generates random valid documents."""

    def __init__(self, seed: int, ids: dict[str, str]) -> None:
        self._random = random.Random(seed)
        self._schema = build_schema()._schema  # noqa: SLF001
        self._ids = ids
        self._names = 0

    def document(self) -> str:
        """A random query of at most MAX_BYTES."""
        while True:
            self._names = 0
            text = self._query()
            if 20 < len(text) <= MAX_BYTES:
                return text

    def _query(self) -> str:
        depth, width = self._random.randint(1, 7), self._random.choice([1, 2, 3, 8, 40])
        size, copies = self._random.choice([1, 20, 50, 200]), self._random.choice([1, 1, 2, 5, 20])
        names = [name for name in ROOTS if self._random.random() < 0.3]
        query: Any = self._schema.query_type
        fields = [self._field(query, name, depth, width, size) for name in names for _ in range(copies)]
        return "{ " + " ".join(filter(None, fields)) + " }"

    def _field(self, parent: Any, name: str, depth: int, width: int, size: int) -> str:
        definition = self._schema.get_field(parent, name)
        if definition is None:
            return ""
        arguments = self._arguments(name, definition, size)
        if arguments is None:
            return ""
        named = get_named_type(definition.type)
        below = self._selection(named, depth - 1, width, size) if is_composite_type(named) else ""
        self._names += 1
        return f"a{self._names}: {name}{arguments}{below}" if below or is_leaf_type(named) else ""

    def _arguments(self, name: str, definition: GraphQLField, size: int) -> str | None:
        found = []
        for argument, about in definition.args.items():
            if argument == "first":
                found.append(f"first: {size}")
            elif argument == "ids":
                found.append("ids: [" + " ".join(json.dumps(each) for each in list(self._ids.values()) * 20) + "]")
            elif argument in {"query", "search"}:
                found.append(f'{argument}: "word"')
            elif argument == "after" and name == "events":
                found.append(f"after: {json.dumps(self._ids['events'])}")
            elif argument == "id":
                found.append(f"id: {json.dumps(self._ids.get(name, self._ids['message']))}")
            elif str(about.type).endswith("!") and about.default_value is None:
                return None
        return f"({', '.join(found)})" if found else ""

    def _selection(self, named: Any, depth: int, width: int, size: int) -> str:
        if is_union_type(named):
            kinds = self._random.sample(list(named.types), min(3, len(named.types)))
            return (
                " { "
                + " ".join(f"... on {kind.name}{self._selection(kind, depth, width, size)}" for kind in kinds)
                + " }"
            )
        if not is_object_type(named):
            return " { __typename }"
        names = list(named.fields)
        leaves = [name for name in names if is_leaf_type(get_named_type(named.fields[name].type))]
        others = [name for name in names if name not in leaves]
        fields = [self._field(named, self._random.choice(leaves), 0, 0, size) for _ in range(width) if leaves]
        if depth > 0 and others:
            wanted = self._random.sample(others, min(len(others), self._random.choice([1, 1, 2, 4])))
            lists = [name for name in others if name in {"nodes", "messages", "conversation", "conversations", "edges"}]
            wanted += [self._random.choice(lists)] if lists else []
            fields += [self._field(named, name, depth, width, size) for name in wanted]
        return " { __typename " + " ".join(fields) + " }"


async def ask(http: aiohttp.ClientSession, url: str, query: str, token: str = "", **variables: Any) -> bytes:
    """The body of the response."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with http.post(url, json={"query": query, "variables": variables}, headers=headers) as response:
        return await response.read()


async def fill(http: aiohttp.ClientSession, url: str) -> tuple[str, dict[str, str]]:
    """Creates alice with one long and many short conversations; returns her token and IDs of objects."""
    made = json.loads(await ask(http, url, SIGN_UP, name="alice"))
    token = made["data"]["signUp"]["token"]
    ids: dict[str, str] = {}
    for number in range(CONVERSATIONS):
        await ask(http, url, SIGN_UP, name=f"other{number}")
    position = json.loads(await ask(http, url, "{ viewer { eventCursor } }", token))
    ids["events"] = position["data"]["viewer"]["eventCursor"]
    for number in range(MESSAGES):
        to = f"other{number % CONVERSATIONS if number < CONVERSATIONS else 0}"
        sent = json.loads(await ask(http, url, FILL, token, to=to, text=f"word {number} " * 20))
        found = sent["data"]["sendPrivateMessage"]
        ids |= {"message": found["message"]["id"], "conversation": found["conversation"]["id"]}
    return token, ids


async def search(server: Server, seconds: float, seed: int) -> list[tuple[float, float, float, int, int, str]]:
    """The costliest documents: longest iteration, its garbage collection, total, bytes of response and document."""
    async with aiohttp.ClientSession() as http:
        token, ids = await fill(http, server.url)
        gc.collect()
        gc.freeze()
        generator, monitor, found = Generator(seed, ids), server.monitor, []
        until = time.monotonic() + seconds
        accepted = refused = 0
        while time.monotonic() < until:
            document = generator.document()
            monitor.longest = monitor.collected = monitor.total = 0.0
            monitor.is_active = True
            answer = await ask(http, server.url, document, token)
            monitor.is_active = False
            if b'"data":' not in answer:
                refused += 1
                continue
            accepted += 1
            found.append((monitor.longest, monitor.collected, monitor.total, len(answer), len(document), document))
    print(f"{accepted:,} documents accepted, {refused:,} refused; "
          f"median longest iteration {statistics.median([each[0] for each in found] or [0]):.1f} ms\n")  # fmt: skip
    return sorted(found, reverse=True)[:12] + sorted(found, key=lambda each: -each[2] / each[4])[:6]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with serving() as server:
        print("| longest iteration, ms | of it GC | total, ms | response | document | |\n|---|---|---|---|---|---|")
        for longest, collected, total, answer, size, document in asyncio.run(
            search(server, options.seconds, options.seed)
        ):
            print(f"| {longest:.1f} | {collected:.1f} | {total:.0f} | {answer:,} | {size:,} | `{document[:300]}` |")


if __name__ == "__main__":
    main()
