"""What people are told while the disk fails, what the log says, and what is left of their files after a crash."""

import shutil
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from pubsub.memory import MemoryPubSub
from services.error import OutcomeUnclear, ServerUnavailable
from services.file.upload_session import UploadForm
from services.guard import GuardedDatabase
from services.limit import Limits
from services.message.draft import Draft
from services.service import Services
from services.viewer import Viewer
from storage.local import LocalStorage
from tests.fault.conftest import Disk
from tests.leak import Recorder
from tests.services.conftest import World, named
from tests.template import put_tables

CONTENT = b"What is in the file.\n" * 50


async def open_world(folder: Path) -> World:
    """Services on a folder."""
    database, limits = GuardedDatabase(folder / "sotto.db", MemoryPubSub()), Limits(send_rate_per_minute=0)
    return World(await Services.open(database, LocalStorage(folder / "files"), limits), folder)


@pytest.fixture
async def world(disk: Disk, tmp_path: Path) -> AsyncIterator[World]:
    """With nobody in it."""
    put_tables(tmp_path / "data" / "sotto.db")
    world = await open_world(tmp_path / "data")
    yield world
    disk.heal()
    await world.services.close()


async def crashed(world: World, disk: Disk) -> World:
    """What the next start finds, with the disk well again."""
    disk.heal()
    copy = world.folder.with_name("crashed")
    shutil.copytree(world.folder, copy, ignore=shutil.ignore_patterns("*.lock", "*-shm"))
    return await open_world(copy)


async def downloaded(world: World, viewer: Viewer, message_id: int) -> bytes:
    """The bytes of the first file of a message."""
    view = await world.services.message.find(viewer, message_id)
    assert view is not None
    path = world.services.download.url_path(viewer, view.attachments[0], 60, inline=False)
    download = await world.services.download.open(path.removeprefix("/files/"))
    return b"".join([chunk async for chunk in world.services.download.read(download, 0, len(CONTENT))])


async def uploaded(world: World, viewer: Viewer) -> int:
    """An upload in parts, with its last byte."""
    upload = await world.services.upload.create(viewer, UploadForm("notes.txt", len(CONTENT)))

    async def chunks() -> AsyncIterator[bytes]:
        yield CONTENT

    await world.services.upload.append(viewer, upload.id, 0, chunks(), None)
    return upload.id


async def test_a_disk_that_fails_once_is_not_told_as_busy(world: World, disk: Disk, recorder: Recorder) -> None:
    """Nothing was stored, for sure; the log names SQLite's code and the database, and it is no bug."""
    alice, _ = await world.people("alice", "bob")
    before = await world.stored()
    disk.fail("fsync", "-wal", last=1)

    with pytest.raises(ServerUnavailable, match="cannot write to its database just now: nothing was stored") as caught:
        await world.send(alice, "bob")

    assert not isinstance(caught.value, OutcomeUnclear)
    after = await world.stored()
    assert {**after[0], "content": 0} == {**before[0], "content": 0}
    log = b"\n".join(recorder.lines)
    assert b"database failed" in log
    assert b"SQLITE_IOERR_FSYNC" in log
    assert b"unexpected_error" not in log


async def test_a_send_whose_outcome_is_unclear_is_told_so_and_is_stored_once(world: World, disk: Disk) -> None:
    """The same `clientMessageId` tells, in this process and after a crash."""
    alice, _ = await world.people("alice", "bob")
    draft = Draft(text="once", users=named("bob"), client_message_id="key")
    disk.fail("fsync", "-wal")
    with pytest.raises(OutcomeUnclear, match="it may or may not be there"):
        await world.services.send.send(alice, draft)

    after = await crashed(world, disk)
    for each in (world, after):
        sent = [await each.services.send.send(alice, draft) for _ in range(2)]
        assert (await each.stored())[0]["message"] == 1
        assert sent[0].message_id == sent[1].message_id
    await after.services.close()


@pytest.mark.parametrize("way", ["with the send", "in parts"])
@pytest.mark.parametrize("writes", [0, 1, 2], ids=lambda count: f"after {count} writes")
async def test_no_row_that_a_crash_brings_back_points_at_bytes_that_are_gone(
    world: World, disk: Disk, way: str, writes: int
) -> None:
    """Whatever came back, the same bytes sent by anybody can be read: equal bytes are kept once, and must be there."""
    alice, bob = await world.people("alice", "bob")
    received = await world.file(CONTENT) if way == "with the send" else None
    disk.fail("fsync", "-wal", first=writes + 1)
    with suppress(ServerUnavailable):
        if received is None:
            await uploaded(world, alice)
        else:
            await world.send(alice, "bob", files=(received,))

    after = await crashed(world, disk)
    id_ = await after.send(bob, "alice", files=(await after.file(CONTENT),))

    assert await downloaded(after, alice, id_) == CONTENT
    await after.services.close()


async def test_reads_that_fail_are_no_bugs(world: World, disk: Disk, recorder: Recorder) -> None:
    """The client hears what cannot be done; afterwards all is as before."""
    alice, _ = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob")
    disk.fail("read", "-wal")
    disk.fail("read", ".db")
    with pytest.raises(ServerUnavailable, match="cannot read its database just now"):
        await world.services.message.find(alice, id_)
    disk.heal()

    assert await world.services.message.find(alice, id_) is not None
    log = b"\n".join(recorder.lines)
    assert b"database failed" in log
    assert b"unexpected_error" not in log
