"""The database as services know it: its failures are in their vocabulary, and what a write appended is published."""

from collections.abc import Callable
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
from services.transaction import Events, WriteTransaction
from services.viewer import Right, Viewer

P = ParamSpec("P")
T = TypeVar("T")

_log = structlog.get_logger("sotto.database")


class GuardedDatabase(Database):
    """Raises ServerUnavailable and StorageFull for what the data layer could not do; nothing was stored then.

    OutcomeUnclear alone, a ServerUnavailable, says that something may have been.

    Every write publishes the events of its transaction after the commit, before it returns; one that raises, whatever
    the reason, publishes nothing: what is stored after all is found at the next look at the log.

    `read_for`, `write_for` and `send_for` are the doors for whatever is done in somebody's name: no road leads around
    them, which tests/contract/test_access.py keeps.
    """

    def __init__(self, path: Path, pubsub: PubSub, **options: Any) -> None:
        super().__init__(path, **options)
        self.pubsub = pubsub
        self._failures = FailureLog()

    async def open(self) -> None:
        """See `Database.open`; the log tells how the last run ended, and of files that other accounts could open."""
        await super().open()
        if self.was_cut_off:
            _log.warning("database recovered", words="The last run was cut off: quick_check finds the database whole.")
        for path, mode, is_mended in self.exposures:
            if is_mended:
                _log.warning("database closed to others", file=path.name, mode=f"{mode:04o}")
            else:
                _log.warning("database open to others", file=path.name, mode=f"{mode:04o}")

    async def close(self, seconds: float | None = None) -> bool:
        """See `Database.close`."""
        is_closed = await super().close(seconds)
        if not is_closed:
            _log.warning("database not closed in time", words="The next start takes what is in its log.")
        return is_closed

    async def check(self) -> None:
        """See `Database.check`; raises DatabaseError, whose words are the operator's, and logs it."""
        try:
            await super().check()
        except DatabaseError as error:
            self._failures.log(error)
            raise

    async def read_for(
        self, viewer: Viewer, fn: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `read`; raises DeviceUntrusted or PermissionDenied where the viewer's credential may not read."""
        viewer.check(Right.READ)
        return await self.read(fn, *args, **kwargs)

    async def write_for(
        self, viewer: Viewer, fn: Callable[Concatenate[WriteTransaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `write`; the credential is looked at again in the same transaction.

        So nothing is stored for a session after its end was acknowledged. Raises DeviceUntrusted, PermissionDenied,
        Unauthenticated, AccountSuspended, AccountDeactivated.
        """
        viewer.check(Right.WRITE)
        return await self._write_as(viewer, fn, *args, **kwargs)

    async def send_for(
        self, viewer: Viewer, fn: Callable[Concatenate[WriteTransaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `write_for`, for who may send and perhaps not read: what comes of it shows only what the viewer wrote."""
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
                raise  # from its own cause: an error that were its own would send whoever follows the chain in circles
            raise refusal from error
        events.publish(self.pubsub)
        return result

    async def read(self, fn: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `Database.read`."""
        try:
            return await super().read(fn, *args, **kwargs)
        except DatabaseError as error:
            if (refusal := self._refusal_of(error, _UNREAD)) is error:
                raise
            raise refusal from error

    def _refusal_of(self, error: DatabaseError, sentences: "_Sentences") -> Exception:
        """What the client is told; the log has the cause. Any other error is a bug, and stays as it is."""
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
    """For a person: what could not be done, and what to do."""

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
