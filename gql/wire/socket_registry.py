"""The registry of open sockets: how many each person has, and the end of those whose session has ended."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import Protocol

import structlog
from strawberry.http.async_base_view import AsyncWebSocketAdapter

from gql.context import Context
from services.account.authentication import Authenticator
from services.cause import causes_of
from services.error import RequestError, ServerUnavailable
from services.rate import ConcurrencyLimit, network_of
from services.viewer import Viewer

log = structlog.get_logger("sotto.socket")

CHECK_SECONDS = 0.25  # an expired session is noticed within this time
RECHECK_SECONDS = 30.0  # a lost hint is compensated for within this time
BATCH = 64  # sockets whose sessions are checked at the same time


class OpenSocket(Protocol):
    """What the registry needs of a socket; `expires_at` in ms since 1970, `checked_at` in monotonic seconds."""

    context: Context
    expires_at: float
    checked_at: float
    is_ending: bool

    @property
    def websocket(self) -> AsyncWebSocketAdapter:
        """Used to close it."""
        ...

    async def end_session(self, error: RequestError) -> None:
        """Close it, after its live streams have sent the reason."""
        ...


class SocketRegistry:
    """The open sockets of a view; closes them when the server stops or their session has ended."""

    def __init__(self, authenticator: Authenticator, most_per_user: int) -> None:
        self._authenticator = authenticator
        self._limit = ConcurrencyLimit(most_per_user, "sockets")
        self._open: set[OpenSocket] = set()
        self._checking: asyncio.Task[None] | None = None
        self._checks: set[asyncio.Task[None]] = set()
        authenticator.on_invalidate.append(self._check_user)

    def __len__(self) -> int:
        return len(self._open)

    def add(self, socket: OpenSocket) -> None:
        """Register a socket, so that `close` finds it and its session is checked."""
        self._open.add(socket)
        if self._checking is None:
            self._checking = asyncio.create_task(self._check_all())

    def remove(self, socket: OpenSocket) -> None:
        """Remove a closed socket. No task runs while there are no sockets."""
        self._open.discard(socket)
        if not self._open and self._checking is not None:
            self._checking.cancel()
            self._checking = None

    def seat(self, viewer: Viewer | None, remote: str) -> AbstractContextManager[None]:
        """Reserve a place for a socket of this person, or network if anonymous; RateLimited if all are taken."""
        if viewer is None:
            return self._limit.held(network_of(remote))
        # An untrusted device does not use up its owner's places.
        return self._limit.held(("device", viewer.device_id) if viewer.is_restricted else viewer.user_id)

    async def close(self, code: int, reason: str, is_meant: Callable[[Viewer | None], bool] | None = None) -> None:
        """Close all sockets, or those of the given viewers; returns when all are closed."""
        meant = [each for each in self._open if is_meant is None or is_meant(each.context.viewer)]
        await asyncio.gather(*(each.websocket.close(code, reason) for each in meant), return_exceptions=True)

    def _check_user(self, user_id: int) -> None:
        """Check the sockets of a user, or of a key that acts for them, after some of their credentials have ended."""
        for socket in self._open:
            viewer = socket.context.viewer
            if viewer is not None and user_id in (viewer.user_id, viewer.acting_id):
                task = asyncio.create_task(self._check(socket))
                self._checks.add(task)
                task.add_done_callback(self._checks.discard)

    async def _check_all(self) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            now, clock = time.time() * 1000, time.monotonic()
            due = [each for each in self._open if each.expires_at <= now or each.checked_at + RECHECK_SECONDS <= clock]
            for start in range(0, len(due), BATCH):
                await asyncio.gather(*(self._check(each) for each in due[start : start + BATCH]))

    async def _check(self, socket: OpenSocket) -> None:
        """End a socket whose session is no longer valid; if the server is too busy to check, try again in 1 s."""
        viewer = socket.context.viewer
        if viewer is None or socket.is_ending:
            return
        socket.checked_at = time.monotonic()
        try:
            socket.expires_at = await self._authenticator.check_live(viewer)
        except ServerUnavailable:
            socket.expires_at = time.time() * 1000 + 1000
        except RequestError as error:
            with suppress(ConnectionError):
                await socket.end_session(error)
        except Exception as error:  # noqa: BLE001 - or one fault would end the checks of all the others
            log.warning("socket not looked at", causes=causes_of(error))
            socket.expires_at = time.time() * 1000 + 1000
