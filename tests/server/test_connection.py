"""HTTP connections: malformed requests and slow clients."""

import asyncio
import gzip
import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from models.transaction import Transaction
from server import connection
from server.process import Running, listening
from server.setting.settings import load_settings
from tests.template import put_tables

# Whatever executes this leaves a row.
SIGN_UP = b'{"query": "mutation { signUp(input: {username: \\"mallory\\", password: \\"12345678\\"}) { __typename } }"}'
CHUNKED = b"Transfer-Encoding: chunked\r\n"


def post(
    more: bytes = b"",
    body: bytes = SIGN_UP,
    line: bytes = b"POST /graphql HTTP/1.1",
    host: bytes = b"Host: x\r\n",
    length: bytes | None = None,
) -> bytes:
    """A valid request; `length` is the value of Content-Length, empty for none."""
    size = b"%d" % len(body) if length is None else length
    lengths = b"Content-Length: " + size + b"\r\n" if size else b""
    return line + b"\r\n" + host + b"Content-Type: application/json\r\n" + lengths + more + b"\r\n" + body


def get(line: bytes = b"GET / HTTP/1.1", more: bytes = b"") -> bytes:
    """A request without a body."""
    return line + b"\r\nHost: x\r\n" + more + b"\r\n"


def chunked(body: bytes, more: bytes = CHUNKED) -> bytes:
    """A request with this Transfer-Encoding."""
    return post(more, body, length=b"")


def whole(body: bytes) -> bytes:
    """One chunk and the terminating chunk."""
    return b"%x\r\n" % len(body) + body + b"\r\n0\r\n\r\n"


