"""Memory of the server over a hundred thousand deliveries to live streams.

Run: .venv/bin/python -m bench.stream [--streams 20] [--deliveries 100000] [--sse]. One user sends messages to another
one, who has live streams of `events` open, over one socket or server-sent events. Prints the resident memory after each
tenth of the deliveries, and the growth in each half: without a leak, the second half adds nothing. A warm-up of another
tenth fills caches of bounded size.
"""

import argparse
import asyncio
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp

from bench.attack import serve
from bench.endurance import memory_of

SIGN_UP = "mutation ($input: SignUpInput!) { signUp(input: $input) { ... on SignUpSuccess { token } } }"
SEND = "mutation ($input: SendPrivateMessageInput!) { sendPrivateMessage(input: $input) { __typename } }"
EVENTS = """subscription { events(includeEphemeral: false) { cursor event { __typename ... on MessageCreated { message {
  id text createdAt sender { ... on User { id username } } conversation { id unreadCount }
} } } } }"""
AHEAD = 8  # concurrent sends


class Listeners:
    """Opens streams and counts their events."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"}
        self._tasks: list[asyncio.Task[None]] = []
        self.delivered = 0
        self.ready = 0

    async def open_socket(self, http: aiohttp.ClientSession, streams: int) -> None:
        """Opens all streams on one socket."""
        socket = await http.ws_connect(self._url, protocols=["graphql-transport-ws"], headers=self._headers)
        await socket.send_json({"type": "connection_init"})
        await socket.receive_json()
        for number in range(streams):
            await socket.send_json({"id": str(number), "type": "subscribe", "payload": {"query": EVENTS}})

        async def count() -> None:
            async for message in socket:
                self._count(message.data)

        self._tasks.append(asyncio.create_task(count()))

    async def open_sse(self, http: aiohttp.ClientSession, streams: int) -> None:
        """Opens each stream as a separate response."""

        async def count() -> None:
            headers = {**self._headers, "Accept": "text/event-stream"}
            async with http.post(self._url, json={"query": EVENTS}, headers=headers) as response:
                async for line in response.content:
                    self._count(line.decode())

        self._tasks += [asyncio.create_task(count()) for _ in range(streams)]

    def _count(self, message: str) -> None:
        assert '"error' not in message, message
        self.delivered += '"MessageCreated"' in message
        self.ready += '"StreamReady"' in message

    async def until(self, is_reached: Callable[[], bool]) -> None:
        """Waits for the condition; fails if a stream ends."""
        async with asyncio.timeout(120):
            while not is_reached():
                await asyncio.sleep(0.01)
                for task in self._tasks:
                    assert not task.done(), "a stream has ended"

    def close(self) -> None:
        """Stops all streams."""
        for task in self._tasks:
            task.cancel()


async def ask(http: aiohttp.ClientSession, url: str, query: str, token: str = "", **given: Any) -> Any:
    """The data of the response."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with http.post(url, json={"query": query, "variables": {"input": given}}, headers=headers) as response:
        answer = await response.json()
        assert "errors" not in answer, answer
        return answer["data"]


async def send(http: aiohttp.ClientSession, url: str, token: str, count: int) -> None:
    """Sends `count` messages, several concurrently."""
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            draft = {"to": {"users": [{"username": "bob"}]}, "text": f"Hello {number}"}
            sent = await ask(http, url, SEND, token, **draft)
            assert sent["sendPrivateMessage"]["__typename"] == "SendPrivateMessageSuccess", sent

    await asyncio.gather(*(worker() for _ in range(AHEAD)))


async def measure(url: str, process_id: int, streams: int, deliveries: int, *, sse: bool) -> list[float]:
    """Memory in MiB after the warm-up and after each tenth."""
    timeout = aiohttp.ClientTimeout(total=None)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
        tokens = [
            (await ask(http, url, SIGN_UP, username=name, password="a long password"))["signUp"]["token"]
            for name in ("alice", "bob")
        ]
        listeners = Listeners(url, tokens[1])
        await (listeners.open_sse if sse else listeners.open_socket)(http, streams)
        await listeners.until(lambda: listeners.ready == streams)
        a_tenth = deliveries // 10 // streams
        found: list[float] = []
        for round_ in range(1, 12):
            await send(http, url, tokens[0], a_tenth)
            awaited = round_ * a_tenth * streams
            await listeners.until(lambda: listeners.delivered >= awaited)  # noqa: B023 -- not used later
            found.append(memory_of(process_id))
            print(f"{listeners.delivered:9,} deliveries: {found[-1]:.1f} MiB", flush=True)
        listeners.close()
        return found


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--streams", type=int, default=20)
    parser.add_argument("--deliveries", type=int, default=100_000)
    parser.add_argument("--sse", action="store_true")
    options = parser.parse_args()
    os.environ["SOTTO_SEND_RATE_PER_MINUTE"] = "0"
    with tempfile.TemporaryDirectory() as folder:
        process, url = serve(str(Path(folder) / "data"))
        try:
            found = await measure(url, process.pid, options.streams, options.deliveries, sse=options.sse)
        finally:
            process.terminate()
            process.wait()
    per_delivery = (found[-1] - found[5]) * 1024 * 1024 / (options.deliveries / 2)
    print(
        f"{options.streams} streams, {options.deliveries:,} deliveries: first half {found[5] - found[0]:+.1f} MiB, "
        f"second half {found[-1] - found[5]:+.1f} MiB, {per_delivery:.0f} bytes per delivery"
    )


if __name__ == "__main__":
    asyncio.run(main())
