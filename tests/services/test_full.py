"""A disk without room: what still starts and works there, on a small file system of its own."""

import os
from pathlib import Path

import pytest

from pubsub.memory import MemoryPubSub
from services.error import AttachmentsRejected, StorageFull
from services.guard import GuardedDatabase
from services.limit import Limits
from services.rejection import AttachmentRejectionReason
from services.service import Services
from services.viewer import Viewer
from storage import base
from storage.local import LocalStorage
from tests.services.conftest import World
from tests.template import put_tables

MIB = 1024**2


def leave(disk: Path, byte_size: int) -> None:
    """Fills it up to so many bytes."""
    state = os.statvfs(disk)
    descriptor = os.open(disk / "sand", os.O_WRONLY | os.O_CREAT)
    os.posix_fallocate(descriptor, 0, state.f_bavail * state.f_frsize - byte_size)
    os.close(descriptor)


async def open_world(disk: Path) -> World:
    """Services on it."""
    database, limits = GuardedDatabase(disk / "sotto.db", MemoryPubSub()), Limits(send_rate_per_minute=0)
    services = await Services.open(database, LocalStorage(disk / "files"), limits)
    return World(services, disk)


async def send_for_ever(world: World, sender: Viewer) -> None:
    """Until somebody refuses."""
    while True:
        await world.send(sender, "bob", text="x" * 5000)


async def test_below_the_reserve_a_server_starts_and_refuses_files_alone(disk: Path) -> None:
    """Texts, reading and deleting go on; with room again, files do too, and nothing has to be restarted."""
    put_tables(disk / "sotto.db")
    world = await open_world(disk)
    alice, _ = await world.people("alice", "bob")
    await world.services.close()
    leave(disk, 10 * MIB)
    world = await open_world(disk)

    with pytest.raises(base.StorageFull):
        await world.services.storage.check()
    file = await world.file(b"sand" * 100)
    with pytest.raises(AttachmentsRejected) as caught:
        await world.send(alice, "bob", files=(file,))
    await world.services.attachment.discard(file)
    id_ = await world.send(alice, "bob", text="a text")
    assert await world.services.message.find(alice, id_) is not None
    await world.services.deletion.delete_for_everyone(alice, id_)
    (disk / "sand").unlink()
    await world.services.storage.check()
    assert await world.send(alice, "bob", files=(await world.file(b"sand" * 100),))
    await world.services.close()

    assert [each.reason for each in caught.value.rejections] == [AttachmentRejectionReason.STORAGE_FAILED]


async def test_without_a_byte_a_server_starts_and_can_be_read(disk: Path) -> None:
    """What a start needs was kept for it; the disk that is full is named, and writing comes back with the room."""
    put_tables(disk / "sotto.db")
    world = await open_world(disk)
    alice, _ = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob", text="from before")
    await world.services.close()
    leave(disk, 0)
    world = await open_world(disk)

    with pytest.raises(StorageFull):
        await send_for_ever(world, alice)  # the room that was kept ends after some
    view = await world.services.message.find(alice, id_)
    assert view is not None
    assert view.row.body == "from before"
    (disk / "sand").unlink()
    assert await world.send(alice, "bob", text="afterwards")
    await world.services.close()
