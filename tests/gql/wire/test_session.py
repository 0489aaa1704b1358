"""A socket and its session: one context for each operation, the session checked each time; and its own limits."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from structlog.testing import capture_logs

from services.error import ServerUnavailable, Unauthenticated
from tests.gql.gate import PROTOCOL, GatedSite, gated_site, subscribe


@pytest.fixture
async def site() -> AsyncIterator[GatedSite]:
    """Running on a free port."""
    async with gated_site() as found:
        yield found


async def test_every_operation_of_a_socket_has_a_context_of_its_own(site: GatedSite) -> None:
    """Loaders would be out of date: Strawberry creates one context per connection."""
    async with site.socket() as socket:
        for number in range(2):
            await socket.send_json(subscribe("{ look }", str(number)))
        async with asyncio.timeout(5):
            while len(site.world.contexts) < 2:
                await asyncio.sleep(0.005)

    one, other = site.world.contexts
    assert one is not other
    assert one.request_id.removesuffix(".1") == other.request_id.removesuffix(".2")
    assert "alice" not in repr(one)


async def test_a_socket_that_says_nothing_is_closed_with_4408(site: GatedSite) -> None:
    """Within the time for connection_init."""
    async with site.http.ws_connect(site.url, protocols=PROTOCOL) as socket:
        await socket.receive(timeout=5)

        assert socket.close_code == 4408


async def test_a_session_that_ended_starts_nothing_on_an_old_socket(site: GatedSite) -> None:
    """Checked for every operation: the socket is closed with the code of the refusal."""
    async with site.socket() as socket:
        site.world.refusal = Unauthenticated("This session was signed out.")
        await socket.send_json(subscribe("{ look }"))
        message = await socket.receive(timeout=5)

        assert (socket.close_code, message.extra) == (4401, "This session was signed out.")
    assert site.world.log == []


async def test_a_busy_server_refuses_one_operation_and_keeps_the_socket(site: GatedSite) -> None:
    """UNAVAILABLE with a time to wait; the streams on the socket continue."""
    async with site.socket() as socket:
        await socket.send_json(subscribe("subscription { hear }", "live"))
        await site.world.has("hear began")
        site.world.refusal = ServerUnavailable("Too busy.", 2)
        await socket.send_json(subscribe("{ look }", "2"))
        answers = [await socket.receive_json(timeout=5) for _ in range(2)]
        site.world.gate.set()
        last = await socket.receive_json(timeout=5)

    assert answers[1]["type"] == "error"
    assert answers[1]["payload"][0]["extensions"] == {"code": "UNAVAILABLE", "retryAfterSeconds": 2}
    assert last["payload"]["data"] == {"hear": "hear"}


async def test_half_a_character_ends_one_operation_and_keeps_the_socket(site: GatedSite) -> None:
    """Clients that cut a text in the middle of an emoji send a lone surrogate."""
    async with site.socket() as socket:
        await socket.send_str('{"id": "1", "type": "subscribe", "payload": {"query": "{ look(a: \\"\\ud83d\\") }"}}')
        answer = await socket.receive_json(timeout=5)
        await socket.send_json({"type": "ping"})

        assert (answer["id"], answer["type"]) == ("1", "error")
        assert answer["payload"][0]["extensions"] == {"code": "BAD_REQUEST"}
        assert await socket.receive_json(timeout=5) == {"type": "pong"}


async def test_a_fault_while_signing_in_closes_with_1011_and_no_words(site: GatedSite) -> None:
    """Never 1006, and never the text of the exception."""
    site.world.refusal = LookupError("SELECT hunter2")
    with capture_logs() as logs:
        async with site.http.ws_connect(site.url, protocols=PROTOCOL) as socket:
            await socket.send_json({"type": "connection_init"})
            message = await socket.receive(timeout=5)

    assert (message.data, message.extra) == (1011, "Internal error")
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["unexpected_error"]
    assert "hunter2" not in json.dumps(logs, default=str)


async def test_a_frame_that_is_too_large_ends_the_socket_and_nothing_else(site: GatedSite) -> None:
    """1 MiB; the server continues."""
    async with site.socket() as socket:
        await socket.send_str(json.dumps(subscribe("{ look }" + " " * 2_000_000)))
        await socket.receive(timeout=5)

        assert socket.close_code == 1009
    async with site.socket() as socket:
        await socket.send_json({"type": "ping"})
        assert await socket.receive_json(timeout=5) == {"type": "pong"}
