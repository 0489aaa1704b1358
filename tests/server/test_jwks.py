"""Fetching keys from a real server, which can be slow, malformed or endless."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from server import jwks
from server.jwks import MAX_BYTES, FetchError, fetch_keys

KEYS = b'{"keys": []}'
LARGE = 10 << 20


class Host:
    """An issuer on this machine; `hits` are the requested paths."""

    def __init__(self) -> None:
        self.url = ""
        self.hits: list[str] = []
        self.headers: list[dict[str, str]] = []

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Each path is a different response."""
        self.hits.append(request.path)
        self.headers.append({name.lower(): value for name, value in request.headers.items()})
        ways = {
            "/good": web.Response(body=KEYS, content_type="application/json"),
            "/empty": web.Response(body=b""),
            "/whole": web.Response(body=b"k" * MAX_BYTES),
            "/over": web.Response(body=b"k" * (MAX_BYTES + 1)),
            "/large": web.Response(body=b"k" * LARGE),
            "/zipped": web.Response(body=b"\x1f\x8b no gzip", headers={"Content-Encoding": "gzip"}),
            "/created": web.Response(status=201, body=KEYS),
            "/none": web.Response(status=204),
            "/error": web.Response(status=500, body=KEYS),
            **{
                f"/{status}": web.Response(status=status, headers={"Location": "/good"}, body=KEYS)
                for status in (301, 302, 303, 307, 308)
            },
        }
        return ways.get(request.path) or web.Response(status=404, body=KEYS)

    async def drip(self, request: web.Request) -> web.StreamResponse:
        """Sends a byte now and then, forever."""
        self.hits.append(request.path)
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(b" ")
            await asyncio.sleep(0.02)

    async def endless(self, request: web.Request) -> web.StreamResponse:
        """Exceeds the limit slightly, then stops sending."""
        self.hits.append(request.path)
        response = web.StreamResponse(headers={"Content-Length": str(LARGE)})
        await response.prepare(request)
        await response.write(b"k" * (MAX_BYTES + 65_536))
        await asyncio.Event().wait()
        return response

    async def silent(self, request: web.Request) -> web.StreamResponse:
        """Sends nothing."""
        self.hits.append(request.path)
        await asyncio.Event().wait()
        return web.Response()

    async def short(self, request: web.Request) -> web.StreamResponse:
        """Closes the connection in the middle."""
        self.hits.append(request.path)
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(KEYS)
        assert request.transport is not None
        request.transport.close()
        return response


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    """Listens on a free port."""
    host, app = Host(), web.Application()
    for name in ("drip", "endless", "silent", "short"):
        app.router.add_get(f"/{name}", getattr(host, name))
    app.router.add_get("/{path:.*}", host.answer)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield host
    await runner.cleanup()


async def test_the_content_is_returned_unchanged(host: Host) -> None:
    """Byte for byte; the request has Accept and Accept-Encoding: identity."""
    assert await fetch_keys(host.url + "/good") == KEYS
    assert host.headers[0]["accept"] == "application/json"
    assert host.headers[0]["accept-encoding"] == "identity"
    assert not {"cookie", "authorization"} & host.headers[0].keys()


@pytest.mark.parametrize(("path", "size"), [("/empty", 0), ("/whole", 262_144)])
async def test_a_response_can_have_any_size_up_to_256_kib(host: Host, path: str, size: int) -> None:
    """The limit is inclusive; an empty response is returned too."""
    assert len(await fetch_keys(host.url + path)) == size


async def test_a_compressed_response_is_not_decompressed(host: Host) -> None:
    """A compressed response cannot exceed the limit."""
    assert await fetch_keys(host.url + "/zipped") == b"\x1f\x8b no gzip"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/missing", "status 404"),
        ("/error", "status 500"),
        ("/created", "status 201"),
        ("/none", "status 204"),
        *((f"/{status}", f"status {status}") for status in (301, 302, 303, 307, 308)),
    ],
)
async def test_any_status_but_200_is_an_error(host: Host, path: str, words: str) -> None:
    """Whatever its body is; redirects are not followed, because the operator configured this URL."""
    with pytest.raises(FetchError) as refused:
        await fetch_keys(host.url + path)

    assert str(refused.value) == words
    assert host.hits == [path]


@pytest.mark.parametrize("path", ["/over", "/large", "/endless"])
async def test_a_large_response_is_refused(host: Host, path: str) -> None:
    """As soon as the limit is exceeded: the rest is not read or stored."""
    async with asyncio.timeout(jwks.FETCH_SECONDS - 1):
        with pytest.raises(FetchError) as refused:
            await fetch_keys(host.url + path)

    assert str(refused.value) == "too large"


@pytest.mark.parametrize("path", ["/drip", "/silent"])
async def test_a_slow_response_is_refused(host: Host, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """The timeout is for the whole response, even if bytes keep arriving."""
    monkeypatch.setattr(jwks, "FETCH_SECONDS", 0.3)
    started = asyncio.get_running_loop().time()

    with pytest.raises(FetchError) as refused:
        await fetch_keys(host.url + path)

    assert isinstance(refused.value.__cause__, TimeoutError)
    assert 0.2 < asyncio.get_running_loop().time() - started < 2
    assert host.hits == [path]


async def test_a_truncated_response_is_refused(host: Host) -> None:
    """A partial list of keys is not used."""
    with pytest.raises(FetchError):
        await fetch_keys(host.url + "/short")

    assert set(host.hits) == {"/short"}


async def test_where_nobody_listens_nothing_is_fetched() -> None:
    """The message has the class of the error, without the address and the text of the system."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        with pytest.raises(FetchError) as refused:
            await fetch_keys(f"http://127.0.0.1:{held.getsockname()[1]}/")

    assert str(refused.value) == "ClientConnectorError"


@pytest.mark.parametrize(
    "content", [b"hello\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000, b"\x16\x03\x01", b""]
)
async def test_a_response_that_is_not_http_is_refused(content: bytes) -> None:
    """Whatever listens there."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(content)
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(FetchError):
            await fetch_keys(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    "url",
    ["", "host", "/jwks", "http://", "ftp://127.0.0.1/", "file:///etc/passwd", "http://[::1", "http://127.0.0.1:99999/",
     "http://a..b/", "http://" + "a" * 64 + ".invalid/"],
)  # fmt: skip
async def test_an_invalid_url_is_refused(url: str) -> None:
    """The settings reject most of these before."""
    with pytest.raises(FetchError):
        await fetch_keys(url)
