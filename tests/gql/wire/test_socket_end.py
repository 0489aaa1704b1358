"""Ends: however a socket ends, its generators are closed, no listener and no task is left."""

import asyncio
import logging
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from socket import SO_LINGER, SOL_SOCKET
from socket import socket as new_socket
from urllib.parse import urlsplit

import pytest
from aiohttp import WSMsgType
from structlog.testing import capture_logs

from gql.wire.socket import SocketHandler
from gql.wire.view import View
from tests.full import amount, full
from tests.gql.conftest import Site
from tests.gql.gate import PROTOCOL, GatedSite, gated_site
from tests.gql.raw_socket import CLOSE, Wire, frame, request, wire
from tests.gql.witness import HEAR, is_usable, listeners, stalled, subscribe

SOCKETS = amount(15, 40)
OPERATIONS = 3
WAYS = ["complete", "close", "abort", "end of file", "broken frame", "malformed message", "drain"]


@pytest.fixture
async def gated() -> AsyncIterator[GatedSite]:
    """Running on a free port."""
    async with gated_site(connection_init_seconds=5, max_sockets_per_user=0) as found:
        yield found


@asynccontextmanager
async def crowd(url: str, token: str) -> AsyncIterator[list[Wire]]:
    """Acknowledged sockets, aborted at the end."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(wire(url, token=token)) for _ in range(SOCKETS)]


async def until(is_done: Callable[[], bool]) -> None:
    """Waits for it, at most five seconds."""
    async with asyncio.timeout(5):
        while not is_done():
            await asyncio.sleep(0.01)


async def leave(sockets: list[Wire], way: str, view: View) -> None:
    """All clients leave, or the server stops."""
    for socket in sockets:
        if way == "complete":
            for number in range(OPERATIONS):
                socket.send({"type": "complete", "id": str(number)})
        elif way == "close":
            socket.writer.write(frame(b"\x03\xe8", CLOSE))
        elif way == "abort":
            socket.abort()
        elif way == "end of file":
            socket.writer.write_eof()
        elif way == "broken frame":
            socket.writer.write(b"\xff\xff\xff\xff")
        elif way == "malformed message":
            socket.send("null")
            socket.writer.write(frame(b"", CLOSE))
    if way == "drain":
        await view.drain(3)


@full
@pytest.mark.parametrize("way", WAYS)
async def test_every_generator_is_closed(gated: GatedSite, way: str) -> None:
    """All of them, by complete, close, lost connection, broken frame or drain; and every task ends."""
    before = asyncio.all_tasks()
    log = gated.world.log
    async with crowd(gated.url, "alice") as sockets:
        for socket in sockets:
            for number in range(OPERATIONS):
                socket.send(subscribe("subscription { hear }", str(number)))
        await until(lambda: log.count("hear began") == SOCKETS * OPERATIONS)

        await leave(sockets, way, gated.view)

        await until(lambda: log.count("hear cancelled") == SOCKETS * OPERATIONS)
        if way == "complete":
            assert len(gated.view.sockets) == SOCKETS
            assert await is_open(sockets[0])
    await until(lambda: not len(gated.view.sockets))
    await until(lambda: asyncio.all_tasks() <= before)


async def is_open(socket: Wire) -> bool:
    """Whether it answers."""
    socket.send({"type": "ping"})
    while (message := await socket.message())["type"] == "next":
        pass
    return bool(message == {"type": "pong"})


@full
@pytest.mark.parametrize("way", WAYS)
async def test_no_subscription_listens_any_more(site: Site, way: str) -> None:
    """As above, with the real subscription: a mailbox for each, and then none."""
    before = asyncio.all_tasks()
    async with crowd(site.graphql, await site.token_of("alice")) as sockets:
        for socket in sockets:
            for number in range(OPERATIONS):
                socket.send(subscribe(HEAR, str(number)))
        await listeners(site, SOCKETS * OPERATIONS)

        await leave(sockets, way, site.view)

        await listeners(site, 0)
    await until(lambda: not len(site.view.sockets))
    counted = (site.view.sockets._limit._open, site.services.stream._open._open, site.services.presence._streams)
    assert [len(each) for each in counted] == [0, 0, 0], "nothing is kept of people who have gone"
    await until(lambda: asyncio.all_tasks() <= before)


async def test_a_browser_tab_that_is_closed_is_a_normal_end(
    site: Site, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It sends a Close and disconnects: the server's Close meets a reset that its event loop has not noticed yet."""
    loop, at, tab = asyncio.get_running_loop(), urlsplit(site.url), new_socket()
    tab.settimeout(0)
    stop = SocketHandler.shutdown

    async def stop_and_lose_the_client(handler: SocketHandler) -> None:
        await stop(handler)
        tab.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
        tab.close()

    monkeypatch.setattr(SocketHandler, "shutdown", stop_and_lose_the_client)
    await loop.sock_connect(tab, (at.hostname, at.port))
    await loop.sock_sendall(tab, request())
    await until(lambda: len(site.view.sockets) == 1)
    with capture_logs() as lines, caplog.at_level(logging.WARNING):
        tab.send(frame(b"\x03\xe9", CLOSE))
        await until(lambda: "request" in [line["event"] for line in lines])

    assert [line["code"] for line in lines if line["event"] == "socket_closed"] == [1001]
    assert [line["status"] for line in lines if line["event"] == "request"] == [101]
    assert [line for line in lines if line["log_level"] not in {"debug", "info"}] == []
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert not len(site.view.sockets)


