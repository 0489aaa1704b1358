"""Files that their uploaders put into a bucket themselves: fetched, checked as any other, and nobody else's."""

import asyncio
import hashlib
import io
import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web
from PIL import Image
from structlog.testing import capture_logs

from gql.id import Kind, encode
from models.base import now_ms
from pubsub.memory import MemoryPubSub
from server.app import build_app, limits_of
from server.setting.settings import Settings
from services.error import AttachmentsRejected, Conflict, NotFound, PermissionDenied, RateLimited
from services.file.media_type import PRESETS
from services.file.storage_link import StorageMismatch
from services.file.upload_session import OffsetMismatch, UploadForm, UploadState, UploadView
from services.guard import GuardedDatabase
from services.limit import Limits
from services.service import Services
from services.viewer import Right, Viewer
from storage import direct_upload as direct_upload_module
from storage.base import Storage, StorageFailed
from storage.direct_upload import DirectUploads
from storage.s3 import S3Storage
from tests.gql.conftest import SEND, Site, settings  # noqa: F401 - a fixture
from tests.services.conftest import World
from tests.services.file.test_upload import TEXT, append, png, row_of, send
from tests.storage.contract import content_of, keys_of, put
from tests.stored import rows_of

MakeWorld = Callable[..., Awaitable[World]]


@pytest.fixture
async def make_world(storage: Storage, tmp_path: Path) -> AsyncIterator[MakeWorld]:
    """Services over a bucket, with the limits that a test asks for."""
    opened: list[Services] = []

    async def make(**limits: Any) -> World:
        numbers = Limits(**{"send_rate_per_minute": 0, "presigned_uploads": True, **limits})
        database = GuardedDatabase(tmp_path / "sotto.db", MemoryPubSub())
        opened.append(await Services.open(database, storage, numbers))
        return World(opened[-1], tmp_path)

    yield make
    for services in opened:
        await services.close()


@pytest.fixture
async def world(make_world: MakeWorld) -> World:
    """With what the operator has to turn on."""
    return await make_world()


class Gate:
    """Holds whoever reads from the bucket, and counts them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reads = 0
        self.is_reached = asyncio.Event()
        self.is_open = asyncio.Event()
        read = DirectUploads.read

        async def held(objects: DirectUploads, number: int, size: int) -> AsyncGenerator[bytes, None]:
            self.reads += 1
            self.is_reached.set()
            await self.is_open.wait()
            async for chunk in read(objects, number, size):
                yield chunk

        monkeypatch.setattr(DirectUploads, "read", held)


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Closed."""
    return Gate(monkeypatch)


async def begun(world: World, viewer: Viewer, content: bytes = TEXT, name: str = "tide.txt", **form: Any) -> UploadView:
    """An upload of which no byte has come."""
    return await world.services.upload.create(viewer, UploadForm(name, len(content), **form))


async def url_of(world: World, viewer: Viewer, view: UploadView) -> str:
    """Where to put it."""
    url = await world.services.upload.direct_url(viewer, view)
    assert url is not None
    return url


async def has_been_put(world: World, viewer: Viewer, content: bytes = TEXT, **form: Any) -> int:
    """The id of an upload whose bytes are in the bucket; nobody has told the server."""
    view = await begun(world, viewer, content, **form)
    await put(await url_of(world, viewer, view), content)
    return view.id


async def direct_uploads_of(world: World) -> dict[int, int]:
    """What lies in the bucket and is nobody's file."""
    objects = world.services.storage.direct_uploads
    assert objects is not None
    return {id_: size async for batch in objects.sizes() for id_, size in batch.items()}


async def stored(world: World) -> tuple[dict[str, int], set[str], int]:
    """Rows, files that are kept, and files on the local disk."""
    local = [path for path in (world.folder / "local").rglob("*") if path.is_file()]
    return await world.services.database.read(rows_of), await keys_of(world.services.storage), len(local)


async def refusal(world: World, viewer: Viewer, id_: int) -> tuple[str, bool]:
    """Why the upload cannot be completed, and whether it may be later."""
    with pytest.raises(AttachmentsRejected) as caught:
        await world.services.upload.complete(viewer, id_)
    [rejection] = caught.value.rejections
    return rejection.reason.name, rejection.is_retryable


