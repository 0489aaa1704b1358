"""Readiness: whether the database and the storage can do their work, as those who balance load ask it."""

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
class _Part:
    """Looks at one part at most once a second, for however many ask, and lets none of them wait longer than two."""

    look: Callable[[], Awaitable[None]]
    _task: asyncio.Task[Exception | None] | None = None
    _began_at: float = 0.0

    async def fault(self) -> Exception | None:
        """What is wrong; a look that goes on is waited for by whoever asks next."""
        now = time.monotonic()
        if self._task is None or (self._task.done() and now - self._began_at >= PAUSE_SECONDS):
            self._began_at = now
            self._task = asyncio.create_task(self._look())
        done, _ = await asyncio.wait([self._task], timeout=PATIENCE_SECONDS)
        return self._task.result() if done else TimeoutError(f"no answer within {PATIENCE_SECONDS:.0f} seconds")

    async def _look(self) -> Exception | None:
        try:
            await self.look()
        except (DatabaseError, StorageError, OSError) as error:
            return error
        return None


@dataclass(slots=True)
class Verdict:
    """`reasons` keep the server from serving; `limited` is what it cannot do meanwhile."""

    reasons: list[str] = field(default_factory=list)
    limited: list[str] = field(default_factory=list)


class Readiness:
    """A write that reaches the disk and is read again; a look at the folder or the bucket."""

    def __init__(self, services: Services) -> None:
        self._database = _Part(services.database.check)
        self._storage = _Part(services.storage.check)

    async def verdict(self) -> Verdict:
        """Within two seconds. Full is not failed: without room for files, texts, reading and deleting go on."""
        verdict = Verdict()
        database, storage = await asyncio.gather(self._database.fault(), self._storage.fault())
        if database is not None:
            verdict.reasons.append(f"database: {database}")
        if isinstance(storage, StorageFull):
            verdict.limited.append(f"storage: {storage} Files are refused; texts, reading and deleting go on.")
        elif storage is not None:
            verdict.reasons.append(f"storage: {storage}")
        return verdict
