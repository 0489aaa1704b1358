"""Clients that freeze or read slowly: gone within 1.5 heartbeats, and limited in memory until then."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from gql.wire.view import View
from models import event as events
from models.event import EventKind
from models.transaction import Transaction
from pubsub.base import Hint
from tests.full import amount, full
from tests.gql.conftest import SEND, Site
from tests.gql.gate import GatedSite, gated_site
from tests.gql.raw_socket import Wire, wire
from tests.gql.witness import HIGH_WATER_BYTES, listeners, stalled, subscribe, transport_of

HEARTBEAT = 0.4
EVENTS = amount(4_000, 10_000)
SLACK = 0.5  # seconds that a busy machine may add
HEADER_BYTES = 10  # of a frame
FLOOD_BYTES = len(b'{"id":"00","type":"next","payload":{"data":{"flood":""}}}') + 100_000


@pytest.fixture
async def gated() -> AsyncIterator[GatedSite]:
    """Short heartbeats and long send time-outs: only the heartbeat ends a client here."""
    async with gated_site(heartbeat_seconds=HEARTBEAT, send_timeout_seconds=30.0) as found:
        yield found


async def seconds_until_gone(view: View, expected_bytes: int = 0) -> float:
    """How long the server still holds the only open socket: its descriptor, and what waits to be sent."""
    loop, transport, peak = asyncio.get_running_loop(), transport_of(view), 0
    began = loop.time()
    async with asyncio.timeout(5):
        while len(view.sockets) or not transport.is_closing() or transport.get_write_buffer_size():
            peak = max(peak, transport.get_write_buffer_size())
            await asyncio.sleep(0.005)
    assert transport.get_extra_info("socket").fileno() == -1
    assert peak >= expected_bytes
    return loop.time() - began


async def test_a_client_that_answers_no_ping_is_gone_within_one_and_a_half_heartbeats(gated: GatedSite) -> None:
    """Half a heartbeat after the ping; its generator is closed."""
    async with wire(gated.url, token="alice") as socket:
        socket.send(subscribe("subscription { hear }"))
        await gated.world.has("hear began")
        seconds = await seconds_until_gone(gated.view)

    assert HEARTBEAT <= seconds <= 1.5 * HEARTBEAT + SLACK
    assert gated.world.log == ["hear began", "hear cancelled"]


async def test_a_frozen_client_is_gone_though_its_bytes_are_not(gated: GatedSite) -> None:
    """An orderly close would wait indefinitely for the client to read the buffer."""
    async with wire(gated.url, token="alice") as socket:
        for number in range(3):
            socket.send(subscribe("subscription { flood }", str(number)))
        seconds = await seconds_until_gone(gated.view, HIGH_WATER_BYTES)

    assert seconds <= 1.5 * HEARTBEAT + SLACK
    assert gated.world.log == ["flood ended"] * 3


async def test_a_client_that_freezes_while_it_is_answered_is_gone(gated: GatedSite) -> None:
    """It sent pings and reads no pong: the server reads no more of them, but the heartbeat continues."""
    async with wire(gated.url, token="alice") as socket:
        pinging = asyncio.create_task(ping_on(socket))
        await stalled(gated.view, rounds=1)
        pinging.cancel()
        seconds = await seconds_until_gone(gated.view)

    assert seconds <= 1.5 * HEARTBEAT + SLACK


async def ping_on(socket: Wire, payload_bytes: int = 50_000, pause_seconds: float = 0) -> None:
    """Endless pings with a payload."""
    while True:
        socket.send({"type": "ping", "payload": {"x": "x" * payload_bytes}})
        await socket.writer.drain()
        await asyncio.sleep(pause_seconds)


async def test_a_client_that_only_chats_is_closed_with_4408(gated: GatedSite) -> None:
    """Pings are allowed before connection_init, but do not replace it."""
    async with wire(gated.url, init=False) as socket:
        chatting = asyncio.create_task(ping_on(socket, 1, pause_seconds=0.01))

        assert await socket.closing() == 4408
        chatting.cancel()


async def test_a_client_that_answers_pings_and_says_nothing_stays(gated: GatedSite) -> None:
    """Browsers answer by themselves."""
    async with gated.socket() as socket:
        answering = asyncio.create_task(socket.receive())
        await asyncio.sleep(3 * HEARTBEAT)

        assert len(gated.view.sockets) == 1
        answering.cancel()


@pytest.mark.parametrize("operations", [1, 20])
async def test_a_client_that_does_not_read_costs_one_message_above_the_mark(operations: int) -> None:
    """However many of its operations have something to send: they send one at a time."""
    async with gated_site(send_timeout_seconds=30.0) as gated, wire(gated.url, token="alice") as socket:
        for number in range(operations):
            socket.send(subscribe("subscription { flood }", f"{number:02}"))
        size = await stalled(gated.view)

        assert HIGH_WATER_BYTES < size <= HIGH_WATER_BYTES + FLOOD_BYTES + HEADER_BYTES


async def test_a_client_that_reads_nothing_for_the_time_out_is_cut_off() -> None:
    """With all its operations, and without a heartbeat."""
    async with gated_site(send_timeout_seconds=0.3) as gated, wire(gated.url, token="alice") as socket:
        for number in range(5):
            socket.send(subscribe("subscription { flood }", str(number)))

        assert await seconds_until_gone(gated.view, HIGH_WATER_BYTES) >= 0.3
        assert gated.world.log == ["flood ended"] * 5


async def event_of_2_000_characters(site: Site, sender: str) -> tuple[int, int]:
    """A message of this length to bob: his id, and the message's."""
    variables = {"input": {"to": {"users": [{"username": "bob"}]}, "text": "x" * 2_000}}
    _, answer = await site.post({"query": SEND, "variables": variables}, sender)
    assert answer["data"]["sendPrivateMessage"]["__typename"] == "SendPrivateMessageSuccess"
    statement = "SELECT u.id, m.id FROM user u, message m WHERE u.username = 'bob'"
    user_id, message_id = await site.services.database.read(
        lambda tx: tx.database.connection().execute(statement).fetchone()
    )
    return user_id, message_id


