"""The registry of open sockets: how many each person has, and the end of those whose session has ended."""

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, Protocol

import structlog

from gql.context import Context
from gql.wire.frame import SocketAdapter
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
    """What the registry needs of a socket; `expires_at` in ms since 1970, the others in monotonic seconds."""

    context: Context
    silent_until: float
    expires_at: float
    checked_at: float
    is_ending: bool

    @property
    def websocket(self) -> SocketAdapter:
        """Used to close it."""
        ...

    async def end_silence(self) -> None:
        """Close it, because its client has not said who it is by `silent_until`."""
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
        self._silent: dict[OpenSocket, None] = {}  # in the order in which they were opened
        self._checking: asyncio.Task[None] | None = None
        self._checks: set[asyncio.Task[None]] = set()
        authenticator.on_invalidate.append(self._check_user)

    def __len__(self) -> int:
        return len(self._open)

    def add(self, socket: OpenSocket) -> None:
        """Register a socket, so that `close` finds it and its session is checked."""
        self._open.add(socket)
        self._silent[socket] = None
        if self._checking is None:
            self._checking = asyncio.create_task(self._check_all())

    def hear(self, socket: OpenSocket) -> None:
        """Note that the client has said who it is; until then the socket is closed after a while."""
        self._silent.pop(socket, None)

    def remove(self, socket: OpenSocket, seat: object) -> None:
        """Remove a closed socket, and give back its place. No task runs while there are no sockets."""
        self._open.discard(socket)
        self._silent.pop(socket, None)
        if seat is not None:
            self._limit.give(seat)
        if not self._open and self._checking is not None:
            self._checking.cancel()
            self._checking = None

    def take_seat(self, viewer: Viewer | None, remote: str) -> object:
        """Reserve a place for a socket of this person, or network if anonymous; RateLimited if all are taken."""
        seat: object = network_of(remote)
        if viewer is not None:
            # An untrusted device does not use up its owner's places.
            seat = ("device", viewer.device_id) if viewer.is_restricted else viewer.user_id
        self._limit.take(seat)
        return seat

    async def close(self, code: int, reason: str, is_meant: Callable[[Viewer | None], bool] | None = None) -> None:
        """Close all sockets, or those of the given viewers; returns when all are closed."""
        meant = [each for each in self._open if is_meant is None or is_meant(each.context.viewer)]
        await asyncio.gather(*(each.websocket.close(code, reason) for each in meant), return_exceptions=True)

    def _check_user(self, user_id: int) -> None:
        """Check the sockets of a user, or of a key that acts for them, after some of their credentials have ended."""
        for socket in self._open:
            viewer = socket.context.viewer
            if viewer is not None and user_id in (viewer.user_id, viewer.acting_id):
                self._run(self._check(socket))

    async def _check_all(self) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            now, clock = time.time() * 1000, time.monotonic()
            self._end_silent(clock)
            due = [each for each in self._open if each.expires_at <= now or each.checked_at + RECHECK_SECONDS <= clock]
            for start in range(0, len(due), BATCH):
                await asyncio.gather(*(self._check(each) for each in due[start : start + BATCH]))

    def _end_silent(self, clock: float) -> None:
        for socket in list(itertools.takewhile(lambda each: each.silent_until <= clock, self._silent)):
            del self._silent[socket]
            self._run(socket.end_silence())

    def _run(self, check: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(check)
        self._checks.add(task)
        task.add_done_callback(self._checks.discard)

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
