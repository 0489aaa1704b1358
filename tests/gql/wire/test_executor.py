"""The executor: a live stream holds no memory of the events that it has delivered."""

import gc
from collections import Counter
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse

from tests.gql.conftest import SEND, Site
from tests.gql.gate import PROTOCOL

ROUNDS = 20
EVENTS = """subscription ($after: EventCursor) {
  events(after: $after) { cursor event { __typename ... on MessageCreated { message {
  id text sender { ... on User { id username } } conversation { id participants(first: 2) { nodes { user { id } } } }
} } } } }"""
MESSAGES = """subscription ($after: EventCursor) {
  privateMessageReceived(after: $after) { cursor message { id text sender { ... on User { id } } } }
}"""


async def _open(site: Site, token: str, query: str) -> ClientWebSocketResponse:
    _, answer = await site.post({"query": "{ viewer { eventCursor } }"}, token)
    variables = {"after": answer["data"]["viewer"]["eventCursor"]}
    socket = await site.http.ws_connect(site.graphql, protocols=PROTOCOL)
    await socket.send_json({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}})
    assert (await socket.receive_json())["type"] == "connection_ack"
    await socket.send_json({"id": "1", "type": "subscribe", "payload": {"query": query, "variables": variables}})
    return socket


async def _deliver(site: Site, token: str, socket: ClientWebSocketResponse) -> None:
    for number in range(ROUNDS):
        draft = {"to": {"users": [{"username": "bob"}]}, "text": f"Hello {number}"}
        await site.post({"query": SEND, "variables": {"input": draft}}, token)
        message: Any = None
        while message is None or f"Hello {number}" not in message:
            message = await socket.receive_str(timeout=5)
            assert '"errors"' not in message


def _objects() -> Counter[str]:
    """How many of each type; without objects that asyncio and sqlite3 release a hundred at a time."""
    gc.collect()
    of_contexts = ("hamt", "hamt_bitmap_node", "Semaphore")  # the share of an operation
    in_batches = ("TimerHandle", "Context", "ReferenceType", *of_contexts)  # cancelled timers, closed cursors
    return Counter(name for each in gc.get_objects() if (name := type(each).__qualname__) not in in_batches)


@pytest.mark.usefixtures("_small_heap")
@pytest.mark.parametrize("query", [EVENTS, MESSAGES], ids=["events", "privateMessageReceived"])
async def test_a_live_stream_forgets_what_it_has_delivered(site: Site, query: str) -> None:
    """As many objects after twenty more events as before: a stream may stay open for months."""
    alice, bob = await site.token_of("alice"), await site.token_of("bob")
    socket = await _open(site, bob, query)
    await _deliver(site, alice, socket)  # fills the caches
    before = _objects()
    await _deliver(site, alice, socket)
    after = _objects()
    await socket.close()

    assert (after - before).total() < ROUNDS, after - before
