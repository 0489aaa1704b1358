"""The sweep of the storage: files, partial files and direct uploads that no row names."""

import time
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import asdict

import structlog

from models import attachment as attachments
from models.error import DatabaseError
from models.prepared import text_list
from models.transaction import Transaction
from services.error import SottoError
from services.file.quarantine import Quarantine, StoragePart, SweepCounts
from services.file.storage_link import StorageLink, StorageMismatch
from services.guard import GuardedDatabase
from services.limit import Limits
from storage.base import Storage, StorageError

_log = structlog.get_logger("sotto.sweep")

ORPHAN_SECONDS = 3600.0  # bytes without a row, older than any send can take
BATCH = 500
SUSPICIOUS = 20  # files that no row names, where they are most of all: the database may be an older copy


class StoredFilePart(StoragePart):
    """The files of messages and of uploads that are ready, by their keys."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def batches(self, counts: SweepCounts) -> AsyncIterator[list[str]]:
        """Fulfil `StoragePart.batches`."""
        batch: list[str] = []
        async for key, kept_at in self._storage.keys():
            counts.looked_at += 1
            if time.time() - kept_at > ORPHAN_SECONDS:
                batch.append(key)
            if len(batch) == BATCH:
                yield batch
                batch = []
        yield batch

    def named_by_rows(self, tx: Transaction, names: Collection[str]) -> set[str]:
        """Fulfil `StoragePart.named_by_rows`."""
        return set(tx.values(attachments.KNOWN_KEYS, keys=text_list(names)))

    async def delete(self, name: str) -> None:
        """Fulfil `StoragePart.delete`."""
        await self._storage.delete(name)


class StorageSweeper:
    """Puts what nobody has into the quarantine, where database and storage belong together, and nothing else."""

    def __init__(
        self,
        database: GuardedDatabase,
        storage: Storage,
        link: StorageLink,
        parts: Sequence[StoragePart],
        limits: Limits,
    ) -> None:
        self._link = link
        self._parts = (StoredFilePart(storage), *parts)
        self._quarantine = Quarantine(database, limits.quarantine_seconds)

    async def sweep(self) -> SweepCounts | None:
        """One round; a part that fails keeps no other from its turn. None where nothing was looked at.

        Logs what it did. Raises StorageFailed where the storage does not say which one it is.
        """
        try:
            if not await self._link.check():
                return None
        except StorageMismatch as error:
            _log.error("storage not swept", error=str(error))
            return None
        counts = SweepCounts()
        for part in self._parts:
            try:
                await self._quarantine.sweep(part, counts)
            except (SottoError, StorageError, DatabaseError) as error:
                counts.failed += 1
                _log.warning("sweep failed", error=str(error))
        await self._quarantine.forget()
        is_suspicious = counts.quarantined >= SUSPICIOUS and counts.quarantined * 2 > counts.looked_at
        if counts.failed or is_suspicious:
            _log.warning("storage swept", **asdict(counts))
        else:
            _log.info("storage swept", **asdict(counts))
        return counts
