"""The process: from the settings to a listening server, and from a signal to a clean end."""

import asyncio
import gc
import signal
import sys
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog
import typer
from aiohttp import web

from models.error import DatabaseError
from server import banner
from server.app import App, build_app, open_services
from server.command import COMMANDS
from server.connection import Runner
from server.control import Control
from server.line import StartError
from server.log import watch_loop
from server.settings import Settings
from services.service import Services
from storage.base import StorageError

log = structlog.get_logger("sotto.process")

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
DRAIN_SECONDS = 3.0  # for sends under way; with what follows, the process ends within 5 s


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
        stack.push_async_callback(services.close)
        app = build_app(settings, services)
        runner = Runner(
            app.web,
            auto_decompress=False,
            handler_cancellation=True,  # a query stops with its client; mutations are shielded, see gql/view.py
            lingering_time=2.0,
            shutdown_timeout=1.0,
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, settings.host, settings.port)
        try:
            await site.start()
        except OSError as error:
            reason = f"{settings.host}:{settings.port} cannot be listened on ({error.strerror or error})"
            raise StartError(f"{reason}; choose another with --port.") from error
        control = Control(settings.database_path, COMMANDS, services)
        await control.start()
        stack.push_async_callback(control.stop)
        services.sweeper.start()
        stack.push_async_callback(_drain, site, app, services)
        yield Running(_url_of(settings, runner), services, app)


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


async def _drain(site: web.TCPSite, app: App, services: Services) -> None:
    app.health.is_stopping = True
    await site.stop()
    services.upload.stop()
    await app.view.drain(DRAIN_SECONDS)


def _url_of(settings: Settings, runner: Runner) -> str:
    port = runner.addresses[0][1]
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.host, settings.host)  # noqa: S104 - where to reach it
    return f"http://{f'[{host}]' if ':' in host and not host.startswith('[') else host}:{port}"


def way_out(error: Exception) -> str:
    """One line for the operator, from what opening the services raises."""
    name = type(error).__name__
    reason = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.strerror else str(error)
    ways = {
        "DatabaseInUse": "stop that server first, or choose another folder with --data.",
        "SchemaTooNew": "nothing was changed.",
        "DatabaseUnreadable": "nothing was changed; restore a backup, or choose another folder with --data.",
    }
    return f"{reason.rstrip('.')}; {ways.get(name, 'see to the folder that --data names.')}"
