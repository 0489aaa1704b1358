"""The process: from the settings to a listening server, and from a signal to a clean end."""

import asyncio
import gc
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import structlog
import typer
from aiohttp import web

from models.error import DatabaseError
from server import banner
from server.app import App, build_app, open_services
from server.command.registry import COMMANDS
from server.connection import Runner
from server.control import ADDRESS, Commands, Control
from server.log import watch_loop
from server.output import StartError
from server.setting.settings import Settings
from services.file.storage_link import StorageMismatch
from services.service import Services
from storage.base import StorageError

log = structlog.get_logger("sotto.process")

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
STOP_SECONDS = 4.6  # from the signal until the database is let go of; with the rest, the process ends within 5 s
DRAIN_SECONDS = 2.5  # of these for sends under way
CUT_SECONDS = 0.6  # and for requests that began meanwhile


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers; `url` has the port that it really got."""

    url: str
    services: Services
    app: App


@asynccontextmanager
async def listening(settings: Settings) -> AsyncIterator[Running]:
    """Serves inside the block; at its end every socket gets 1001, sends finish, and everything is closed.

    Raises StartError, with nothing left open.
    """
    async with AsyncExitStack() as stack:
        try:
            services = await open_services(settings)
        except (DatabaseError, StorageError, OSError) as error:
            raise StartError(way_out(error)) from error
        stop = Stop(services)
        stack.push_async_callback(stop.close)
        app = build_app(settings, services)
        runner = Runner(
            app.web,
            auto_decompress=False,
            handler_cancellation=True,  # a query stops with its client; mutations are shielded, see gql/wire/view.py
            lingering_time=2.0,
            shutdown_timeout=CUT_SECONDS,
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, settings.host, settings.port)
        try:
            await site.start()
        except OSError as error:
            reason = f"{settings.host}:{settings.port} cannot be listened on ({error.strerror or error})"
            raise StartError(f"{reason}; choose another with --port.") from error
        bound_host, port = runner.addresses[0][:2]
        commands: Commands = {**COMMANDS, ADDRESS: partial(_lines, [_url_of(bound_host, port)])}
        control = Control(settings.database_path, commands, services)
        await control.start()
        stack.push_async_callback(control.stop)
        services.sweeper.start()
        stack.push_async_callback(stop.drain, site, app)
        yield Running(_url_of(settings.host, port), services, app)


async def serve(settings: Settings, announced: Callable[[Running], AbstractAsyncContextManager[None]]) -> None:
    """Serves until SIGTERM or SIGINT, inside of what `announced` opens; a second signal ends the process at once."""
    _tune()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    watch_loop(loop)
    for number in _SIGNALS:
        loop.add_signal_handler(number, _stop, loop, stop)
    async with listening(settings) as running, announced(running):
        gc.collect()
        gc.freeze()  # what is alive now stays: the collector need not look at it again
        await stop.wait()
        log.info("stopping")


@asynccontextmanager
async def announced(running: Running, settings: Settings) -> AsyncIterator[None]:
    """Prints where everything is."""
    typer.echo(banner.addresses(running.url, settings))
    sys.stdout.flush()
    yield


def _stop(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    for number in _SIGNALS:  # the second one ends the process at once: what was acknowledged is on the disk
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
    stop.set()


def _tune() -> None:
    """The writer's thread waits for the loop at most half a millisecond; see design of the data layer."""
    sys.setswitchinterval(0.0005)
    gc.set_threshold(50_000, 50, 50)
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(16, thread_name_prefix="sotto-file"))


class Stop:
    """The end of a server: however slow its disk is, it takes `STOP_SECONDS` from its beginning."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._began: float | None = None

    async def drain(self, site: web.TCPSite, app: App) -> None:
        """First: no new connections, and time for what is under way."""
        self._began = time.monotonic()
        app.health.is_stopping = True
        await site.stop()
        self._services.upload.stop()
        await app.view.drain(DRAIN_SECONDS)

    async def close(self) -> None:
        """Last: the database, in the time that is left; without a bound where the server has not begun to listen."""
        left = None if self._began is None else self._began + STOP_SECONDS - time.monotonic()
        await self._services.close(None if left is None else max(0.1, left))


async def _lines(lines: list[str], _services: Services) -> list[str]:
    return lines


def _url_of(host: str, port: int) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - where to reach it
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def way_out(error: Exception) -> str:
    """One line for the operator, from what opening the services raises."""
    name = type(error).__name__
    reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.strerror else str(error)
    ways = {
        "DatabaseInUse": "stop that server first, or choose another folder with --data.",
        "SchemaTooNew": "nothing was changed.",
        "DatabaseUnreadable": "nothing was changed; restore a backup, or choose another folder with --data.",
        "LogForeign": "nothing was changed. Empty the folder, then copy the whole backup into it; or, where the "
        "database that is there is the right one, remove the files beside it that end in -wal and -shm.",
        "DatabaseMissing": "nothing was changed. Put the database back; or empty the folder, and copy a whole backup "
        "into it; or, to begin with an empty database, remove the files that end in -wal and -shm.",
        "DatabaseLocked": "end that program.",
        "DatabaseFull": "make room on the disk: some MiB are enough to start.",
        "DatabaseFailed": "nothing was changed; see to the disk.",
    }
    if isinstance(error, StorageMismatch):
        return reason  # with the way out
    return f"{reason.rstrip('.')}; {ways.get(name, 'see to the folder that --data names.')}"
