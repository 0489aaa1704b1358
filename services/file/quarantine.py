"""The quarantine: what the storage holds and no row names is deleted only after it was so for some days.

It stays where it is, and a row of the database remembers since when. So it is there again, with nothing to be done,
where a newer copy of the database comes back. A key that no row names is never given to one: equal bytes that are sent
meanwhile are stored under a key of their own, and nothing that a message has can be deleted here.
"""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from typing import Protocol

import structlog

from models import quarantine
from models.base import now_ms
from models.transaction import Transaction
from services.guard import GuardedDatabase
from storage.base import StorageError

_log = structlog.get_logger("sotto.sweep")

DAY_MS = 86_400_000


@dataclass(slots=True)
class SweepCounts:
    """What a sweep did: files, partial files and direct uploads together."""

    looked_at: int = 0
    quarantined: int = 0
    restored: int = 0  # taken out of the quarantine again: a row names it
    deleted: int = 0
    failed: int = 0


class StoragePart(Protocol):
    """Files, partial files or direct uploads, by names that differ from those of the other parts."""

    def batches(self, counts: SweepCounts) -> AsyncIterator[list[str]]:
        """Yields the names of all that is there and old enough to have its row, some hundreds at a time.

        Counts what it looked at, and what it deletes itself. Raises StorageError.
        """
        ...

    def named_by_rows(self, tx: Transaction, names: Collection[str]) -> set[str]:
        """Those of the names that a row has; runs inside `Database.read`."""
        ...

    async def delete(self, name: str) -> None:
        """Deletes one. Raises StorageError."""
        ...


class Quarantine:
    """Takes what no row names, and lets go of what a row names again."""

    def __init__(self, database: GuardedDatabase, seconds: int) -> None:
        self._database = database
        self._ms = seconds * 1000

    async def sweep(self, part: StoragePart, counts: SweepCounts) -> None:
        """One round over a part of the storage. What cannot be deleted waits for the next. Raises StorageError."""
        async for names in part.batches(counts):
            if names:
                await self._review(part, names, counts)

    async def forget(self) -> None:
        """Deletes the rows of what was deleted by others; what is there still would be put there anew."""
        before = now_ms() - 2 * self._ms - DAY_MS
        await self._database.write(lambda tx: tx.run(quarantine.DELETE_OLD, before=before))

    async def _review(self, part: StoragePart, names: list[str], counts: SweepCounts) -> None:
        now = now_ms()
        named, since = await self._database.read(lambda tx: (part.named_by_rows(tx, names), quarantine.find(tx, names)))
        fresh = [name for name in names if name not in named and name not in since]
        restored = [name for name in since if name in named]
        due = [name for name in since if name not in named and since[name] <= now - self._ms]
        deleted = [name for name in due if await self._delete(part, name, counts)]
        if fresh or restored or deleted:
            await self._database.write(quarantine.change, put=fresh, delete=[*restored, *deleted], now=now)
        counts.quarantined += len(fresh)
        counts.restored += len(restored)

    async def _delete(self, part: StoragePart, name: str, counts: SweepCounts) -> bool:
        try:
            await part.delete(name)
        except StorageError as error:
            counts.failed += 1
            _log.warning("not deleted", error=str(error))
            return False
        counts.deleted += 1
        return True