@full
async def test_thousands_of_events_cost_a_slow_reader_its_bound_and_no_event(site: Site) -> None:
    """They wait in the log, not in memory; once it reads, each arrives, in order and once. Others are not delayed."""
    alice, bob = await site.token_of("alice"), await site.token_of("bob")
    user_id, message_id = await event_of_2_000_characters(site, alice)

    def put(tx: Transaction) -> None:
        for _ in range(500):
            events.put(tx, [user_id], EventKind.MESSAGE_CREATED, message_id, 1)

    async with wire(site.graphql, token=bob) as slow:
        slow.send(subscribe("subscription { privateMessageReceived { cursor message { text } } }"))
        await listeners(site, 1)
        transport, peak = transport_of(site.view), 0
        for _ in range(EVENTS // 500):
            await site.services.database.write(put)
            site.services.pubsub.publish([Hint(user_id, 0)] * 500)
            peak = max(peak, transport.get_write_buffer_size())
        peak = max(peak, await stalled(site.view))
        payloads = [(await slow.read())[1] for _ in range(EVENTS)]

    assert HIGH_WATER_BYTES < peak <= HIGH_WATER_BYTES + max(map(len, payloads)) + HEADER_BYTES
    assert len({json.loads(each)["payload"]["data"]["privateMessageReceived"]["cursor"] for each in payloads}) == EVENTS


async def test_a_closed_socket_is_held_by_no_timer() -> None:
    """aiohttp sets a heartbeat for bytes after the Close: 12 KiB per closed socket, for half a minute."""
    async with gated_site(heartbeat_seconds=60) as gate:
        for _ in range(5):
            async with gate.http.ws_connect(gate.url, protocols=["graphql-transport-ws"]) as socket:
                await socket.send_str("[")
                await socket.receive()
        await asyncio.sleep(0.1)

        timers = asyncio.get_running_loop()._scheduled  # type: ignore[attr-defined]
        assert [timer for timer in timers if "heartbeat" in repr(timer) and not timer.cancelled()] == []
