"""Reads of the log: streams that wait for the same event read it together."""

import asyncio
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import NamedTuple

from models.event import Position
from models.transaction import Transaction
from services.error import ServerUnavailable
from services.guard import GuardedDatabase
from services.live.resolved_event import ALL_OF_EVENT, EventParts, ResolvedEvent

AT_ONCE = 64  # reads in one job, about 5 ms of a reader's thread
JOBS = 2  # at the same time: a message to thousands of people must not delay requests


class LogRead(NamedTuple):
    """A read of a viewer's log after a position, with what is shown of the events."""

    viewer_id: int
    after: Position
    parts: EventParts = ALL_OF_EVENT


@dataclass(frozen=True, slots=True)
class EventBatch:
    """A batch of the log; `position` is where the next one starts, after events that the viewer may no longer see."""

    items: list[ResolvedEvent]
    position: Position
    has_more: bool


# The batch of each read, in order; None if the log no longer has what follows. If time runs out, one or more.
Load = Callable[[Transaction, Sequence[LogRead]], list[EventBatch | None]]
Waiting = dict[LogRead, list[asyncio.Future[EventBatch | None]]]


class LogReader:
    """Reads that are asked for together are one job, and equal ones are one read; a job that has begun takes no more.

    So every read sees what was committed before it was asked for.
    """

    def __init__(self, database: GuardedDatabase, load: Load) -> None:
        self._database = database
        self._load = load
        self._waiting: Waiting = {}
        self._jobs: set[asyncio.Task[None]] = set()
        self._working = 0  # jobs that will look again for what waits
        self._is_starting = False  # a job that will take whatever waits in the next turn of the loop

    async def read(self, read: LogRead) -> EventBatch | None:
        """The next batch; None if the log no longer has what follows the position. Raises ServerUnavailable."""
        loop = asyncio.get_running_loop()
        found: asyncio.Future[EventBatch | None] = loop.create_future()
        self._waiting.setdefault(read, []).append(found)
        if not self._is_starting and self._working < JOBS:
            self._is_starting = True
            self._working += 1
            # a context of its own: the reads of a job count in no operation's share (services/share.py)
            job = loop.create_task(self._work(), context=Context())
            self._jobs.add(job)
            job.add_done_callback(self._jobs.discard)
        return await found

    async def _work(self) -> None:
        """Execute what waits, AT_ONCE at a time, until nothing does."""
        self._is_starting = False
        try:
            while self._waiting:
                await self._execute({read: self._waiting.pop(read) for read in list(self._waiting)[:AT_ONCE]})
        finally:
            self._working -= 1

    async def _execute(self, waiting: Waiting) -> None:
        """Execute these in one job; after a bug, which may be in the data of one viewer, each in a job of its own."""
        try:
            batches = await self._database.read(self._load, list(waiting))
        except ServerUnavailable as error:
            _fail(waiting, error)
        except Exception as error:  # noqa: BLE001 -- raised for those who asked
            if len(waiting) == 1:
                _fail(waiting, error)
            else:
                for read, futures in waiting.items():
                    await self._execute({read: futures})
        else:
            for read, batch in zip(list(waiting), batches, strict=False):
                for found in waiting.pop(read):
                    if not found.done():  # its stream has ended meanwhile
                        found.set_result(batch)
            for read, futures in waiting.items():
                self._waiting.setdefault(read, []).extend(futures)


def _fail(waiting: Waiting, error: Exception) -> None:
    for futures in waiting.values():
        for found in futures:
            if not found.done():
                found.set_exception(error)
