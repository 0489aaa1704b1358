"""The pace of execution: how long GraphQL may work before the event loop turns to others."""

import asyncio
import heapq
import itertools
import time
from weakref import WeakKeyDictionary

SLICE_SECONDS = 0.01  # of one turn of the event loop; what is under way is finished, which takes another few ms
WOKEN = 200  # of those who wait, in one turn: more would not find time, and would only be woken


class Pace:
    """One slice for each turn of an event loop, shared by all operations that are executed on it.

    Whoever finds the slice used up waits for a later turn; those who wait go on in the order in which they came, as
    many in one turn as there is time for, so that loaders still load for many at once. Time that passes while the
    database is asked is in no slice: the next turn has a new one.
    """

    def __init__(self) -> None:
        self._ends_at: float | None = None
        self._is_end_due = False
        self._numbers = itertools.count()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def is_over(self, slices: int = 1) -> bool:
        """Whether so many slices of this turn are used up; the first who asks begins them."""
        now = time.perf_counter()
        if self._ends_at is None:
            self._ends_at = now + SLICE_SECONDS
            self._end_soon()
        return now >= self._ends_at + (slices - 1) * SLICE_SECONDS

    async def turn(self) -> None:
        """Wait for a turn of the loop in which there is time."""
        number = next(self._numbers)
        while self.is_over():  # which also sees to it that the next turn wakes those who wait
            waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            heapq.heappush(self._waiting, (number, waiting))
            await waiting

    def _end_soon(self) -> None:
        if not self._is_end_due:
            self._is_end_due = True
            asyncio.get_running_loop().call_soon(self._end)

    def _end(self) -> None:
        """The next turn has begun: wake those who wait, and see to the rest in the turn after it.

        Those who are woken may be cancelled before they run, and would then not see to it.
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
    """The pace of the loop that is running."""
    loop = asyncio.get_running_loop()
    pace = _PACES.get(loop)
    if pace is None:
        pace = _PACES[loop] = Pace()
    return pace


async def give_way() -> None:
    """Wait for a later turn of the loop where the slice of this one is used up.

    To be called before work of about a millisecond that many tasks may have to do in the same turn, such as the answers
    of a hundred streams that one message wakes.
    """
    pace = pace_of_loop()
    if pace.is_over():
        await pace.turn()
