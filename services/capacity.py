"""Capacity: how much work is under way at once, where each piece of it has a cost."""

import asyncio
from collections import deque


class Capacity:
    """Lets pieces of work begin while their costs together are within `most`, in the order in which they came.

    For one event loop. A piece that costs more than `most` begins when nothing else is under way.
    """

    def __init__(self, most: float) -> None:
        self._most = most
        self._free = most
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()

    def has_room(self, cost: float) -> bool:
        """Whether a piece of this cost would begin at once."""
        return not self._waiting and min(cost, self._most) <= self._free

    async def take(self, cost: float) -> float:
        """Wait until there is room; returns what was taken, to be given back with `give`."""
        taken = min(cost, self._most)
        if self.has_room(cost):
            self._free -= taken
            return taken
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((taken, granted))
        try:
            await granted
        except asyncio.CancelledError:
            if not granted.cancelled():
                self.give(taken)  # room was made in the turn in which the task was cancelled
            self._grant()  # others behind it may fit
            raise
        return taken

    def give(self, taken: float) -> None:
        """Make room again, for those who wait."""
        self._free += taken
        self._grant()

    def _grant(self) -> None:
        while self._waiting:
            taken, granted = self._waiting[0]
            if not granted.cancelled():
                if taken > self._free:
                    return
                self._free -= taken
                granted.set_result(None)
            self._waiting.popleft()
