"""The executor: the only door between the event loop and SQL."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import peewee

from models import probe
from models.error import DatabaseDamaged, DatabaseFailed, DatabaseFull, DatabaseUnreadable, Unavailable
from models.failure import failure_of
from models.file import DatabaseFile
from models.lock import Lock
from models.migration import migrate
from models.private_file import Exposure, close_to_others, create_private
from models.reader import Readers
from models.recovery import check_log, mark_end, mark_of, mark_run, renew_mark
from models.transaction import Transaction
from models.writer import Writer

P = ParamSpec("P")
T = TypeVar("T")

# One connection both writes and checkpoints: SQLite before 3.51.3 has a WAL-reset race between two.
_WRITER_PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "full",  # NORMAL loses acknowledged messages at a power cut, and gains nothing with group commit
    "wal_autocheckpoint": 4000,
    "cache_size": -65536,
    "temp_store": "memory",
    "foreign_keys": "on",
    "busy_timeout": 5000,
}
_READER_PRAGMAS = {"query_only": 1, "wal_autocheckpoint": 0, "cache_size": -16384, "busy_timeout": 1000}


class Database:
    """An embedded database: a file that one process at a time may open."""

    def __init__(
        self,
        path: Path,
        *,
        queue_limit: int = 512,
        write_deadline_seconds: float = 2.0,
        read_deadline_seconds: float = 1.0,
        readers: int = 2,
    ) -> None:
        self.path = path
        self.exposures: list[Exposure] = []  # files that `open` found accessible to other accounts
        self.was_cut_off = False  # whether the last run ended without closing the database
        self._lock: Lock | None = None
        self._file = DatabaseFile(path)
        self._writer_database = _new_database(path, _WRITER_PRAGMAS)
        self._writer = Writer(self._writer_database, self._file, queue_limit, write_deadline_seconds, self._mark_end)
        self._readers = Readers(
            _new_database(path, _READER_PRAGMAS), self._file, readers, queue_limit, read_deadline_seconds
        )

    async def open(self) -> None:
        """Locks the file, migrates its tables and starts the threads; new files have mode 0600.

        Raises DatabaseInUse when another process has it, SchemaTooNew when a newer version wrote it, DatabaseUnreadable
        or LogForeign when it is damaged, and Unavailable or DatabaseFull when it cannot be used.
        """
        await asyncio.to_thread(self._prepare)
        self._writer.start()
        self._readers.start()

    async def close(self, seconds: float | None = None) -> bool:
        """Finishes what was submitted, then closes the file and unlocks it; a second close does nothing.

        Returns False if that takes longer than `seconds` (None: no limit); the threads then go on until the process
        ends. What they have committed is in the write-ahead log, and the next start recovers it, as after a crash.
        """
        began = time.monotonic()
        if not await self._readers.stop(seconds):
            return False
        if not await self._writer.stop(None if seconds is None else max(0.0, began + seconds - time.monotonic())):
            return False
        if self._lock is not None:
            self._release(self._lock)
            self._lock = None
        return True

    async def write(self, fn: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `fn(transaction, …)` on the writer's thread and returns when its effects are on the disk.

        `fn` is a plain function that uses only models; an exception undoes all that it did. Raises Unavailable or
        DatabaseFull when nothing was stored, and OutcomeUnknown when it may have been stored. After that, or after a
        timeout, the caller may try again with the same idempotency key.
        """
        result: T = await self._writer.submit(lambda transaction: fn(transaction, *args, **kwargs))
        return result

    async def read(self, fn: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `fn(transaction, …)` on a reader's thread, in one snapshot; it sees every acknowledged write."""
        result: T = await self._readers.submit(lambda transaction: fn(transaction, *args, **kwargs))
        return result

    async def check(self) -> None:
        """Writes a row, reads it back and checks the file; raises what `write` and `read` raise."""
        written = await self._writer.submit(probe.add)
        if (found := await self._readers.submit(probe.find)) is None or found < written:
            raise DatabaseFailed("the database does not return what was written to it")

    async def renew_mark(self) -> None:
        """Gives the database a new mark (see models/recovery.py), so that it differs from every copy made so far.

        Call it regularly. Raises what `write` raises, and OSError.
        """
        if self._lock is not None:
            await self.write(renew_mark, self._file, self._lock)

    @contextmanager
    def migrating(self, names: list[str]) -> Iterator[None]:  # noqa: ARG002 -- for a subclass
        """What these migrations of an earlier version's database run in, on the thread that opens it."""
        yield

    def _prepare(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = Lock.take(self.path.with_name(f"{self.path.name}.lock"))
        try:
            self._open_file(lock)
        except (sqlite3.Error, peewee.PeeweeException) as error:
            self._release(lock)
            failure = failure_of(error)
            if isinstance(failure, Unavailable | DatabaseFull) and not isinstance(failure, DatabaseDamaged):
                raise failure from error
            raise DatabaseUnreadable(f"{self.path} cannot be read as a database of Sotto") from error
        except BaseException:
            self._release(lock)
            raise
        self._lock = lock

    def _open_file(self, lock: Lock) -> None:
        """1. Checks the last run's log; 2. marks this run, unless the disk is full; 3. migrates; 4. holds the file."""
        self.was_cut_off = check_log(self.path, lock)
        create_private(self.path)
        self.exposures = list(close_to_others(self.path))
        former = mark_of(self.path)
        with self._writer_database.connection_context():
            with suppress(DatabaseFull, OSError):
                mark_run(self._writer_database, lock, former)
            migrate(self._writer_database, self.migrating)
            self._file.hold()

    def _mark_end(self, database: peewee.SqliteDatabase) -> None:
        """Runs on the writer's thread before its connection is closed; on a full disk the database stays unmarked."""
        assert self._lock is not None
        with suppress(OSError):
            mark_end(database, self._lock)

    def _release(self, lock: Lock) -> None:
        """Unlocks the database once the last connection is closed; a log that is left was not checkpointed."""
        self._file.close()
        log = self.path.with_name(f"{self.path.name}-wal")
        lock.release(is_clean=not log.exists() or not log.stat().st_size)


def _new_database(path: Path, pragmas: Mapping[str, object]) -> peewee.SqliteDatabase:
    """Opens only a file that exists: creating one where a file was moved away would delete that file's log."""
    address = f"{path.absolute().as_uri()}?mode=rw"
    return peewee.SqliteDatabase(address, pragmas=dict(pragmas), cached_statements=256, uri=True)