async def test_a_file_goes_past_the_server_and_is_checked_all_the_same(world: World) -> None:
    """Put whole, fetched once, kept as any other; where it lay nothing is left."""
    alice, bob = await world.people("alice", "bob")
    view = await begun(world, alice, sha256=hashlib.sha256(TEXT).hexdigest())
    url = await url_of(world, alice, view)
    await put(url, TEXT)
    before = await world.services.upload.find(alice, view.id)
    ready = await world.services.upload.complete(alice, view.id)
    sent = await send(world, alice, view.id)
    [file] = (await world.services.message.find_many(bob, [sent.row.id]))[sent.row.id].attachments

    assert before == view
    assert (ready.state, ready.received_bytes, ready.expires_at) == (UploadState.READY, len(TEXT), view.expires_at)
    assert (file.filename, file.byte_size, file.sha256) == ("tide.txt", 1700, hashlib.sha256(TEXT).digest())
    assert await content_of(world.services.storage, file.storage_key) == TEXT
    assert await direct_uploads_of(world) == {}
    assert (await stored(world))[2] == 0


async def test_the_url_says_nothing_and_ends(make_world: MakeWorld) -> None:
    """No name, no secret; an hour, or until the upload expires; null once a byte has come."""
    world = await make_world(upload_life_seconds=600)
    (alice,) = await world.people("alice")
    view = await begun(world, alice, name="my secret plans.txt")
    parts = urlsplit(await url_of(world, alice, view))
    await append(world, alice, view.id, 0, TEXT[:10])
    began = await world.services.upload.find(alice, view.id)

    assert parts.path.endswith(f"/files/incoming/{view.id:016x}")
    assert 590 <= int(parse_qs(parts.query)["X-Amz-Expires"][0]) <= 600
    assert "secret" not in parts.geturl()
    assert began is not None
    assert await world.services.upload.direct_url(alice, began) is None


async def test_the_url_is_good_for_an_hour_at_most(world: World) -> None:
    """However long the upload waits: another URL is to be had."""
    (alice,) = await world.people("alice")
    url = await url_of(world, alice, await begun(world, alice))

    assert "X-Amz-Expires=3600" in url


async def test_nothing_put_leaves_every_way_open(world: World) -> None:
    """NOT_READY; then the same upload comes in parts."""
    (alice,) = await world.people("alice")
    view = await begun(world, alice)
    before = await stored(world)

    assert await refusal(world, alice, view.id) == ("NOT_READY", True)
    assert await stored(world) == before
    assert await append(world, alice, view.id, 0, TEXT) == len(TEXT)


@pytest.mark.parametrize(("size", "expected", "left"), [(0, "NOT_READY", 0), (1699, "NOT_READY", 1699)])
async def test_too_little_is_not_fetched(world: World, gate: Gate, size: int, expected: str, left: int) -> None:
    """Put again, the upload is completed."""
    (alice,) = await world.people("alice")
    view = await begun(world, alice)
    await put(await url_of(world, alice, view), TEXT[:size])
    before = await stored(world)

    assert await refusal(world, alice, view.id) == (expected, True)
    assert (gate.reads, await stored(world), await direct_uploads_of(world)) == (0, before, {view.id: left})
    gate.is_open.set()
    await put(await url_of(world, alice, view), TEXT)
    assert (await world.services.upload.complete(alice, view.id)).state is UploadState.READY


async def test_too_much_is_deleted_and_not_read(world: World, gate: Gate) -> None:
    """A URL of S3's does not say how large: what goes beyond costs the bucket a moment, and the server nothing."""
    (alice,) = await world.people("alice")
    view = await begun(world, alice)
    await put(await url_of(world, alice, view), TEXT + b"x")
    before = await stored(world)

    assert await refusal(world, alice, view.id) == ("TOO_LARGE", False)
    assert (gate.reads, await stored(world), await direct_uploads_of(world)) == (0, before, {})
    gate.is_open.set()
    await put(await url_of(world, alice, view), TEXT)
    assert (await world.services.upload.complete(alice, view.id)).state is UploadState.READY


