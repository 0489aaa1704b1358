"""The quarantine: what no row names waits before it is deleted, and nothing that a message has is ever in danger."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from models.transaction import Transaction
from pubsub.memory import MemoryPubSub
from services.error import StorageFull
from services.file.quarantine import SweepCounts
from services.guard import GuardedDatabase
from services.service import Services
from storage.base import StorageFailed
from storage.local import LocalStorage
from tests.services.conftest import MakeWorld, World
from tests.services.file.test_sweep import DAY, HOUR, kept_files, make_old, put_orphan, sweep_in

TEXT = b"The tide is out. " * 10


async def old_orphans(world: World, count: int) -> list[str]:
    """Keys of bytes that no row names and no send can still want."""
    keys = [await put_orphan(world) for _ in range(count)]
    for path in kept_files(world):
        make_old(path, HOUR + 60)
    return keys


async def content_of(world: World, key: str) -> bytes:
    """What is stored."""
    return b"".join([chunk async for chunk in world.services.storage.read(key)])


async def rows_in_quarantine(world: World) -> int:
    """How many are remembered."""
    return (await world.stored())[0]["quarantine"]


async def test_a_file_that_a_row_names_again_is_taken_out_of_the_quarantine(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database was an older copy; the newer one comes back, and finds every file where it was."""
    alice, _ = await world.people("alice", "bob")
    await world.send(alice, "bob", files=[await world.file(TEXT)])
    make_old(kept_files(world)[0], HOUR + 60)
    database = world.services.database.path
    await world.services.close()
    newer = database.read_bytes()
    again = await reopened(world)
    await again.services.database.write(forget_files)
    counts = [await sweep_in(again, monkeypatch, 0), await sweep_in(again, monkeypatch, 6 * DAY)]
    await again.services.close()
    database.write_bytes(newer)
    for name in ("-wal", "-shm"):
        database.with_name(database.name + name).unlink(missing_ok=True)
    back = await reopened(world)
    counts += [await sweep_in(back, monkeypatch, 9 * DAY)]

    assert [path.read_bytes() for path in kept_files(world)] == [TEXT]
    assert counts == [SweepCounts(1, quarantined=1), SweepCounts(1), SweepCounts(1)]
    await back.services.close()


async def reopened(world: World) -> World:
    """Another run on the same folder."""
    database = GuardedDatabase(world.services.database.path, MemoryPubSub())
    storage = LocalStorage(world.folder / "files")
    return World(await Services.open(database, storage, world.services.limits), world.folder)


def forget_files(tx: Transaction) -> None:
    """As a copy from before them."""
    connection = tx.database.connection()
    connection.execute("DELETE FROM attachment")
    connection.execute("DELETE FROM upload")


async def test_a_mark_goes_where_a_row_names_the_file_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row that comes back while the marks stay, as by a hand that mends a database."""
    alice, _ = await world.people("alice", "bob")
    await world.send(alice, "bob", files=[await world.file(TEXT)])
    make_old(kept_files(world)[0], HOUR + 60)
    key = kept_files(world)[0].name
    put = "INSERT INTO quarantine VALUES (?, 1)"
    await world.services.database.write(lambda tx: tx.database.connection().execute(put, (key,)) and None)

    counts = await sweep_in(world, monkeypatch, 0)

    assert counts == SweepCounts(1, restored=1)
    assert await rows_in_quarantine(world) == 0
    assert await content_of(world, key) == TEXT


async def test_equal_bytes_that_are_sent_while_some_are_in_quarantine_are_stored_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that no row names is given to none, so what is deleted at the end was nobody's."""
    alice, _ = await world.people("alice", "bob")
    first = await put_orphan(world, TEXT)
    make_old(kept_files(world)[0], HOUR + 60)
    await sweep_in(world, monkeypatch, 0)
    id_ = await world.send(alice, "bob", files=[await world.file(TEXT)])
    [file] = (await world.services.message.find_many(alice, [id_]))[id_].attachments

    counts = await sweep_in(world, monkeypatch, 8 * DAY)

    assert file.storage_key != first
    assert counts == SweepCounts(2, deleted=1)
    assert await content_of(world, file.storage_key) == TEXT


