"""One side leaves, stalls or stops: mutations finish, everything else ends."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import cast

import aiohttp
import pytest

from tests.gql.gate import PROTOCOL, GatedSite, gated_site, subscribe


@pytest.fixture
async def site() -> AsyncIterator[GatedSite]:
    """Running on a free port."""
    async with gated_site() as found:
        yield found


async def test_a_query_ends_with_its_client(site: GatedSite) -> None:
    """Nobody reads its answer."""
    writer = await site.raw(json.dumps({"query": "{ look }"}))
    await site.world.has("look began")

    writer.close()

    await site.world.has("look cancelled")


async def test_a_mutation_outlives_its_client(site: GatedSite) -> None:
    """A send is never left half done: it finishes, and a retry finds it by its key."""
    writer = await site.raw(json.dumps({"query": "mutation { send }"}))
    await site.world.has("send began")

    writer.close()
    await asyncio.sleep(0.1)
    site.world.gate.set()

    await site.world.has("send done")
    assert "send cancelled" not in site.world.log


async def test_files_are_discarded_after_the_mutation_and_not_with_the_client(site: GatedSite) -> None:
    """The mutation still reads them."""
    parts = {
        "operations": json.dumps({"query": "mutation ($f: Upload) { send(file: $f) }", "variables": {"f": None}}),
        "map": '{"0": ["variables.f"]}',
        '0"; filename="a.txt': "hello",
    }
    body = "".join(f'--b\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n' for k, v in parts.items())
    writer = await site.raw(body + "--b--", "multipart/form-data; boundary=b")
    await site.world.has("send began")

    writer.close()
    await asyncio.sleep(0.1)
    assert "discarded a.txt" not in site.world.log
    site.world.gate.set()

    await site.world.has("discarded a.txt")
    assert site.world.log == ["received a.txt 5", "send began", "send done", "discarded a.txt"]


@pytest.mark.parametrize("how", ["complete", "close"])
async def test_a_mutation_outlives_its_socket(site: GatedSite, how: str) -> None:
    """`complete` and a closed socket stop subscriptions and queries; a mutation finishes without an answer."""
    async with site.socket() as socket:
        for number, query in enumerate(["mutation { send }", "{ look }", "subscription { hear }"]):
            await socket.send_json(subscribe(query, str(number)))
        await site.world.has("send began", "look began", "hear began")

        if how == "complete":
            for number in range(3):
                await socket.send_json({"id": str(number), "type": "complete"})
        else:
            await socket.close()
        await site.world.has("look cancelled", "hear cancelled")
        site.world.gate.set()

        await site.world.has("send done")


async def test_a_drain_waits_for_mutations_over_http_and_sockets(site: GatedSite) -> None:
    """Running sends finish; new sockets are refused."""
    writer = await site.raw(json.dumps({"query": "mutation { send }"}))
    async with site.socket() as socket:
        await socket.send_json(subscribe("mutation { send }"))
        async with asyncio.timeout(5):
            while site.world.log.count("send began") < 2:
                await asyncio.sleep(0.005)
        draining = asyncio.create_task(site.view.drain(5))
        assert (await socket.receive(timeout=5)).data == 1001
        await asyncio.sleep(0.1)
        assert not draining.done()

        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await site.http.ws_connect(site.url, protocols=PROTOCOL)
        site.world.gate.set()
        await draining
    writer.close()

    assert caught.value.status == 503
    assert site.world.log.count("send done") == 2


async def test_a_client_that_does_not_read_is_dropped(site: GatedSite) -> None:
    """Its subscription ends; it blocks no sender and holds no memory."""
    async with site.socket() as socket:
        assert socket._response.connection is not None
        transport = cast("asyncio.Transport", socket._response.connection.transport)
        await socket.send_json(subscribe("subscription { flood }"))
        transport.pause_reading()

        await site.world.has("flood ended")
        async with asyncio.timeout(5):
            while len(site.view.sockets):
                await asyncio.sleep(0.005)
        transport.abort()  # otherwise this client would wait ten seconds for the server's Close


async def test_one_person_can_be_disconnected(site: GatedSite) -> None:
    """When a session is revoked its sockets close, and nobody else's."""
    async with site.socket() as alice, site.socket({"nobody": 1}) as stranger:
        closing = site.view.sockets.close(4401, "Signed out.", lambda viewer: viewer is not None)
        task = asyncio.create_task(closing)
        message = await alice.receive(timeout=5)
        await task
        await stranger.send_json({"type": "ping"})

        assert (message.data, message.extra) == (4401, "Signed out.")
        assert await stranger.receive_json(timeout=5) == {"type": "pong"}
