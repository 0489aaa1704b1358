"""The writer: one thread with one connection, which commits many calls at once."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

import peewee

from models import probe
from models.error import (
    Busy,
    DatabaseError,
    DatabaseFailed,
    DatabaseFull,
    DatabaseLost,
    DeadlineExceeded,
    NotCommitted,
    OutcomeUnknown,
    Unavailable,
)
from models.failure import failure_of
from models.file import DatabaseFile
from models.transaction import Transaction

BATCH_LIMIT = 256


@dataclass(slots=True, eq=False)
class Call:
    """A function to run on a thread; only the event loop uses its future."""

    run: Callable[[Transaction], Any]
    future: asyncio.Future[Any]
    deadline: float
    result: Any = None
    error: BaseException | None = None
    is_expired: bool = False


@dataclass(slots=True)
class Writer:
    """Runs each call in a savepoint of a shared transaction and answers all of them after COMMIT has returned.

    A batch contains the calls queued during the last fsync; there is no artificial delay. A call that raises is undone
    alone. If COMMIT fails or SQLite rolls back (disk full, I/O error), no call of the batch succeeds and the connection
    is opened again: a failed fsync is never retried as if it had worked. If an error says that nothing was stored, this
    also holds after a crash; after the next successful COMMIT it holds for all earlier failures.
    """

    database: peewee.SqliteDatabase
    file: DatabaseFile
    queue_limit: int
    deadline_seconds: float
    at_end: Callable[[peewee.SqliteDatabase], None] | None = None  # on the writer's thread, before it closes
    _queue: SimpleQueue[Call | None] = field(default_factory=SimpleQueue)
    _pending: int = 0
    _thread: threading.Thread | None = None
    _ended: asyncio.Event = field(default_factory=asyncio.Event)
    _is_stopping: bool = False
    _is_unsettled: bool = False  # the log may contain a transaction that was not acknowledged
    _is_lost: bool = False  # the file was not in its place at the last check
    _loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Starts the thread; call it on the event loop that will submit."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="sotto-writer", daemon=True)
        self._thread.start()

    async def stop(self, seconds: float | None = None) -> bool:
        """Waits at most `seconds` until every submitted call is answered and the log is checkpointed.

        Returns whether it is; otherwise the thread goes on, and what it has committed is in the log.
        """
        self._is_stopping = True  # calls queued after the end marker would never be answered
        self._queue.put(None)
        return self._thread is None or await wait_for(self._ended, seconds)

    def submit(self, run: Callable[[Transaction], Any]) -> asyncio.Future[Any]:
        """Queues a write; raises Busy if the queue is full, and Unavailable if the database is closed."""
        if self._pending >= self.queue_limit:
            raise Busy(f"{self._pending} writes are waiting")
        if self._is_stopping or self._thread is None or not self._thread.is_alive():
            raise Unavailable("the database is closed")
        self._pending += 1
        call = Call(run, asyncio.get_running_loop().create_future(), time.monotonic() + self.deadline_seconds)
        self._queue.put(call)
        return call.future

    def _work(self) -> None:
        stopping = False
        while not stopping:
            batch, stopping = self._next_batch()
            if batch:
                self._commit(batch)
                assert self._loop is not None
                self._loop.call_soon_threadsafe(self._deliver, batch)
        if self.at_end is not None and not self.database.is_closed() and not self._is_lost:
            with suppress(sqlite3.Error, peewee.PeeweeException):
                self.at_end(self.database)
        self.file.release()  # not earlier: this thread may only now have opened its connection
        self._close()
        signal_end(self._loop, self._ended)

    def _next_batch(self) -> tuple[list[Call], bool]:
        batch: list[Call] = []
        call = self._queue.get()
        while call is not None:
            batch.append(call)
            if len(batch) == BATCH_LIMIT:
                return batch, False
            try:
                call = self._queue.get_nowait()
            except Empty:
                return batch, False
        return batch, True

    def _commit(self, batch: list[Call]) -> None:
        try:
            transaction = self._begin()
            for call in batch:
                self._run_one(transaction, call)
        except (sqlite3.Error, peewee.PeeweeException) as error:
            self._give_up(batch, failure_of(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the batch is answered and the thread goes on
            self._give_up(batch, error)
        else:
            self._end(batch)

    def _begin(self) -> Transaction:
        """Begins a transaction; after an unsettled failure it writes a row, so that COMMIT overwrites what failed."""
        if self._is_lost:
            self.file.check()
            self._is_lost = False
        elif self.database.is_closed():
            self.file.check_place()
        self.database.connect(reuse_if_open=True)
        self.database.connection().execute("BEGIN IMMEDIATE")
        transaction = Transaction(self.database)
        if self._is_unsettled:
            probe.add(transaction)
        return transaction

    def _run_one(self, transaction: Transaction, call: Call) -> None:
        """Raises sqlite3.Error if SQLite rolled back the whole transaction."""
        if call.future.cancelled() or time.monotonic() > call.deadline:
            call.error = DeadlineExceeded("the write waited too long and was not started")
            return
        connection = self.database.connection()
        connection.execute("SAVEPOINT mutation")
        try:
            call.result = call.run(transaction)
        except (sqlite3.Error, peewee.PeeweeException) as error:
            if not connection.in_transaction:
                raise
            call.error = failure_of(error)
            connection.execute("ROLLBACK TO mutation")
        except Exception as error:  # noqa: BLE001 - whatever the function raised is its caller's
            call.error = error
            connection.execute("ROLLBACK TO mutation")
        connection.execute("RELEASE mutation")

    def _end(self, batch: list[Call]) -> None:
        """Commits, then checks that the file is still in its place."""
        try:
            self.database.connection().execute("COMMIT")
            self._is_unsettled = False
            self.file.check()
        except DatabaseLost as error:
            self._is_lost = True
            self._fail(batch, _unknown(error))
        except (sqlite3.Error, peewee.PeeweeException) as error:
            self._give_up(batch, self._settled(failure_of(error)))

    def _settled(self, failure: DatabaseError) -> DatabaseError:
        """The error for a failed COMMIT.

        If the disk did not fail, the log contains no commit frame, so nothing is stored. If it did, all frames may be
        in the log, and recovery after a crash may apply them although no connection sees them now. The next COMMIT
        overwrites the first of them, so one is made at once: if it succeeds, nothing was stored.
        """
        if not isinstance(failure, DatabaseFailed):
            return failure if isinstance(failure, DatabaseFull) else _not_committed(failure)
        self._is_unsettled = True
        self._close()
        try:
            self._begin()
            self.database.connection().execute("COMMIT")
        except (sqlite3.Error, peewee.PeeweeException, DatabaseError):
            return _unknown(failure)
        self._is_unsettled = False
        return _not_committed(failure)

    def _give_up(self, batch: list[Call], error: Exception) -> None:
        """Fails the whole batch and closes the connection, unless reopening it could open another file."""
        self._fail(batch, error)
        if not isinstance(error, DatabaseLost):
            self._close()

    def _fail(self, batch: list[Call], error: Exception) -> None:
        for call in batch:
            call.result = None
            if not isinstance(call.error, DeadlineExceeded):
                call.error = error

    def _close(self) -> None:
        """Closes the connection, which rolls back an open transaction."""
        try:
            self.database.close()
        except (sqlite3.Error, peewee.PeeweeException):
            vars(self.database)["_state"].reset()  # Peewee has no public way to forget a broken connection

    def _deliver(self, batch: list[Call]) -> None:
        self._pending -= len(batch)
        deliver(batch)


async def wait_for(ended: asyncio.Event, seconds: float | None) -> bool:
    """Waits at most `seconds` (None: without a limit) for the end of a thread; returns whether it has ended."""
    with suppress(TimeoutError):
        await asyncio.wait_for(ended.wait(), seconds)
    return ended.is_set()


def signal_end(loop: asyncio.AbstractEventLoop | None, ended: asyncio.Event) -> None:
    """Called by a thread at its end, after its last answers; the loop may be closed already."""
    assert loop is not None
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(ended.set)


def deliver(calls: list[Call]) -> None:
    """Sets the results of the futures; runs on the event loop."""
    for call in calls:
        if call.future.done():
            continue
        if call.error is None:
            call.future.set_result(call.result)
        else:
            call.future.set_exception(call.error)


def _not_committed(failure: DatabaseError) -> DatabaseError:
    error = NotCommitted(f"the transaction could not be committed, and nothing of it was stored: {failure}")
    error.__cause__ = failure
    return error


def _unknown(failure: DatabaseError) -> DatabaseError:
    error = OutcomeUnknown(f"the transaction could not be committed for sure: {failure}")
    error.__cause__ = failure
    return error
