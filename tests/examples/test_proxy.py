"""nginx with the configuration of docs/deploy.md and TLS: WebSockets, event streams, large files and log."""

import asyncio
import hashlib
import io
import json
import re
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from yarl import URL

from tests.contract.document import blocks_of
from tests.examples.demo import NGINX, ROOT, SEND, demo, require_installed, run, token_of, write

NAME = "chat.example.org"
[CONFIGURATION] = [block.text for block in blocks_of(ROOT / "docs/deploy.md") if block.language == "nginx"]
HEAR = "subscription { privateMessageReceived { message { text attachments { url } } } }"
SIZE = 20 * 1024**2  # twenty times what nginx takes by default


class Front(NamedTuple):
    """The public URL of the proxy, its real address, and the server behind it."""

    public: str
    address: str
    behind: str
    certificate: Path


@pytest.fixture
def front(tmp_path: Path) -> Iterator[Front]:
    """A demo behind nginx."""
    require_installed()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    public = f"https://{NAME}:{port}"
    _certify(tmp_path)
    behind = demo(tmp_path / "data", SOTTO_PUBLIC_URL=public, SOTTO_TRUSTED_PROXIES="127.0.0.1")
    with behind as url, _proxy(tmp_path, port, url):
        yield Front(public, f"https://127.0.0.1:{port}", url, tmp_path / f"{NAME}.pem")


@contextmanager
def _proxy(folder: Path, port: int, behind: str) -> Iterator[None]:
    """nginx on this port."""
    (folder / "nginx.conf").write_text(_configuration(folder, port, behind))
    with subprocess.Popen([str(NGINX), "-p", str(folder), "-c", str(folder / "nginx.conf")]) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(10)


