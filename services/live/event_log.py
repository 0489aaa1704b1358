"""The event log of a viewer: positions and cursors in it, and what follows them."""

import asyncio

from models import event as events
from models.base import now_ms
from models.event import Position
from services.account.authentication import Authenticator
from services.cursor import Signer
from services.error import CursorExpired, CursorInvalid, RequestError, ServerUnavailable
from services.guard import GuardedDatabase
from services.live.feed import known_to
from services.live.log_reader import EventBatch, Load, LogRead, LogReader
from services.live.resolved_event import EventParts
from services.viewer import Viewer

EXPIRED = "The server no longer has the events after this cursor; load the data again and start from a new cursor."


class EventLog:
    """Reads logs for live streams; streams that wait for the same event share the reading."""

    def __init__(self, database: GuardedDatabase, authenticator: Authenticator, signer: Signer, load: Load) -> None:
        self._database = database
        self._authenticator = authenticator
        self._signer = signer
        self._reader = LogReader(database, load)

    async def position(self, viewer: Viewer) -> Position:
        """The current end of the viewer's log."""
        return await self._database.read_for(viewer, events.last_of, viewer.user_id)

    async def resume_from(self, viewer: Viewer, cursor: str) -> Position:
        """The position of a cursor; raises CursorInvalid, and CursorExpired if the log cannot be read from there."""
        n, at = self.verify(viewer, cursor)
        found = await self._database.read_for(viewer, events.find_position, viewer.user_id, n, at)
        if found is None:
            raise CursorExpired(EXPIRED)
        return found

    async def read(self, viewer: Viewer, after: Position, parts: EventParts) -> EventBatch:
        """The next events that the viewer's credential may see; raises CursorExpired and ServerUnavailable.

        The caller has checked that the credential is still valid.
        """
        batch = await self._reader.read(LogRead(viewer.user_id, after, parts))
        if batch is None:
            raise CursorExpired(EXPIRED)
        return known_to(viewer, batch)

    async def next(self, viewer: Viewer, after: Position, parts: EventParts) -> EventBatch:
        """As `read`, if the session is still valid; waits and retries while the server is busy.

        Raises Unauthenticated or another error of `authenticate` if it is not.
        """
        while True:
            try:
                await self._authenticator.check_live(viewer)
                return await self.read(viewer, after, parts)
            except ServerUnavailable as error:
                await asyncio.sleep(error.retry_after_seconds)

    async def patience(self, viewer: Viewer, most_seconds: float) -> float:
        """How long to wait for a hint, in seconds: at most until the session ends, which must be noticed."""
        try:
            return patience(await self._authenticator.check_live(viewer), most_seconds)
        except RequestError:  # the next read raises it again
            return 0.0

    def verify(self, viewer: Viewer, cursor: str) -> tuple[int, int | None]:
        """The number and the time of the event that a cursor names; raises CursorInvalid."""
        try:
            n, at = self._signer.verify("event", viewer.user_id, cursor, 2)
        except CursorInvalid:  # cursors of earlier versions have no time; they stay valid after an upgrade
            return self._signer.verify("event", viewer.user_id, cursor, 1)[0], None
        return n, at


def patience(expires_at: int, most_seconds: float) -> float:
    """Seconds to wait at most for what happens before a session expires, in ms since 1970, and until just after."""
    return min(most_seconds, max(expires_at - now_ms(), 0) / 1000 + 0.01)
