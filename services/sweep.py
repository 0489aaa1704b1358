"""The sweeper: what follows a commit, and what has had its time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from models import attachment as attachments
from models import event as events
from models import session as sessions
from models.base import now_ms
from models.error import DatabaseError
from models.job import index_messages
from models.prepared import text_list
from services.cause import causes_of
from services.error import SottoError
from services.guard import GuardedDatabase
from services.limit import Limits
from services.thumbnail import Thumbnailer
from services.upload import UploadService
from storage.base import Storage, StorageError

_log = structlog.get_logger("sotto.sweep")

INDEX_SECONDS = 0.5
INDEX_LOT = 200  # about 20 ms of the writer's time
SWEEP_SECONDS = 600.0
ORPHAN_SECONDS = 3600.0  # bytes without a row, older than any send can take


class Sweeper:
    """Three tasks: search index and thumbnails follow messages within a second; every ten minutes old things go."""

    def __init__(
        self,
        database: GuardedDatabase,
        storage: Storage,
        uploads: UploadService,
        thumbnailer: Thumbnailer,
        limits: Limits,
    ) -> None:
        self._uploads = uploads
        self._thumbnailer = thumbnailer
        self._database = database
        self._storage = storage
        self._limits = limits
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begins; to be called on the event loop."""
        self._tasks = [
            asyncio.create_task(self._every(INDEX_SECONDS, self.index)),
            asyncio.create_task(self._every(INDEX_SECONDS, self.shrink)),
            asyncio.create_task(self._every(SWEEP_SECONDS, self.sweep)),
        ]

    async def stop(self) -> None:
        """Ends both tasks; what is left to do is done after the next start."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()

    async def index(self) -> None:
        """Moves waiting texts into the search index until none waits."""
        while await self._database.write(index_messages, INDEX_LOT) == INDEX_LOT:
            await asyncio.sleep(0)

    async def shrink(self) -> None:
        """Makes the thumbnails that are waited for."""
        await self._thumbnailer.work()

    async def sweep(self) -> None:
        """Takes staged files that expired, bytes that nobody owns, sessions that ended, events past their time."""
        now = now_ms()
        await self._sweep_staged(now)
        await self._uploads.sweep()
        await self._sweep_orphans()
        await self._database.write(lambda tx: tx.run(sessions.DELETE_EXPIRED, now=now))
        await self._trim_events(now - self._limits.event_retention_seconds * 1000)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except (SottoError, StorageError, DatabaseError) as error:
                _log.warning("sweep failed", error=str(error))
            except Exception as error:  # noqa: BLE001 - a bug must not end the rounds, and its words may be a user's
                _log.error("sweep failed", causes=causes_of(error))
            await asyncio.sleep(seconds)

    async def _sweep_staged(self, now: int) -> None:
        count = 1
        while count:
            count, keys = await self._database.write(attachments.take_expired, now)
            for key in keys:
                await self._storage.delete(key)

    async def _sweep_orphans(self) -> None:
        lot: list[str] = []
        async for key, kept_at in self._storage.keys():
            if time.time() - kept_at > ORPHAN_SECONDS:
                lot.append(key)
            if len(lot) == 500:
                await self._delete_orphans(lot)
                lot = []
        await self._delete_orphans(lot)

    async def _delete_orphans(self, keys: list[str]) -> None:
        if not keys:
            return
        known = await self._database.read(lambda tx: set(tx.values(attachments.KNOWN_KEYS, keys=text_list(keys))))
        for key in keys:
            if key not in known:
                await self._storage.delete(key)

    async def _trim_events(self, before: int) -> None:
        user_id = 0
        while user_id := await self._database.write(events.trim, user_id, before):
            await asyncio.sleep(0)
