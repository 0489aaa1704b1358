"""The database as services use it: raises their errors, and publishes the events that a write appended."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import structlog

from models.database import Database
from models.error import (
    DatabaseError,
    DatabaseFailed,
    DatabaseFull,
    DatabaseLocked,
    NotCommitted,
    OutcomeUnknown,
    Unavailable,
)
from models.transaction import Transaction
from pubsub.base import PubSub
from services.credential_status import credential_status_of
from services.error import OutcomeUnclear, ServerUnavailable, StorageFull
from services.failure import FailureLog
from services.share import share
from services.transaction import Events, WriteTransaction
from services.viewer import Right, Viewer

P = ParamSpec("P")
T = TypeVar("T")

_log = structlog.get_logger("sotto.database")


class GuardedDatabase(Database):
    """Raises ServerUnavailable and StorageFull if the data layer fails; nothing was stored then.

    Only OutcomeUnclear, a ServerUnavailable, means that something may have been stored.

    Every write publishes the events of its transaction after the commit, before it returns. A write that raises
    publishes nothing; if its transaction was stored after all, the next read of the log finds the events.

    Every operation for a viewer must use `read_for`, `write_for` or `send_for`; tests/contract/test_access.py checks
    this.
    """

    def __init__(self, path: Path, pubsub: PubSub, **options: Any) -> None:
        super().__init__(path, **options)
        self.pubsub = pubsub
        self._failures = FailureLog()

    async def open(self) -> None:
        """See `Database.open`; also logs a crash of the last run, and files that other system accounts could open."""
        await super().open()
        if self.was_cut_off:
            _log.warning("database recovered", words="The last run was interrupted; quick_check found no damage.")
        for path, mode, is_mended in self.exposures:
            if is_mended:
                _log.warning("database closed to others", file=path.name, mode=f"{mode:04o}")
            else:
                _log.warning("database open to others", file=path.name, mode=f"{mode:04o}")

    @contextmanager
    def migrating(self, names: list[str]) -> Iterator[None]:
        """See `Database.migrating`; logs the beginning and the end, because a large database takes minutes."""
        began = time.monotonic()
        _log.info("database migrating", migrations=names, words="The server starts when this is done.")
        with super().migrating(names):
            yield
        _log.info("database migrated", migrations=names, seconds=round(time.monotonic() - began, 1))

    async def close(self, seconds: float | None = None) -> bool:
        """See `Database.close`."""
        is_closed = await super().close(seconds)
        if not is_closed:
            _log.warning("database not closed in time", words="The next start recovers the database from its log.")
        return is_closed

    async def check(self) -> None:
        """See `Database.check`; logs and raises DatabaseError, whose text is for the operator."""
        try:
            await super().check()
        except DatabaseError as error:
            self._failures.log(error)
            raise

    async def read_for(
        self, viewer: Viewer, fn: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `read`; raises DeviceUntrusted or PermissionDenied if the viewer's credential may not read."""
        viewer.check(Right.READ)
        return await self.read(fn, *args, **kwargs)

    async def write_for(
        self, viewer: Viewer, fn: Callable[Concatenate[WriteTransaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `write`; checks the credential again in the same transaction.

        Therefore nothing is stored for a session after its end was acknowledged. Raises DeviceUntrusted,
        PermissionDenied, Unauthenticated, AccountSuspended, AccountDeactivated.
        """
        viewer.check(Right.WRITE)
        return await self._write_as(viewer, fn, *args, **kwargs)

    async def send_for(
        self, viewer: Viewer, fn: Callable[Concatenate[WriteTransaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `write_for`, for a viewer who may send but perhaps not read: the result must show only what they wrote."""
        viewer.check(Right.SEND)
        return await self._write_as(viewer, fn, *args, **kwargs)

    async def _write_as(
        self, viewer: Viewer, fn: Callable[Concatenate[WriteTransaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        def write(tx: WriteTransaction) -> T:
            credential_status_of(tx, viewer)
            return fn(tx, *args, **kwargs)

        return await self.write(write)

    async def write(self, fn: Callable[Concatenate[WriteTransaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `Database.write`; then publishes the events of the transaction."""

        def run(tx: Transaction) -> tuple[T, Events]:
            write_tx = WriteTransaction(tx)
            return fn(write_tx, *args, **kwargs), write_tx.events

        try:
            result, events = await super().write(run)
        except DatabaseError as error:
            if (refusal := self._refusal_of(error, _UNSTORED)) is error:
                raise  # keeps its own cause: raising it from itself would make the chain a cycle
            raise refusal from error
        events.publish(self.pubsub)
        return result

    async def read(self, fn: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `Database.read`; one operation reads a few things at once (`services.share`), so others find room."""
        try:
            async with share() or nullcontext():
                return await super().read(fn, *args, **kwargs)
        except DatabaseError as error:
            if (refusal := self._refusal_of(error, _UNREAD)) is error:
                raise
            raise refusal from error

    def _refusal_of(self, error: DatabaseError, sentences: "_Sentences") -> Exception:
        """The error for the client; the cause is logged. Any other error is a bug and is returned unchanged."""
        if isinstance(error, DatabaseFull | DatabaseFailed | DatabaseLocked | NotCommitted | OutcomeUnknown):
            self._failures.log(error)
        if isinstance(error, DatabaseFull):
            return StorageFull("The server's disk is full: nothing was stored. Reading goes on.")
        if isinstance(error, OutcomeUnknown):
            return OutcomeUnclear(_UNCLEAR, error.retry_after_seconds)
        if isinstance(error, DatabaseFailed | NotCommitted):
            return ServerUnavailable(sentences.failed, error.retry_after_seconds)
        if isinstance(error, Unavailable):
            return ServerUnavailable(sentences.busy, error.retry_after_seconds)
        return error


@dataclass(frozen=True, slots=True)
class _Sentences:
    """Sentences for a person: what failed, and what to do."""

    busy: str
    failed: str


_AGAIN = "Try again, with the same `clientMessageId`."
_UNSTORED = _Sentences(
    busy=f"The server is busy: nothing was stored. {_AGAIN}",
    failed=f"The server cannot write to its database just now: nothing was stored. {_AGAIN}",
)
_UNREAD = _Sentences(
    busy="The server is busy; try again.", failed="The server cannot read its database just now; try again."
)
_UNCLEAR = (
    "The server's disk failed while this was being stored: it may or may not be there. Try again, with the same "
    "`clientMessageId`: nothing is stored twice."
)