NO_HTTP = {
    "noise": b"\x00\x01\x02\x03\r\n\r\n",
    "words": b"hello\r\n\r\n",
    "a TLS hello": bytes.fromhex("16030100f5010000f10303") + bytes(200),
    "an HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "version 3": get(b"GET / HTTP/3.0"),
    "version x": get(b"GET / HTTP/x"),
    "version 1.1.1": get(b"GET / HTTP/1.1.1"),
    "no method": b" / HTTP/1.1\r\n\r\n",
    "a method in small letters": get(b"get / HTTP/1.1"),
    "an unknown method": get(b"BREW /graphql HTTP/1.1"),
    "a method with a sign": get(b"G@T / HTTP/1.1"),
    "a header without a colon": get(more=b"Nonsense\r\n"),
    "a space before the colon": get(more=b"A : b\r\n"),
    "a space before the name": get(more=b" A: b\r\n"),
    "a header without a name": get(more=b": x\r\n"),
    "NUL in a name": get(more=b"A\0: b\r\n"),
    "NUL in a value": get(more=b"A: \0\r\n"),
    "a folded header": get(more=b"A: b\r\n c\r\n"),
    "a bare CR in a value": get(more=b"A: b\rc\r\n"),
    "bare LF": b"GET / HTTP/1.1\nHost: x\n\n",
    "NUL in the path": get(b"GET /\0 HTTP/1.1"),
    "raw UTF-8 in the path": get("GET /ü HTTP/1.1".encode()),
    "raw Latin-1 in the query": get(b"GET /graphql?query=\xff HTTP/1.1"),
    "half an address": get(b"GET http://[::1 HTTP/1.1"),
    "port 99999": get(b"GET http://a:99999/ HTTP/1.1"),
    "no host": post(host=b""),
    "two hosts": post(b"Host: y\r\n"),
    "length -1": post(length=b"-1"),
    "length +5": post(length=b"+5"),
    "length x": post(length=b"x"),
    "length 0x1a": post(length=b"0x1a"),
    "length 5, 5": post(length=b"5, 5"),
    "length 5 5": post(length=b"5 5"),
    "a length without end": post(length=b"9" * 30),
    "a length in Arabic digits": post(length="٢٦".encode()),
    "an empty length": post(length=b" "),
    "two lengths": post(b"Content-Length: 5\r\n"),
    "the same length twice": post(b"Content-Length: %d\r\n" % len(SIGN_UP)),
    "a length and chunks": post(CHUNKED),
    "a length after chunks": post(CHUNKED + b"Content-Length: 5\r\n", whole(SIGN_UP), length=b""),
    "an unknown coding": chunked(whole(SIGN_UP), b"Transfer-Encoding: xchunked\r\n"),
    "identity after chunked": chunked(whole(SIGN_UP), b"Transfer-Encoding: chunked, identity\r\n"),
    "chunked twice": chunked(whole(SIGN_UP), CHUNKED * 2),
    "a chunk of size zz": chunked(b"zz\r\nabc\r\n0\r\n\r\n"),
    "a chunk of size -1": chunked(b"-1\r\nabc\r\n0\r\n\r\n"),
    "a chunk of size 0x3": chunked(b"0x3\r\nabc\r\n0\r\n\r\n"),
    "a chunk without end": chunked(b"f" * 30 + b"\r\nabc\r\n"),
    "a chunk that is longer": chunked(b"2\r\nabc\r\n0\r\n\r\n"),
    "chunks with bare LF": chunked(b"3\nabc\n0\n\n"),
    "a length as a trailer": chunked(whole(SIGN_UP)[:-2] + b"Content-Length: 3\r\n\r\n"),
}
TOO_LONG = {
    "a path of 9,000": get(b"GET /" + b"a" * 9_000 + b" HTTP/1.1"),
    "a value of 9,000": get(more=b"A: " + b"a" * 9_000 + b"\r\n"),
    "a name of 9,000": get(more=b"A" * 9_000 + b": b\r\n"),
    "200 headers": get(more=b"".join(b"A%d: b\r\n" % number for number in range(200))),
}
# The framing is good: the connection may stay.
NOT_FOR_US = {
    "a host with a space": (400, post(host=b"Host: a b\r\n")),
    "a host with a path": (400, post(host=b"Host: a/../b@c\r\n")),
    "a host with quotes": (400, post(host=b'Host: "><script>\r\n')),
    "an unknown expectation": (417, post(b"Expect: nonsense\r\n")),
    "an unknown expectation elsewhere": (417, post(b"Expect: nonsense\r\n", line=b"POST /nothing HTTP/1.1")),
    "a proxy's method": (404, get(b"CONNECT evil.example:443 HTTP/1.1")),
    "OPTIONS *": (404, get(b"OPTIONS * HTTP/1.1")),
    "TRACE": (405, get(b"TRACE /graphql HTTP/1.1")),
    "a path upwards": (404, get(b"GET /../../etc/passwd HTTP/1.1")),
    "a path with escapes": (404, get(b"GET /%zz%ff%00 HTTP/1.1")),
    "2,000 parameters": (400, get(b"GET /graphql?" + b"&".join([b"a=1"] * 2_000) + b" HTTP/1.1")),
    "gzip as a transfer coding": (400, chunked(whole(gzip.compress(SIGN_UP)), b"Transfer-Encoding: gzip, chunked\r\n")),
    "a compressed body": (415, post(b"Content-Encoding: gzip\r\n", gzip.compress(SIGN_UP))),
    "a bomb": (415, post(b"Content-Encoding: gzip\r\n", gzip.compress(bytes(10_000_000)))),
    "a deflated body": (415, post(b"Content-Encoding: deflate\r\n", b"x\x9c\x03\x00\x00\x00\x00\x01")),
    "a body announced as huge": (413, post(body=b"", length=b"9" * 15)),
}
UNUSUAL = {
    "an absolute address": post(line=b"POST http://evil.example/graphql HTTP/1.1"),
    "an upgrade to HTTP/2": post(
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    ),
    "an upgrade by POST": post(b"Connection: Upgrade\r\nUpgrade: websocket\r\n"),
    "bytes in a header": post(b"X: \xff\xfe\r\n"),
    "chunks": chunked(whole(SIGN_UP)),
    "chunks of HTTP/1.0": post(CHUNKED, whole(SIGN_UP), line=b"POST /graphql HTTP/1.0", length=b""),
    "chunks of one byte": chunked(b"".join(b"1\r\n%c\r\n" % byte for byte in SIGN_UP) + b"0\r\n\r\n"),
}


