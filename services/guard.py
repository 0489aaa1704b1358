"""The database as services know it: what it fails with is in their vocabulary."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from models.database import Database
from models.error import DatabaseFull, Unavailable
from models.transaction import Transaction
from services.error import ServerUnavailable, StorageFull
from services.standing import standing_of
from services.viewer import Right, Viewer

P = ParamSpec("P")
T = TypeVar("T")


class GuardedDatabase(Database):
    """Raises ServerUnavailable and StorageFull for what the data layer could not do; nothing was stored then.

    `read_for`, `write_for` and `send_for` are the doors for whatever is done in somebody's name: no road leads around
    them, which tests/contract/test_access.py keeps.
    """

    async def read_for(
        self, viewer: Viewer, fn: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `read`; raises DeviceUntrusted or PermissionDenied where the viewer's credential may not read."""
        viewer.check(Right.READ)
        return await self.read(fn, *args, **kwargs)

    async def write_for(
        self, viewer: Viewer, fn: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `write`; the credential is looked at again in the same transaction.

        So nothing is stored for a session after its end was acknowledged. Raises DeviceUntrusted, PermissionDenied,
        Unauthenticated, AccountSuspended, AccountDeactivated.
        """
        viewer.check(Right.WRITE)
        return await self._write_as(viewer, fn, *args, **kwargs)

    async def send_for(
        self, viewer: Viewer, fn: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `write_for`, for who may send and perhaps not read: what comes of it shows only what the viewer wrote."""
        viewer.check(Right.SEND)
        return await self._write_as(viewer, fn, *args, **kwargs)

    async def _write_as(
        self, viewer: Viewer, fn: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        def write(tx: Transaction) -> T:
            standing_of(tx, viewer)
            return fn(tx, *args, **kwargs)

        return await self.write(write)

    async def write(self, fn: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `Database.write`."""
        try:
            return await super().write(fn, *args, **kwargs)
        except Unavailable as error:
            raise _busy(error) from error
        except DatabaseFull as error:
            raise StorageFull("The server's disk is full: nothing was stored. Reading goes on.") from error

    async def read(self, fn: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """See `Database.read`."""
        try:
            return await super().read(fn, *args, **kwargs)
        except Unavailable as error:
            raise ServerUnavailable("The server is busy; try again.", error.retry_after_seconds) from error


def _busy(error: Unavailable) -> ServerUnavailable:
    detail = "The server is busy: nothing was stored. Try again, with the same `clientMessageId`."
    return ServerUnavailable(detail, error.retry_after_seconds)
