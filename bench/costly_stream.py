"""The effect of a hundred costly streams on other clients: one message triggers an expensive event in each.

Run: .venv/bin/python -m bench.costly_stream [--streams 100] [--seconds 20]. A user with a long conversation opens
streams whose document has the longest page that is accepted; then another user sends them a message. Cost limits are
disabled, so this is worse than any real attack: by default, about thirty such streams can be open. Prints the longest
iteration of the event loop in CPU time, how long a third client waits for a trivial request meanwhile, and the number
of events delivered. The clients run in the same process.
"""

import argparse
import asyncio
import gc
import json
import statistics
import time
from typing import Any

import aiohttp

from bench.costly_query import FILL, SIGN_UP, Server, ask, serving

MESSAGES = 220
PER_SOCKET = 20
EVENTS = """subscription { events(includeEphemeral: false) { cursor event { __typename ... on MessageCreated { message {
  conversation { messages(last: %d) { nodes { id text createdAt type deliveryStatus viewerCanEdit
    sender { ... on User { id username displayName } } attachments { id } reactions { emoji count } } } } } } } } }"""


async def open_streams(http: aiohttp.ClientSession, url: str, token: str, query: str, count: int) -> "Delivered":
    """Opens the streams on as few sockets as the server allows."""
    delivered = Delivered()
    for begin in range(0, count, PER_SOCKET):
        socket = await http.ws_connect(url, protocols=["graphql-transport-ws"], max_msg_size=0)
        await socket.send_json({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}})
        await socket.receive_json()
        for number in range(begin, min(begin + PER_SOCKET, count)):
            await socket.send_json({"id": str(number), "type": "subscribe", "payload": {"query": query}})
        delivered.tasks.append(asyncio.create_task(delivered.count(socket)))
    async with asyncio.timeout(30):
        while delivered.ready < count:
            await asyncio.sleep(0.05)
    return delivered


class Delivered:
    """Counts the events of the streams."""

    def __init__(self) -> None:
        self.ready = self.events = self.errors = 0
        self.tasks: list[asyncio.Task[None]] = []

    async def count(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        """Counts the messages of a socket until it closes."""
        async for message in socket:
            self.ready += '"StreamReady"' in message.data
            self.events += '"MessageCreated"' in message.data
            self.errors += '"errors"' in message.data or '"type":"error"' in message.data


async def measure(server: Server, streams: int, seconds: float) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        tokens = {}
        for name in ("alice", "bob", "carol"):
            made = json.loads(await ask(http, server.url, SIGN_UP, name=name))
            tokens[name] = made["data"]["signUp"]["token"]
        for number in range(MESSAGES):
            await ask(http, server.url, FILL, tokens["bob"], to="alice", text=f"word {number} " * 20)
        query, estimate = await costliest_accepted(http, server.url, tokens["alice"])
        delivered = await open_streams(http, server.url, tokens["alice"], query, streams)
        gc.collect()
        gc.freeze()
        waits: list[float] = []
        monitor = server.monitor
        monitor.longest = monitor.collected = monitor.total = 0.0
        monitor.is_active = True
        await ask(http, server.url, FILL, tokens["bob"], to="alice", text="the last word")
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            began = time.perf_counter()
            await ask(http, server.url, "{ __typename }", tokens["carol"])
            waits.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(0.01)
        monitor.is_active = False
        for task in delivered.tasks:
            task.cancel()
    waits.sort()
    print(
        f"{streams} streams, each event about {estimate:,}: "
        f"{delivered.events} events and {delivered.errors} errors in {seconds:.0f} s"
    )
    print(
        f"longest iteration {monitor.longest:.1f} ms of CPU, of which {monitor.collected:.1f} are garbage collection; "
        f"total {monitor.total:,.0f} ms"
    )
    print(
        f"others waited {statistics.median(waits):.1f} ms (median), "
        f"{waits[int(len(waits) * 0.99)]:.1f} (99 %), {waits[-1]:.1f} (maximum)"
    )


async def costliest_accepted(http: aiohttp.ClientSession, url: str, token: str) -> tuple[str, int]:
    """The document with the longest page that is accepted, and its estimated cost."""
    for size in range(200, 0, -5):
        query = EVENTS % size
        answer = await _first_of(http, url, token, query)
        if answer is not None:
            return query, answer
    raise AssertionError("no page is accepted")


async def _first_of(http: aiohttp.ClientSession, url: str, token: str, query: str) -> int | None:
    """The estimated cost in the first event of a stream; None if the operation is refused."""
    headers = {"Authorization": f"Bearer {token}", "Accept": "text/event-stream", "GraphQL-Cost": "report"}
    async with http.post(url, json={"query": query}, headers=headers) as response:
        async for line in response.content:
            if line.startswith(b"data:") and line.strip() != b"data:":
                payload: dict[str, Any] = json.loads(line[5:])
                if "errors" in payload:
                    return None
                return int(payload["extensions"]["cost"]["requestedQueryCost"])
    return None


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20)
    options = parser.parse_args()
    with serving() as server:
        asyncio.run(measure(server, options.streams, options.seconds))


if __name__ == "__main__":
    main()
