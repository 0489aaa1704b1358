"""The writer: one thread, one connection, many mutations to a commit."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

import peewee

from models.error import Busy, DatabaseError, DatabaseFull, DeadlineExceeded, NotCommitted, Unavailable
from models.transaction import Transaction

BATCH_LIMIT = 256


@dataclass(slots=True, eq=False)
class Job:
    """A function waiting for its thread; its future is touched on the event loop alone."""

    run: Callable[[Transaction], Any]
    future: asyncio.Future[Any]
    deadline: float
    result: Any = None
    error: BaseException | None = None
    is_expired: bool = False


@dataclass(slots=True)
class Writer:
    """Runs each job inside a savepoint of a shared transaction and answers all of them after the COMMIT returned.

    A batch is what queued up during the last fsync: no artificial delay. A job that raises is undone alone. If COMMIT
    fails, or SQLite gave up the transaction (disk full, I/O error), no job of the batch is acknowledged and the
    connection is opened anew: a failed fsync is never retried as if it had worked.
    """

    database: peewee.SqliteDatabase
    queue_limit: int
    deadline_seconds: float
    _queue: SimpleQueue[Job | None] = field(default_factory=SimpleQueue)
    _pending: int = 0
    _thread: threading.Thread | None = None
    _is_stopping: bool = False
    _loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Starts the thread; to be called on the event loop that will submit."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._work, name="sotto-writer", daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Waits until all that was submitted is answered, then ends the thread."""
        self._is_stopping = True  # what came after the end mark would never be answered
        self._queue.put(None)
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join)
            await asyncio.sleep(0)  # the last batch's answers were scheduled on this loop just before

    def submit(self, run: Callable[[Transaction], Any]) -> asyncio.Future[Any]:
        """Queues a mutation; raises Busy, before anything is queued, when the queue is full."""
        if self._pending >= self.queue_limit:
            raise Busy(f"{self._pending} writes are waiting")
        if self._is_stopping or self._thread is None or not self._thread.is_alive():
            raise Unavailable("the database is closed")
        self._pending += 1
        job = Job(run, asyncio.get_running_loop().create_future(), time.monotonic() + self.deadline_seconds)
        self._queue.put(job)
        return job.future

    def _work(self) -> None:
        stopping = False
        while not stopping:
            batch, stopping = self._next_batch()
            if batch:
                self._commit(batch)
                assert self._loop is not None
                self._loop.call_soon_threadsafe(self._deliver, batch)
        self.database.close()

    def _next_batch(self) -> tuple[list[Job], bool]:
        batch: list[Job] = []
        job = self._queue.get()
        while job is not None:
            batch.append(job)
            if len(batch) == BATCH_LIMIT:
                return batch, False
            try:
                job = self._queue.get_nowait()
            except Empty:
                return batch, False
        return batch, True

    def _commit(self, batch: list[Job]) -> None:
        try:
            self.database.connect(reuse_if_open=True)
            connection = self.database.connection()
            connection.execute("BEGIN IMMEDIATE")
            transaction = Transaction(self.database)
            for job in batch:
                self._run_one(connection, transaction, job)
            connection.execute("COMMIT")
        except (sqlite3.Error, peewee.PeeweeException) as error:
            self._give_up(batch, error)

    def _run_one(self, connection: Any, transaction: Transaction, job: Job) -> None:
        """Raises sqlite3.Error when the whole transaction is lost."""
        if job.future.cancelled() or time.monotonic() > job.deadline:
            job.error = DeadlineExceeded("the write waited too long and was not begun")
            return
        connection.execute("SAVEPOINT mutation")
        try:
            job.result = job.run(transaction)
        except Exception as error:
            if isinstance(error, sqlite3.Error | peewee.PeeweeException) and not connection.in_transaction:
                raise
            job.error = _crossing(error)
            connection.execute("ROLLBACK TO mutation")
        connection.execute("RELEASE mutation")

    def _give_up(self, batch: list[Job], cause: Exception) -> None:
        for job in batch:
            job.result = None
            job.error = _crossing(cause, NotCommitted("the transaction could not be committed; nothing was stored"))
        try:
            self.database.close()  # rolls back what is open
        except (sqlite3.Error, peewee.PeeweeException):
            vars(self.database)["_state"].reset()  # Peewee has no public way to forget a broken connection

    def _deliver(self, batch: list[Job]) -> None:
        self._pending -= len(batch)
        deliver(batch)


def deliver(jobs: list[Job]) -> None:
    """Answers the futures; runs on the event loop."""
    for job in jobs:
        if job.future.done():
            continue
        if job.error is None:
            job.future.set_result(job.result)
        else:
            job.future.set_exception(job.error)


def _crossing(error: Exception, otherwise: DatabaseError | None = None) -> Exception:
    """The error as other rooms may see it: the driver's own becomes ours, with the driver's as its cause."""
    if not isinstance(error, sqlite3.Error | peewee.PeeweeException):
        return error
    ours: DatabaseError
    if "disk is full" in str(error):
        ours = DatabaseFull("the disk that holds the database is full")
    else:
        ours = otherwise or DatabaseError(f"the database refused a statement ({type(error).__name__})")
    ours.__cause__ = error
    return ours