@pytest.mark.parametrize(
    ("content", "form", "reason"),
    [
        (TEXT, {"sha256": "0" * 64}, "CHECKSUM_MISMATCH"),
        (b"<html><script>alert(1)</script>", {}, "TYPE_NOT_ALLOWED"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", {}, "TYPE_NOT_ALLOWED"),
        (b"\x7fELF" + bytes(100), {}, "TYPE_NOT_ALLOWED"),
        (b"GIF89a=1;alert(1)//" + bytes(100), {}, "UNSAFE"),
        (png()[:60], {}, "UNSAFE"),
    ],
    ids=["checksum", "html", "svg", "program", "polyglot", "half a picture"],
)
async def test_what_a_file_turns_out_to_be_is_said_for_good(
    make_world: MakeWorld, content: bytes, form: dict[str, Any], reason: str
) -> None:
    """As at the last byte of tus: no file, no bytes anywhere, and the same answer when it is asked again."""
    world = await make_world(allowed_mime_types=PRESETS["default"])
    (alice,) = await world.people("alice")
    id_ = await has_been_put(world, alice, content, **form)
    before = await stored(world)

    assert await refusal(world, alice, id_) == (reason, False)

    rows, *files = await stored(world)
    assert {**rows, "content": 0} == {**before[0], "content": 0}
    assert (files, await direct_uploads_of(world)) == ([set(), 0], {})
    view = await world.services.upload.find(alice, id_)
    assert view is not None
    assert view.state is UploadState.FAILED
    assert await world.services.upload.direct_url(alice, view) is None
    assert (await refusal(world, alice, id_))[0] == reason


async def test_a_picture_loses_its_place(world: World) -> None:
    """EXIF is taken away here too; the hash is that of what others get."""
    alice, _ = await world.people("alice", "bob")
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x010E] = "at home, 54.3 north"
    Image.new("RGB", (60, 40), "navy").save(out, "JPEG", exif=exif)
    id_ = await has_been_put(world, alice, out.getvalue(), name="sea.jpg")
    await world.services.upload.complete(alice, id_)
    [file] = (await send(world, alice, id_)).attachments
    content = await content_of(world.services.storage, file.storage_key)

    assert b"54.3 north" in out.getvalue()
    assert b"54.3 north" not in content
    assert (file.width, file.height, file.sha256) == (60, 40, hashlib.sha256(content).digest())


async def test_equal_bytes_are_kept_once(world: World) -> None:
    """Whichever way they came."""
    alice, bob = await world.people("alice", "bob")
    await world.send(bob, "alice", files=[await world.file(TEXT)])
    id_ = await has_been_put(world, alice)
    await world.services.upload.complete(alice, id_)

    assert len((await stored(world))[1]) == 1


async def test_equal_bytes_are_stored_anew_where_they_are_lost(world: World) -> None:
    """The bucket is asked whether it has them before a message relies on them."""
    alice, bob = await world.people("alice", "bob")
    await world.send(bob, "alice", files=[await world.file(TEXT)])
    [lost] = await keys_of(world.services.storage)
    await world.services.storage.delete(lost)
    id_ = await world.send(alice, "bob", files=[await world.file(TEXT)])
    [file] = (await world.services.message.find_many(bob, [id_]))[id_].attachments

    assert file.storage_key != lost
    assert await content_of(world.services.storage, file.storage_key) == TEXT


async def test_the_bucket_of_another_database_is_refused_and_left_as_it_is(
    world: World, storage: Storage, tmp_path: Path
) -> None:
    """A test server on the same bucket: nothing is swept, and it does not start."""
    alice, _ = await world.people("alice", "bob")
    await world.send(alice, "bob", files=[await world.file(TEXT)])
    await has_been_put(world, alice)
    before = await keys_of(storage), await direct_uploads_of(world)

    with pytest.raises(StorageMismatch, match="belongs to another database"):
        await Services.open(GuardedDatabase(tmp_path / "other.db", MemoryPubSub()), storage, Limits())
    assert (await keys_of(storage), await direct_uploads_of(world)) == before


