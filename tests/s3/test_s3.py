"""A bucket as a storage: the contract, by a real server of S3's protocol, and what only a network can suffer."""

import io
import os
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image

from pubsub.memory import MemoryPubSub
from server.file import FileHandler
from services.error import NotFound
from services.guard import GuardedDatabase
from services.limit import Limits
from services.service import Services
from storage.base import CHUNK_BYTES, Storage, StorageFailed, StorageNotFound
from storage.s3 import S3Storage
from storage.url import storage_for
from tests.services.conftest import World
from tests.storage.contract import StorageContract, content_of, keys_of, stored


class TestS3Storage(StorageContract):
    """The contract, by a bucket."""

    takes_from_clients = True


async def test_a_large_file_goes_up_in_parts(storage: Storage) -> None:
    """S3's multipart upload: the memory of one part, and every byte at the end."""
    content = os.urandom(CHUNK_BYTES) * 80

    key = await stored(storage, content)

    assert await storage.size_of(key) == 20 * 1024**2
    assert await content_of(storage, key, 19 * 1024**2) == content[19 * 1024**2 :]


async def test_a_range_is_read_with_one_request(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The size is asked for only where there is nothing to read: each request is a way through the network."""
    key = await stored(storage, b"0123456789")
    asked, size_of = list[str](), storage.size_of

    async def counted(key: str) -> int:
        asked.append(key)
        return await size_of(key)

    monkeypatch.setattr(storage, "size_of", counted)
    found = [await content_of(storage, key, *span) for span in ((0, 10), (3, None), (8, 99))]
    counts = [len(asked)]
    found += [await content_of(storage, key, *span) for span in ((10, None), (12, 14))]

    assert found == [b"0123456789", b"3456789", b"89", b"", b""]
    assert [*counts, len(asked)] == [0, 2]


async def test_only_its_own_prefix_is_listed(storage: Storage, url: str, tmp_path: Path) -> None:
    """Servers may share a bucket, also one that has the whole of it, or lies deeper; each has its own identity."""
    others = [
        storage_for(url.replace("/files?", place), tmp_path / str(n))
        for n, place in enumerate(("/other?", "?", "/files/deeper?"))
    ]
    for number, each in enumerate(others):
        await each.open()
        await each.identify(f"{number:032x}")
    keys = [await stored(each, b"x") for each in (storage, *others)]

    assert [await keys_of(each) for each in (storage, *others)] == [{key} for key in keys]
    assert [await each.identity() for each in others] == [f"{number:032x}" for number in range(3)]
    assert await storage.identity() is None


async def test_a_bucket_that_is_not_there_is_said_at_the_start(endpoint: str, url: str, tmp_path: Path) -> None:
    """One line, without the address or the key."""
    missing = storage_for(f"s3://nobody/files?endpoint={endpoint}", tmp_path / "missing")

    with pytest.raises((StorageFailed, StorageNotFound)) as raised:
        await missing.open()
    [line] = str(raised.value).splitlines()
    assert endpoint not in line
    assert "test" not in line.split()


async def test_a_server_that_is_gone_fails_and_nothing_is_lost(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """StorageFailed, within the time for retries; the temp file can be kept later."""
    monkeypatch.setattr("storage.s3.TIMEOUT", timedelta(seconds=1))
    gone = S3Storage(url.split("endpoint=", maxsplit=1)[0] + "endpoint=http://127.0.0.1:9", tmp_path / "local")
    folder = tmp_path / "local" / "staging"
    folder.mkdir(parents=True)
    temp = await gone.create_temp()
    await temp.write(b"bytes")

    with pytest.raises(StorageFailed):
        await gone.store(temp)

    assert temp.path.read_bytes() == b"bytes"
    back = S3Storage(url, tmp_path / "local")
    assert await content_of(back, await back.store(temp)) == b"bytes"


async def test_the_bucket_itself_gives_a_file_for_a_while(storage: Storage) -> None:
    """Without credentials of the reader's, as something to be saved; another time has another signature."""
    key = await stored(storage, b"<script>alert(1)</script>")
    url = await storage.presigned(key, 60)
    assert url is not None
    async with aiohttp.ClientSession() as http, http.get(url) as response:
        content, headers = await response.read(), response.headers

    assert content == b"<script>alert(1)</script>"
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"] == "attachment"
    assert "X-Amz-Expires=60" in url
    assert url.split("Signature=")[1] != (await storage.presigned(key, 61) or "").split("Signature=")[1]
    with pytest.raises(StorageNotFound):
        await storage.presigned("../secret", 60)


async def test_a_download_is_sent_to_the_bucket_where_the_operator_wants_it(storage: Storage, tmp_path: Path) -> None:
    """307 for what is saved; a picture that is shown keeps coming from the server, with its headers; nobody else's."""
    database = GuardedDatabase(tmp_path / "sotto.db", MemoryPubSub())
    services = await Services.open(database, storage, Limits())
    world = World(services, tmp_path)
    alice, bob = await world.people("alice", "bob")
    mallory = await world.person("mallory")
    out = io.BytesIO()
    Image.new("RGB", (8, 6), "navy").save(out, "PNG")
    files = [await world.file(b"notes"), await world.file(out.getvalue(), "sea.png")]
    id_ = await world.send(alice, "bob", files=files)
    notes, picture = (await services.message.find_many(bob, [id_]))[id_].attachments
    app = web.Application()
    handler = FileHandler(services.download, may_redirect=True)

    async def download(request: web.Request) -> web.StreamResponse:
        try:
            return await handler.download(request)
        except NotFound:
            return web.Response(status=404)

    app.router.add_get("/files/{token}", download)
    statuses, content = [], b""
    async with TestClient(TestServer(app)) as client:
        for viewer, row, inline in ((bob, notes, False), (bob, picture, True), (mallory, notes, False)):
            path = services.download.url_path(viewer, row, 60, inline=inline)
            async with client.get(path, allow_redirects=False) as response:
                statuses.append(response.status)
                location = response.headers.get("Location")
                if location:
                    assert response.headers["Cache-Control"] == "private, max-age=30"
            if location:
                async with aiohttp.ClientSession() as http, http.get(location) as response:
                    content = await response.read()
    await services.close()

    assert statuses == [307, 200, 404]
    assert content == b"notes"


async def test_a_message_with_a_picture_lives_and_dies_in_a_bucket(storage: Storage, tmp_path: Path) -> None:
    """The services know no difference: bytes, thumbnail, download, and nothing left when the message is deleted."""
    out = io.BytesIO()
    Image.new("RGB", (800, 600), "navy").save(out, "PNG")
    database = GuardedDatabase(tmp_path / "sotto.db", MemoryPubSub())
    services = await Services.open(database, storage, Limits(report_window_seconds=0))
    world = World(services, tmp_path)
    alice, bob = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob", files=[await world.file(out.getvalue(), "sea.png")])
    await services.sweeper.shrink()
    [file] = (await services.message.find_many(bob, [id_]))[id_].attachments
    path = services.download.url_path(bob, file, 60, inline=True)
    download = await services.download.open(path.removeprefix("/files/"))
    content = b"".join([chunk async for chunk in services.download.read(download, 0, download.byte_size)])
    kept_keys = await keys_of(storage)
    await services.deletion.delete_for_everyone(alice, id_)
    left = await keys_of(storage)
    await services.close()

    assert content == out.getvalue()
    assert kept_keys == {file.storage_key, file.thumbnail_key}
    assert left == set()
