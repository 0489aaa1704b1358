"""Transfers: the bytes of downloads are complete and in order, however slow the client and the disk are."""

import asyncio
import datetime as dt
import os
import re
import socket
import ssl
import tempfile
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from models.attachment import AttachmentRow
from server import transfer
from server.file import FileHandler
from server.process import STOP_SECONDS
from server.setting.settings import load_settings
from server.transfer import SMALL_BYTES
from storage import local_file
from storage.base import StorageFailed
from storage.local_file import STEP_BYTES
from tests.server.house import House, house_of

LARGE_BYTES = 24 * 1024**2  # more than the buffers of both sockets


@dataclass(frozen=True)
class Sent:
    """A call of sendfile(2): whether it was the event loop's, the descriptor that took the bytes, and which bytes."""

    is_loop: bool
    target: str
    start: int
    end: int


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Sent]:
    """Records the calls of sendfile(2)."""
    found: list[Sent] = []
    real = os.sendfile

    def sendfile(target: int, source: int, offset: int, count: int) -> int:
        sent = real(target, source, offset, count)
        is_loop = threading.current_thread() is threading.main_thread()
        found.append(Sent(is_loop, str(Path(f"/proc/self/fd/{target}").readlink()), offset, offset + sent))
        return sent

    monkeypatch.setattr(os, "sendfile", sendfile)
    return found


async def got(house: House, row: AttachmentRow, **headers: str) -> bytes:
    """The body of a download that succeeds."""
    async with house.http.get(house.path(row), headers=headers) as response:
        assert response.status == (206 if headers else 200)
        return await response.read()


@pytest.mark.parametrize("size", [SMALL_BYTES, SMALL_BYTES + 1, STEP_BYTES, 2 * STEP_BYTES + 1])
async def test_a_file_arrives_as_it_was_sent(house: House, calls: list[Sent], size: int) -> None:
    """A small one is written with its headers; the kernel sends a larger one, whose bytes a thread reads before."""
    content = os.urandom(size)
    row = await house.send(content, "large.bin")
    received = await got(house, row)

    assert received == content
    by_kernel = [each for each in calls if each.is_loop]
    assert all(each.target.startswith("socket:") for each in by_kernel)
    assert sum(each.end - each.start for each in by_kernel) == (size if size > SMALL_BYTES else 0)


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=1-", 1, LARGE_BYTES),
        ("bytes=5000000-5999999", 5_000_000, 6_000_000),
        (f"bytes=-{SMALL_BYTES + 1}", LARGE_BYTES - SMALL_BYTES - 1, LARGE_BYTES),
        (f"bytes=-{SMALL_BYTES}", LARGE_BYTES - SMALL_BYTES, LARGE_BYTES),
    ],
)
async def test_a_range_of_a_large_file_is_exact(
    house: House, monkeypatch: pytest.MonkeyPatch, asked: str, start: int, end: int
) -> None:
    """Also where it is read in steps, as from a slow disk."""
    monkeypatch.setattr(local_file, "LOAD_SECONDS", 0.0)
    content = os.urandom(LARGE_BYTES)
    row = await house.send(content, "large.bin")

    assert await got(house, row, Range=asked) == content[start:end]


@pytest.mark.parametrize("seconds", [0.0, 1.0], ids=["read in steps", "read at once"])
async def test_the_event_loop_never_reads_the_disk(
    house: House, monkeypatch: pytest.MonkeyPatch, calls: list[Sent], seconds: float
) -> None:
    """It sends only what a thread has read before; and if that has left the page cache, a thread reads it again."""
    monkeypatch.setattr(local_file, "LOAD_SECONDS", seconds)
    content = os.urandom(LARGE_BYTES)
    row = await house.send(content, "large.bin")
    evicted, is_cached = list[int](), local_file.LocalFile.is_cached

    def is_cached_or_evicted(file: local_file.LocalFile, at: int) -> bool:
        if at % 2:
            return is_cached(file, at)
        evicted.append(at)
        return False

    monkeypatch.setattr(local_file.LocalFile, "is_cached", is_cached_or_evicted)
    received = await got(house, row, Range="bytes=1-")

    assert received == content[1:]
    assert {each.target for each in calls if not each.is_loop} == {os.devnull}
    assert {*evicted} <= {each.start for each in calls if not each.is_loop}
    for number, each in enumerate(calls):
        assert not each.is_loop or each.end <= max(other.end for other in calls[:number] if not other.is_loop)


@pytest.fixture
def disk_file(tmp_path: Path) -> Iterator[Path]:
    """A new file where the file system says what it has in its cache, which one in memory does not."""
    for folder in (str(tmp_path), "/var/tmp"):
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            file.write(b"x")
            file.flush()
            try:
                os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT)
            except OSError:
                continue
            yield Path(file.name)
            return
    pytest.skip("no file system here says what it has in its cache")


