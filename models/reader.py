"""The readers: threads with read-only connections; each call has one snapshot and a deadline."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

import peewee

from models.error import Busy, DatabaseError, DatabaseFailed, DatabaseLost, DeadlineExceeded, Unavailable
from models.failure import failure_of
from models.file import DatabaseFile
from models.transaction import Transaction
from models.writer import Call, deliver, signal_end, wait_for

INTERRUPT_SECONDS = 0.05  # between two interrupts of a read that goes on


@dataclass(slots=True)
class Readers:
    """`count` threads on one queue. A read past its deadline is interrupted and raises DeadlineExceeded."""

    database: peewee.SqliteDatabase
    file: DatabaseFile
    count: int
    queue_limit: int
    deadline_seconds: float
    _queue: SimpleQueue[Call | None] = field(default_factory=SimpleQueue)
    _pending: int = 0
    _ended: list[asyncio.Event] = field(default_factory=list)  # one for each thread
    _is_stopping: bool = False
    _running: dict[Call, Transaction] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Starts the threads; call it on the event loop that will submit."""
        self._loop = asyncio.get_running_loop()
        for number in range(self.count):
            ended = asyncio.Event()
            name = f"sotto-reader-{number}"
            threading.Thread(target=self._work, args=(ended,), name=name, daemon=True).start()
            self._ended.append(ended)

    async def stop(self, seconds: float | None = None) -> bool:
        """Waits at most `seconds` until every submitted call is answered; returns whether all are."""
        self._is_stopping = True  # calls queued after the end markers would never be answered
        for _ in self._ended:
            self._queue.put(None)
        return all(await asyncio.gather(*(wait_for(ended, seconds) for ended in self._ended)))

    def submit(self, run: Callable[[Transaction], Any]) -> asyncio.Future[Any]:
        """Queues a read; raises Busy when the queue is full."""
        if self._pending >= self.queue_limit:
            raise Busy(f"{self._pending} reads are waiting")
        if self._is_stopping or not self._ended:
            raise Unavailable("the database is closed")
        self._pending += 1
        loop = asyncio.get_running_loop()
        call = Call(run, loop.create_future(), time.monotonic() + self.deadline_seconds)
        timer = loop.call_later(self.deadline_seconds, self._expire, call)
        # a cancelled read still occupies its thread, so it keeps its deadline
        call.future.add_done_callback(lambda future: None if future.cancelled() else timer.cancel())
        self._queue.put(call)
        return call.future

    def _expire(self, call: Call) -> None:
        """Ends a read, also between two statements, where an interrupt is lost: so it is repeated until the end."""
        with self._lock:
            call.is_expired = True
            transaction = self._running.get(call)
            if transaction is not None:
                transaction.expire()
                asyncio.get_running_loop().call_later(INTERRUPT_SECONDS, self._expire, call)

    def _work(self, ended: asyncio.Event) -> None:
        assert self._loop is not None
        with suppress(
            sqlite3.Error, peewee.PeeweeException, DatabaseLost
        ):  # the first read tries again and reports the error
            self._connect()
        while (call := self._queue.get()) is not None:
            if not call.future.cancelled():
                self._run_one(call)
            self._loop.call_soon_threadsafe(self._deliver, call)
        self._close()
        signal_end(self._loop, ended)

    def _connect(self) -> None:
        """Opens a connection if none is open; raises DatabaseLost if the file is not in its place."""
        if self.database.is_closed():
            self.file.check_place()
            self.database.connect()

    def _run_one(self, call: Call) -> None:
        try:
            self._connect()
            transaction = Transaction(self.database)
            self._register(call, transaction)
            self.database.connection().execute("BEGIN")
            call.result = call.run(transaction)
        except (sqlite3.Error, peewee.PeeweeException) as error:
            call.error = _late(error) if call.is_expired else failure_of(error)
        except Exception as error:  # noqa: BLE001 - whatever the function raised is its caller's
            call.error = error
        finally:
            with self._lock:
                self._running.pop(call, None)
            self._end(call)

    def _register(self, call: Call, transaction: Transaction) -> None:
        with self._lock:
            if call.is_expired:
                raise DeadlineExceeded("the read waited too long and was not started")
            self._running[call] = transaction

    def _end(self, call: Call) -> None:
        """Ends the snapshot; closes a connection that failed."""
        try:
            if not self.database.is_closed() and self.database.connection().in_transaction:
                self.database.connection().execute("ROLLBACK")
        except (sqlite3.Error, peewee.PeeweeException) as error:
            call.error = failure_of(error)
        if isinstance(call.error, DatabaseFailed):
            self._close()

    def _close(self) -> None:
        try:
            self.database.close()
        except (sqlite3.Error, peewee.PeeweeException):
            vars(self.database)["_state"].reset()  # Peewee has no public way to forget a broken connection

    def _deliver(self, call: Call) -> None:
        self._pending -= 1
        deliver([call])


def _late(error: Exception) -> DatabaseError:
    ours = DeadlineExceeded("the read took too long and was interrupted")
    ours.__cause__ = error
    return ours
