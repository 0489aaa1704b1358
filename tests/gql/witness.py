"""A witness: what the server stores, and another socket that continues while nothing is stored, logged or leaked."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from gql.wire.view import View
from tests.gql.conftest import Site
from tests.gql.raw_socket import Wire, wire

HIGH_WATER_BYTES = 64 * 1024  # an asyncio transport pauses its writers above this
HEAR = "subscription { privateMessageReceived { message { text } } }"


def subscribe(query: object = "{ __typename }", id_: object = "1", **payload: object) -> dict[str, object]:
    """The message that starts an operation, whether it is well formed or not."""
    return {"id": id_, "type": "subscribe", "payload": {"query": query, **payload}}


async def listeners(site: Site, count: int) -> None:
    """Waits until so many subscriptions listen."""
    async with asyncio.timeout(5):
        while site.services.pubsub.listeners() != count:  # type: ignore[attr-defined]
            await asyncio.sleep(0.005)


def transport_of(view: View) -> asyncio.Transport:
    """The server's end of the only open socket."""
    (handler,) = view.sockets._open
    transport = handler.websocket.request.transport
    assert transport is not None
    return transport


async def stalled(view: View, rounds: int = 10) -> int:
    """Waits until the socket's buffer exceeds its mark, and stays the same for so many looks; returns its size."""
    transport, size, seen = transport_of(view), -1, 0
    async with asyncio.timeout(10):
        while seen < rounds:
            found = transport.get_write_buffer_size()
            seen = seen + 1 if found > HIGH_WATER_BYTES and found == size else 0
            size = found
            await asyncio.sleep(0.01)
    return size


async def is_usable(socket: Wire) -> bool:
    """Whether an operation still runs on it, and no other one answers."""
    socket.send(subscribe(id_="usable"))
    answers = [await socket.message() for _ in range(2)]
    return answers == [
        {"id": "usable", "type": "next", "payload": {"data": {"__typename": "Query"}}},
        {"id": "usable", "type": "complete"},
    ]


@asynccontextmanager
async def undisturbed(site: Site, caplog: pytest.LogCaptureFixture) -> AsyncIterator[str]:
    """Yields a person's token; then asserts that its use has affected nobody else."""
    token, other = await site.token_of("alice"), await site.token_of("bob")
    await listeners(site, 0)  # the witness of the test before may still be on its way out
    async with wire(site.graphql, token=other) as witness:
        witness.send(subscribe(HEAR, "live"))
        await listeners(site, 1)
        before = await site.stored()
        assert (before["user"], before["event"], before["message"]) == (2, 0, 0)
        with capture_logs() as lines, caplog.at_level(logging.WARNING):
            yield token
            async with asyncio.timeout(5):
                while len(site.view.sockets) != 1:
                    await asyncio.sleep(0.005)

        assert [line for line in lines if line["log_level"] not in {"debug", "info"}] == []
        assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
        assert await site.stored() == before
        assert await is_usable(witness)
        await listeners(site, 1)
