"""The queue of documents that wait to be read: people before strangers, and each in their turn."""

import asyncio
import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeVar

from services.error import ServerUnavailable

T = TypeVar("T")

MOST_WAITING = 200
MOST_OF_ONE = 20  # of one person, or of one address


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom a document is read: a person, or an address without an account."""

    key: object = None
    is_stranger: bool = True


class ReadingQueue:
    """Lets one document at a time be read, which takes up to 200 ms, in a thread beside the event loop.

    Strangers go last; of the others whoever has fewest waiting goes first, so a hundred documents of one person keep
    another's from being read for no longer than one of them.
    """

    def __init__(self, thread: Executor) -> None:
        self._thread = thread
        self._is_busy = False
        self._waiting: list[tuple[bool, int, int, asyncio.Future[None]]] = []
        self._waiting_of: Counter[object] = Counter()
        self._numbers = itertools.count()

    async def run(self, work: Callable[[], T], reader: Reader) -> T:
        """Call this in the thread when its turn has come; raises ServerUnavailable where too many wait."""
        if self._is_busy:
            await self._wait(reader)
        self._is_busy = True
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._pass_on()

    async def _wait(self, reader: Reader) -> None:
        of_reader = self._waiting_of[reader.key]
        waiting = self._waiting_of.total()
        if of_reader >= MOST_OF_ONE or waiting >= (MOST_WAITING // 2 if reader.is_stranger else MOST_WAITING):
            raise ServerUnavailable("Too many new documents wait to be read; try again in a moment.")
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (reader.is_stranger, of_reader, next(self._numbers), turn))
        self._waiting_of[reader.key] += 1
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._pass_on()
            raise
        finally:
            self._waiting_of[reader.key] -= 1
            if not self._waiting_of[reader.key]:
                del self._waiting_of[reader.key]

    def _pass_on(self) -> None:
        """Let the next one in; nobody who comes meanwhile goes before."""
        self._is_busy = False
        while self._waiting:
            *_, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self._is_busy = True
                turn.set_result(None)
                return
