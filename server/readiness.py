"""Readiness checks of the database and the storage, for load balancers."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from models.error import DatabaseError
from services.service import Services
from storage.base import StorageError, StorageFull

PAUSE_SECONDS = 1.0
PATIENCE_SECONDS = 2.0


@dataclass(slots=True)
class _Component:
    """Checks one component at most once a second; callers share a check and wait for at most two seconds."""

    check: Callable[[], Awaitable[None]]
    _task: asyncio.Task[Exception | None] | None = None
    _began_at: float = 0.0

    async def fault(self) -> Exception | None:
        """The error of the latest check, or None. A check that takes longer is continued by the next call."""
        now = time.monotonic()
        if self._task is None or (self._task.done() and now - self._began_at >= PAUSE_SECONDS):
            self._began_at = now
            self._task = asyncio.create_task(self._run())
        done, _ = await asyncio.wait([self._task], timeout=PATIENCE_SECONDS)
        return self._task.result() if done else TimeoutError(f"no answer within {PATIENCE_SECONDS:.0f} seconds")

    async def _run(self) -> Exception | None:
        try:
            await self.check()
        except (DatabaseError, StorageError, OSError) as error:
            return error
        return None


@dataclass(slots=True)
class Verdict:
    """`reasons` are failures that prevent serving; `limited` lists what does not work."""

    reasons: list[str] = field(default_factory=list)
    limited: list[str] = field(default_factory=list)


class Readiness:
    """Writes to the database and reads it back; checks the folder or bucket of the storage."""

    def __init__(self, services: Services) -> None:
        self._database = _Component(services.database.check)
        self._storage = _Component(services.storage.check)

    async def verdict(self) -> Verdict:
        """Takes at most two seconds. A full storage is a limitation, not a failure."""
        verdict = Verdict()
        database, storage = await asyncio.gather(self._database.fault(), self._storage.fault())
        if database is not None:
            verdict.reasons.append(f"database: {database}")
        if isinstance(storage, StorageFull):
            verdict.limited.append(
                f"storage: {storage} Files are refused; sending texts, reading and deleting still work."
            )
        elif storage is not None:
            verdict.reasons.append(f"storage: {storage}")
        return verdict
