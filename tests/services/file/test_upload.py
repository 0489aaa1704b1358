"""Uploads in parts: whose they are, how they end, and that one message has each of them."""

import asyncio
import errno
import hashlib
import io
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from models import attachment as attachments
from models.attachment import FileState
from models.base import now_ms
from models.event import EventKind
from models.prepared import id_list, text_list
from models.transaction import Transaction
from services.error import (
    AttachmentsRejected,
    InvalidInput,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerUnavailable,
    Unauthenticated,
)
from services.file import picture as picture_module
from services.file.file import AttachedUpload, ReceivedFile
from services.file.media_type import PRESETS
from services.file.picture import SmallPicture
from services.file.upload_session import ChecksumMismatch, OffsetMismatch, TooLong, UploadForm, UploadState
from services.message.draft import Draft
from services.viewer import Right, Viewer
from storage.base import StorageFailed
from storage.local import LocalStorage
from storage.s3 import S3Storage
from storage.temp_file import TempFile
from tests.flow.program import exec_worker
from tests.services.conftest import MakeWorld, World, kinds_after, named, refused

TEXT = b"The tide is out. " * 100


def png(size: tuple[int, int] = (60, 40), colour: str = "navy") -> bytes:
    """A small picture."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


async def pieces(content: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    """As they come over the network."""
    for start in range(0, len(content), size):
        yield content[start : start + size]
        await asyncio.sleep(0)


async def begun(world: World, viewer: Viewer, content: bytes = TEXT, name: str = "tide.txt", **form: Any) -> int:
    """The id of an upload of which no byte has come."""
    view = await world.services.upload.create(viewer, UploadForm(name, len(content), **form))
    assert (view.state, view.received_bytes, view.byte_size) == (UploadState.PENDING, 0, len(content))
    return view.id


async def append(world: World, viewer: Viewer, id_: int, offset: int, content: bytes, **more: Any) -> int:
    """One part."""
    return await world.services.upload.append(viewer, id_, offset, pieces(content), more.get("checksum"))


def row_of(tx: Transaction, viewer: Viewer, id_: int) -> attachments.UploadRow:
    """Of one that is ready."""
    [row] = tx.all(attachments.MINE, owner=viewer.user_id, ids=id_list([id_]))
    return row


async def uploaded(world: World, viewer: Viewer, content: bytes = TEXT, name: str = "tide.txt", **form: Any) -> int:
    """One that is ready."""
    id_ = await begun(world, viewer, content, name, **form)
    assert await append(world, viewer, id_, 0, content) == len(content)
    return id_


async def send(world: World, viewer: Viewer, *ids: int, **draft: Any) -> Any:
    """A message with these uploads; returns its view."""
    draft = {"users": named("bob"), **draft}
    sent = await world.services.send.send(viewer, Draft(files=[AttachedUpload(id_) for id_ in ids], **draft))
    return sent.view


async def reasons(world: World, viewer: Viewer, *ids: int) -> list[tuple[int, str]]:
    """Why a send with these is refused; nothing is stored then."""
    before = await world.stored()
    with pytest.raises(AttachmentsRejected) as caught:
        await send(world, viewer, *ids)
    assert await world.stored() == before
    return [(each.index, each.reason.name) for each in caught.value.rejections]


async def test_a_file_in_parts_goes_with_a_message(world: World) -> None:
    """SelfCommunity: `file_uuid`, also in parts with a checksum. The bytes are what was sent."""
    alice, bob = await world.people("alice", "bob")
    id_ = await begun(world, alice, sha256=hashlib.sha256(TEXT).hexdigest())
    offsets = [await append(world, alice, id_, start, TEXT[start : start + 700]) for start in (0, 700, 1400)]
    view = await send(world, alice, id_)
    [file] = view.attachments

    assert offsets == [700, 1400, 1700]
    assert (file.filename, file.byte_size, file.sha256) == ("tide.txt", 1700, hashlib.sha256(TEXT).digest())
    path = world.services.download.url_path(bob, file, 60, inline=False)
    download = await world.services.download.open(path.removeprefix("/files/"))
    assert b"".join([chunk async for chunk in world.services.download.read(download, 0, 1700)]) == TEXT
    assert list((world.folder / "files" / "partial").iterdir()) == []


async def test_an_upload_shows_its_name_until_a_message_has_it(world: World) -> None:
    """As the message will show it, so that a draft on another device can list its files; to nobody else."""
    alice, bob = await world.people("alice", "bob")
    id_ = await begun(world, alice, name="../tide\n.txt")
    found = [await world.services.upload.find(alice, id_)]
    await append(world, alice, id_, 0, TEXT[:700])
    found.append(await world.services.upload.find(alice, id_))
    assert await world.services.upload.find(bob, id_) is None
    await append(world, alice, id_, 700, TEXT[700:])
    found.append(await world.services.upload.find(alice, id_))
    assert await world.services.upload.find(bob, id_) is None
    view = await send(world, alice, id_)

    names = [(each.state.name, each.filename) for each in found if each]
    assert names == [(state, view.attachments[0].filename) for state in ("PENDING", "UPLOADING", "READY")]
    assert view.attachments[0].filename == "tide .txt"


async def test_a_whole_upload_ends_when_it_was_to_end(world: World) -> None:
    """Its last byte gives it no second life."""
    (alice,) = await world.people("alice")
    id_ = await begun(world, alice)
    sql = "UPDATE upload_session SET expires_at = expires_at - 60000 RETURNING expires_at"  # begun a minute ago
    [(ends_at,)] = await world.services.database.write(lambda tx: tx.database.connection().execute(sql).fetchall())
    await append(world, alice, id_, 0, TEXT)
    view = await world.services.upload.find(alice, id_)

    assert view is not None
    assert (view.state, view.expires_at) == (UploadState.READY, ends_at)


async def test_an_upload_that_has_had_its_time_says_so(world: World) -> None:
    """Until the sweep takes it; the bytes that came are still counted, and no message can have it."""
    alice, _ = await world.people("alice", "bob")
    id_ = await begun(world, alice)
    await append(world, alice, id_, 0, TEXT[:700])
    uploading = await world.services.upload.find(alice, id_)
    sql = "UPDATE upload_session SET expires_at = ?"
    await world.services.database.write(lambda tx: tx.database.connection().execute(sql, (now_ms(),)))
    view = await world.services.upload.find(alice, id_)

    assert uploading is not None
    assert (uploading.state, uploading.received_bytes) == (UploadState.UPLOADING, 700)
    assert view is not None
    assert (view.state, view.received_bytes) == (UploadState.EXPIRED, 700)
    assert [reason for _, reason in await reasons(world, alice, id_)] == ["EXPIRED"]


async def test_what_came_before_a_cut_is_kept(world: World) -> None:
    """The client asks where to go on; a part elsewhere is refused, and says where."""
    (alice,) = await world.people("alice")
    id_ = await begun(world, alice)

    async def cut() -> AsyncIterator[bytes]:
        yield TEXT[:900]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await world.services.upload.append(alice, id_, 0, cut(), None)
    view = await world.services.upload.offset(alice, id_)
    with pytest.raises(OffsetMismatch) as caught:
        await append(world, alice, id_, 0, TEXT)

    assert (view.state, view.received_bytes, caught.value.offset) == (UploadState.UPLOADING, 900, 900)
    assert await append(world, alice, id_, 900, TEXT[900:]) == len(TEXT)


async def test_who_was_cut_off_takes_over_from_a_dead_connection(world: World) -> None:
    """The old one hangs still: it is ended, with what it brought, and never writes again."""
    (alice,) = await world.people("alice")
    id_ = await begun(world, alice)
    hanging = asyncio.Event()

    async def hang() -> AsyncIterator[bytes]:
        yield TEXT[:300]
        await hanging.wait()
        yield TEXT[:300]

    old = asyncio.create_task(world.services.upload.append(alice, id_, 0, hang(), None))
    await asyncio.sleep(0.05)
    view = await world.services.upload.offset(alice, id_)
    hanging.set()
    [result] = await asyncio.gather(old, return_exceptions=True)

    assert view.received_bytes == 300
    assert isinstance(result, OffsetMismatch)
    assert (await world.services.upload.offset(alice, id_)).received_bytes == 300


async def test_a_stranger_breaks_off_nothing(world: World) -> None:
    """Whoever knows the id of somebody's upload, and asks for it, ends no part that is on its way."""
    alice, bob = await world.people("alice", "bob")
    id_ = await begun(world, alice)
    has_begun, may_end = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield TEXT[:1000]
        has_begun.set()
        await may_end.wait()
        yield TEXT[1000:]

    running = asyncio.create_task(world.services.upload.append(alice, id_, 0, slow(), None))
    async with asyncio.timeout(10):
        await has_begun.wait()
        for attempt in (
            world.services.upload.offset(bob, id_),
            append(world, bob, id_, 0, b"x"),
            world.services.upload.cancel(bob, id_),
        ):
            with pytest.raises(NotFound):
                await attempt
        assert not running.done()
        may_end.set()
        assert await running == len(TEXT)