async def test_the_connection_ends_after_both_have_sent_a_close(site: Site) -> None:
    """RFC 6455 §7.1.1: a client that is still writing finds it open, reads our Close and answers it."""
    async with wire(site.graphql) as client:
        client.send("null")
        assert await client.closing() == 4400
        ended = asyncio.create_task(client.reader.read())
        await asyncio.sleep(0.1)
        assert not ended.done()
        client.writer.write(frame(b"\x11\x30", CLOSE))

        assert await asyncio.wait_for(ended, 0.5) == b""


@pytest.mark.parametrize("is_drain", [False, True], ids=["malformed", "drain"])
async def test_a_client_of_aiohttp_learns_the_code(site: Site, is_drain: bool) -> None:
    """If the connection ended before it has written its own Close, it would report 1006."""
    async with site.http.ws_connect(site.graphql, protocols=PROTOCOL) as client:
        await until(lambda: len(site.view.sockets) == 1)
        if is_drain:
            drained = asyncio.create_task(site.view.drain(3))
        else:
            await client.send_str("null")
        # Busy until everything that the server sends has arrived
        await asyncio.sleep(0.15)
        assert (await client.receive(timeout=5)).type is WSMsgType.CLOSE
        if is_drain:
            await drained

        assert client.close_code == (1001 if is_drain else 4400)


async def test_complete_ends_an_operation_that_waits_for_its_reader(gated: GatedSite) -> None:
    """The others wait their turn to send, and end as well."""
    async with wire(gated.url, token="alice") as socket:
        for number in range(OPERATIONS):
            socket.send(subscribe("subscription { flood }", str(number)))
        await stalled(gated.view)
        for number in range(OPERATIONS):
            socket.send({"type": "complete", "id": str(number)})

        await gated.world.has("flood ended")
        await until(lambda: gated.world.log == ["flood ended"] * OPERATIONS)
        assert await is_open(socket)


async def test_an_id_is_free_again_at_once(site: Site) -> None:
    """Right after `complete` from either side."""
    async with wire(site.graphql, token=await site.token_of("alice")) as socket:
        for _ in range(10):
            socket.send(subscribe(HEAR))
            socket.send({"type": "complete", "id": "1"})
        socket.send(subscribe("{ nothing }"))
        assert (await socket.message())["type"] == "error"

        socket.send(subscribe())
        assert [(await socket.message())["type"] for _ in range(2)] == ["next", "complete"]
        assert await is_usable(socket)
        await listeners(site, 0)


async def test_a_completed_operation_sends_nothing_more(gated: GatedSite) -> None:
    """The mutation finishes, nobody gets its answer, and its id is in use by another operation."""
    async with wire(gated.url, token="alice") as socket:
        socket.send(subscribe("mutation { send }"))
        await gated.world.has("send began")
        socket.send({"type": "complete", "id": "1"})
        socket.send(subscribe("{ look }"))
        await gated.world.has("look began")
        gated.world.gate.set()
        messages = [await socket.message() for _ in range(2)]

        assert messages[0] == {"id": "1", "type": "next", "payload": {"data": {"look": "look"}}}
        assert messages[1] == {"id": "1", "type": "complete"}
        assert await is_open(socket)
        await gated.world.has("send done")
