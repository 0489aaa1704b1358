"""Server-Sent Events: the graphql-sse protocol, distinct connections mode, as clients read it."""

import asyncio
import gc
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from tests.gql.conftest import SEND, Site
from tests.gql.gate import GatedSite, gated_site

STREAM = {"Accept": "text/event-stream"}
ALICE = {"Authorization": "Bearer alice"}
URQL = (
    "application/graphql-response+json, application/graphql+json, application/json, text/event-stream, multipart/mixed"
)
HEAR = "subscription ($after: EventCursor) { privateMessageReceived(after: $after) { message { text } } }"


@pytest.fixture
async def gate() -> AsyncIterator[GatedSite]:
    """Running on a free port; its streams send ten heartbeats a second."""
    async with gated_site(heartbeat_seconds=0.1) as found:
        yield found


def frames_of(body: bytes) -> list[tuple[str, Any]]:
    """Event and data of each frame, as a client splits them; without heartbeats."""
    assert b"\r" not in body
    found = []
    for frame in body.decode().split("\n\n"):
        lines = [line for line in frame.split("\n") if line and not line.startswith(":")]
        if lines:
            event, data = lines
            text = data.removeprefix("data:").strip()
            found.append((event.removeprefix("event: "), json.loads(text) if text else None))
    return found


@asynccontextmanager
async def streaming(
    site: GatedSite, query: str, accept: str = STREAM["Accept"]
) -> AsyncIterator[aiohttp.ClientResponse]:
    """An open stream."""
    headers = {"Accept": accept, **ALICE}
    async with site.http.post(site.url, json={"query": query}, headers=headers) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        yield response


async def test_a_subscription_is_streamed(gate: GatedSite) -> None:
    """`next` for each result, `complete` at the end; the head is sent before the first result."""
    gate.world.gate.set()
    async with streaming(gate, "subscription { hear }") as response:
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Accel-Buffering"] == "no"
        body = await response.read()

    assert frames_of(body) == [
        ("next", {"data": {"hear": "first"}}),
        ("next", {"data": {"hear": "hear"}}),
        ("complete", None),
    ]


async def test_a_browsers_event_source_gets_the_end_too(gate: GatedSite) -> None:
    """HTML, server-sent events: an event without data is dropped, so `complete` has an empty one."""
    gate.world.gate.set()
    async with streaming(gate, "subscription { hear }") as response:
        body = await response.read()

    assert body.endswith(b"event: complete\ndata:\n\n")


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("text/event-stream", "text/event-stream"),
        ("text/event-stream, application/json;q=0.5", "text/event-stream"),
        ("text/event-stream, multipart/mixed", "text/event-stream"),
        ("TEXT/Event-Stream", "text/event-stream"),
        (URQL, "application/graphql-response+json"),
        ("text/event-stream, application/json", "application/json"),
        ("text/event-stream;q=0.5, */*;q=0.9", "application/json"),
        ("text/event-stream;q=0, application/json", "application/json"),
        ("text/*", None),
        ("text/event-stream;q=0", None),
        ("text/event-streams", None),
    ],
)
async def test_a_query_is_streamed_only_to_clients_that_prefer_a_stream(
    gate: GatedSite, accept: str, expected: str | None
) -> None:
    """RFC 9110 §12.5.1: by weight. Stock Strawberry breaks urql here, which lists the type on every request."""
    gate.world.gate.set()
    async with gate.http.post(gate.url, json={"query": "{ look }"}, headers={"Accept": accept}) as response:
        body = await response.read()

    assert response.status == (200 if expected else 406)
    assert response.headers["Content-Type"].split(";")[0] == (expected or "application/json")
    if expected == "text/event-stream":
        assert frames_of(body) == [("next", {"data": {"look": "look"}}), ("complete", None)]
    elif expected:
        assert json.loads(body) == {"data": {"look": "look"}}


async def test_a_subscription_is_streamed_to_clients_that_accept_streams(gate: GatedSite) -> None:
    """No other answer is possible."""
    gate.world.gate.set()
    async with streaming(gate, "subscription { hear }", "application/json, text/event-stream;q=0.1") as response:
        assert len(frames_of(await response.read())) == 3


async def test_a_subscription_needs_a_client_that_takes_streams(gate: GatedSite) -> None:
    """The refusal says what to send."""
    async with gate.http.post(gate.url, json={"query": "subscription { hear }"}) as response:
        answer = await response.json()

    assert response.status == 400
    assert "text/event-stream" in answer["errors"][0]["message"]
    assert gate.world.log == []


