"""Streams that wait for the same event read the log together, and each gets what its viewer may see."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Any, cast

import pytest

from models import event as events
from models.event import START, Position
from models.transaction import Transaction
from services.error import ServerUnavailable
from services.guard import GuardedDatabase
from services.live import stream as streams
from services.live.log_reader import EventBatch, LogRead, LogReader
from services.live.signal import Ready
from services.viewer import Viewer
from tests.services.conftest import World
from tests.services.live.test_events import kinds_of, stream_of, take

STREAMS = 50


def batch_at(n: int) -> EventBatch:
    """A batch that ends there."""
    return EventBatch([], Position(n, 1), has_more=False)


class Log:
    """A database that only reads logs: it notes each job, and waits at a gate."""

    def __init__(self) -> None:
        self.jobs: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.broken: dict[int, Exception] = {}
        self.most = 1000
        self.ends: dict[int, int] = {}

    async def read(self, load: Any, reads: Sequence[LogRead]) -> list[EventBatch | None]:
        """See `Database.read`."""
        self.jobs.append([read.viewer_id for read in reads])
        found: list[EventBatch | None] = load(None, reads)
        await self.gate.wait()
        return found

    def load(self, _tx: Transaction, reads: Sequence[LogRead]) -> list[EventBatch | None]:
        """See `services.live.log_reader.Load`."""
        for read in reads:
            if read.viewer_id in self.broken:
                raise self.broken[read.viewer_id]
        return [batch_at(self.ends.get(read.viewer_id, 0)) for read in reads[: self.most]]

    def reader(self) -> LogReader:
        """A reader of these logs."""
        return LogReader(cast("GuardedDatabase", self), self.load)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The statements that read the log, from now on."""
    seen: list[object] = []
    execute = Transaction._execute

    def counting(self: Transaction, prepared: Any, params: dict[str, Any]) -> Any:
        if prepared is events.AFTER:
            seen.append(params["user"])
        return execute(self, prepared, params)

    monkeypatch.setattr(Transaction, "_execute", counting)
    return seen


async def open_streams(stack: AsyncExitStack, world: World, viewer: Viewer, count: int) -> list[Any]:
    """So many streams of one person, which wait for events."""
    new = (stream_of(world, viewer, with_ephemeral=False) for _ in range(count))
    found = [await stack.enter_async_context(aclosing(signals)) for signals in new]
    for signals in found:
        [ready] = await take(signals)
        assert isinstance(ready, Ready)
    return found


async def test_fifty_streams_of_one_person_read_an_event_once(world: World, counted: list[object]) -> None:
    """They wait at the same position; each of them delivers it."""
    alice, bob = await world.people("alice", "bob")
    await world.send(alice, "bob")
    async with AsyncExitStack() as stack:
        found = await open_streams(stack, world, bob, STREAMS)
        waiting = [asyncio.create_task(take(signals)) for signals in found]
        await asyncio.sleep(0.1)
        counted.clear()

        id_ = await world.send(alice, "bob")
        delivered = [await task for task in waiting]

    assert {(each.kind.name, each.subject_id) for [each] in delivered} == {("MESSAGE_CREATED", id_)}  # type: ignore[union-attr]
    assert counted == [bob.user_id]