async def test_a_file_larger_than_one_request_comes_whole(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """In requests of so many bytes, one after the other."""
    monkeypatch.setattr(direct_upload_module, "READ_BYTES", 300_000)
    alice, _ = await world.people("alice", "bob")
    content = os.urandom(1_000_001)
    id_ = await has_been_put(world, alice, content, sha256=hashlib.sha256(content).hexdigest())

    assert (await world.services.upload.complete(alice, id_)).state is UploadState.READY


async def test_bytes_of_two_objects_never_come_together(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one of the same size, put while the first is read, ends the reading."""
    monkeypatch.setattr(direct_upload_module, "READ_BYTES", 1000)
    assert storage.direct_uploads is not None
    url = await storage.direct_uploads.url_of(7, 60)
    await put(url, b"a" * 3000)
    chunks = storage.direct_uploads.read(7, 3000)
    first = await anext(chunks)
    await put(url, b"b" * 3000)

    with pytest.raises(StorageFailed):
        await anext(chunks)
    assert first == b"a" * 1000


async def test_a_third_person_gets_the_answer_for_what_never_was(world: World, gate: Gate) -> None:
    """And ends nothing that is on its way."""
    alice, bob = await world.people("alice", "bob")
    id_ = await has_been_put(world, alice)
    running = asyncio.create_task(world.services.upload.complete(alice, id_))
    async with asyncio.timeout(10):
        await gate.is_reached.wait()
    before = await stored(world)
    answers = []
    for viewer, other in ((bob, id_), (alice, 12345), (bob, -1)):
        with pytest.raises(NotFound) as caught:
            await world.services.upload.complete(viewer, other)
        answers.append(caught.value.detail)

    assert set(answers) == {"There is no such upload."}
    assert await stored(world) == before
    assert await world.services.upload.find(bob, id_) is None
    gate.is_open.set()
    assert (await running).state is UploadState.READY


async def test_a_key_that_sends_completes_and_one_that_reads_does_not(world: World) -> None:
    """As it may begin one."""
    (alice,) = await world.people("alice")
    id_ = await has_been_put(world, alice)
    sender, reader = (
        Viewer(alice.user_id, alice.session, alice.expires_at, rights=rights)
        for rights in (Right.SEND, Right.READ | Right.PEOPLE)
    )

    with pytest.raises(PermissionDenied):
        await world.services.upload.complete(reader, id_)
    with pytest.raises(PermissionDenied):
        await world.services.upload.direct_url(reader, UploadView(id_, UploadState.PENDING, 0, 1, 2**60, "a"))
    assert (await world.services.upload.complete(sender, id_)).state is UploadState.READY


async def test_who_asks_twice_waits_for_the_same_and_later_gets_it_too(world: World, gate: Gate) -> None:
    """One fetch; a client whose line broke asks again and loses nothing."""
    (alice,) = await world.people("alice")
    id_ = await has_been_put(world, alice)
    both = [asyncio.create_task(world.services.upload.complete(alice, id_)) for _ in range(5)]
    async with asyncio.timeout(10):
        await gate.is_reached.wait()
        both[0].cancel()
        await asyncio.sleep(0.01)
        gate.is_open.set()
        results = await asyncio.gather(*both, return_exceptions=True)
    later = await world.services.upload.complete(alice, id_)

    assert isinstance(results[0], asyncio.CancelledError)
    assert results[1:] == [later] * 4
    assert (gate.reads, later.state) == (1, UploadState.READY)
    rows, keys, local = await stored(world)
    assert (rows["upload"], rows["upload_session"], len(keys), local) == (1, 0, 1, 0)


async def sweep_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> list[dict[int, int]]:
    """What lies in the bucket after a sweep, and after one a quarantine later."""
    await world.services.sweeper.sweep()
    left = [await direct_uploads_of(world)]
    then = now_ms() + world.services.limits.quarantine_seconds * 1000
    monkeypatch.setattr("services.file.quarantine.now_ms", lambda: then)
    await world.services.sweeper.sweep()
    return [*left, await direct_uploads_of(world)]


async def test_a_url_used_again_changes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is good still: what is put there is nobody's, and goes after the quarantine."""
    alice, bob = await world.people("alice", "bob")
    view = await begun(world, alice)
    url = await url_of(world, alice, view)
    await put(url, TEXT)
    await world.services.upload.complete(alice, view.id)
    await put(url, b"<script>" * 500)
    again = await world.services.upload.complete(alice, view.id)
    sent = await send(world, alice, view.id)
    await put(url, b"<script>" * 500)
    with pytest.raises(NotFound):
        await world.services.upload.complete(alice, view.id)
    [file] = (await world.services.message.find_many(bob, [sent.row.id]))[sent.row.id].attachments
    before = await stored(world)
    left = await sweep_twice(world, monkeypatch)

    assert (again.state, left) == (UploadState.READY, [{view.id: 4000}, {}])
    assert await content_of(world.services.storage, file.storage_key) == TEXT
    assert await stored(world) == before


async def test_what_nobody_completes_is_swept(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Expired: not found, and gone from the bucket after the quarantine; what waits for its time stays."""
    world = await make_world()
    (alice,) = await world.people("alice")
    old, young = await has_been_put(world, alice), await has_been_put(world, alice, b"young")
    query = "UPDATE upload_session SET expires_at = 1 WHERE id = ?"
    await world.services.database.write(lambda tx: tx.database.connection().execute(query, [old]).rowcount)
    before = await stored(world)
    expired = await world.services.upload.find(alice, old)

    with pytest.raises(NotFound):
        await world.services.upload.complete(alice, old)
    assert expired is not None
    assert (expired.state, await world.services.upload.direct_url(alice, expired)) == (UploadState.EXPIRED, None)
    assert await stored(world) == before
    assert await sweep_twice(world, monkeypatch) == [{old: len(TEXT), young: 5}, {young: 5}]
    assert await world.services.upload.find(alice, old) is None


async def test_what_no_file_may_be_as_large_as_is_not_kept_in_the_quarantine(make_world: MakeWorld) -> None:
    """A URL that is good for an hour after its upload could fill the bucket."""
    world = await make_world(max_attachment_bytes=2000)
    (alice,) = await world.people("alice")
    view = await begun(world, alice)
    url = await url_of(world, alice, view)
    await world.services.upload.cancel(alice, view.id)
    await put(url, b"x" * 2001)
    await world.services.sweeper.sweep()

    assert await direct_uploads_of(world) == {}
    assert (await world.services.database.read(rows_of))["quarantine"] == 0


async def test_the_sweep_takes_what_is_larger_than_was_said_and_what_failed(world: World) -> None:
    """Before anybody asks for it, and where nobody ever will."""
    (alice,) = await world.people("alice")
    view, other = await begun(world, alice), await begun(world, alice, sha256="0" * 64)
    urls = [await url_of(world, alice, each) for each in (view, other)]
    await put(urls[0], TEXT * 2)
    await put(urls[1], TEXT)
    await refusal(world, alice, other.id)
    await put(urls[1], TEXT)
    left = await direct_uploads_of(world)
    await world.services.sweeper.sweep()

    assert left == {view.id: 2 * len(TEXT), other.id: len(TEXT)}
    assert await direct_uploads_of(world) == {}


async def test_an_object_that_cannot_be_deleted_holds_up_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said once, with how many; the next round tries again, and whatever follows the sweep is done."""
    (alice,) = await world.people("alice")
    views = [await begun(world, alice) for _ in range(4)]
    for view in views:
        await put(await url_of(world, alice, view), TEXT * 2)
    stuck = sorted(view.id for view in views)[:2]
    delete = DirectUploads.delete

    async def refuse(objects: DirectUploads, number: int) -> None:
        if number in stuck:
            raise StorageFailed("The object could not be deleted: locked.")
        await delete(objects, number)

    with monkeypatch.context() as patch, capture_logs() as lines:
        patch.setattr(DirectUploads, "delete", refuse)
        await world.services.sweeper.sweep()
    left = await direct_uploads_of(world)
    await world.services.sweeper.sweep()

    assert sorted(left) == stuck
    assert [(line["event"], line.get("error"), line.get("failed")) for line in lines] == [
        ("not deleted", "The object could not be deleted: locked.", None),
        ("not deleted", "The object could not be deleted: locked.", None),
        ("storage swept", None, 2),
    ]
    assert await direct_uploads_of(world) == {}


async def test_objects_are_swept_when_the_operator_has_turned_it_off(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No URL, no fetch; and what had been put goes with its upload's time."""
    world = await make_world()
    (alice,) = await world.people("alice")
    id_ = await has_been_put(world, alice)
    monkeypatch.setattr(world.services.upload._direct_uploads, "_limits", Limits(presigned_uploads=False))
    view = await world.services.upload.find(alice, id_)

    assert view is not None
    assert await world.services.upload.direct_url(alice, view) is None
    assert await refusal(world, alice, id_) == ("NOT_READY", True)
    await world.services.upload.cancel(alice, id_)
    assert await sweep_twice(world, monkeypatch) == [{id_: len(TEXT)}, {}]


async def test_a_cancelled_upload_is_gone_from_the_bucket(world: World, gate: Gate) -> None:
    """Also while it is fetched: then it is a conflict, or there is no such upload."""
    (alice,) = await world.people("alice")
    before = await stored(world)
    first, second = await has_been_put(world, alice), await has_been_put(world, alice)
    running = asyncio.create_task(world.services.upload.complete(alice, second))
    async with asyncio.timeout(10):
        await gate.is_reached.wait()
        for id_ in (first, second):
            await world.services.upload.cancel(alice, id_)
        [result] = await asyncio.gather(running, return_exceptions=True)

    assert isinstance(result, Conflict)
    assert (await stored(world), await direct_uploads_of(world)) == (before, {})


async def test_a_part_that_comes_meanwhile_goes_on(world: World, gate: Gate) -> None:
    """tus ends the fetch; what the fetch had read is gone, and nothing of it is in the file."""
    (alice,) = await world.people("alice")
    id_ = await has_been_put(world, alice)
    running = asyncio.create_task(world.services.upload.complete(alice, id_))
    async with asyncio.timeout(10):
        await gate.is_reached.wait()
        end = await append(world, alice, id_, 0, b"y" * 700)
        [result] = await asyncio.gather(running, return_exceptions=True)
        end = await append(world, alice, id_, end, b"y" * 1000)
    [file] = await files_of(world, alice, id_)

    assert isinstance(result, Conflict)
    assert (end, file) == (1700, b"y" * 1700)
    assert await direct_uploads_of(world) == {}


async def test_a_fetch_ends_a_part_that_is_on_its_way(world: World) -> None:
    """And takes its place: the file is what was put whole."""
    (alice,) = await world.people("alice")
    id_ = await has_been_put(world, alice)
    has_begun, never = asyncio.Event(), asyncio.Event()

    async def hang() -> AsyncIterator[bytes]:
        yield b"y" * 500
        has_begun.set()
        await never.wait()

    old = asyncio.create_task(world.services.upload.append(alice, id_, 0, hang(), None))
    async with asyncio.timeout(10):
        await has_begun.wait()
        view = await world.services.upload.complete(alice, id_)
        [result] = await asyncio.gather(old, return_exceptions=True)

    assert isinstance(result, OffsetMismatch)
    assert view.state is UploadState.READY
    assert await files_of(world, alice, id_) == [TEXT]
    assert (await stored(world))[2] == 0


async def test_many_ways_at_once_make_one_file(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts, fetches and cancellations in any order: one whole file, or none, and nothing beside it."""
    (alice,) = await world.people("alice")
    for round_ in range(15):
        id_ = await has_been_put(world, alice)
        operations = [
            world.services.upload.complete(alice, id_),
            append(world, alice, id_, 0, b"y" * 1700),
            world.services.upload.complete(alice, id_),
            world.services.upload.offset(alice, id_),
            *([world.services.upload.cancel(alice, id_)] if round_ % 3 == 0 else []),
        ]
        async with asyncio.timeout(20):
            results = await asyncio.gather(*operations[round_ % 4 :], *operations[: round_ % 4], return_exceptions=True)
        expected = (UploadView, int, Conflict, OffsetMismatch, NotFound, AttachmentsRejected, type(None))
        assert [each for each in results if not isinstance(each, expected)] == []
        view = await world.services.upload.find(alice, id_)
        if view is not None and view.state is not UploadState.READY:
            await world.services.upload.cancel(alice, id_)
        assert await files_of(world, alice, id_) in ([], [TEXT], [b"y" * 1700])
        if await world.services.upload.find(alice, id_) is not None:
            await world.services.upload.cancel(alice, id_)
    await sweep_twice(world, monkeypatch)

    rows, keys, local = await stored(world)
    assert (rows["upload"], rows["upload_session"], keys, local) == (0, 0, set(), 0)
    assert await direct_uploads_of(world) == {}


async def test_a_server_that_stops_in_the_middle_has_half_of_nothing(world: World, gate: Gate) -> None:
    """The last who waits is gone: so is the fetch. The next one begins anew, and ends."""
    (alice,) = await world.people("alice")
    id_ = await has_been_put(world, alice)
    before = await stored(world)
    running = asyncio.create_task(world.services.upload.complete(alice, id_))
    async with asyncio.timeout(10):
        await gate.is_reached.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    view = await world.services.upload.find(alice, id_)
    assert view is not None
    assert (view.state, view.received_bytes) == (UploadState.PENDING, 0)
    assert (await stored(world), await direct_uploads_of(world)) == (before, {id_: len(TEXT)})
    assert not world.services.upload._tasks.keys
    gate.is_open.set()
    assert (await world.services.upload.complete(alice, id_)).state is UploadState.READY


async def test_a_bucket_that_is_gone_can_be_asked_again(
    world: World, storage: S3Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """STORAGE_FAILED, retryable; nothing is kept, and nothing is lost."""
    (alice,) = await world.people("alice")
    id_ = await has_been_put(world, alice)
    before = await stored(world)
    with monkeypatch.context() as patch:
        patch.setattr("storage.s3.TIMEOUT", timedelta(seconds=1))
        gone = S3Storage("s3://bucket?endpoint=http://127.0.0.1:9", tmp_path / "gone")
        patch.setattr(storage, "_direct_uploads", gone.direct_uploads)
        answer = await refusal(world, alice, id_)

    assert answer == ("STORAGE_FAILED", True)
    assert await stored(world) == before
    assert (await world.services.upload.complete(alice, id_)).state is UploadState.READY


async def test_a_bucket_that_goes_before_the_file_is_kept_leaves_nothing(
    world: World, storage: S3Storage, gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also on the local disk; asked again, the upload is completed."""
    (alice,) = await world.people("alice")
    id_ = await has_been_put(world, alice)
    before = await stored(world)
    gate.is_open.set()
    with monkeypatch.context() as patch:
        patch.setattr("storage.s3.TIMEOUT", timedelta(seconds=1))
        patch.setattr(storage, "_store", S3Storage("s3://bucket?endpoint=http://127.0.0.1:9", tmp_path / "gone")._store)
        answer = await refusal(world, alice, id_)

    assert (answer, gate.reads) == (("STORAGE_FAILED", True), 1)
    assert (await stored(world), await direct_uploads_of(world)) == (before, {id_: len(TEXT)})
    assert (await world.services.upload.complete(alice, id_)).state is UploadState.READY


async def test_a_disk_that_is_full_takes_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """STORAGE_FAILED, retryable: the reserve holds for what is fetched too."""
    (alice,) = await world.people("alice")
    id_ = await has_been_put(world, alice)
    before = await stored(world)
    with monkeypatch.context() as patch:
        free = os.statvfs(world.folder)
        patch.setattr("storage.base.RESERVE_BYTES", 2**62)
        patch.setattr("storage.base.LOG_BYTES", 2**62)
        patch.setattr("storage.base.os.fstatvfs", lambda _: os.statvfs_result((1, 1, 100, 10, 10, *free[5:])))
        answer = await refusal(world, alice, id_)

    assert answer == ("STORAGE_FAILED", True)
    assert (await stored(world), await direct_uploads_of(world)) == (before, {id_: len(TEXT)})
    assert (await world.services.upload.complete(alice, id_)).state is UploadState.READY


async def test_a_session_that_ended_meanwhile_stores_nothing(world: World, gate: Gate) -> None:
    """The credential is looked at again in the transaction, as everywhere."""
    (alice,) = await world.people("alice")
    id_ = await has_been_put(world, alice)
    running = asyncio.create_task(world.services.upload.complete(alice, id_))
    async with asyncio.timeout(10):
        await gate.is_reached.wait()
        await world.services.account.sign_out(alice, everywhere=True)
        before = await stored(world)
        gate.is_open.set()
        [result] = await asyncio.gather(running, return_exceptions=True)

    assert type(result).__name__ == "Unauthenticated"
    rows, keys, local = await stored(world)
    assert (rows, keys, local) == (before[0], set(), 0)


async def test_promised_bytes_count_before_and_after(make_world: MakeWorld) -> None:
    """A quota is of what was said; the bucket takes no part in it."""
    world = await make_world(quota_bytes=2000)
    (alice,) = await world.people("alice")
    id_ = await has_been_put(world, alice)
    for _ in range(2):
        with pytest.raises(AttachmentsRejected):
            await world.services.upload.create(alice, UploadForm("a", 301))
        await world.services.upload.complete(alice, id_)

    assert await begun(world, alice, b"x" * 300)


async def test_asking_has_a_rate(make_world: MakeWorld) -> None:
    """Each question costs the bucket one."""
    world = await make_world(upload_rate_per_minute=3)
    (alice,) = await world.people("alice")
    view = await begun(world, alice)
    for _ in range(3):
        await refusal(world, alice, view.id)

    with pytest.raises(RateLimited):
        await world.services.upload.complete(alice, view.id)


async def files_of(world: World, viewer: Viewer, id_: int) -> list[bytes]:
    """What an upload that is ready holds; nothing for any other."""
    try:
        row = await world.services.database.read(row_of, viewer, id_)
    except ValueError:
        return []
    return [await content_of(world.services.storage, row.storage_key)]


COMPLETE = """mutation ($input: CompleteUploadInput!) { completeUpload(input: $input) { __typename
  ... on CompleteUploadSuccess { upload { id state receivedBytes directUploadUrl } } ... on UserError { code }
  ... on AttachmentsRejectedError { attachmentRejections { reason isRetryable limitBytes } } } }"""
CREATE = """mutation ($input: CreateUploadInput!) { createUpload(input: $input) {
  ... on CreateUploadSuccess { upload { id directUploadUrl } } } }"""
NODE = "query ($id: ID!) { node(id: $id) { ... on UploadSession { state receivedBytes directUploadUrl } } }"


@pytest.fixture
async def site(settings: Settings, storage: Storage, tmp_path: Path) -> AsyncIterator[Site]:  # noqa: F811
    """The whole application over a bucket, as the operator has set it."""
    limits = limits_of(settings.model_copy(update={"presigned_uploads": True}))
    services = await Services.open(GuardedDatabase(tmp_path / "sotto.db", MemoryPubSub()), storage, limits)
    app = build_app(settings, services)
    runner = web.AppRunner(
        app.web, access_log=None, auto_decompress=False, handler_cancellation=True, shutdown_timeout=1
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as http:
        yield Site(f"http://127.0.0.1:{runner.addresses[0][1]}", services, app.view, tmp_path / "local", http)
        await app.view.drain(1)
    await runner.cleanup()
    await services.close()


async def test_a_plain_graphql_client_needs_one_put(site: Site) -> None:
    """Create, PUT, complete, send; every refusal is typed, and a stranger's is that for what never was."""
    alice, bob = [await site.token_of(name) for name in ("alice", "bob")]

    async def ask(query: str, token: str = alice, **variables: Any) -> Any:
        _, answer = await site.post({"query": query, "variables": variables}, token)
        [result] = answer["data"].values()
        return result

    async def complete(id_: str, token: str = alice) -> Any:
        return await ask(COMPLETE, token, input={"uploadId": id_})

    upload = (await ask(CREATE, input={"filename": "tide.txt", "byteSize": len(TEXT)}))["upload"]
    early = await complete(upload["id"])
    await put(upload["directUploadUrl"], TEXT * 2)
    large = await complete(upload["id"])
    await put((await ask(NODE, id=upload["id"]))["directUploadUrl"], TEXT)
    theirs = [await complete(id_, bob) for id_ in (upload["id"], encode(Kind.UPLOAD, 5), "")]
    done = [await complete(upload["id"]) for _ in range(2)]
    draft = {"to": {"users": [{"username": "bob"}]}, "attachments": [{"uploadId": upload["id"]}]}
    sent = await ask(SEND, input=draft)

    assert await ask(NODE, bob, id=upload["id"]) is None
    assert early["attachmentRejections"] == [{"reason": "NOT_READY", "isRetryable": True, "limitBytes": None}]
    assert large["attachmentRejections"] == [{"reason": "TOO_LARGE", "isRetryable": False, "limitBytes": 1700}]
    assert theirs == [{"__typename": "NotFoundError", "code": "NOT_FOUND"}] * 3
    expected = {"id": upload["id"], "state": "READY", "receivedBytes": 1700, "directUploadUrl": None}
    assert done == [{"__typename": "CompleteUploadSuccess", "upload": expected}] * 2
    [file] = sent["message"]["attachments"]
    assert (file["filename"], file["sha256"]) == ("tide.txt", hashlib.sha256(TEXT).hexdigest())