@asynccontextmanager
async def running_in(folder: Path) -> AsyncIterator[Running]:
    """A server on a free port, without users; settings in the working directory are ignored."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        settings = load_settings(port=0, data=folder / "data", body_timeout_seconds=1)
    put_tables(settings.database_path)
    async with listening(settings) as found:
        yield found


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    """A server for one test."""
    async with running_in(tmp_path) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def refusing(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """One for all tests of what is refused: whatever it was sent, it goes on, and there is still no user."""
    async with running_in(tmp_path_factory.mktemp("refusing")) as found:
        yield found


async def opened(running: Running) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """An open connection."""
    return await asyncio.open_connection("127.0.0.1", int(running.url.rsplit(":", 1)[1]))


async def answer_to(running: Running, request: bytes) -> tuple[int, dict[str, str], bytes, bool]:
    """Status, headers, body, and whether the server closed the connection after it."""
    reader, writer = await opened(running)
    try:
        async with asyncio.timeout(5):
            writer.write(request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")
            headers = dict(line.split(": ", 1) for line in lines[1:-2])
            body = await reader.readexactly(int(headers["Content-Length"]))
            is_last = lines[0].startswith("HTTP/1.0") or headers.get("Connection") == "close"
            if is_last:
                assert await reader.read() == b""
    finally:
        writer.close()
    return int(lines[0].split()[1]), headers, body, is_last


async def users_in(running: Running) -> int:
    """The number of users."""

    def count(tx: Transaction) -> int:
        found: int = tx.database.connection().execute('SELECT count(*) FROM "user"').fetchone()[0]
        return found

    return await running.services.database.read(count)


async def check_refused(
    running: Running, request: bytes, caplog: pytest.LogCaptureFixture
) -> tuple[int, dict[str, str], bool]:
    """The response is a JSON error with a code; nothing is executed, quoted or logged with a traceback."""
    with capture_logs() as logs, caplog.at_level(logging.DEBUG):
        status, headers, body, is_last = await answer_to(running, request)

    [error] = json.loads(body)["errors"]
    assert error["message"]
    assert error["extensions"]["code"] in {"BAD_REQUEST", "NOT_FOUND", "PAYLOAD_TOO_LARGE"}
    assert headers["Content-Type"] == "application/json; charset=utf-8"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "aiohttp" not in headers.get("Server", "")
    assert [each for each in logs if each["log_level"] not in {"info", "debug"}] == []
    assert [each.name for each in caplog.records if each.name != "asyncio"] == []
    assert "mallory" not in str(logs)
    assert await users_in(running) == 0
    return status, headers, is_last


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", NO_HTTP)
async def test_malformed_http_is_refused_and_closed(
    refusing: Running, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """RFC 9112 §2.2, §6.1, §6.3: 400 and close, because the start of the next request is unknown."""
    status, _, is_last = await check_refused(refusing, NO_HTTP[name], caplog)

    assert (status, is_last) == (400, True)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", TOO_LONG)
async def test_headers_that_are_too_long_are_431(
    refusing: Running, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """RFC 6585 §5."""
    status, _, is_last = await check_refused(refusing, TOO_LONG[name], caplog)

    assert (status, is_last) == (431, True)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", NOT_FOR_US)
async def test_unsupported_http_is_refused(refusing: Running, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """With the appropriate status; compressed bodies are never decompressed, so bombs have no effect."""
    expected, request = NOT_FOR_US[name]

    status, _, _ = await check_refused(refusing, request, caplog)

    assert status == expected


@pytest.mark.parametrize("name", UNUSUAL)
async def test_unusual_valid_http_is_served(running: Running, name: str) -> None:
    """RFC 9112 §3.2.2 (absolute form), §6.1 (chunks in HTTP/1.0), RFC 9110 §7.8 (an upgrade can be ignored)."""
    status, _, body, _ = await answer_to(running, UNUSUAL[name])

    assert status == 200
    assert json.loads(body)["data"]["signUp"]["__typename"] == "SignUpSuccess"
    assert await users_in(running) == 1


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", ["two lengths", "a length and chunks", "chunked twice", "a chunk that is longer"])
async def test_a_request_after_a_malformed_one_is_never_executed(refusing: Running, name: str) -> None:
    """Request smuggling: bytes after a request of unknown length may be part of it."""
    status, _, _, is_last = await answer_to(refusing, NO_HTTP[name] + post())

    assert (status, is_last) == (400, True)
    assert await users_in(refusing) == 0


async def test_pipelined_requests_are_answered_in_their_order(running: Running) -> None:
    """RFC 9112 §9.3.2."""
    reader, writer = await opened(running)
    bodies = [b'{"query": "{ a%d: __typename }"}' % number for number in range(20)]

    writer.write(b"".join(post(body=body) for body in bodies))
    answers = b""
    async with asyncio.timeout(5):
        while answers.count(b'"Query"}}') < 20:
            answers += await reader.read(65_536)
    writer.close()

    found = [int(number) for number in re.findall(rb'{"data":{"a(\d+)":"Query"}}', answers)]
    assert found == list(range(20))
    assert answers.count(b"HTTP/1.1 200 OK") == 20


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.1\r\nHost: x\r\nA: "])
async def test_a_connection_without_a_request_is_closed(
    running: Running, sent: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With partial headers or none: silent clients must not exhaust the sockets."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.2)
    reader, writer = await opened(running)
    writer.write(sent)

    async with asyncio.timeout(3):
        assert await reader.read() == b""
    writer.close()


@pytest.mark.parametrize("more", [b"Content-Length: 1000\r\n", CHUNKED])
async def test_a_body_that_stops_coming_is_408(running: Running, more: bytes) -> None:
    """The deadline applies to the whole body, so sending a byte now and then does not help."""
    reader, writer = await opened(running)
    writer.write(post(more, b"", length=b""))
    dribble = asyncio.create_task(_dribble(writer, b"1\r\nx\r\n" if more == CHUNKED else b"x"))

    async with asyncio.timeout(5):
        head = await reader.readuntil(b"\r\n\r\n")
    dribble.cancel()
    writer.close()

    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"Connection: close" in head
    assert await users_in(running) == 0


async def _dribble(writer: asyncio.StreamWriter, piece: bytes) -> None:
    while True:
        writer.write(piece)
        await asyncio.sleep(0.1)


EXPECT = b"Expect: 100-continue\r\n"
FORM = b"Content-Type: multipart/form-data; boundary=b\r\n"
DECIDED = {
    "the path": (404, post(EXPECT, b"", b"POST /nothing HTTP/1.1", length=b"9")),
    "the method": (405, post(EXPECT, b"", b"PUT /graphql HTTP/1.1", length=b"9")),
    "the method elsewhere": (405, post(EXPECT, b"", b"POST /healthz HTTP/1.1", length=b"9")),
    "the length": (413, post(EXPECT, b"", length=b"999999999")),
    "the coding": (415, post(EXPECT + b"Content-Encoding: gzip\r\n", b"", length=b"9")),
    "the type of the answer": (406, post(EXPECT + b"Accept: image/png\r\n", b"", length=b"9")),
    "the token": (401, post(EXPECT + b"Authorization: Bearer x\r\n", b"", length=b"9")),
    "a form of a foreign page": (
        403,
        post(EXPECT, b"", length=b"9").replace(b"Content-Type: application/json\r\n", FORM),
    ),
    "an upload without a token": (
        401,
        post(EXPECT + b"Tus-Resumable: 1.0.0\r\n", b"", b"PATCH /uploads/x HTTP/1.1", length=b"9"),
    ),
    "an upload of another version": (412, post(EXPECT, b"", b"PATCH /uploads/x HTTP/1.1", length=b"9")),
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("what", DECIDED)
async def test_a_refusal_that_the_headers_decide_comes_before_the_body_is_asked_for(
    refusing: Running, what: str
) -> None:
    """RFC 9110 §10.1.1: the client does not send a body that nothing would read, and the connection is closed."""
    expected, request = DECIDED[what]
    reader, writer = await opened(refusing)
    async with asyncio.timeout(5):
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    writer.close()

    assert head.startswith(f"HTTP/1.1 {expected} ")
    assert "Connection: close\r\n" in head


@pytest.mark.parametrize("line", [b"POST /graphql HTTP/1.1", b"POST /graphql HTTP/1.0"], ids=["1.1", "1.0"])
async def test_a_body_that_is_wanted_is_asked_for_once(running: Running, line: bytes) -> None:
    """Only in HTTP/1.1: older clients do not know 100 Continue."""
    reader, writer = await opened(running)
    body = b'{"query": "{ __typename }"}'
    async with asyncio.timeout(5):
        writer.write(post(EXPECT, b"", line, length=b"%d" % len(body)))
        if line.endswith(b"1.1"):
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        writer.write(body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = int(head.lower().split("content-length: ")[1].split("\r\n")[0])
        answer = await reader.readexactly(length)
    writer.close()

    assert " 200 OK" in head.splitlines()[0]
    assert json.loads(answer) == {"data": {"__typename": "Query"}}
