"""A database whose file is deleted, moved, replaced or overwritten while it is open."""

import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import peewee
import pytest

from models import job, probe
from models.database import Database, _new_database
from models.error import DatabaseFailed, DatabaseLost, OutcomeUnknown
from models.reader import Readers
from models.transaction import Transaction
from tests.template import put_tables


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An open one."""
    database = Database(put_tables(tmp_path / "data" / "sotto.db"))
    await database.open()
    yield database
    await database.close()


def put(tx: Transaction, ref: int) -> int:
    """One row."""
    return tx.run(job.PUT, kind=0, ref=ref)


def refs(tx: Transaction) -> list[int]:
    """All rows."""
    return [row.ref for row in tx.all(job.NEXT, kind=0, count=10_000)]


def log_of(path: Path) -> Path:
    """Its write-ahead log."""
    return path.with_name(f"{path.name}-wal")


def replace(path: Path) -> None:
    """A copy in its place, as `rsync` and `mv` do it."""
    copy = path.with_name("copy")
    shutil.copy(path, copy)
    copy.replace(path)


FAULTS: dict[str, Callable[[Path], object]] = {
    "deleted": Path.unlink,
    "replaced": replace,
    "the folder moved": lambda path: path.parent.rename(path.parent.with_name("elsewhere")),
    "the log deleted": lambda path: log_of(path).unlink(),
    "the log replaced": lambda path: replace(log_of(path)),
    "overwritten": lambda path: path.write_bytes(b"garbage!" * 512),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_nothing_is_acknowledged_into_nowhere(database: Database, fault: str) -> None:
    """SQLite goes on without an error. What was on its way is unknown, and whoever comes later is refused."""
    await database.write(put, 1)
    FAULTS[fault](database.path)

    with pytest.raises(OutcomeUnknown):
        await database.write(put, 2)
    for _ in range(3):
        with pytest.raises(DatabaseLost):
            await database.write(put, 3)
    with pytest.raises(DatabaseLost):
        await database.check()


async def test_a_reader_that_connects_while_the_file_is_away_deletes_nothing(database: Database) -> None:
    """SQLite would make an empty file in its place, and delete the log with what was acknowledged."""
    away = database.path.with_name("away")
    await database.write(put, 1)
    await database.read(refs)  # the database's own readers have connected
    database.path.rename(away)
    late = Readers(_new_database(database.path, {"query_only": 1}), database._file, 1, 8, 5.0)
    late.start()

    with pytest.raises(DatabaseLost):
        await late.submit(refs)

    assert not database.path.exists()
    assert log_of(database.path).exists()
    away.rename(database.path)
    assert await late.submit(refs) == [1]
    await database.write(put, 2)
    assert await database.read(refs) == [1, 2]
    await late.stop()


def test_a_connection_creates_no_file(tmp_path: Path) -> None:
    """Where the file is moved away after the check of its place; its name may have any characters."""
    path = tmp_path / "50% of #1?" / "sotto.db"
    path.parent.mkdir()
    database = _new_database(path, {})

    with pytest.raises(peewee.OperationalError, match="unable to open"):
        database.connect()

    assert not path.exists()
    path.touch()
    assert database.connect()
    database.close()


async def test_a_file_that_is_put_back_is_the_same(database: Database) -> None:
    """Moved away and back: nothing has to be restarted, and nothing was lost."""
    away = database.path.with_name("away")
    await database.write(put, 1)
    database.path.rename(away)
    with pytest.raises(OutcomeUnknown):
        await database.write(put, 2)
    away.rename(database.path)

    await database.write(put, 3)

    assert await database.read(refs) == [1, 2, 3]
    await database.check()


async def test_a_healthy_database_passes_and_was_really_written(database: Database) -> None:
    """Each look counts on, and another connection sees it."""
    seen = []
    for _ in range(3):
        await database.check()
        seen.append(await database.read(probe.find))

    assert seen == [1, 2, 3]


async def test_a_database_that_forgets_does_not_pass(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read is not what was written."""
    await database.check()
    monkeypatch.setattr("models.probe.find", lambda _tx: 1)

    with pytest.raises(DatabaseFailed, match="does not return what was written"):
        await database.check()


async def test_after_it_all_the_log_is_folded_into_the_file(database: Database) -> None:
    """What looks after the file lets go of it before the last connection does."""
    await database.write(put, 1)

    await database.close()

    assert not log_of(database.path).exists()
    assert not database.path.with_name("sotto.db-shm").exists()