async def test_two_parts_at_once_are_never_mixed(world: World) -> None:
    """Both begin where the file does: one of them is the file, and the other is told where to go on."""
    [alice] = await world.people("alice")
    contents = [letter * 4000 for letter in (b"a", b"b", b"c")]
    for _ in range(10):
        id_ = await begun(world, alice, contents[0])
        async with asyncio.timeout(20):
            parts = (append(world, alice, id_, 0, each) for each in contents)
            ends = await asyncio.gather(*parts, return_exceptions=True)
            view = await world.services.upload.offset(alice, id_)
        assert all(end == 4000 or isinstance(end, OffsetMismatch) for end in ends), ends
        if view.state is UploadState.READY:
            row = await world.services.database.read(row_of, alice, id_)
            kept = b"".join([chunk async for chunk in world.services.storage.read(row.storage_key)])
        else:
            kept = (await world.services.storage.partials.finished(id_)).path.read_bytes()
        assert len(set(kept)) == 1, "bytes of several parts"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512", "md5"])
async def test_a_part_that_is_not_what_its_checksum_says_is_forgotten(world: World, algorithm: str) -> None:
    """tus 1.0, checksum: also one that was cut short, whose checksum nobody can know."""
    (alice,) = await world.people("alice")
    id_ = await begun(world, alice)
    good = (algorithm, hashlib.new(algorithm, TEXT[:500]).digest())
    await append(world, alice, id_, 0, TEXT[:500], checksum=good)

    with pytest.raises(ChecksumMismatch):
        await append(world, alice, id_, 500, TEXT[500:900], checksum=good)

    assert (await world.services.upload.offset(alice, id_)).received_bytes == 500


async def test_more_bytes_than_were_said_are_refused(world: World) -> None:
    """None of the part is kept."""
    (alice,) = await world.people("alice")
    id_ = await begun(world, alice)
    await append(world, alice, id_, 0, TEXT[:100])

    with pytest.raises(TooLong):
        await append(world, alice, id_, 100, TEXT)

    assert (await world.services.upload.offset(alice, id_)).received_bytes == 100