@pytest.fixture
async def http(front: Front) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that trusts the certificate and resolves the name to the proxy."""
    context = ssl.create_default_context(cafile=str(front.certificate))
    context.check_hostname = False
    headers = {
        "Host": front.public.removeprefix("https://"),
        "Authorization": f"Bearer {token_of(front.behind, 'bob')}",
    }
    connector = aiohttp.TCPConnector(ssl=context)
    async with aiohttp.ClientSession(connector=connector, headers=headers) as session:
        for _ in range(100):
            try:
                async with session.get(f"{front.address}/readyz") as response:
                    assert response.status == 200
                    assert response.headers["Strict-Transport-Security"]
                    break
            except aiohttp.ClientConnectorError:
                await asyncio.sleep(0.1)
        yield session


def _configuration(folder: Path, port: int, url: str) -> str:
    """The configuration on the page, with changed ports and paths."""
    block = CONFIGURATION.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl")
    block = block.replace("http://127.0.0.1:8000", url).replace("/etc/ssl", str(folder))
    block = block.replace("/var/log/nginx", str(folder))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    head = f"daemon off;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
    return f"{head}http {{\naccess_log off;\n{places}{block}}}\n"


def _certify(folder: Path) -> None:
    """Creates a certificate for the name."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    now, day = datetime.now(UTC), timedelta(days=1)
    certificate = builder.not_valid_before(now - day).not_valid_after(now + day).sign(key, hashes.SHA256())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / f"{NAME}.pem").write_bytes(certificate.public_bytes(pem))
    (folder / f"{NAME}.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))


async def test_a_page_of_the_public_name_opens_a_socket(front: Front, http: aiohttp.ClientSession) -> None:
    """It counts as same origin, because the Host header is passed unchanged."""
    headers = {"Origin": front.public}
    connecting = http.ws_connect(f"{front.address}/graphql", protocols=["graphql-transport-ws"], headers=headers)
    async with asyncio.timeout(30), connecting as opened:
        await opened.send_json({"type": "connection_init"})
        acknowledged = await opened.receive_json()
        await opened.send_json({"id": "1", "type": "subscribe", "payload": {"query": HEAR}})
        await asyncio.sleep(1)
        await asyncio.to_thread(write, front.behind, "bob", "Over the socket")
        heard = await opened.receive_json()

    assert acknowledged["type"] == "connection_ack"
    assert heard["payload"]["data"]["privateMessageReceived"]["message"]["text"] == "Over the socket"


async def test_an_event_stream_is_not_held_back(front: Front, http: aiohttp.ClientSession) -> None:
    """A small event arrives while the response is still open."""
    headers = {"Accept": "text/event-stream"}
    asking = http.post(f"{front.address}/graphql", json={"query": HEAR}, headers=headers)
    async with asyncio.timeout(30), asking as response:
        await asyncio.sleep(1)
        await asyncio.to_thread(write, front.behind, "bob", "Over the stream")
        while not (line := await response.content.readline()).startswith(b"data: "):
            assert line

    assert b"Over the stream" in line


async def test_a_large_file_goes_through_and_comes_back(front: Front, http: aiohttp.ClientSession) -> None:
    """Larger than nginx's default limit; the link has the public name."""
    content = b"The tide comes in, and the tide goes out.\n" * (SIZE // 42)
    draft = {"to": {"users": [{"username": "carol"}]}, "attachments": [{"file": None}]}
    form = aiohttp.FormData()
    query = SEND.replace("__typename", "... on SendPrivateMessageSuccess { message { attachments { url sha256 } } }")
    form.add_field("operations", json.dumps({"query": query, "variables": {"input": draft}}))
    form.add_field("map", json.dumps({"0": ["variables.input.attachments.0.file"]}))
    form.add_field("0", io.BytesIO(content), filename="tide.txt")
    async with http.post(f"{front.address}/graphql", data=form) as response:
        [kept] = (await response.json())["data"]["sendPrivateMessage"]["message"]["attachments"]
    async with http.get(kept["url"].replace(front.public, front.address)) as response:
        downloaded = await response.read()

    assert kept["url"].startswith(f"{front.public}/files/")
    assert hashlib.sha256(downloaded).hexdigest() == kept["sha256"]
    assert len(downloaded) == len(content)


async def test_the_log_keeps_neither_arguments_nor_paths_of_files(front: Front, http: aiohttp.ClientSession) -> None:
    """Readers of the proxy log must not be able to read messages with it."""
    asked = (
        "/graphql?query={__typename}&variables={%22text%22:%22a-secret%22}",
        "/files/a-secret",
        "/files/a-secret/notes.txt?a-secret",
        "/%66iles/a-secret",
        "//files/a-secret",
    )
    statuses = []
    for path in asked:
        async with http.get(URL(f"{front.address}{path}", encoded=True)) as response:
            statuses.append(response.status)
    logged = [""]
    while "GET /healthz" not in logged[-1]:  # nginx writes a line after it has answered
        async with http.get(f"{front.address}/healthz"):
            logged = (front.certificate.parent / "sotto.log").read_text().splitlines()
    logged = [line for line in logged if not re.search(r"/(health|ready)z\b", line)]

    assert statuses == [200, 404, 404, 404, 404]
    assert [line.split('"')[1] for line in logged] == ["GET /graphql", *["GET /files/"] * 4]
    assert not [line for line in logged if "a-secret" in line]


def test_nothing_of_a_request_is_kept_where_the_server_is_away(tmp_path: Path) -> None:
    """The default error log would contain the whole request line."""
    require_installed()
    _certify(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as free, socket.create_server(("127.0.0.1", 0)) as other:
        port, nobody = free.getsockname()[1], other.getsockname()[1]
    with _proxy(tmp_path, port, f"http://127.0.0.1:{nobody}"):
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.1)
        run("curl", "-sk", f"https://127.0.0.1:{port}/files/a-secret")

    assert '"GET /files/" 502' in (tmp_path / "sotto.log").read_text()
    assert [each.name for each in tmp_path.glob("*log") if "a-secret" in each.read_text()] == []