async def test_pages_that_left_the_cache_are_noticed(disk_file: Path) -> None:
    """The question never waits for the disk, and a thread brings them back."""
    path = disk_file
    path.write_bytes(os.urandom(STEP_BYTES))
    with path.open("rb") as file:
        os.fsync(file.fileno())
    found = await local_file.LocalFile.open(path, 0, STEP_BYTES)
    assert found is not None
    states = [found.is_cached(0), found.is_cached(STEP_BYTES - 1)]
    os.posix_fadvise(found.file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    states += [found.is_cached(0), found.is_cached(STEP_BYTES - 1)]
    await found.load(0, STEP_BYTES)
    states += [found.is_cached(0), found.is_cached(STEP_BYTES - 1), found.is_cached(STEP_BYTES)]
    await found.close()

    assert states == [True, True, False, False, True, True, False]


async def test_clients_that_do_not_read_hold_neither_threads_nor_memory(house: House) -> None:
    """More of them than there are threads for files: others are served meanwhile, and they get the rest later."""
    content = os.urandom(LARGE_BYTES)
    row = await house.send(content, "large.bin")
    await got(house, row)
    tracemalloc.start()
    slow = [await connected(house, [house.path(row)]) for _ in range(40)]
    while [*open_paths()].count(house.stored_path(row)) < 40:
        await asyncio.sleep(0.01)
    held_bytes, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    others = [await house.send(b"%d" % number, "small.txt") for number in range(5)]
    bodies = [await asyncio.wait_for(got(house, each), 5) for each in others]
    received = await asyncio.wait_for(responses_of(slow[7], 1), 30)

    assert held_bytes < 40 * 64 * 1024
    assert bodies == [b"%d" % number for number in range(5)]
    assert received == [content]
    for client in slow:
        client.close()


async def test_responses_on_one_connection_keep_their_order(house: House) -> None:
    """The kernel sends a large file only after what the transport still holds: headers, and the response before."""
    contents = [os.urandom(SMALL_BYTES), os.urandom(5_000_000), os.urandom(SMALL_BYTES), os.urandom(SMALL_BYTES + 1)]
    rows = [await house.send(content, "file.bin") for content in contents]
    order = [0, 1, 1, 2, 0, 3, 2, 1]
    client = await connected(house, [house.path(rows[number]) for number in order])
    await asyncio.sleep(0.2)  # the buffers are full
    received = await responses_of(client, len(order))

    assert [contents.index(each) for each in received] == order
    client.close()


async def connected(house: House, paths: list[str]) -> socket.socket:
    """A client with a small buffer, which has sent these requests and does not read."""
    client = socket.socket()
    client.settimeout(0)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
    await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", int(house.running.url.rsplit(":", 1)[1])))
    requests = "".join(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n" for path in paths)
    await asyncio.get_running_loop().sock_sendall(client, requests.encode())
    return client


async def responses_of(client: socket.socket, count: int) -> list[bytes]:
    """The bodies of so many responses."""
    loop, received, bodies = asyncio.get_running_loop(), bytearray(), list[bytes]()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    while len(bodies) < count:
        head, found, rest = received.partition(b"\r\n\r\n")
        length = re.search(rb"Content-Length: (\d+)", head)
        if found and length and len(rest) >= int(length[1]):
            bodies.append(bytes(rest[: int(length[1])]))
            received = rest[int(length[1]) :]
            continue
        more = await loop.sock_recv(client, 1 << 20)
        assert more, "the connection was closed"
        received += more
    return bodies


async def test_a_file_that_is_deleted_while_it_is_sent_arrives_whole(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes are deleted when the last reader closes it."""
    monkeypatch.setattr(local_file, "LOAD_SECONDS", 0.0)
    content = os.urandom(LARGE_BYTES)
    row = await house.send(content, "large.bin")

    async with house.http.get(house.path(row)) as response:
        first = await response.content.readany()
        await house.running.services.storage.delete(row.storage_key)
        rest = await response.read()
    assert first + rest == content
    assert await status_of(house, row) == 404


async def test_bytes_that_are_gone_are_not_found(house: House) -> None:
    """Before the headers are sent, the status can still say so."""
    for content in (b"notes", os.urandom(SMALL_BYTES + 1)):
        row = await house.send(content, "notes.bin")
        house.stored_path(row).unlink()

        assert await status_of(house, row) == 404


async def test_a_symbolic_link_in_the_storage_is_not_followed(house: House, tmp_path: Path) -> None:
    """Whatever it refers to, nothing outside of the storage is served."""
    secret = tmp_path / "secret"
    secret.write_bytes(os.urandom(SMALL_BYTES + 1))
    for content in (b"notes", os.urandom(SMALL_BYTES + 1)):
        row = await house.send(content, "notes.bin")
        house.stored_path(row).unlink()
        house.stored_path(row).symlink_to(secret)

        assert await status_of(house, row) == 503
        assert secret not in open_files()


async def status_of(house: House, row: AttachmentRow) -> int:
    """The status of a download that is refused, as JSON."""
    async with house.http.get(house.path(row)) as response:
        assert [*await response.json()] == ["errors"]
        return response.status


async def test_a_file_that_is_damaged_at_its_beginning_is_503(house: House) -> None:
    """The client can try again, or ask somebody else, and has got no bytes that it would have to discard."""
    row = await house.send(os.urandom(1_000_000), "large.bin")
    os.truncate(house.stored_path(row), 600_000)

    assert await status_of(house, row) == 503


async def test_a_truncated_file_never_looks_complete(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the bytes end early, the connection is closed, without padding or an error text in the file."""
    monkeypatch.setattr(local_file, "LOAD_SECONDS", 0.0)
    for size, left in ((SMALL_BYTES, SMALL_BYTES - 1), (2 * STEP_BYTES, STEP_BYTES + 1)):
        row = await house.send(os.urandom(size), "large.bin")
        os.truncate(house.stored_path(row), left)

        async with house.http.get(house.path(row)) as response:
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()


async def test_a_failing_storage_is_503(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk error is 503 with Retry-After, without a traceback."""

    async def failing(*_arguments: object) -> AsyncIterator[bytes]:
        for chunk in list[bytes]():
            yield chunk
        raise StorageFailed("Input/output error")

    async def failing_to_open(*_arguments: object) -> None:
        raise StorageFailed("Input/output error")

    for content in (b"notes", os.urandom(SMALL_BYTES + 1)):
        row = await house.send(content, "notes.bin")
        with monkeypatch.context() as patch:
            patch.setattr(house.running.services.storage, "read", failing)
            patch.setattr(house.running.services.storage, "open_file", failing_to_open)
            async with house.http.get(house.path(row)) as response:
                assert response.status == 503
                assert response.headers["Retry-After"] == "1"
                assert (await response.json())["errors"][0]["extensions"]["code"] == "UNAVAILABLE"


@pytest.mark.parametrize("size", [SMALL_BYTES, LARGE_BYTES])
async def test_a_client_that_does_not_read_is_cut_off(house: House, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    """It holds neither a descriptor nor a task for longer than the timeout."""
    monkeypatch.setattr(transfer, "SEND_SECONDS", 0.2)
    row = await house.send(os.urandom(size), "large.bin")
    client = await connected(house, [house.path(row)] * 60)

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(send_until_refused(client), 10)
    assert house.stored_path(row) not in open_files()
    client.close()


async def send_until_refused(client: socket.socket) -> None:
    """Sends what a server ignores between two requests, until the connection is reset."""
    while True:
        await asyncio.get_running_loop().sock_sendall(client, b"\r\n")
        await asyncio.sleep(0.02)


async def test_a_download_does_not_delay_the_stop(tmp_path: Path) -> None:
    """The connection of a client that does not read is closed, and its file."""
    async with house_of(load_settings(port=0, data=tmp_path / "data", attachment_types="any")) as house:
        row = await house.send(os.urandom(LARGE_BYTES), "large.bin")
        client = await connected(house, [house.path(row)])
        while house.stored_path(row) not in open_files():
            await asyncio.sleep(0.01)
        began = time.monotonic()
    took = time.monotonic() - began

    assert took < STOP_SECONDS
    assert house.stored_path(row) not in open_files()
    client.close()


async def test_a_client_that_disconnects_closes_the_file(house: House) -> None:
    """An aborted download holds no descriptor."""
    row = await house.send(os.urandom(LARGE_BYTES), "large.bin")
    stored_path = house.stored_path(row)

    async with house.http.get(house.path(row)) as response:
        await response.content.readany()
        assert stored_path in open_files()
        response.close()

    async with asyncio.timeout(5):
        while stored_path in open_files():
            await asyncio.sleep(0.02)


async def test_over_tls_the_bytes_are_encrypted(house: House, tmp_path: Path, calls: list[Sent]) -> None:
    """The kernel cannot send them from the file, so they are read and written in chunks."""
    content = os.urandom(3_000_000)
    row = await house.send(content, "large.bin")
    server, client = certificates(tmp_path)
    app = web.Application()
    app.router.add_get("/files/{token}", FileHandler(house.running.services.download).download)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server)
    await site.start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}{house.path(row)}"
    async with house.http.get(url, ssl=client) as response:
        received = await response.read()
    await runner.cleanup()

    assert received == content
    assert calls == []


def certificates(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The contexts of a server on this machine, and of a client that trusts it."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + dt.timedelta(days=1))
    (folder / "cert").write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    pem = serialization.PrivateFormat.PKCS8
    (folder / "key").write_bytes(key.private_bytes(serialization.Encoding.PEM, pem, serialization.NoEncryption()))
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(folder / "cert", folder / "key")
    client = ssl.create_default_context(cafile=folder / "cert")
    client.check_hostname = False
    return server, client


def open_paths() -> Iterator[Path]:
    """The open files of this process, each as often as it is open."""
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            yield descriptor.readlink()
        except FileNotFoundError:
            continue


def open_files() -> set[Path]:
    return set(open_paths())
