"""The watch: which sockets are open, how many for each person, and the end of those whose session has ended."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING

import structlog

from services.account.authentication import Authenticator
from services.cause import causes_of
from services.error import RequestError, ServerUnavailable
from services.rate import Turnstile, network_of
from services.viewer import Viewer

if TYPE_CHECKING:
    from gql.wire.socket import SocketHandler

log = structlog.get_logger("sotto.watch")

WATCH_SECONDS = 0.25  # an expiry is seen within this time
RECHECK_SECONDS = 30.0  # a lost hint is made good within this time
LOT = 64  # sockets that are looked at side by side


class Sockets:
    """The open sockets of a view, so that they can be closed from outside: at the end, or when a session has ended."""

    def __init__(self, authenticator: Authenticator, most_per_user: int) -> None:
        self._authenticator = authenticator
        self._turnstile = Turnstile(most_per_user, "sockets")
        self._open: set[SocketHandler] = set()
        self._watching: asyncio.Task[None] | None = None
        self._looking: set[asyncio.Task[None]] = set()
        authenticator.on_end.append(self._look_soon)

    def __len__(self) -> int:
        return len(self._open)

    def add(self, handler: "SocketHandler") -> None:
        """From here on `close` finds it."""
        self._open.add(handler)
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())

    def remove(self, handler: "SocketHandler") -> None:
        """It is closed; with the last one the watch ends."""
        self._open.discard(handler)
        if not self._open and self._watching is not None:
            self._watching.cancel()
            self._watching = None

    def seat(self, viewer: Viewer | None, remote: str) -> AbstractContextManager[None]:
        """A place for a socket of this person, or without one of this network; RateLimited if all are taken."""
        if viewer is None:
            return self._turnstile.entered(network_of(remote))
        # A device that waits to be trusted takes no place of its owner's.
        return self._turnstile.entered(("device", viewer.device_id) if viewer.is_restricted else viewer.user_id)

    async def close(self, code: int, reason: str, is_meant: Callable[[Viewer | None], bool] | None = None) -> None:
        """Close every socket, or those of the viewers that are meant; returns when all have said goodbye."""
        meant = [each for each in self._open if is_meant is None or is_meant(each.context.viewer)]
        await asyncio.gather(*(each.websocket.close(code, reason) for each in meant), return_exceptions=True)

    def _look_soon(self, user_id: int) -> None:
        """Something of this user's has ended: whoever came in with it goes."""
        for handler in self._open:
            viewer = handler.context.viewer
            if viewer is not None and user_id in (viewer.user_id, viewer.acting_id):
                task = asyncio.create_task(self._look(handler))
                self._looking.add(task)
                task.add_done_callback(self._looking.discard)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            now, clock = time.time() * 1000, time.monotonic()
            due = [each for each in self._open if each.expires_at <= now or each.looked_at + RECHECK_SECONDS <= clock]
            for start in range(0, len(due), LOT):
                await asyncio.gather(*(self._look(each) for each in due[start : start + LOT]))

    async def _look(self, handler: "SocketHandler") -> None:
        """Whether the session of a socket is good still; a busy server asks again later."""
        viewer = handler.context.viewer
        if viewer is None or handler.is_ending:
            return
        handler.looked_at = time.monotonic()
        try:
            handler.expires_at = await self._authenticator.check_live(viewer)
        except ServerUnavailable:
            handler.expires_at = time.time() * 1000 + 1000
        except RequestError as error:
            with suppress(ConnectionError):
                await handler.end_session(error)
        except Exception as error:  # noqa: BLE001 - or one fault would end the watch over all the others
            log.warning("socket not looked at", causes=causes_of(error))
            handler.expires_at = time.time() * 1000 + 1000
