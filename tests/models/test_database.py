"""The executor: many mutations to a commit, each whole or undone; deadlines, bounds, and what a failure leaves."""

import asyncio
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from models import job
from models.database import Database
from models.error import (
    Busy,
    DatabaseError,
    DatabaseFull,
    DatabaseInUse,
    DatabaseUnreadable,
    DeadlineExceeded,
    NotCommitted,
    Unavailable,
)
from models.file import DatabaseFile
from models.transaction import Transaction
from tests.template import put_tables

ROOT = Path(__file__).parents[2]
ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An open one."""
    database = Database(
        put_tables(tmp_path / "sotto.db"), queue_limit=100, write_deadline_seconds=1.0, read_deadline_seconds=0.3
    )
    await database.open()
    yield database
    await database.close()


def put(tx: Transaction, ref: int) -> int:
    """One row."""
    return tx.run(job.PUT, kind=0, ref=ref)


def put_then_fail(tx: Transaction, ref: int) -> None:
    """One row, then a bug."""
    put(tx, ref)
    raise LookupError(ref)


def refs(tx: Transaction) -> list[int]:
    """All rows."""
    return [row.ref for row in tx.all(job.NEXT, kind=0, count=10_000)]


def endless(tx: Transaction) -> None:
    """A query without an end."""
    tx.database.connection().execute(ENDLESS).fetchone()


def hold(_tx: Transaction, entered: threading.Event, leave: threading.Event) -> None:
    """Keeps its thread."""
    entered.set()
    leave.wait(10)


async def occupied(database: Database) -> tuple["asyncio.Task[None]", threading.Event]:
    """The writer busy with one job until the event is set."""
    entered, leave = threading.Event(), threading.Event()
    task = asyncio.create_task(database.write(hold, entered, leave))
    await asyncio.to_thread(entered.wait)
    return task, leave


async def test_what_queued_up_during_a_commit_shares_the_next(database: Database) -> None:
    """Group commit: the batch is what waited, with no artificial delay."""
    statements: list[str] = []
    await database.write(lambda tx: tx.database.connection().set_trace_callback(statements.append))
    task, leave = await occupied(database)
    writes = [asyncio.create_task(database.write(put, number)) for number in range(50)]
    await asyncio.sleep(0.05)
    statements.clear()

    leave.set()
    await asyncio.gather(task, *writes)

    assert [each for each in statements if each in {"BEGIN IMMEDIATE", "COMMIT"}] == [
        "COMMIT",
        "BEGIN IMMEDIATE",
        "COMMIT",
    ]
    assert await database.read(refs) == list(range(50))


async def test_a_job_that_raises_is_undone_alone(database: Database) -> None:
    """A savepoint for each; the error is its caller's, as it was raised."""
    task, leave = await occupied(database)
    writes = [asyncio.create_task(database.write(put_then_fail if number == 2 else put, number)) for number in range(5)]
    await asyncio.sleep(0.05)
    leave.set()
    results = await asyncio.gather(task, *writes, return_exceptions=True)

    assert [type(each) for each in results] == [type(None), int, int, LookupError, int, int]
    assert await database.read(refs) == [0, 1, 3, 4]


async def test_a_read_sees_every_acknowledged_write(database: Database) -> None:
    """Whoever was answered finds what was stored."""
    for number in range(20):
        await database.write(put, number)
        assert len(await database.read(refs)) == number + 1


async def test_acknowledged_means_on_the_disk(database: Database) -> None:
    """FULL: NORMAL lost up to 857 of 3,000 acknowledged messages per simulated power cut."""

    def pragmas(tx: Transaction) -> tuple[object, ...]:
        connection = tx.database.connection()
        names = ("synchronous", "journal_mode", "wal_autocheckpoint", "foreign_keys")
        return tuple(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)

    assert await database.write(pragmas) == (2, "wal", 4000, 1)


async def test_a_write_that_waited_too_long_is_surely_not_done(database: Database) -> None:
    """The deadline is checked when the writer takes the job, never after."""
    task, leave = await occupied(database)
    late = asyncio.create_task(database.write(put, 1))
    await asyncio.sleep(1.1)
    leave.set()

    with pytest.raises(DeadlineExceeded):
        await late
    await task
    assert await database.read(refs) == []


async def test_a_cancelled_write_that_was_not_begun_is_not_done(database: Database) -> None:
    """Nobody waits for it any more."""
    task, leave = await occupied(database)
    gone = asyncio.create_task(database.write(put, 1))
    await asyncio.sleep(0.02)
    gone.cancel()
    await asyncio.sleep(0.02)
    leave.set()
    await task

    assert await database.read(refs) == []


async def test_a_full_queue_refuses_before_it_queues(database: Database) -> None:
    """512 by default, 100 here; the others are not harmed."""
    task, leave = await occupied(database)
    writes = [asyncio.create_task(database.write(put, number)) for number in range(150)]
    await asyncio.sleep(0.05)
    leave.set()
    results = await asyncio.gather(task, *writes, return_exceptions=True)

    assert [type(each) for each in results].count(Busy) == 51
    assert len(await database.read(refs)) == 99


async def test_a_read_past_its_deadline_is_interrupted(database: Database) -> None:
    """An endless query costs its second, and the reader goes on."""
    began = time.monotonic()

    with pytest.raises(DeadlineExceeded):
        await database.read(endless)

    assert time.monotonic() - began < 5
    assert await database.read(refs) == []