@pytest.mark.parametrize(
    ("content", "name", "form", "reason"),
    [
        (TEXT, "a.txt", {"sha256": "0" * 64}, "CHECKSUM_MISMATCH"),
        (b"<html><script>alert(1)</script>", "cat.png", {}, "TYPE_NOT_ALLOWED"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>", "cat.svg", {}, "TYPE_NOT_ALLOWED"),
        (b"\x7fELF" + bytes(100), "cat.jpg.exe", {}, "TYPE_NOT_ALLOWED"),
        (b"GIF89a=1;alert(1)//" + bytes(100), "cat.gif", {}, "UNSAFE"),
        (png()[:60], "cat.png", {}, "UNSAFE"),
    ],
    ids=["checksum", "html", "svg", "program", "polyglot", "half a picture"],
)
async def test_what_a_file_turns_out_to_be_is_said_at_the_last_byte_and_at_the_send(
    make_world: MakeWorld, content: bytes, name: str, form: dict[str, Any], reason: str
) -> None:
    """By its bytes; they are forgotten at once, and the reason is kept until the upload is."""
    world = await make_world(allowed_mime_types=PRESETS["default"])
    alice, _ = await world.people("alice", "bob")
    id_ = await begun(world, alice, content, name, **form)

    with pytest.raises(AttachmentsRejected) as caught:
        await append(world, alice, id_, 0, content)
    view = await world.services.upload.find(alice, id_)

    assert [each.reason.name for each in caught.value.rejections] == [reason]
    assert view is not None
    assert view.state is UploadState.FAILED
    assert await reasons(world, alice, id_) == [(0, reason)]
    assert list((world.folder / "files" / "partial").iterdir()) == []
    assert (await world.stored())[1] == 0


async def test_every_bad_reference_is_named_and_the_good_one_stays(world: World) -> None:
    """MongoDB chat: a bad reference fails the whole request and nothing is stored."""
    alice, bob = await world.people("alice", "bob")
    good, half, used = await uploaded(world, alice), await begun(world, alice), await uploaded(world, alice)
    await append(world, alice, half, 0, TEXT[:10])
    await send(world, alice, used)
    theirs = await uploaded(world, bob)
    old = await uploaded(world, alice)
    query = "UPDATE upload SET expires_at = 1 WHERE id = ?"
    await world.services.database.write(lambda tx: tx.database.connection().execute(query, [old]).rowcount)

    found = await reasons(world, alice, good, 12345, half, used, theirs, old, good)

    assert found == [
        (1, "NOT_FOUND"), (2, "NOT_READY"), (3, "ALREADY_USED"), (4, "NOT_FOUND"), (5, "EXPIRED"), (6, "ALREADY_USED"),
    ]  # fmt: skip
    assert await send(world, alice, good)


async def test_twenty_sends_claim_one_upload_and_one_wins(world: World) -> None:
    """In the sending transaction; the others are told that it is used, and store nothing."""
    alice, _ = await world.people("alice", "bob")
    id_ = await uploaded(world, alice)

    results = await asyncio.gather(*(send(world, alice, id_, text=f"{n}") for n in range(20)), return_exceptions=True)

    refused = [each for each in results if isinstance(each, AttachmentsRejected)]
    assert len(refused) == 19
    assert {each.rejections[0].reason.name for each in refused} == {"ALREADY_USED"}
    rows, files = await world.stored()
    assert (rows["message"], rows["attachment"], files) == (1, 1, 1)


async def test_a_repeated_send_of_an_upload_is_the_first_message(world: World) -> None:
    """Though the upload is used: the key comes before the files."""
    alice, _ = await world.people("alice", "bob")
    id_ = await uploaded(world, alice)

    views = [await send(world, alice, id_, client_message_id="once") for _ in range(2)]

    assert views[0].row.id == views[1].row.id


async def test_an_upload_is_its_uploaders_alone(world: World) -> None:
    """A third person sees, continues and cancels nothing: the same answer as for one that never was."""
    alice, bob = await world.people("alice", "bob")
    id_ = await begun(world, alice)

    for viewer, other in ((bob, id_), (alice, 12345)):
        assert await world.services.upload.find(viewer, other) is None
        for attempt in (
            world.services.upload.offset(viewer, other),
            append(world, viewer, other, 0, TEXT),
            world.services.upload.cancel(viewer, other),
        ):
            with pytest.raises(NotFound, match="no such upload"):
                await attempt
    assert await append(world, alice, id_, 0, TEXT) == len(TEXT)


async def test_an_upload_has_a_url_of_the_bucket_until_its_first_byte(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signed without asking the bucket; a third person has no such upload, and so no URL."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    world = await make_world(presigned_uploads=True)
    bucket = S3Storage("s3://bucket/files?endpoint=http://127.0.0.1:9", world.folder / "local")
    monkeypatch.setattr(LocalStorage, "direct_uploads", bucket.direct_uploads)
    alice, bob = await world.people("alice", "bob")
    id_ = await begun(world, alice)
    upload = world.services.upload
    before, bobs = await upload.find(alice, id_), await upload.find(bob, id_)
    assert (before is not None, bobs) == (True, None)
    assert before is not None
    url = await upload.direct_url(alice, before)
    await append(world, alice, id_, 0, TEXT[:5])
    after = await upload.find(alice, id_)

    assert url is not None
    assert url.startswith(f"http://127.0.0.1:9/bucket/files/incoming/{id_:016x}?")
    assert after is not None
    assert await upload.direct_url(alice, after) is None


async def test_a_folder_takes_no_file_past_the_server(make_world: MakeWorld) -> None:
    """Whatever the operator wants: there is no URL, completing says where the bytes go, and they can go there."""
    world = await make_world(presigned_uploads=True)
    alice, bob = await world.people("alice", "bob")
    id_ = await begun(world, alice)
    view = await world.services.upload.find(alice, id_)
    assert view is not None
    before = await world.stored()

    assert await world.services.upload.direct_url(alice, view) is None
    with pytest.raises(AttachmentsRejected, match="send them to `uploadUrl`") as caught:
        await world.services.upload.complete(alice, id_)
    for viewer, other in ((bob, id_), (alice, 12345)):
        with pytest.raises(NotFound, match="no such upload"):
            await world.services.upload.complete(viewer, other)
    assert [(each.reason.name, each.is_retryable) for each in caught.value.rejections] == [("NOT_READY", True)]
    assert await world.stored() == before
    assert await append(world, alice, id_, 0, TEXT) == len(TEXT)
    assert (await world.services.upload.complete(alice, id_)).state is UploadState.READY


async def test_a_file_whose_last_part_came_before_a_crash_can_be_completed(world: World) -> None:
    """As by HEAD: all bytes are there, and the server stopped before it could say what they are."""
    (alice,) = await world.people("alice")
    id_ = await begun(world, alice)
    await world.services.storage.partials.append(id_, pieces(TEXT))

    assert (await world.services.upload.complete(alice, id_)).state is UploadState.READY
    assert list((world.folder / "files" / "partial").iterdir()) == []


def at_home() -> bytes:
    """A picture that says where it was taken: what is kept of it is another file."""
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x010E] = "at home, 54.3 north"
    Image.new("RGB", (60, 40), "navy").save(out, "JPEG", exif=exif)
    return out.getvalue()


@pytest.mark.parametrize(("content", "name"), [(TEXT, "tide.txt"), (at_home(), "sea.jpg")], ids=["text", "picture"])
@pytest.mark.parametrize("has_links", [True, False], ids=["links", "no links"])
async def test_a_write_that_is_refused_costs_no_byte_of_the_upload(
    world: World, monkeypatch: pytest.MonkeyPatch, content: bytes, name: str, *, has_links: bool
) -> None:
    """Signed out between the bytes and the row: the upload is as it was, and whoever signs in again goes on."""
    (alice,) = await world.people("alice")
    id_ = await begun(world, alice, content, name)
    keep = world.services.storage.store
    left: list[int] = []  # files, the partial one among them, as a crash would find them

    async def keep_and_sign_out(temp_file: TempFile) -> str:
        key = await keep(temp_file)
        left.append((await world.stored())[1])
        await world.services.account.sign_out(alice, everywhere=True)
        return key

    def link(*_: object, **__: object) -> None:
        raise OSError(errno.EOPNOTSUPP, "no links")

    if not has_links:
        monkeypatch.setattr("os.link", link)
    with monkeypatch.context() as patch:
        patch.setattr(world.services.storage, "store", keep_and_sign_out)
        with pytest.raises(Unauthenticated):
            await append(world, alice, id_, 0, content)
    alice = await world.again("alice")
    view = await world.services.upload.find(alice, id_)

    assert view is not None
    assert (view.state, view.received_bytes, left) == (UploadState.UPLOADING, len(content), [2])
    assert ((await world.stored())[1], world.temp_files()) == (1, [])
    assert (await world.services.upload.offset(alice, id_)).received_bytes == len(content)
    row = await world.services.database.read(row_of, alice, id_)
    kept = b"".join([chunk async for chunk in world.services.storage.read(row.storage_key)])
    assert (kept == content, b"54.3 north" in kept) == (name == "tide.txt", False)
    assert list((world.folder / "files" / "partial").iterdir()) == []


async def test_a_storage_that_fails_costs_no_byte_of_the_upload(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """STORAGE_FAILED, retryable; also where a picture was cleaned already, and the cleaned one is gone."""
    (alice,) = await world.people("alice")
    content = at_home()
    id_ = await begun(world, alice, content, "sea.jpg")

    async def fail(_: TempFile) -> str:
        raise StorageFailed("broken")

    with monkeypatch.context() as patch:
        patch.setattr(world.services.storage, "store", fail)
        with pytest.raises(AttachmentsRejected) as caught:
            await append(world, alice, id_, 0, content)
    left = ((await world.stored())[1], world.temp_files())

    assert [(each.reason.name, each.is_retryable) for each in caught.value.rejections] == [("STORAGE_FAILED", True)]
    assert left == (1, [])
    assert (await world.services.upload.complete(alice, id_)).state is UploadState.READY


class SlowKeep:
    """A storage that stores nothing until `is_open`, as a distant bucket; counts the calls."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = 0
        self.is_reached = asyncio.Event()
        self.is_open = asyncio.Event()
        keep = world.services.storage.store

        async def held(temp_file: TempFile) -> str:
            self.calls += 1
            self.is_reached.set()
            await self.is_open.wait()
            return await keep(temp_file)

        monkeypatch.setattr(world.services.storage, "store", held)

    @classmethod
    async def reach(
        cls, world: World, monkeypatch: pytest.MonkeyPatch, owner: Viewer, content: bytes = TEXT, name: str = "tide.txt"
    ) -> tuple["SlowKeep", int, asyncio.Task[int]]:
        """Sends an upload, whose file is now being stored; its ID, and the request of its last part."""
        id_ = await begun(world, owner, content, name)
        slow = cls(world, monkeypatch)
        appending = asyncio.create_task(append(world, owner, id_, 0, content))
        await asyncio.wait_for(slow.is_reached.wait(), 10)
        return slow, id_, appending


async def test_a_failed_fsync_is_never_repeated_as_if_it_had_worked(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last part is refused, retryable; where to go on is the beginning, and then the file is what was sent."""
    alice, _ = await world.people("alice", "bob")
    id_ = await begun(world, alice)
    await append(world, alice, id_, 0, TEXT[:1000])

    def fail(_: int) -> None:
        raise OSError(errno.EIO, "injected")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(ServerUnavailable, match="could not be finished"):
            await append(world, alice, id_, 1000, TEXT[1000:])
    view = await world.services.upload.offset(alice, id_)
    with pytest.raises(OffsetMismatch) as caught:
        await append(world, alice, id_, 1000, TEXT[1000:])

    assert (view.state, view.received_bytes, caught.value.offset) == (UploadState.PENDING, 0, 0)
    assert (await world.stored())[1] == 0
    assert await append(world, alice, id_, 0, TEXT) == len(TEXT)
    [file] = (await send(world, alice, id_)).attachments
    assert file.sha256 == hashlib.sha256(TEXT).digest()


async def test_a_good_picture_that_cannot_be_read_may_pass_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """STORAGE_FAILED, retryable, and never UNSAFE for good: with a request, and at the last byte of an upload."""
    alice, _ = await world.people("alice", "bob")
    picture = png()
    id_ = await begun(world, alice, picture, "sea.png")
    received = await world.file(picture, "sea.png")
    before = await world.stored()
    with monkeypatch.context() as patch:
        patch.setattr(picture_module, "start_worker", exec_worker)
        patch.setattr(picture_module, "_WORKER", world.folder / "gone.py")  # as where the disk does not give it
        with pytest.raises(AttachmentsRejected) as of_upload:
            await append(world, alice, id_, 0, picture)
        with pytest.raises(AttachmentsRejected) as of_send:
            await world.send(alice, "bob", files=[received])
    await world.services.attachment.discard(received)
    rows, files = await world.stored()

    for caught in (of_upload, of_send):
        [rejection] = caught.value.rejections
        assert (rejection.reason.name, rejection.is_retryable) == ("STORAGE_FAILED", True)
    assert (rows, files) == (before[0], before[1] + 1)  # what came in parts is there still
    assert (await world.services.upload.offset(alice, id_)).received_bytes == len(picture)
    [file] = (await send(world, alice, id_)).attachments
    assert (file.width, file.height) == (60, 40)


async def test_a_file_whose_folder_is_gone_is_told_in_words_that_a_client_knows(world: World) -> None:
    """Not INTERNAL, and not that there is no such file: the disk may come back."""
    alice, bob = await world.people("alice", "bob")
    view = await send(world, alice, await uploaded(world, alice))
    path = world.services.download.url_path(bob, view.attachments[0], 60, inline=False)
    temp_file = await world.services.storage.create_temp()
    await temp_file.write(png())
    received = ReceivedFile("sea.png", temp_file, temp_file.byte_size)
    id_ = await begun(world, alice)
    shutil.rmtree(world.folder / "files")

    await world.services.attachment._inspector.inspect(received)
    download = await world.services.download.open(path.removeprefix("/files/"))
    for work in (
        anext(world.services.download.read(download, 0, 1)),
        world.services.upload.find(alice, id_),
        world.services.upload.offset(alice, id_),
        append(world, alice, id_, 0, TEXT),
    ):
        with pytest.raises(ServerUnavailable):
            await work

    assert received.rejection is not None
    assert received.rejection[0].name == "STORAGE_FAILED"
    with pytest.raises(AttachmentsRejected, match="storage failed"):
        await world.send(alice, "bob", files=[await world.file(b"x")])


async def test_a_file_that_cannot_be_copied_is_no_bug(world: World) -> None:
    """For the second place of one part of a multipart request: STORAGE_FAILED."""
    received = await world.file(b"notes")
    assert received.temp_file is not None
    received.temp_file.path.unlink()

    copied = await world.services.attachment.copy(received)

    assert copied.rejection is not None
    assert (copied.rejection[0].name, copied.temp_file) == ("STORAGE_FAILED", None)
    await world.services.attachment.discard(received)


@pytest.mark.parametrize("is_cut", [True, False], ids=["cut", "taken over"])
async def test_who_asks_while_the_last_part_is_kept_hears_that_it_is_ready(
    world: World, monkeypatch: pytest.MonkeyPatch, *, is_cut: bool
) -> None:
    """The request on the lost connection is past its end: it is waited for, and not made a second time."""
    (alice,) = await world.people("alice")
    slow, id_, old = await SlowKeep.reach(world, monkeypatch, alice)
    async with asyncio.timeout(10):
        if is_cut:
            old.cancel()
        asking = asyncio.create_task(world.services.upload.offset(alice, id_))
        await asyncio.sleep(0.05)
        slow.is_open.set()
        view = await asking
        [result] = await asyncio.gather(old, return_exceptions=True)

    assert (view.state, slow.calls) == (UploadState.READY, 1)
    assert isinstance(result, asyncio.CancelledError) if is_cut else result == len(TEXT)
    assert (await world.stored())[1] == 1


async def test_who_asks_while_a_keep_takes_long_is_told_to_try_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And ends nothing by that, however often."""
    monkeypatch.setattr("services.file.exclusive_task.YIELD_SECONDS", 0.05)
    (alice,) = await world.people("alice")
    slow, id_, old = await SlowKeep.reach(world, monkeypatch, alice)
    async with asyncio.timeout(10):
        for _ in range(3):
            with pytest.raises(ServerUnavailable, match="busy"):
                await world.services.upload.offset(alice, id_)
        slow.is_open.set()
        end = await old

    assert (end, slow.calls) == (len(TEXT), 1)
    assert (await world.services.upload.offset(alice, id_)).state is UploadState.READY


async def test_an_upload_that_is_cancelled_while_it_is_kept_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the keep takes long: it finds no upload at its end, and takes its bytes back."""
    monkeypatch.setattr("services.file.exclusive_task.YIELD_SECONDS", 0.05)
    (alice,) = await world.people("alice")
    before = await world.stored()
    slow, id_, old = await SlowKeep.reach(world, monkeypatch, alice, png(), "sea.png")
    async with asyncio.timeout(10):
        await world.services.upload.cancel(alice, id_)
        slow.is_open.set()
        [result] = await asyncio.gather(old, return_exceptions=True)

    assert isinstance(result, NotFound | AttachmentsRejected)
    assert (await world.stored(), world.temp_files()) == (before, [])


async def test_a_key_that_only_reads_uploads_nothing(world: World) -> None:
    """As it sends nothing."""
    (alice,) = await world.people("alice")
    reader = Viewer(alice.user_id, alice.session, alice.expires_at, rights=Right.READ | Right.PEOPLE)

    await refused(world, world.services.upload.create(reader, UploadForm("a.txt", 1)), PermissionDenied)


async def test_a_cancelled_upload_is_gone_with_its_bytes(world: World) -> None:
    """On its way, and ready; one that a message has is not the uploader's to take back."""
    alice, _ = await world.people("alice", "bob")
    half, ready, sent = await begun(world, alice), await uploaded(world, alice, b"other"), await uploaded(world, alice)
    await append(world, alice, half, 0, TEXT[:10])
    await send(world, alice, sent)

    await world.services.upload.cancel(alice, half)
    await world.services.upload.cancel(alice, ready)
    with pytest.raises(NotFound):
        await world.services.upload.cancel(alice, sent)

    rows, files = await world.stored()
    assert (rows["upload"], files) == (1, 1)
    assert list((world.folder / "files" / "partial").iterdir()) == []


async def test_what_nobody_sends_is_swept(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploads whose time is over at once, what came of them and of none after the quarantine; not what still comes."""
    world = await make_world(upload_life_seconds=0)
    (alice,) = await world.people("alice")
    id_ = await begun(world, alice)
    partials = world.services.storage.partials
    await partials.append(id_, pieces(TEXT))
    await partials.append(777, pieces(TEXT))
    await asyncio.sleep(0.01)

    await world.services.sweeper.sweep()
    left = await partials.numbers()
    found = await world.services.upload.find(alice, id_)
    then = now_ms() + 7 * 86_400_000
    monkeypatch.setattr("services.file.quarantine.now_ms", lambda: then)
    await world.services.sweeper.sweep()

    assert (sorted(left), found) == (sorted([id_, 777]), None)
    assert await partials.numbers() == []
    assert (await world.stored())[0]["quarantine"] == 0


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (UploadForm("", 1), [("filename", "EMPTY")]),
        (UploadForm("\u200b", 0), [("filename", "EMPTY"), ("byteSize", "OUT_OF_RANGE")]),
        (UploadForm("a", -1), [("byteSize", "OUT_OF_RANGE")]),
        (UploadForm("a", 1, sha256="x" * 64), [("sha256", "MALFORMED")]),
        (UploadForm("a", 1, sha256="0" * 63), [("sha256", "MALFORMED")]),
        (UploadForm("a", 1, duration_seconds=-1), [("durationSeconds", "OUT_OF_RANGE")]),
        (UploadForm("a", 1, duration_seconds=float("inf")), [("durationSeconds", "OUT_OF_RANGE")]),
        (UploadForm("a", 1, duration_seconds=float("nan")), [("durationSeconds", "OUT_OF_RANGE")]),
        (UploadForm("a", 1, thumbnail_for=12345), [("thumbnailFor", "MISMATCH")]),
    ],
)
async def test_everything_wrong_with_the_form_is_named(
    world: World, form: UploadForm, expected: list[tuple[str, str]]
) -> None:
    """And nothing is begun."""
    (alice,) = await world.people("alice")

    refusal = await refused(world, world.services.upload.create(alice, form), InvalidInput)

    assert [(issue.path[0], issue.reason.name) for issue in refusal.issues] == expected


async def count(world: World) -> int:
    """Uploads on their way."""

    def read(tx: Transaction) -> int:
        return int(tx.database.connection().execute("SELECT count(*) FROM upload_session").fetchone()[0])

    return await world.services.database.read(read)


async def test_what_cannot_pass_is_refused_before_its_first_byte(make_world: MakeWorld) -> None:
    """Too large, of another type; too many at once."""
    world = await make_world(max_attachment_bytes=100, allowed_mime_types=("image/png",), max_uploads=2)
    (alice,) = await world.people("alice")
    for form, reason in ((UploadForm("a", 101), "TOO_LARGE"), (UploadForm("a", 1, "text/html"), "TYPE_NOT_ALLOWED")):
        refusal = await refused(world, world.services.upload.create(alice, form), AttachmentsRejected)
        assert [each.reason.name for each in refusal.rejections] == [reason]
    for _ in range(2):
        await world.services.upload.create(alice, UploadForm("a", 100, "image/png; q=1"))

    await refused(world, world.services.upload.create(alice, UploadForm("a", 1)), RateLimited)
    assert await count(world) == 2


async def test_a_user_has_so_many_bytes(make_world: MakeWorld) -> None:
    """What is promised counts from the beginning; deleting makes room again; others have their own."""
    world = await make_world(quota_bytes=4000, report_window_seconds=0)
    alice, bob = await world.people("alice", "bob")
    first = await uploaded(world, alice)
    view = await send(world, alice, first)
    second = await begun(world, alice, b"x" * 2000)

    for attempt in (
        world.services.upload.create(alice, UploadForm("a", 301)),
        world.send(alice, "bob", files=[await world.file(b"y" * 301)]),
    ):
        [rejection] = (await refused(world, attempt, AttachmentsRejected)).rejections
        assert (rejection.reason.name, rejection.limit_bytes) == ("TOO_LARGE", 300)
    await world.services.upload.create(bob, UploadForm("a", 4000))
    await world.services.upload.cancel(alice, second)
    await world.services.deletion.delete_for_everyone(alice, view.row.id)

    assert await begun(world, alice, b"z" * 4000)


async def test_a_file_beyond_the_quota_is_named_by_its_place_in_the_message(make_world: MakeWorld) -> None:
    """Also behind files that were uploaded before, which counted then."""
    world = await make_world(quota_bytes=len(TEXT) + 10)
    alice, _ = await world.people("alice", "bob")
    inline = [await world.file(b"x" * size) for size in (5, 6)]

    files = [AttachedUpload(await uploaded(world, alice)), *inline]
    refusal = await refused(world, world.send(alice, "bob", files=files), AttachmentsRejected)

    assert [(each.index, each.reason.name, each.limit_bytes) for each in refusal.rejections] == [
        (1, "TOO_LARGE", 10),
        (2, "TOO_LARGE", 10),
    ]


async def test_equal_bytes_are_kept_once_and_gone_with_the_last_message(make_world: MakeWorld) -> None:
    """Whoever sent them, in parts or with a request."""
    world = await make_world(report_window_seconds=0)
    alice, bob = await world.people("alice", "bob")
    first = await send(world, alice, await uploaded(world, alice))
    second = await world.send(bob, "alice", files=[await world.file(TEXT, "other name.txt")])
    third = await uploaded(world, bob)
    counts = [(await world.stored())[1]]

    await world.services.deletion.delete_for_everyone(alice, first.row.id)
    counts.append((await world.stored())[1])
    await world.services.deletion.delete_for_everyone(bob, second)
    counts.append((await world.stored())[1])
    await world.services.upload.cancel(bob, third)
    counts.append((await world.stored())[1])

    assert counts == [1, 1, 1, 0]
    rows, _ = await world.stored()
    assert (rows["upload"], rows["attachment"]) == (0, 0)


@pytest.mark.parametrize("loss", ["gone", "cut"])
async def test_equal_bytes_are_stored_anew_where_they_are_lost(world: World, loss: str) -> None:
    """A message never names bytes that nobody looked for: with a request, in parts, and twice in one send."""
    alice, bob = await world.people("alice", "bob")
    await world.send(alice, "bob", files=[await world.file(TEXT)])
    [lost] = [path for path in (world.folder / "files" / "files").rglob("*") if path.is_file()]
    lost.unlink()
    if loss == "cut":
        lost.write_bytes(TEXT[:-1])

    sent = [await world.send(alice, "bob", files=[await world.file(TEXT), await world.file(TEXT)])]
    sent.append((await send(world, alice, await uploaded(world, alice))).row.id)
    sent.append(await world.send(bob, "alice", files=[await world.file(TEXT)]))

    views = await world.services.message.find_many(bob, sent)
    keys = {file.storage_key for view in views.values() for file in view.attachments}
    [key] = keys  # once more, and then kept once as ever
    assert key != lost.name
    assert b"".join([chunk async for chunk in world.services.storage.read(key)]) == TEXT


async def test_bytes_of_which_the_storage_cannot_tell_are_stored_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It can write, and cannot say what it has: twice is better than not at all."""
    alice, _ = await world.people("alice", "bob")
    await world.send(alice, "bob", files=[await world.file(TEXT)])

    async def fail(_: str) -> int:
        raise StorageFailed("injected")

    monkeypatch.setattr(world.services.storage, "size_of", fail)
    await world.send(alice, "bob", files=[await world.file(TEXT)])

    assert (await world.stored())[1] == 2


async def test_an_upload_whose_bytes_are_lost_is_not_attached(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin again where they are gone; try again where the storage cannot tell. A good one beside it stays good."""
    alice, _ = await world.people("alice", "bob")
    lost, good = await uploaded(world, alice), await uploaded(world, alice, b"another")
    row = await world.services.database.read(row_of, alice, lost)
    await world.services.storage.delete(row.storage_key)

    assert await reasons(world, alice, lost, good) == [(0, "EXPIRED")]
    with monkeypatch.context() as patch:

        async def fail(_: str) -> int:
            raise StorageFailed("injected")

        patch.setattr(world.services.storage, "size_of", fail)
        assert await reasons(world, alice, good) == [(0, "STORAGE_FAILED")]
    assert len((await send(world, alice, good)).attachments) == 1


async def test_equal_bytes_sent_and_deleted_at_once_are_there_or_gone_whole(world: World) -> None:
    """Fifty sends and deletes of the same bytes: what is left can be read."""
    alice, bob = await world.people("alice", "bob")

    async def send_and_delete(number: int) -> int | None:
        id_ = await world.send(alice, "bob", files=[await world.file(TEXT)])
        if number % 3:
            await world.services.deletion.delete_for_everyone(alice, id_)
            return None
        return id_

    left = [id_ for id_ in await asyncio.gather(*(send_and_delete(n) for n in range(50))) if id_]
    views = await world.services.message.find_many(bob, left)

    assert len(views) == 17
    keys = {view.attachments[0].storage_key for view in views.values()}
    for key in keys:
        assert b"".join([chunk async for chunk in world.services.storage.read(key)]) == TEXT
    stored = {path.name for path in (world.folder / "files" / "files").rglob("*") if path.is_file()}
    named = await world.services.database.read(lambda tx: tx.values(attachments.KNOWN_KEYS, keys=text_list(stored)))
    assert keys <= stored == set(named)  # what was deleted may wait for a report


async def test_a_picture_gets_a_thumbnail_later_and_everybody_hears_of_it(make_world: MakeWorld) -> None:
    """PROCESSING, then READY with `MessageUpdated`; the bytes of the thumbnail go with the message."""
    world = await make_world(report_window_seconds=0)
    alice, bob = await world.people("alice", "bob")
    view = await send(world, alice, await uploaded(world, alice, png((800, 600)), "sea.png"))
    before = view.attachments[0]
    n = await world.services.stream.position(bob)

    await world.services.sweeper.shrink()

    [after] = (await world.services.message.find_many(bob, [view.row.id]))[view.row.id].attachments
    page = await world.services.stream.page_after(bob, world.services.stream.cursor_of(bob, n), None)
    assert (before.state, before.thumbnail_key, before.width, before.height) == (FileState.PROCESSING, None, 800, 600)
    assert (after.state, after.thumbnail_width, after.thumbnail_height) == (FileState.READY, 400, 300)
    assert after.blurhash is not None
    assert len(after.blurhash) == 28
    assert [each.kind for each in page.items] == [EventKind.MESSAGE_UPDATED]
    path = world.services.download.url_path(bob, after, 60, inline=True, is_thumbnail=True)
    download = await world.services.download.open(path.removeprefix("/files/"))
    content = b"".join([c async for c in world.services.download.read(download, 0, download.byte_size)])
    assert (content[:4], content[8:12], download.mime_type) == (b"RIFF", b"WEBP", "image/webp")
    carol = await world.person("carol")
    foreign = world.services.download.url_path(carol, after, 60, inline=True, is_thumbnail=True)
    await refused(world, world.services.download.open(foreign.removeprefix("/files/")), NotFound)
    await world.services.deletion.delete_for_everyone(alice, view.row.id)
    assert (await world.stored())[1] == 0
    with pytest.raises(NotFound):
        await world.services.download.open(path.removeprefix("/files/"))


async def test_a_picture_whose_bytes_are_gone_has_failed(world: World) -> None:
    """The message stays as it is, and nobody waits for ever."""
    alice, _ = await world.people("alice", "bob")
    view = await send(world, alice, await uploaded(world, alice, png(), "sea.png"))
    await world.services.storage.delete(view.attachments[0].storage_key)

    await world.services.sweeper.shrink()

    [after] = (await world.services.message.find_many(alice, [view.row.id]))[view.row.id].attachments
    assert (after.state, after.thumbnail_key) == (FileState.FAILED, None)


async def test_a_bug_at_one_picture_holds_up_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has failed, and the next one gets its thumbnail."""
    alice, _ = await world.people("alice", "bob")
    views = [await send(world, alice, await uploaded(world, alice, png((9, 9), c), "a.png")) for c in ("navy", "red")]
    thumbnailer = world.services.sweeper._thumbnailer
    shrink = thumbnailer._pictures.shrink
    calls: list[object] = []

    async def stumble(path: Path, mime_type: str) -> SmallPicture:
        calls.append(path)
        if len(calls) == 1:
            raise LookupError("a bug")
        return await shrink(path, mime_type)

    monkeypatch.setattr(thumbnailer._pictures, "shrink", stumble)
    await world.services.sweeper.shrink()

    found = await world.services.message.find_many(alice, [view.row.id for view in views])
    states = [FileState(found[view.row.id].attachments[0].state) for view in views]
    assert states == [FileState.FAILED, FileState.READY]


async def test_a_thumbnail_whose_message_is_deleted_meanwhile_is_not_kept(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its bytes go at once, and do not wait for the sweeper; nobody hears of it."""
    world = await make_world(report_window_seconds=0)
    alice, bob = await world.people("alice", "bob")
    view = await send(world, alice, await uploaded(world, alice, png(), "sea.png"))
    keep = world.services.storage.store
    kept: list[str] = []

    async def delete_and_keep(temp_file: TempFile) -> str:
        await world.services.deletion.delete_for_everyone(alice, view.row.id)
        kept.append(await keep(temp_file))
        return kept[0]

    monkeypatch.setattr(world.services.storage, "store", delete_and_keep)
    n = await world.services.stream.position(bob)
    await world.services.sweeper.shrink()

    assert len(kept) == 1
    assert (await world.stored())[1] == 0
    assert world.temp_files() == []
    assert "MESSAGE_UPDATED" not in await kinds_after(world, bob, n)


async def test_a_thumbnail_waits_for_a_storage_that_fails(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The round ends and the job stays: the picture has not failed, and gets its thumbnail by the next one."""
    alice, _ = await world.people("alice", "bob")
    view = await send(world, alice, await uploaded(world, alice, png(), "sea.png"))
    before = await world.stored()

    async def fail(*_arguments: object) -> str:
        raise StorageFailed("broken")

    with monkeypatch.context() as patch:
        patch.setattr(world.services.storage, "store", fail)
        with pytest.raises(StorageFailed):
            await world.services.sweeper.shrink()
    assert await world.stored() == before
    assert world.temp_files() == []
    await world.services.sweeper.shrink()

    [after] = (await world.services.message.find_many(alice, [view.row.id]))[view.row.id].attachments
    assert (after.state, after.thumbnail_key is not None) == (FileState.READY, True)


async def test_a_clients_thumbnail_goes_with_its_file(make_world: MakeWorld) -> None:
    """SelfCommunity: `thumbnailFor`; of a film nobody here could make one. It is used with its file, not by itself."""
    world = await make_world(report_window_seconds=0)
    alice, _ = await world.people("alice", "bob")
    film = await uploaded(world, alice, TEXT, "film.txt")
    small = await uploaded(world, alice, png((30, 20)), "small.png", thumbnail_for=film)

    assert await reasons(world, alice, small) == [(0, "NOT_FOUND")]
    view = await send(world, alice, film)
    [file] = view.attachments
    assert (file.state, file.thumbnail_width, file.thumbnail_height) == (FileState.READY, 30, 20)
    await world.services.deletion.delete_for_everyone(alice, view.row.id)
    rows, files = await world.stored()
    assert (rows["upload"], files) == (0, 0)


async def test_a_thumbnail_is_a_picture(world: World) -> None:
    """Anything else is refused at its last byte."""
    (alice,) = await world.people("alice")
    film = await begun(world, alice)
    small = await begun(world, alice, TEXT, "small.txt", thumbnail_for=film)

    before, _ = await world.stored()
    with pytest.raises(AttachmentsRejected):
        await append(world, alice, small, 0, TEXT)

    rows, files = await world.stored()
    assert (rows | {"content": 0}, files) == (before | {"content": 0}, 0)  # what has changed is the state of the upload


async def test_what_a_client_says_of_the_duration_counts_where_the_file_says_nothing(world: World) -> None:
    """In seconds, to the millisecond."""
    alice, _ = await world.people("alice", "bob")
    view = await send(world, alice, await uploaded(world, alice, TEXT, duration_seconds=61.5))

    assert view.attachments[0].duration_ms == 61_500
