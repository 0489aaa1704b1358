"""The executor: the only door between the event loop and SQL."""

import asyncio
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Concatenate, ParamSpec, TypeVar

import peewee

from models.error import DatabaseInUse, DatabaseUnreadable
from models.migration import migrate
from models.reader import Readers
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
        self._lock: IO[str] | None = None
        self._writer_database = self._connect_params(_WRITER_PRAGMAS)
        self._writer = Writer(self._writer_database, queue_limit, write_deadline_seconds)
        self._readers = Readers(self._connect_params(_READER_PRAGMAS), readers, queue_limit, read_deadline_seconds)

    async def open(self) -> None:
        """Locks the file, brings its tables up to date, starts the threads.

        Raises DatabaseInUse when another process has it, SchemaTooNew when a newer program wrote it.
        """
        await asyncio.to_thread(self._prepare)
        self._writer.start()
        self._readers.start()

    async def close(self) -> None:
        """Finishes what was submitted, then lets go of the file; a second close does nothing."""
        await self._readers.stop()
        await self._writer.stop()
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    async def write(self, fn: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `fn(transaction, …)` on the writer's thread and returns when its effects are on the disk.

        `fn` is plain and touches only models; raising undoes all that it did. Raises Unavailable when nothing was
        stored and the call may be tried again; a caller that gives up waiting has to try again with the same key.
        """
        result: T = await self._writer.submit(lambda transaction: fn(transaction, *args, **kwargs))
        return result

    async def read(self, fn: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs `fn(transaction, …)` on a reader's thread, in one snapshot; it sees every acknowledged write."""
        result: T = await self._readers.submit(lambda transaction: fn(transaction, *args, **kwargs))
        return result

    def _connect_params(self, pragmas: dict[str, Any]) -> peewee.SqliteDatabase:
        return peewee.SqliteDatabase(str(self.path), pragmas=pragmas, cached_statements=256)

    def _prepare(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _lock(self.path.with_name(self.path.name + ".lock"))
        try:
            with self._writer_database.connection_context():
                migrate(self._writer_database)
        except peewee.DatabaseError as error:
            self._lock.close()
            self._lock = None
            raise DatabaseUnreadable(f"{self.path} cannot be read as a database of Sotto") from error
        except BaseException:
            self._lock.close()
            self._lock = None
            raise


def _lock(path: Path) -> IO[str]:
    """Holds an advisory lock while the returned file is open; raises DatabaseInUse."""
    file = path.open("a+", encoding="ascii")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        owner = file.read().strip() or "unknown"
        file.close()
        raise DatabaseInUse(f"{path.with_suffix('')} is in use by process {owner}") from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
