"""The queue of documents to be read: signed-in people first, and fairly among them."""

import asyncio
import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TypeVar

from gql.context import Context
from services.error import ServerUnavailable
from services.rate import network_of

T = TypeVar("T")

MOST_WAITING = 200
MOST_OF_ONE = 20  # of one person, or of one address


@dataclass(frozen=True, slots=True)
class Reader:
    """The sender of a document to be read: a person, or an address without an account."""

    key: object = None
    is_stranger: bool = True

    @classmethod
    def of(cls, context: Context) -> "Reader":
        """The sender of this request; a document that it registers belongs to them."""
        viewer = context.viewer
        return cls(viewer.user_id if viewer else network_of(context.remote), is_stranger=viewer is None)


class ReadingQueue:
    """Reads one document at a time, up to 200 ms each, in a thread outside the event loop.

    Anonymous clients come last. Among the others, the one with the fewest waiting documents comes first, so a hundred
    documents of one person delay another person's by at most one document.
    """

    def __init__(self, thread: Executor) -> None:
        self._thread = thread
        self._is_busy = False
        self._waiting: list[tuple[bool, int, int, asyncio.Future[None]]] = []
        self._waiting_of: Counter[object] = Counter()
        self._numbers = itertools.count()

    async def run(self, work: Callable[[], T], reader: Reader) -> T:
        """Run this in the thread, in turn; raises ServerUnavailable if too many are waiting."""
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
        """Start the next one; a document that arrives meanwhile cannot overtake it."""
        self._is_busy = False
        while self._waiting:
            *_, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self._is_busy = True
                turn.set_result(None)
                return
