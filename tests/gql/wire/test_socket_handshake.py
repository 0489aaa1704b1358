"""Handshakes: each gets a socket, or one JSON error with a code; nothing that it sent is logged (RFC 6455 §4.2)."""

import asyncio
import logging

import pytest
from structlog.testing import capture_logs

from gql.wire.origin import LOOPBACK
from tests.gql.conftest import Site
from tests.gql.gate import gated_site
from tests.gql.raw_socket import ACCEPT, CLOSE, KEY, Wire, frame, request
from tests.gql.witness import undisturbed

Headers = dict[str, str | list[str] | None]
PROTOCOL = "Sec-WebSocket-Protocol"


async def shaken(site: Site, handshake: bytes) -> Wire:
    """A connection with the answer to this handshake."""
    return await (await Wire.open(site.url)).shake(handshake)


GOOD: dict[str, Headers] = {
    "as in the RFC": {},
    "in capitals": {"Upgrade": "WEBSOCKET", "Connection": "UPGRADE"},
    "Connection is a list": {"Connection": "keep-alive, Upgrade"},
    "Connection on two lines": {"Connection": ["keep-alive", "Upgrade"]},
    "both protocols": {PROTOCOL: "graphql-ws, graphql-transport-ws"},
    "both protocols on two lines": {PROTOCOL: ["graphql-ws", "graphql-transport-ws"]},
    "compression is offered": {"Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits"},
    "a broken extension": {"Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=99"},
    "an allowed origin": {"Origin": "https://app.example.org"},
    "an allowed origin in capitals": {"Origin": "HTTPS://App.Example.ORG"},
    "an allowed origin with its port": {"Origin": "https://app.example.org:443"},
    "the same origin": {"Origin": "http://127.0.0.1"},
    "the same origin behind TLS": {"Origin": "https://chat.example.net", "Host": "chat.example.net"},
    "the same origin and its port": {"Origin": "http://chat.example.net:8000", "Host": "chat.example.net:8000"},
    "the same origin, says the browser": {"Origin": "https://chat.example.net", "Sec-Fetch-Site": "same-origin"},
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", GOOD)
async def test_a_handshake_that_is_right_opens_a_socket(
    module_site: Site, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """Also without an Origin, which only browsers send. Never compressed."""
    async with undisturbed(module_site, caplog) as token:
        socket = await shaken(module_site, request(GOOD[name]))
        head = socket.head.lower()
        await socket.init(token)
        socket.abort()

    assert socket.status == 101
    assert f"sec-websocket-accept: {ACCEPT}".lower() in head
    assert f"{PROTOCOL}: graphql-transport-ws".lower() in head
    assert "sec-websocket-extensions" not in head


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "offered",
    [None, "", "x", 'x"y', "graphql-ws", "GraphQL-Transport-WS", "graphql-transport-ws2", "\udce9", "x," * 2_000],
)
async def test_without_our_protocol_a_socket_closes_with_4406(
    module_site: Site, caplog: pytest.LogCaptureFixture, offered: str | None
) -> None:
    """None, an unknown one or only the legacy one, which has no time-out; the client's list is not logged."""
    async with undisturbed(module_site, caplog):
        socket = await shaken(module_site, request({PROTOCOL: offered}))
        found = await socket.read()
        socket.abort()

    assert socket.status == 101
    assert PROTOCOL.lower() not in socket.head.lower()
    assert found == (CLOSE, b"\x11\x36Subprotocol not acceptable")


@pytest.mark.parametrize(("origin", "status"), [("http://localhost:3000", 101), ("https://evil.example", 403)])
async def test_pages_of_this_machine_may_open_sockets_where_the_operator_says_so(origin: str, status: int) -> None:
    """`SOTTO_ALLOWED_ORIGINS=loopback`, for development; other pages may not."""
    async with gated_site(allowed_origins=(LOOPBACK,)) as gate:
        socket = await (await Wire.open(gate.url)).shake(request({"Origin": origin}))
        socket.abort()

    assert socket.status == status


FOREIGN: dict[str, Headers] = {
    "another host": {"Origin": "https://evil.example"},
    "null": {"Origin": "null"},
    "empty": {"Origin": ""},
    "malformed": {"Origin": "https://["},
    "a port out of range": {"Origin": "https://app.example.org:99999"},
    "no scheme": {"Origin": "app.example.org"},
    "another scheme": {"Origin": "http://app.example.org"},
    "another port": {"Origin": "https://app.example.org:8443"},
    "ours in front": {"Origin": "https://app.example.org.evil.example"},
    "ours before an @": {"Origin": "https://app.example.org@evil.example"},
    "two in one": {"Origin": "https://app.example.org https://evil.example"},
    "two, the first allowed": {"Origin": ["https://app.example.org", "https://evil.example"]},
    "twice the same": {"Origin": ["https://app.example.org"] * 2},
    "not ASCII": {"Origin": "https://\udce9.example"},
    "a file": {"Origin": "file://"},
    "same site is not same origin": {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-site"},
}
REFUSED: dict[str, tuple[int, Headers]] = {
    "version 8": (426, {"Sec-WebSocket-Version": "8"}),
    "version 12": (426, {"Sec-WebSocket-Version": "12"}),
    "no version": (426, {"Sec-WebSocket-Version": None}),
    "two versions": (426, {"Sec-WebSocket-Version": ["8", "13"]}),
    "a version that is no number": (426, {"Sec-WebSocket-Version": "\udce9"}),
    "no key": (400, {"Sec-WebSocket-Key": None}),
    "an empty key": (400, {"Sec-WebSocket-Key": ""}),
    "a short key": (400, {"Sec-WebSocket-Key": "YQ=="}),
    "a long key": (400, {"Sec-WebSocket-Key": "YQ" * 4_000}),
    "a key that is no base64": (400, {"Sec-WebSocket-Key": "!" * 24}),
    "a key with no end": (400, {"Sec-WebSocket-Key": "abc"}),
    "a key that is not ASCII": (400, {"Sec-WebSocket-Key": "é" * 12}),
    "a key that is not UTF-8": (400, {"Sec-WebSocket-Key": "\udce9" * 24}),
    "two keys": (400, {"Sec-WebSocket-Key": [KEY, KEY]}),
    "no Connection": (400, {"Connection": None}),
    "another Connection": (400, {"Connection": "keep-alive, upgraded"}),
    **{f"origin: {name}": (403, headers) for name, headers in FOREIGN.items()},
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", REFUSED)
async def test_a_handshake_that_is_wrong_gets_one_json_error(
    module_site: Site, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """403 for a page of a foreign origin; 426 names the version (RFC 6455 §4.4); never 500, nothing in the log."""
    status, headers = REFUSED[name]
    async with undisturbed(module_site, caplog):
        socket = await shaken(module_site, request(headers))
        body = await socket.body()
        socket.abort()

    assert socket.status == status
    assert [error["extensions"]["code"] for error in body["errors"]] == [
        "CSRF_BLOCKED" if status == 403 else "BAD_REQUEST"
    ]
    assert ("sec-websocket-version: 13\r\nupgrade: websocket" in socket.head.lower()) == (status == 426)


IGNORED: dict[str, tuple[int, bytes]] = {
    "HTTP/1.0": (400, request(line="GET /graphql HTTP/1.0")),
    "another protocol": (400, request({"Upgrade": "h2c"})),
    "an empty Upgrade": (400, request({"Upgrade": ""})),
    "no Upgrade": (400, request({"Upgrade": None})),
    "POST without a body": (415, request({"Content-Length": "0"}, line="POST /graphql HTTP/1.1")),
    "PUT": (405, request({"Content-Length": "0"}, line="PUT /graphql HTTP/1.1")),
    "OPTIONS": (405, request(line="OPTIONS /graphql HTTP/1.1")),
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", IGNORED)
async def test_where_there_can_be_no_socket_the_header_is_ignored(
    module_site: Site, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """RFC 9110 §7.8: HTTP/1.0 has no upgrade, and only a GET may become a socket; it is an ordinary request."""
    status, handshake = IGNORED[name]
    async with undisturbed(module_site, caplog):
        socket = await shaken(module_site, handshake)
        body = await socket.body()
        socket.abort()

    assert socket.status == status
    assert [error["extensions"]["code"] for error in body["errors"]] == ["BAD_REQUEST"]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_post_that_offers_a_socket_is_answered_as_a_post(
    module_site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    """Including its body; some clients send the header with every request."""
    body = b'{"query": "{ __typename }"}'
    headers: Headers = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    async with undisturbed(module_site, caplog):
        socket = await shaken(module_site, request(headers, "POST /graphql HTTP/1.1") + body)
        answer = await socket.body()
        socket.abort()

    assert (socket.status, answer) == (200, {"data": {"__typename": "Query"}})


@pytest.mark.asyncio(loop_scope="module")
async def test_a_message_may_come_with_the_handshake(module_site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """In one packet, before the answer."""
    async with undisturbed(module_site, caplog):
        socket = await shaken(module_site, request() + frame(b'{"type": "ping"}'))
        answer = await socket.message()
        socket.abort()

    assert answer == {"type": "pong"}


async def test_a_draining_server_refuses_with_503(site: Site) -> None:
    """A malformed handshake still gets its own error."""
    await site.view.drain(1)
    right, wrong = await shaken(site, request()), await shaken(site, request({"Sec-WebSocket-Key": None}))

    assert (right.status, wrong.status) == (503, 400)
    assert (await right.body())["errors"][0]["extensions"]["code"] == "UNAVAILABLE"
    right.abort()
    wrong.abort()


async def test_what_a_refused_page_sent_is_not_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """Strawberry would log the Origin and the Host, aiohttp the protocols; we log the origin, on its own line."""
    secret: Headers = {"Origin": "https://secret.example", "Host": "secret.host", PROTOCOL: "secret-protocol"}
    with capture_logs() as lines, caplog.at_level(logging.DEBUG):
        for headers in (secret, {**secret, "Origin": None}, {**secret, "Sec-WebSocket-Key": "secret"}):
            socket = await shaken(site, request(headers))
            if socket.status == 101:
                assert await socket.closing() == 4406
                socket.writer.write(frame(b"", CLOSE))
                await socket.reader.read()
            socket.abort()
        async with asyncio.timeout(5):
            while len(requests := [line for line in lines if line["event"] == "request"]) < 3:
                await asyncio.sleep(0.005)

    refused = [line for line in lines if line["event"] == "origin refused"]
    others = [line for line in lines if line not in refused]
    assert sorted(line["status"] for line in requests) == [101, 400, 403]
    assert [line["origin"] for line in refused] == ["https://secret.example"]
    assert "secret" not in str([*others, *(record.getMessage() for record in caplog.records)])
