"""Starts the server from its settings, and shuts it down cleanly on a signal."""

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
from server.collector import tune_collector
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
STOP_SECONDS = 4.6  # from the signal until the database is closed; the process then exits within 5 s in total
DRAIN_SECONDS = 2.5  # of these, for sends in progress
CUT_SECONDS = 0.6  # and for requests that started meanwhile


@dataclass(frozen=True, slots=True)
class Running:
    """A running server; `url` has the actual port."""

    url: str
    services: Services
    app: App


WhileServing = Callable[[Running], AbstractAsyncContextManager[None]]


@asynccontextmanager
async def listening(settings: Settings) -> AsyncIterator[Running]:
    """Serves inside the block. At the end, every WebSocket is closed with 1001, and sends in progress finish.

    Raises StartError, with nothing left open.
    """
    async with AsyncExitStack() as stack:
        try:
            services = await open_services(settings)
        except (DatabaseError, StorageError, OSError) as error:
            raise StartError(advice_for(error)) from error
        stop = Stop(services)
        stack.push_async_callback(stop.close)
        app = build_app(settings, services)
        runner = Runner(
            app.web,
            app.direct,
            auto_decompress=False,
            handler_cancellation=True,  # when the client disconnects; gql/wire/view.py shields mutations
            lingering_time=2.0,
            shutdown_timeout=CUT_SECONDS,
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, settings.host, settings.port)
        try:
            await site.start()
        except OSError as error:
            reason = f"{settings.host}:{settings.port} cannot be used ({error.strerror or error})"
            raise StartError(f"{reason}; choose another port with --port.") from error
        bound_host, port = runner.addresses[0][:2]
        commands: Commands = {**COMMANDS, ADDRESS: partial(_output, [_url_of(bound_host, port)])}
        control = Control(settings.database_path, commands, services)
        await control.start()
        stack.push_async_callback(control.stop)
        services.sweeper.start()
        stack.push_async_callback(stop.drain, site, app)
        yield Running(_url_of(settings.host, port), services, app)


async def serve(settings: Settings, while_serving: WhileServing) -> None:
    """Serves until SIGTERM or SIGINT, inside the context of `while_serving`; a second signal kills the process."""
    _tune()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    watch_loop(loop)
    for number in _SIGNALS:
        loop.add_signal_handler(number, _stop, loop, stop)
    async with listening(settings) as running, while_serving(running):
        gc.collect()
        gc.freeze()  # these objects live as long as the process: the collector can skip them
        await stop.wait()
        log.info("stopping")


@asynccontextmanager
async def print_addresses(running: Running, settings: Settings) -> AsyncIterator[None]:
    """Prints the URLs of the server."""
    typer.echo(banner.addresses(running.url, settings))
    sys.stdout.flush()
    yield


def _stop(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    for number in _SIGNALS:  # a second signal kills the process; all acknowledged data is on the disk
        loop.remove_signal_handler(number)
        signal.signal(number, signal.SIG_DFL)
    stop.set()


def _tune() -> None:
    """Limits how long the writer thread waits for the GIL to 0.5 ms, and the passes of the garbage collector."""
    sys.setswitchinterval(0.0005)
    tune_collector()
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(16, thread_name_prefix="sotto-file"))


class Stop:
    """The shutdown of a server; it takes at most `STOP_SECONDS`, even on a slow disk."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._began: float | None = None

    async def drain(self, site: web.TCPSite, app: App) -> None:
        """First: accepts no new connections, and waits for requests in progress."""
        self._began = time.monotonic()
        app.health.is_stopping = True
        await site.stop()
        self._services.upload.stop()
        await app.view.drain(DRAIN_SECONDS)

    async def close(self) -> None:
        """Last: closes the services in the remaining time; without a limit if the server never started to listen."""
        left = None if self._began is None else self._began + STOP_SECONDS - time.monotonic()
        await self._services.close(None if left is None else max(0.1, left))


async def _output(output: list[str], _services: Services) -> list[str]:
    return output


def _url_of(host: str, port: int) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - the address to connect to
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def advice_for(error: Exception) -> str:
    """An error from opening the services as one line that says what to do."""
    name = type(error).__name__
    reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.strerror else str(error)
    advice = {
        "DatabaseInUse": "stop that server first, or choose another folder with --data.",
        "SchemaTooNew": "nothing was changed.",
        "DatabaseUnreadable": "nothing was changed; restore a backup, or choose another folder with --data.",
        "LogForeign": "nothing was changed. Empty the folder and copy the complete backup into it; or, if the database "
        "is the right one, remove the files next to it that end in -wal and -shm.",
        "DatabaseMissing": "nothing was changed. Put the database back; or empty the folder and copy a complete backup "
        "into it; or, to start with an empty database, remove the files that end in -wal and -shm.",
        "DatabaseLocked": "stop that program.",
        "DatabaseFull": "free a few MiB on the disk.",
        "DatabaseFailed": "nothing was changed; check the disk.",
    }
    if isinstance(error, StorageMismatch):
        return reason  # says what to do
    return f"{reason.rstrip('.')}; {advice.get(name, 'check the folder of --data.')}"
