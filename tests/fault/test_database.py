"""A database on a disk that fails: what is answered is true, also after a crash."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from models import job
from models.database import Database
from models.error import DatabaseFailed, DatabaseFull, NotCommitted, OutcomeUnknown
from models.transaction import Transaction
from tests.fault.conftest import Disk
from tests.template import put_tables

FRAME_BYTES = 24 + 4096


@pytest.fixture
async def database(disk: Disk, tmp_path: Path) -> AsyncIterator[Database]:
    """An open one."""
    database = Database(put_tables(tmp_path / "sotto.db"))
    await database.open()
    yield database
    disk.heal()
    await database.close()


def put(tx: Transaction, ref: int) -> int:
    """One row."""
    return tx.run(job.PUT, kind=0, ref=ref)


def refs(tx: Transaction) -> list[int]:
    """All rows."""
    return [row.ref for row in tx.all(job.NEXT, kind=0, count=10_000)]


def log_size(database: Database) -> int:
    """Bytes of the write-ahead log."""
    return database.path.with_name(f"{database.path.name}-wal").stat().st_size


async def after_a_crash(database: Database, disk: Disk) -> list[int]:
    """The rows of the files as they are now, opened as the next start would, with the disk well again."""
    path = database.path
    folder = path.with_name("crashed")
    folder.mkdir()
    for name in (path.name, f"{path.name}-wal", f"{path.name}.lock"):
        shutil.copy(path.with_name(name), folder)
    disk.heal()
    next_ = Database(folder / path.name)
    await next_.open()
    try:
        return await next_.read(refs)
    finally:
        await next_.close()
        shutil.rmtree(folder)


async def test_what_was_not_stored_does_not_come_back_after_a_crash(database: Database, disk: Disk) -> None:
    """Its frames are in the log, and would be replayed: they are overwritten before anybody gets an answer."""
    await database.write(put, 1)
    disk.fail("fsync", "-wal", last=1)

    with pytest.raises(NotCommitted, match=r"nothing of it was stored.*SQLITE_IOERR_FSYNC"):
        await database.write(put, 2)

    assert await after_a_crash(database, disk) == await database.read(refs) == [1]


async def test_what_may_come_back_is_told_to_be_unknown(database: Database, disk: Disk) -> None:
    """Where the disk goes on failing nothing can be made sure of."""
    before = log_size(database)
    await database.write(put, 1)
    frames = (log_size(database) - before) // FRAME_BYTES
    disk.fail("fsync", "-wal")
    disk.fail("write", "-wal", first=2 * frames + 1)  # each is a header and a page; nothing can overwrite them

    with pytest.raises(OutcomeUnknown, match="SQLITE_IOERR_FSYNC"):
        await database.write(put, 2)

    assert await database.read(refs) == [1]
    assert await after_a_crash(database, disk) == [1, 2]


@pytest.mark.parametrize("changes", [True, False], ids=["a write that changes a row", "one that changes nothing"])
async def test_the_next_write_that_succeeds_ends_the_doubt(database: Database, disk: Disk, *, changes: bool) -> None:
    """Whoever deletes bytes after it can rely on what it saw."""
    await database.write(put, 1)
    disk.fail("fsync", "-wal")
    with pytest.raises(OutcomeUnknown):
        await database.write(put, 2)
    disk.heal()

    await database.write(lambda tx: put(tx, 3) if changes else None)

    assert await after_a_crash(database, disk) == await database.read(refs) == ([1, 3] if changes else [1])


async def test_a_write_that_does_not_reach_the_log_is_named(database: Database, disk: Disk) -> None:
    """EIO in the middle of the frames; then the disk is well again, and so is the database."""
    disk.fail("write", "-wal")

    with pytest.raises(OutcomeUnknown, match="SQLITE_IOERR_WRITE"):
        await database.write(put, 1)

    disk.heal()
    await database.write(put, 2)
    assert await after_a_crash(database, disk) == await database.read(refs) == [2]


async def test_a_full_disk_stores_nothing_for_sure(database: Database, disk: Disk) -> None:
    """ENOSPC at a frame: the one that ends the transaction is the last, so it is not there."""
    disk.fail("write", "-wal", code=28)

    with pytest.raises(DatabaseFull, match="SQLITE_FULL"):
        await database.write(put, 1)

    assert await after_a_crash(database, disk) == await database.read(refs) == []


async def test_a_read_that_fails_is_told_and_the_reader_goes_on(database: Database, disk: Disk) -> None:
    """Its connection is opened anew, as often as it takes; nobody waits for a thread that has died."""
    await database.write(put, 1)
    disk.fail("read", "-wal")
    disk.fail("read", ".db")

    for _ in range(5):
        with pytest.raises(DatabaseFailed, match=r"SQLITE_(IOERR|CORRUPT)"):
            await database.read(refs)

    disk.heal()
    assert [await database.read(refs) for _ in range(4)] == [[1]] * 4


async def test_a_checkpoint_that_fails_costs_nothing_that_was_acknowledged(database: Database, disk: Disk) -> None:
    """The log keeps it until the database has it."""
    await database.write(lambda tx: tx.database.connection().execute("PRAGMA wal_autocheckpoint = 1"))
    disk.fail("fsync", ".db")

    for number in range(5):
        await database.write(put, number)

    assert await after_a_crash(database, disk) == await database.read(refs) == list(range(5))
