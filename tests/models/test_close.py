"""Closing and reading: what was submitted is answered, who comes later is told; a reader's bounds and snapshots."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from models import job
from models.database import Database
from models.error import Busy, DeadlineExceeded, Unavailable
from models.transaction import Transaction
from tests.template import put_tables

COUNT = "SELECT count(*) FROM job"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An open one with one reader."""
    database = Database(put_tables(tmp_path / "sotto.db"), queue_limit=20, read_deadline_seconds=0.4, readers=1)
    await database.open()
    yield database
    await database.close()


class Gate:
    """A function that keeps its thread until it is opened."""

    def __init__(self) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()

    def __call__(self, _tx: Transaction) -> str:
        self.entered.set()
        self.opened.wait(10)
        return "through"

    async def taken(self) -> None:
        """Returns once a thread stands in it."""
        await asyncio.to_thread(self.entered.wait)


def count(tx: Transaction) -> int:
    """Rows."""
    return int(tx.database.connection().execute(COUNT).fetchone()[0])


def put(tx: Transaction) -> int:
    """One row."""
    return tx.run(job.PUT, kind=0, ref=1)


@pytest.mark.parametrize("kind", ["write", "read"])
async def test_who_comes_while_it_closes_is_told_and_does_not_wait_for_ever(database: Database, kind: str) -> None:
    """What stands behind the mark of the end would never be answered."""
    gate = Gate()
    submit = database.write if kind == "write" else database.read
    first = asyncio.create_task(submit(gate))
    await gate.taken()
    closing = asyncio.create_task(database.close())
    await asyncio.sleep(0.05)

    with pytest.raises(Unavailable, match="closed"):
        await asyncio.wait_for(submit(count), 2)

    gate.opened.set()
    await closing
    assert await first == "through"


async def test_closing_twice_does_nothing_more(tmp_path: Path) -> None:
    """Nor does closing what was never opened; each says that nothing is left to do."""
    database = Database(tmp_path / "sotto.db")
    assert await database.close()
    await database.open()
    assert await database.close(5)

    assert await database.close(5)

    with pytest.raises(Unavailable):
        await database.read(count)


@pytest.mark.parametrize("kind", ["write", "read"])
async def test_closing_says_that_a_call_did_not_end_in_time(database: Database, kind: str) -> None:
    """The call goes on; closing again waits for it."""
    gate = Gate()
    submit = database.write if kind == "write" else database.read
    going = asyncio.create_task(submit(gate))
    await gate.taken()

    assert not await database.close(0.05)

    gate.opened.set()
    assert await going == "through"
    assert await database.close(5)


async def test_a_full_queue_of_reads_refuses_the_next(database: Database) -> None:
    """Before it is queued; those that wait are answered."""
    gate = Gate()
    first = asyncio.create_task(database.read(gate))
    await gate.taken()
    others = [asyncio.create_task(database.read(count)) for _ in range(25)]
    await asyncio.sleep(0.02)
    gate.opened.set()
    results = await asyncio.gather(*others, return_exceptions=True)

    assert await first == "through"
    assert [type(each) for each in results].count(Busy) == 6
    assert [each for each in results if each == 0] == [0] * 19


async def test_a_read_that_waited_too_long_is_not_begun(database: Database) -> None:
    """Its second counts from when it was asked for."""
    gate = Gate()
    first = asyncio.create_task(database.read(gate))
    await gate.taken()
    late = asyncio.create_task(database.read(count))
    await asyncio.sleep(0.5)
    gate.opened.set()

    with pytest.raises(DeadlineExceeded):
        await late
    await first
    assert await database.read(count) == 0


async def test_a_read_is_one_snapshot(database: Database) -> None:
    """A write that is committed between two of its statements is not seen by the second."""
    gate = Gate()

    def twice(tx: Transaction) -> tuple[int, int]:
        before = count(tx)
        gate(tx)
        return before, count(tx)

    reading = asyncio.create_task(database.read(twice))
    await gate.taken()
    await database.write(put)
    gate.opened.set()

    assert await reading == (0, 0)
    assert await database.read(count) == 1


async def test_a_readers_bug_is_its_callers_and_the_next_read_is_well(database: Database) -> None:
    """The error as it was raised, the transaction ended."""

    def fail(tx: Transaction) -> None:
        count(tx)
        raise LookupError("bug")

    with pytest.raises(LookupError, match="bug"):
        await database.read(fail)

    await database.write(put)
    assert await database.read(count) == 1


async def test_all_readers_together_have_the_time_that_one_has(tmp_path: Path) -> None:
    """Eight that hang do not make a stop eight times as long."""
    database = Database(tmp_path / "sotto.db", readers=8)
    await database.open()
    gates = [Gate() for _ in range(8)]
    reading = [asyncio.create_task(database.read(gate)) for gate in gates]
    for gate in gates:
        await gate.taken()
    began = time.monotonic()

    assert not await database.close(0.1)

    assert time.monotonic() - began < 0.5
    for gate in gates:
        gate.opened.set()
    assert await asyncio.gather(*reading) == ["through"] * 8
    assert await database.close()


@pytest.mark.parametrize("kind", ["write", "read"])
async def test_a_close_that_may_not_wait_leaves_the_rest_to_the_log(database: Database, kind: str) -> None:
    """A stop has its five seconds, however slow the disk is; whoever has longer closes it whole."""
    await database.write(put)
    gate = Gate()
    work = asyncio.create_task((database.write if kind == "write" else database.read)(gate))
    await gate.taken()

    async with asyncio.timeout(5):
        assert not await database.close(0.05)

    log = database.path.with_name("sotto.db-wal")
    assert log.stat().st_size
    gate.opened.set()
    assert await work == "through"
    assert await database.close()
    assert not log.exists()
