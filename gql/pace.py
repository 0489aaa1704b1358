"""The pace of execution: how long GraphQL may run before the event loop serves others."""

import asyncio
import heapq
import itertools
import time
from weakref import WeakKeyDictionary

SLICE_SECONDS = 0.01  # of one turn of the event loop; work in progress finishes, which takes another few ms
WOKEN = 200  # waiting tasks woken in one turn: more would find no time left


class Pace:
    """One time slice for each turn of an event loop, shared by all operations executed on it.

    A task that finds the slice used up waits for a later turn. Waiting tasks continue in order of arrival, as many per
    turn as there is time for, so that loaders still batch. Time spent waiting for the database counts in no slice: the
    next turn has a new one.
    """

    def __init__(self) -> None:
        self._ends_at: float | None = None
        self._is_end_due = False
        self._numbers = itertools.count()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def is_over(self, slices: int = 1) -> bool:
        """Whether so many slices of this turn are used up; the first call of a turn starts them."""
        now = time.perf_counter()
        if self._ends_at is None:
            self._ends_at = now + SLICE_SECONDS
            self._end_soon()
        return now >= self._ends_at + (slices - 1) * SLICE_SECONDS

    async def turn(self) -> None:
        """Wait for a turn of the loop with time left."""
        number = next(self._numbers)
        while self.is_over():  # also makes the next turn wake the waiting tasks
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (number, waiting))
            await waiting

    def _end_soon(self) -> None:
        if not self._is_end_due:
            self._is_end_due = True
            asyncio.get_running_loop().call_soon(self._end)

    def _end(self) -> None:
        """Start the next turn: wake waiting tasks, and schedule the rest for the turn after it.

        Woken tasks may be cancelled before they run, so they cannot schedule it.
        """
        self._ends_at, self._is_end_due, woken = None, False, 0
        while self._waiting and woken < WOKEN:
            _, waiting = heapq.heappop(self._waiting)
            if not waiting.done():  # by the end of its task
                waiting.set_result(None)
                woken += 1
        if self._waiting:
            self._end_soon()


_PACES: WeakKeyDictionary[asyncio.AbstractEventLoop, Pace] = WeakKeyDictionary()


def pace_of_loop() -> Pace:
    """The pace of the running loop."""
    loop = asyncio.get_running_loop()
    pace = _PACES.get(loop)
    if pace is None:
        pace = _PACES[loop] = Pace()
    return pace


async def give_way() -> None:
    """Wait for a later turn of the loop if the slice of this one is used up.

    Call it before work of about a millisecond that many tasks may have in the same turn, such as the answers of a
    hundred streams that one message wakes.
    """
    pace = pace_of_loop()
    if pace.is_over():
        await pace.turn()