@pytest.mark.parametrize(
    "body",
    [
        {"query": "subscription {"},
        {"query": "subscription { nothing }"},
        {"query": "{ look nothing }"},
        {"query": "subscription ($a: Int!) { hear }", "variables": {}},
        {"query": "subscription A { hear } subscription B { hear }"},
        {"query": "subscription A { hear }", "operationName": "B"},
    ],
)
async def test_what_is_wrong_with_the_document_comes_as_a_result(gate: GatedSite, body: dict[str, Any]) -> None:
    """graphql-sse: errors of validation are reported by `next`, because an EventSource reads nothing else."""
    async with gate.http.post(gate.url, json=body, headers=STREAM) as response:
        (kind, result), end = frames_of(await response.read())

    assert response.status == 200
    assert (kind, end) == ("next", ("complete", None))
    assert "data" not in result
    assert result["errors"][0]["extensions"]["code"]
    assert gate.world.log == []


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", {}, 400),
        (b"[]", {}, 400),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"{}", {"Authorization": "Bearer"}, 401),
        (b"x" * 300_000, {}, 413),
    ],
)
async def test_a_request_that_is_none_keeps_its_status(
    gate: GatedSite, body: bytes, headers: dict[str, str], status: int
) -> None:
    """The request could not be understood as GraphQL; the body is JSON."""
    headers = {"Content-Type": "application/json", **STREAM, **headers}
    async with gate.http.post(gate.url, data=body, headers=headers) as response:
        answer = json.loads(await response.read())

    assert response.status == status
    assert answer["errors"][0]["extensions"]["code"]


async def test_a_get_may_subscribe_but_not_mutate(gate: GatedSite) -> None:
    """EventSource only uses GET; a mutation by GET is always 405."""
    gate.world.gate.set()
    async with gate.http.get(gate.url, params={"query": "subscription { hear }"}, headers=STREAM) as response:
        assert len(frames_of(await response.read())) == 3
    async with gate.http.get(gate.url, params={"query": "mutation { send }"}, headers=STREAM) as response:
        assert response.status == 405
        assert response.headers["Allow"] == "POST"

    assert "send began" not in gate.world.log


async def test_a_quiet_stream_beats(gate: GatedSite) -> None:
    """A comment, which clients ignore and proxies count as traffic."""
    async with streaming(gate, "subscription { hear }") as response:
        await response.content.readuntil(b'"first"}}\n\n')
        async with asyncio.timeout(2):
            assert await response.content.readexactly(6) == b":\n\n:\n\n"


async def test_a_stream_ends_at_once_when_its_client_leaves() -> None:
    """Not only at the next heartbeat, which is far off here; and no error is logged."""
    async with gated_site(heartbeat_seconds=60) as gate:
        with capture_logs() as logs:
            async with streaming(gate, "subscription { hear }") as response:
                await gate.world.has("hear began")
                response.close()
                await gate.world.has("hear cancelled")

    assert [line for line in logs if line["log_level"] in {"error", "warning"}] == []


async def test_a_mutation_that_is_streamed_outlives_its_client(gate: GatedSite) -> None:
    """A send is never left half done; that its answer cannot be sent is no error."""
    errors: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: errors.append(context))
    async with streaming(gate, "mutation { send }") as response:
        await gate.world.has("send began")
        response.close()
    await asyncio.sleep(0.1)
    gate.world.gate.set()

    await gate.world.has("send done")
    await gate.view.drain(1)
    gc.collect()
    assert "send cancelled" not in gate.world.log
    assert errors == []


async def test_a_client_that_does_not_read_is_cut_off(gate: GatedSite) -> None:
    """After the time-out of a send; until then it costs the socket's buffer."""
    body = json.dumps({"query": "subscription { flood }"})
    reader, writer = await asyncio.open_connection("127.0.0.1", gate.port, limit=1024)
    writer.write(
        f"POST /graphql HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    await reader.readline()

    await gate.world.has("flood ended")
    writer.close()


async def test_a_stopping_server_breaks_streams_off(gate: GatedSite) -> None:
    """Without `complete` and without the last chunk: so the client knows that it has to reconnect."""
    async with streaming(gate, "subscription { hear }") as response:
        await gate.world.has("hear began")
        await gate.view.drain(1)

        with pytest.raises(aiohttp.ClientError):
            await response.read()
    assert "hear cancelled" in gate.world.log


async def test_a_stream_delivers_a_message_to_its_recipient_alone(site: Site) -> None:
    """End to end; carol gets nothing of what alice writes to bob."""
    alice, bob, carol = [await site.token_of(name) for name in ("alice", "bob", "carol")]
    streams = []
    for token in (bob, carol):
        _, answer = await site.post({"query": "{ viewer { eventCursor } }"}, token)
        body = {"query": HEAR, "variables": {"after": answer["data"]["viewer"]["eventCursor"]}}
        headers = {**STREAM, "Authorization": f"Bearer {token}"}
        streams.append(await site.http.post(site.graphql, json=body, headers=headers))
    draft = {"to": {"users": [{"username": "bob"}]}, "text": "for bob"}
    _, answer = await site.post({"query": SEND, "variables": {"input": draft}}, alice)
    assert answer["data"]["sendPrivateMessage"]["__typename"] == "SendPrivateMessageSuccess"

    async with asyncio.timeout(5):
        heard = await streams[0].content.readuntil(b"\n\n")
    assert frames_of(heard) == [("next", {"data": {"privateMessageReceived": {"message": {"text": "for bob"}}}})]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await streams[1].content.readany()
    for stream in streams:
        stream.close()


async def test_a_subscription_without_a_session_is_refused_in_the_stream(site: Site) -> None:
    """UNAUTHENTICATED as a result, then the end."""
    async with site.http.post(site.graphql, json={"query": HEAR}, headers=STREAM) as response:
        (kind, result), end = frames_of(await response.read())

    assert (kind, end) == ("next", ("complete", None))
    assert result["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
