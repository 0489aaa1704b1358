"""graphql-transport-ws: an error of the protocol closes the socket, an error in one operation ends only that."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from tests.gql.conftest import Site

PROTOCOL = ["graphql-transport-ws"]
HEAR = "subscription { privateMessageReceived { message { text } } }"
Socket = aiohttp.ClientWebSocketResponse


@asynccontextmanager
async def connected(site: Site, token: str | None = None, **options: Any) -> AsyncIterator[Socket]:
    """An acknowledged socket."""
    async with site.http.ws_connect(site.graphql, protocols=PROTOCOL, **options) as socket:
        payload = {"authorization": f"Bearer {token}"} if token else {}
        await socket.send_json({"type": "connection_init", "payload": payload})
        assert (await socket.receive_json(timeout=5))["type"] == "connection_ack"
        yield socket


async def subscribe(socket: Socket, query: str, id_: str = "1", **payload: Any) -> None:
    """Starts an operation."""
    await socket.send_json({"id": id_, "type": "subscribe", "payload": {"query": query, **payload}})


async def closing(socket: Socket) -> int | None:
    """The code with which the server closes."""
    while (message := await socket.receive(timeout=5)).type is aiohttp.WSMsgType.TEXT:
        pass
    assert message.type in {aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED}, message
    return socket.close_code


async def listeners(site: Site, count: int) -> None:
    """Waits until so many subscriptions listen."""
    async with asyncio.timeout(5):
        while site.services.pubsub.listeners() != count:  # type: ignore[attr-defined]
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("where", ["payload", "header"])
async def test_a_token_comes_in_the_payload_or_the_header(site: Site, where: str) -> None:
    """Browsers cannot set headers on a socket; other clients can."""
    token = await site.token_of("alice")
    headers = {"Authorization": f"Bearer {token}"} if where == "header" else {}
    async with connected(site, token if where == "payload" else None, headers=headers) as socket:
        await subscribe(socket, "{ viewer { user { username } } }")
        answer = await socket.receive_json(timeout=5)
        done = await socket.receive_json(timeout=5)

    assert answer["payload"] == {"data": {"viewer": {"user": {"username": "alice"}}}}
    assert done == {"id": "1", "type": "complete"}


@pytest.mark.parametrize(
    "payload",
    [
        {"authorization": f"Bearer sot_{'x' * 43}"},
        {"authorization": "nonsense"},
        {"authorization": 5},
        {"Authorization": "Basic YTpi"},
    ],
)
async def test_a_bad_token_closes_with_4401(site: Site, payload: dict[str, Any]) -> None:
    """Before any operation."""
    async with site.http.ws_connect(site.graphql, protocols=PROTOCOL) as socket:
        await socket.send_json({"type": "connection_init", "payload": payload})

        assert await closing(socket) == 4401


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"query": "{" + " ".join(f"a{n}: __typename" for n in range(30)) + "}"}, "QUERY_TOO_COMPLEX"),
        ({"query": "{ conversations(first: " + "1" * 5_000 + ") { totalCount } }"}, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": 'subscription { privateMessageReceived(after: "x") { cursor } }'}, "CURSOR_INVALID"),
        ({"query": 'subscription { privateMessageReceived(conversationId: "x") { cursor } }'}, "NOT_FOUND"),
    ],
)
async def test_what_is_wrong_with_one_operation_ends_that_one(site: Site, payload: dict[str, Any], code: str) -> None:
    """The others on the socket continue."""
    alice = await site.token_of("alice")
    async with connected(site, alice) as socket:
        await subscribe(socket, HEAR, "live")
        await socket.send_json({"id": "bad", "type": "subscribe", "payload": payload})
        answer = await socket.receive_json(timeout=5)
        await subscribe(socket, "{ __typename }", "good")
        frames = [await socket.receive_json(timeout=5) for _ in range(2)]

        errors = answer["payload"] if answer["type"] == "error" else answer["payload"]["errors"]
        assert (answer["id"], errors[0]["extensions"]["code"]) == ("bad", code)
        assert {"id": "good", "type": "next", "payload": {"data": {"__typename": "Query"}}} in frames
        await listeners(site, 1)


async def test_one_socket_runs_twenty_operations(site: Site) -> None:
    """The twenty-first is refused; the others continue."""
    alice = await site.token_of("alice")
    async with connected(site, alice) as socket:
        for number in range(21):
            await subscribe(socket, HEAR, str(number))
        answer = await socket.receive_json(timeout=5)

        assert (answer["id"], answer["type"]) == ("20", "error")
        assert [error["extensions"]["code"] for error in answer["payload"]] == ["RATE_LIMITED"]
        await listeners(site, 20)
    await listeners(site, 0)


async def test_frames_are_text_and_not_compressed(site: Site) -> None:
    """Browsers parse text; deflate costs 100 KiB per idle socket."""
    async with connected(site, compress=15) as socket:
        await subscribe(socket, "{ __typename }")
        message = await socket.receive(timeout=5)

        assert message.type is aiohttp.WSMsgType.TEXT
        assert socket.compress == 0


async def test_a_drain_closes_every_socket_with_1001(site: Site) -> None:
    """Clients reconnect automatically, and resume by their cursor."""
    alice = await site.token_of("alice")
    async with connected(site, alice) as one, connected(site) as other:
        await subscribe(one, HEAR)
        draining = asyncio.create_task(site.view.drain(3))

        assert [await closing(one), await closing(other)] == [1001, 1001]
        await draining


async def test_signing_out_ends_the_subscription(site: Site) -> None:
    """UNAUTHENTICATED on the operation; nothing more is delivered."""
    alice = await site.token_of("alice")
    async with connected(site, alice) as socket:
        await subscribe(socket, HEAR)
        await listeners(site, 1)
        await site.post({"query": "mutation { signOut(input: {}) { __typename } }"}, alice)
        answer = await socket.receive_json(timeout=5)

    assert answer["payload"]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
