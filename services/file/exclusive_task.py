"""Turns: one deed at a time with a thing, and whoever comes last is let in."""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any, TypeVar, cast

from services.error import ServerUnavailable

T = TypeVar("T")

YIELD_SECONDS = 5.0  # how long a deed that another one follows may take to let go


class TakenOver(Exception):
    """A later deed with the same thing has ended this one."""


class Turns:
    """For clients that lose their line: the deed on the dead one is ended by the deed on the next."""

    def __init__(self) -> None:
        self._running: dict[tuple[int, int], asyncio.Task[Any]] = {}
        self._waiting: dict[asyncio.Task[Any], int] = {}  # for a shared deed: how many

    @property
    def keys(self) -> Collection[tuple[int, int]]:
        """The things with which something is done now: whose, and which."""
        return self._running.keys()

    async def end(self, key: tuple[int, int]) -> None:
        """Ends what is done with the thing; raises ServerUnavailable where it does not let go."""
        while (task := self._running.get(key)) is not None:
            await self._stop(key, task)

    async def take(self, key: tuple[int, int], work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Does it alone, after ending what was done before; raises TakenOver, and what the work raises.

        The work is cancelled with its caller, who waits until it has let go. What it needs to know of the thing it
        reads itself: nothing comes between that and the deed.
        """
        await self.end(key)
        task = self._begin(key, work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.done():
                raise TakenOver from None
            task.cancel()
            await asyncio.wait([task])
            raise

    async def share(self, key: tuple[int, int], work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """As `take`, but who shares a thing that is shared already waits for the same deed, and has its outcome.

        For deeds that take longer than clients wait: asked again, they go on. It is cancelled with its last caller.
        """
        while (task := self._running.get(key)) is not None and task not in self._waiting:
            await self._stop(key, task)
        if task is None:
            task = self._begin(key, work)
            self._waiting[task] = 0
            task.add_done_callback(self._waiting.pop)
        self._waiting[task] += 1
        try:
            return cast("T", await asyncio.shield(task))
        except asyncio.CancelledError:
            if task.done():
                raise TakenOver from None
            self._waiting[task] -= 1
            if not self._waiting[task]:
                task.cancel()
                await asyncio.wait([task])
            raise

    def end_shared(self) -> None:
        """Cancels every shared deed, and waits for none."""
        for task in self._waiting:
            task.cancel()

    def _begin(self, key: tuple[int, int], work: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        task = self._running[key] = asyncio.create_task(work())
        task.add_done_callback(lambda _: self._running.pop(key, None))
        return task

    async def _stop(self, key: tuple[int, int], task: asyncio.Task[Any]) -> None:
        task.cancel()
        await asyncio.wait([task], timeout=YIELD_SECONDS)
        if self._running.get(key) is task and not task.done():
            raise ServerUnavailable("The upload is busy; try again.", 1.0)
        await asyncio.sleep(0)  # its callback takes it out