async def test_sends_deletes_losses_and_sweeps_at_once_leave_every_message_its_bytes(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal bytes sent, deleted and swept at the same time, with no hour of grace and no quarantine to hide behind.

    The bytes of the first message are lost beforehand, and nobody is given them.
    """
    world = await make_world(quarantine_seconds=0)
    monkeypatch.setattr("services.file.storage_sweep.ORPHAN_SECONDS", 0.2)
    alice, bob = await world.people("alice", "bob")
    await world.send(alice, "bob", files=[await world.file(TEXT)])
    kept_files(world)[0].unlink()
    orphans = [await put_orphan(world, TEXT) for _ in range(5)]

    async def send_and_delete(number: int) -> int | None:
        await asyncio.sleep(number / 100)
        id_ = await world.send(alice, "bob", files=[await world.file(TEXT)])
        if number % 3 == 0:
            await world.services.deletion.delete_for_everyone(alice, id_)
            return None
        return id_

    async def sweep_on() -> None:
        for _ in range(12):
            await world.services.sweeper.sweep()
            await asyncio.sleep(0.03)

    sent, _ = await asyncio.gather(asyncio.gather(*(send_and_delete(n) for n in range(40))), sweep_on())
    views = await world.services.message.find_many(bob, [id_ for id_ in sent if id_])
    await asyncio.sleep(0.2)
    await world.services.sweeper.sweep()
    await world.services.sweeper.sweep()

    keys = {view.attachments[0].storage_key for view in views.values()}
    assert len(views) == 26
    assert [await content_of(world, key) for key in keys] == [TEXT] * len(keys)
    assert not keys & set(orphans)
    assert {path.name for path in kept_files(world)} == keys


async def test_what_cannot_be_deleted_holds_up_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted and waits for the next round; whatever else a sweep has to do is done."""
    keys = await old_orphans(world, 4)
    (alice,) = await world.people("alice")
    await sweep_in(world, monkeypatch, 0)
    stuck = sorted(keys)[:2]
    delete = world.services.storage.delete

    async def refuse(key: str) -> None:
        if key in stuck:
            raise StorageFailed("The file could not be deleted: injected.")
        await delete(key)

    with monkeypatch.context() as patch, capture_logs() as lines:
        patch.setattr(world.services.storage, "delete", refuse)
        counts = await sweep_in(world, monkeypatch, 40 * DAY)
    left = sorted(path.name for path in kept_files(world))
    assert await world.services.database.read(lambda tx: sessions_of(tx, alice.user_id)) == 0
    last = await sweep_in(world, monkeypatch, 80 * DAY)

    assert (counts, last) == (SweepCounts(4, deleted=2, failed=2), SweepCounts(2, quarantined=2))
    assert left == stuck
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("not deleted", "warning"),
        ("not deleted", "warning"),
        ("storage swept", "warning"),
    ]


def sessions_of(tx: Transaction, user_id: int) -> int:
    """How many sessions somebody has."""
    query = "SELECT count(*) FROM session WHERE user_id = ?"
    return int(tx.database.connection().execute(query, (user_id,)).fetchone()[0])


async def test_a_part_that_cannot_be_listed_keeps_no_other_from_its_turn(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder of the files is broken; the partial files are looked at all the same."""

    async def chunks() -> AsyncIterator[bytes]:
        yield TEXT

    await world.services.storage.partials.append(777, chunks())

    def fail(_: Path) -> None:
        raise OSError(5, "injected")

    monkeypatch.setattr("storage.local._folders_in", fail)
    with capture_logs() as lines:
        counts = await sweep_in(world, monkeypatch, 0)

    assert counts == SweepCounts(1, quarantined=1, failed=1)
    assert [line["event"] for line in lines] == ["sweep failed", "storage swept"]


async def test_a_full_disk_still_gives_room_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is due is deleted before a row is written, which could fail for want of room."""
    await old_orphans(world, 2)
    await sweep_in(world, monkeypatch, 0)
    await put_orphan(world)
    for path in kept_files(world):
        make_old(path, HOUR + 60)
    write = world.services.database.write

    async def refuse(fn: Any, *args: Any, **kwargs: Any) -> Any:
        if getattr(fn, "__name__", "") == "change":
            raise StorageFull("injected")
        return await write(fn, *args, **kwargs)

    monkeypatch.setattr(world.services.database, "write", refuse)
    with capture_logs() as lines:
        counts = await sweep_in(world, monkeypatch, 8 * DAY)

    assert len(kept_files(world)) == 1
    assert counts is not None
    assert (counts.deleted, counts.failed) == (2, 1)
    assert [line["event"] for line in lines] == ["sweep failed", "storage swept"]


async def test_every_sweep_says_what_it_did_in_one_line(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts, and no names; a warning where most of the storage is nobody's: the database may be an older copy."""
    with capture_logs() as quiet:
        await sweep_in(world, monkeypatch, 0)
    await old_orphans(world, 20)
    with capture_logs() as loud:
        await sweep_in(world, monkeypatch, 0)

    zero = {"looked_at": 0, "quarantined": 0, "restored": 0, "deleted": 0, "failed": 0}
    assert quiet == [{"event": "storage swept", "log_level": "info", **zero}]
    assert loud == [{"event": "storage swept", "log_level": "warning", **zero, "looked_at": 20, "quarantined": 20}]


async def test_what_others_deleted_is_not_remembered_for_ever(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row without a file goes after two quarantines and a day."""
    await old_orphans(world, 1)
    await sweep_in(world, monkeypatch, 0)
    os.unlink(kept_files(world)[0])  # noqa: PTH108
    counts = [await rows_in_quarantine(world)]
    for days in (14, 16):
        await sweep_in(world, monkeypatch, days * DAY)
        counts.append(await rows_in_quarantine(world))

    assert counts == [1, 1, 0]
