"""The sweeper: work that follows a commit, and the deletion of what has expired."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress

from models import attachment as attachments
from models import event as events
from models import former_index
from models import session as sessions
from models.base import now_ms
from models.job import index_messages
from services.failure import SweepLog
from services.file.storage_sweep import StorageSweeper
from services.file.upload import UploadService
from services.guard import GuardedDatabase
from services.limit import Limits
from services.message.thumbnail import Thumbnailer

INDEX_SECONDS = 0.5
INDEX_BATCH = 200  # messages; models.job.INDEX_LENGTH bounds their text
COPY_PAUSE_SECONDS = 0.02  # between two steps, for the other writes
COPY_RETRY_SECONDS = 10.0  # after a step that failed, such as for a full queue or disk
SWEEP_SECONDS = 600.0
EXPIRED_BATCH = 100


class Sweeper:
    """Three tasks: the search index and thumbnails within a second of a message; a sweep every ten minutes.

    A fourth one copies the index of an earlier version once, see models/former_index.py.
    """

    def __init__(
        self,
        database: GuardedDatabase,
        storage: StorageSweeper,
        uploads: UploadService,
        thumbnailer: Thumbnailer,
        limits: Limits,
        others: Sequence[Callable[[], Awaitable[None]]],
    ) -> None:
        """`others` are further parts of each sweep."""
        self._others = others
        self._uploads = uploads
        self._thumbnailer = thumbnailer
        self._database = database
        self._storage = storage
        self._limits = limits
        self._failures = SweepLog()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Starts the tasks; must be called on the event loop."""
        self._tasks = [
            asyncio.create_task(self._every(INDEX_SECONDS, self.index)),
            asyncio.create_task(self._every(INDEX_SECONDS, self.shrink)),
            asyncio.create_task(self._every(SWEEP_SECONDS, self.sweep)),
            asyncio.create_task(self._until_done(COPY_RETRY_SECONDS, self.copy_former_index)),
        ]

    async def stop(self) -> None:
        """Stops the tasks; the remaining work is done after the next start."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task
        self._tasks.clear()

    async def index(self) -> None:
        """Adds pending texts to the search index until none is left."""
        while await self._database.write(index_messages, INDEX_BATCH):
            await asyncio.sleep(0)

    async def copy_former_index(self) -> None:
        """Copies the search index of an earlier version, if there is one that was not copied."""
        await self._database.write(former_index.begin)
        while await self._database.write(former_index.copy_some):
            await asyncio.sleep(COPY_PAUSE_SECONDS)

    async def shrink(self) -> None:
        """Makes the pending thumbnails."""
        await self._thumbnailer.work()

    async def sweep(self) -> None:
        """Does every part: deletes expired uploads, sessions and events, then stored bytes that no row refers to.

        A part that fails is logged, and the others are still done. Bytes that a row once referred to are kept in the
        quarantine first.
        """
        parts = [self._delete_expired_files, self._uploads.delete_expired, *self._others]
        for part in [*parts, self._delete_expired_sessions, self._trim_events, self._sweep_storage]:
            await self._attempt(part)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            await self._attempt(work)
            await asyncio.sleep(seconds)

    async def _until_done(self, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        while not await self._attempt(work):
            await asyncio.sleep(seconds)

    async def _attempt(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Does one part of a round; logs its failure instead of raising it, and returns whether it succeeded."""
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - a bug must not end the rounds
            self._failures.log(error)
            return False
        return True

    async def _delete_expired_files(self) -> None:
        now = now_ms()
        while await self._database.write(attachments.delete_expired, now) == EXPIRED_BATCH:
            await asyncio.sleep(0)

    async def _delete_expired_sessions(self) -> None:
        await self._database.write(lambda tx: tx.run(sessions.DELETE_EXPIRED, now=now_ms()))

    async def _sweep_storage(self) -> None:
        await self._storage.sweep()

    async def _trim_events(self) -> None:
        before = now_ms() - self._limits.event_retention_seconds * 1000
        user_id = 0
        while user_id := await self._database.write(events.trim, user_id, before):
            await asyncio.sleep(0)
