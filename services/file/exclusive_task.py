"""Exclusive tasks: one request at a time works on an upload; a new request cancels the one that is running."""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from typing import Any, TypeVar, cast

from services.error import ServerUnavailable

T = TypeVar("T")

YIELD_SECONDS = 5.0  # how long a cancelled task may take to end


class Superseded(Exception):
    """A later task with the same key has cancelled this one."""


class ExclusiveTasks:
    """At most one running task per key, for clients whose connection breaks while the server still works for it."""

    def __init__(self) -> None:
        self._running: dict[tuple[int, int], asyncio.Task[Any]] = {}
        self._waiting: dict[asyncio.Task[Any], int] = {}  # callers of each shared task

    @property
    def keys(self) -> Collection[tuple[int, int]]:
        """The keys of the running tasks: the owner and the upload."""
        return self._running.keys()

    async def cancel(self, key: tuple[int, int]) -> None:
        """Cancels the running task and waits for its end; raises ServerUnavailable where it does not end in time."""
        while (task := self._running.get(key)) is not None:
            await self._cancel(key, task)

    async def run_exclusive(self, key: tuple[int, int], work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Runs the work alone, after cancelling the task before; raises Superseded, and what the work raises.

        The work is cancelled with its caller, who waits for its end. It must read the state that it depends on itself:
        nothing else runs between that read and its writes.
        """
        await self.cancel(key)
        task = self._start(key, work)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.done():
                raise Superseded from None
            task.cancel()
            await asyncio.wait([task])
            raise

    async def run_shared(self, key: tuple[int, int], work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """As `run_exclusive`, but where a shared task is running already, waits for it and has its outcome.

        For work that takes longer than clients wait: when they ask again, it goes on. It is cancelled with its last
        caller.
        """
        while (task := self._running.get(key)) is not None and task not in self._waiting:
            await self._cancel(key, task)
        if task is None:
            task = self._start(key, work)
            self._waiting[task] = 0
            task.add_done_callback(self._waiting.pop)
        self._waiting[task] += 1
        try:
            return cast("T", await asyncio.shield(task))
        except asyncio.CancelledError:
            if task.done():
                raise Superseded from None
            self._waiting[task] -= 1
            if not self._waiting[task]:
                task.cancel()
                await asyncio.wait([task])
            raise

    def cancel_shared(self) -> None:
        """Cancels every shared task, and waits for none."""
        for task in self._waiting:
            task.cancel()

    def _start(self, key: tuple[int, int], work: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        task = self._running[key] = asyncio.create_task(work())
        task.add_done_callback(lambda _: self._running.pop(key, None))
        return task

    async def _cancel(self, key: tuple[int, int], task: asyncio.Task[Any]) -> None:
        task.cancel()
        await asyncio.wait([task], timeout=YIELD_SECONDS)
        if self._running.get(key) is task and not task.done():
            raise ServerUnavailable("The upload is busy; try again.", 1.0)
        await asyncio.sleep(0)  # its callback removes it