async def test_a_read_that_expires_between_two_statements_fails_at_the_next(database: Database) -> None:
    """An interrupt there is lost: SQLite forgets it if no statement runs."""
    did: list[str] = []

    def read(tx: Transaction) -> None:
        refs(tx)
        did.append("before")
        expired.wait(10)
        refs(tx)
        did.append("after")

    expired = threading.Event()
    task = asyncio.create_task(database.read(read))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.35, expired.set)  # scheduled later than the deadline: runs after it

    with pytest.raises(DeadlineExceeded, match="was interrupted"):
        await task
    assert did == ["before"]
    assert await database.read(refs) == []


async def test_an_interrupt_is_repeated_until_the_read_ends(database: Database) -> None:
    """One may come after a statement was allowed and before SQLite has begun it."""
    expired = threading.Event()

    def read(tx: Transaction) -> None:
        expired.wait(10)
        endless(tx)  # past the check

    task = asyncio.create_task(database.read(read))
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_later(0.35, expired.set)

    with pytest.raises(DeadlineExceeded, match="was interrupted"):
        await task
    assert await database.read(refs) == []


async def test_a_cancelled_read_keeps_its_deadline(database: Database) -> None:
    """Whoever leaves must not leave a reader that never ends."""
    reads = [asyncio.create_task(database.read(endless)) for _ in range(4)]
    await asyncio.sleep(0.05)
    for read in reads:
        read.cancel()
    await asyncio.sleep(0.5)

    assert await database.read(refs) == []


async def test_a_reader_cannot_write(database: Database) -> None:
    """`query_only`: a write in the wrong place is an error and not a second writer."""
    with pytest.raises(DatabaseError):
        await database.read(put, 1)

    assert await database.read(refs) == []


async def test_a_second_server_on_the_same_file_is_refused(database: Database) -> None:
    """In this process and in another; the first goes on."""
    with pytest.raises(DatabaseInUse, match="in use by process"):
        await Database(database.path).open()
    script = (
        "import asyncio, pathlib, sys; from models.database import Database; from models.error import DatabaseInUse\n"
        "try: asyncio.run(Database(pathlib.Path(sys.argv[1])).open())\n"
        "except DatabaseInUse: print('refused')"
    )
    command = [sys.executable, "-c", script, str(database.path)]
    other = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, cwd=ROOT, check=False)

    assert other.stdout == "refused\n", other.stderr
    assert await database.write(put, 1) == 1


async def test_what_is_no_database_is_refused_in_a_sentence(tmp_path: Path) -> None:
    """And the file stays as it is: the operator may have named the wrong one."""
    path = tmp_path / "notes.txt"
    path.write_bytes(b"not a database, but somebody's notes\n" * 200)
    before = path.read_bytes()

    with pytest.raises(DatabaseUnreadable, match="cannot be read"):
        await Database(path).open()

    assert path.read_bytes() == before


async def test_a_commit_that_fails_acknowledges_nothing_and_the_writer_recovers(database: Database) -> None:
    """A foreign key that is checked at COMMIT: all of the batch are told, the connection is opened anew."""

    def poison(tx: Transaction) -> None:
        connection = tx.database.connection()
        connection.execute("PRAGMA defer_foreign_keys = ON")
        connection.execute("INSERT INTO device VALUES (1, 1, NULL, 1, 1, 1)")

    task, leave = await occupied(database)
    writes = [asyncio.create_task(database.write(put, 1)), asyncio.create_task(database.write(poison))]
    await asyncio.sleep(0.05)
    leave.set()
    results = await asyncio.gather(task, *writes, return_exceptions=True)

    assert {type(each) for each in results} == {type(None), NotCommitted}
    assert await database.read(refs) == []
    assert await database.write(put, 2) == 1
    assert await database.read(refs) == [2]


async def test_a_full_disk_is_told_apart_and_reading_goes_on(database: Database) -> None:
    """SQLITE_FULL, caused by a limit of pages; when there is room again, the same server writes again."""

    def limit(tx: Transaction, pages: int) -> None:
        tx.database.connection().execute(f"PRAGMA max_page_count = {pages}")

    def put_much(tx: Transaction) -> None:
        for _ in range(2000):
            tx.database.connection().execute("INSERT INTO job (kind, ref) VALUES (0, 1)")

    await database.write(put, 1)
    await database.write(limit, 1)  # SQLite sets it to what is in use

    with pytest.raises(DatabaseFull):
        await database.write(put_much)

    assert await database.read(refs) == [1]
    await database.write(limit, 1 << 30)
    await database.write(put_much)
    assert len(await database.read(refs)) == 2001


async def test_closing_finishes_what_was_submitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if its thread is slow to connect; it unlocks the file, and later writes are refused."""
    check_place, slowed = DatabaseFile.check_place, []

    def slow_check(file: DatabaseFile) -> None:
        if threading.current_thread().name == "sotto-writer":
            slowed.append(file)
            time.sleep(0.2)
        check_place(file)

    monkeypatch.setattr(DatabaseFile, "check_place", slow_check)
    database = Database(tmp_path / "sotto.db")
    await database.open()
    writes = [asyncio.create_task(database.write(put, number)) for number in range(100)]
    await asyncio.sleep(0)
    await database.close()

    assert slowed
    assert await asyncio.gather(*writes) == [1] * 100
    with pytest.raises(Unavailable):
        await database.write(put, 1)
    again = Database(tmp_path / "sotto.db")
    await again.open()
    assert await again.read(refs) == list(range(100))
    await again.close()


async def test_a_drivers_error_does_not_cross_the_room(database: Database) -> None:
    """Its text holds SQL and parameters."""
    with pytest.raises(DatabaseError) as caught:
        await database.write(lambda tx: tx.database.connection().execute("SELECT secret FROM nowhere"))

    assert "secret" not in str(caught.value)
    assert isinstance(caught.value.__cause__, sqlite3.Error)
