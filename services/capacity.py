"""Capacity: limits the total cost of the work in progress."""

import asyncio
from collections import deque


class Capacity:
    """Starts pieces of work in the order of their calls, while the total cost is at most `most`.

    For one event loop. A piece that costs more than `most` starts when nothing else is in progress.
    """

    def __init__(self, most: float) -> None:
        self._most = most
        self._free = most
        self._waiting: deque[tuple[float, asyncio.Future[None]]] = deque()

    def has_room(self, cost: float) -> bool:
        """Whether a piece of this cost would start at once."""
        return not self._waiting and min(cost, self._most) <= self._free

    def take_now(self, cost: float) -> float:
        """Returns the cost taken, which the caller gives back with `give`; call it only if it `has_room`."""
        taken = min(cost, self._most)
        self._free -= taken
        return taken

    async def take(self, cost: float) -> float:
        """As `take_now`; waits until there is room."""
        if self.has_room(cost):
            return self.take_now(cost)
        taken = min(cost, self._most)
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((taken, granted))
        try:
            await granted
        except asyncio.CancelledError:
            if not granted.cancelled():
                self.give(taken)  # the room was granted in the same loop iteration as the cancellation
            self._grant()  # others behind it may fit
            raise
        return taken

    def give(self, taken: float) -> None:
        """Gives back a cost, and starts waiting work that now has room."""
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
