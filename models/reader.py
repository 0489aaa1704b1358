"""The readers: threads with read-only connections, one snapshot to a job, interrupted at a deadline."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

import peewee

from models.error import Busy, DatabaseError, DeadlineExceeded, Unavailable
from models.transaction import Transaction
from models.writer import Job, deliver


@dataclass(slots=True)
class Readers:
    """`count` threads on one queue. A read past its deadline is interrupted and raises DeadlineExceeded."""

    database: peewee.SqliteDatabase
    count: int
    queue_limit: int
    deadline_seconds: float
    _queue: SimpleQueue[Job | None] = field(default_factory=SimpleQueue)
    _pending: int = 0
    _threads: list[threading.Thread] = field(default_factory=list)
    _is_stopping: bool = False
    _running: dict[Job, Any] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Starts the threads; to be called on the event loop that will submit."""
        self._loop = asyncio.get_running_loop()
        for number in range(self.count):
            thread = threading.Thread(target=self._work, name=f"sotto-reader-{number}", daemon=True)
            thread.start()
            self._threads.append(thread)

    async def stop(self) -> None:
        """Waits until all that was submitted is answered, then ends the threads."""
        self._is_stopping = True  # what came after the end marks would never be answered
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join)
        self._threads.clear()
        await asyncio.sleep(0)

    def submit(self, run: Callable[[Transaction], Any]) -> asyncio.Future[Any]:
        """Queues a read; raises Busy when the queue is full."""
        if self._pending >= self.queue_limit:
            raise Busy(f"{self._pending} reads are waiting")
        if self._is_stopping or not self._threads:
            raise Unavailable("the database is closed")
        self._pending += 1
        loop = asyncio.get_running_loop()
        job = Job(run, loop.create_future(), time.monotonic() + self.deadline_seconds)
        timer = loop.call_later(self.deadline_seconds, self._expire, job)
        job.future.add_done_callback(lambda _future: timer.cancel())
        self._queue.put(job)
        return job.future

    def _expire(self, job: Job) -> None:
        with self._lock:
            job.is_expired = True
            connection = self._running.get(job)
            if connection is not None:
                connection.interrupt()

    def _work(self) -> None:
        self.database.connect()
        connection = self.database.connection()
        transaction = Transaction(self.database)
        assert self._loop is not None
        while (job := self._queue.get()) is not None:
            if not job.future.cancelled():
                self._run_one(connection, transaction, job)
            self._loop.call_soon_threadsafe(self._deliver, job)
        self.database.close()

    def _run_one(self, connection: Any, transaction: Transaction, job: Job) -> None:
        with self._lock:
            if job.is_expired:
                job.error = DeadlineExceeded("the read waited too long and was not begun")
                return
            self._running[job] = connection
        try:
            connection.execute("BEGIN")
            job.result = job.run(transaction)
        except (sqlite3.Error, peewee.PeeweeException) as error:
            job.error = _crossing(error, is_expired=job.is_expired)
        except Exception as error:  # noqa: BLE001 - whatever the function raised is its caller's
            job.error = error
        finally:
            with self._lock:
                del self._running[job]
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    def _deliver(self, job: Job) -> None:
        self._pending -= 1
        deliver([job])


def _crossing(error: Exception, *, is_expired: bool) -> DatabaseError:
    ours: DatabaseError
    if is_expired:
        ours = DeadlineExceeded("the read took too long and was interrupted")
    else:
        ours = DatabaseError(f"the database refused a query ({type(error).__name__})")
    ours.__cause__ = error
    return ours