async def test_streams_of_different_people_read_in_one_job(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each gets its own event; a third person's stream is not even woken."""
    names = [f"person{number}" for number in range(8)]
    alice, *others = await world.people("alice", *names)
    [dave] = await world.people("dave")
    await world.send(alice, *names)
    jobs: list[list[int]] = []
    read = world.services.database.read

    async def noting(fn: Any, *args: Any, **kwargs: Any) -> Any:
        if fn == world.services.stream._load:
            jobs.append([each.viewer_id for each in args[0]])
        return await read(fn, *args, **kwargs)

    async with AsyncExitStack() as stack:
        found = [(await open_streams(stack, world, each, 1))[0] for each in (*others, dave)]
        waiting = [asyncio.create_task(take(signals)) for signals in found]
        await asyncio.sleep(0.1)
        monkeypatch.setattr(world.services.database, "read", noting)
        await world.send(alice, *names, text="to all of you")
        *delivered, nothing = waiting
        assert [kinds_of(await task) for task in delivered] == [["MESSAGE_CREATED"]] * len(names)
        assert not nothing.done()
        nothing.cancel()
        await asyncio.wait([nothing])

    assert [sorted(job) for job in jobs] == [sorted(each.user_id for each in others)]


async def test_a_job_that_has_begun_takes_no_more() -> None:
    """Its snapshot may be older than the event that the later reader was woken for."""
    log = Log()
    reader = log.reader()
    log.gate.clear()
    first = asyncio.create_task(reader.read(LogRead(1, START)))
    await asyncio.sleep(0.01)
    log.ends[1] = 7
    second = asyncio.create_task(reader.read(LogRead(1, START)))
    await asyncio.sleep(0.01)
    log.gate.set()

    assert [(await first or batch_at(-1)).position.n, (await second or batch_at(-1)).position.n] == [0, 7]
    assert log.jobs == [[1], [1]]


async def test_a_read_that_is_asked_for_as_the_last_job_ends_is_executed() -> None:
    """A job that has found nothing more to do is over at once, and not when its task is."""
    log = Log()
    reader = log.reader()
    log.gate.clear()

    async def read_twice() -> None:
        await reader.read(LogRead(1, START))
        await reader.read(LogRead(1, START))  # in the turn in which the tasks of both jobs end

    first = asyncio.create_task(read_twice())
    await asyncio.sleep(0.01)
    second = asyncio.create_task(reader.read(LogRead(2, START)))
    await asyncio.sleep(0.01)
    assert log.jobs == [[1], [2]]
    log.gate.set()
    async with asyncio.timeout(5):
        await asyncio.gather(first, second)

    assert log.jobs == [[1], [2], [1]]


async def test_a_fault_with_one_persons_data_is_their_own() -> None:
    """The others of its job are read again without it."""
    log = Log()
    log.broken[2] = KeyError("a bug")
    reads = [log.reader().read(LogRead(1, START))]  # another reader: it shares nothing
    reader = log.reader()
    reads += [reader.read(LogRead(number, START)) for number in (1, 2, 3)]

    found = await asyncio.gather(*reads, return_exceptions=True)

    assert [type(each) for each in found] == [EventBatch, EventBatch, KeyError, EventBatch]
    assert log.jobs == [[1], [1, 2, 3], [1], [2], [3]]


async def test_a_busy_server_is_not_asked_again_for_each() -> None:
    """ServerUnavailable for all; they try again when their time has come."""
    log = Log()
    log.broken[1] = ServerUnavailable("busy", 0.01)
    reader = log.reader()

    found = await asyncio.gather(*(reader.read(LogRead(n, START)) for n in (1, 2)), return_exceptions=True)

    assert [type(each) for each in found] == [ServerUnavailable] * 2
    assert log.jobs == [[1, 2]]


async def test_what_a_job_has_no_time_for_comes_in_the_next() -> None:
    """Nobody who has left meanwhile is waited for."""
    log = Log()
    log.most = 2
    reader = log.reader()
    tasks = [asyncio.create_task(reader.read(LogRead(number, START))) for number in range(5)]
    await asyncio.sleep(0)
    tasks[1].cancel()

    found = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(each).__name__ for each in found] == ["EventBatch", "CancelledError", *["EventBatch"] * 3]
    assert log.jobs == [[0, 1, 2, 3, 4], [2, 3, 4], [4]]


async def test_a_job_begins_no_further_read_after_so_many_events(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """But one at least: the others follow, and none is lost."""
    monkeypatch.setattr(streams, "JOB_EVENTS", 1)
    alice, bob = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob")
    reads = [LogRead(each.user_id, START) for each in (alice, bob)]

    [batch] = await world.services.database.read(world.services.stream._load, reads)
    reader = LogReader(world.services.database, world.services.stream._load)
    found = await asyncio.gather(*(reader.read(read) for read in reads))

    assert batch is not None
    assert [each and each.items[-1].subject_id for each in found] == [id_, id_]
