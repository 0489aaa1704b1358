"""Runs the operator's commands on the data folder, or through the control socket of the server that uses it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from models.error import DatabaseError, DatabaseInUse
from server.control import ControlError, NoServer, ask
from server.output import StartError
from server.setting.settings import Settings

if TYPE_CHECKING:
    from services.service import Services


async def operate(settings: Settings, command: str, **arguments: Any) -> list[str]:
    """Runs a command of `COMMANDS` and returns its output; raises StartError, and the errors of the command.

    Tries a running server first: without one, this process has to import the services, which takes half a second.
    """
    try:
        return await _ask(settings, command, arguments)
    except NoServer:
        pass
    from server.command.registry import ADOPT, COMMANDS  # noqa: PLC0415

    try:
        async with _opened(settings, checks_storage=command != ADOPT) as services:
            return await COMMANDS[command](services, **arguments)
    except DatabaseInUse as error:
        try:
            return await _ask(settings, command, arguments)
        except NoServer as failure:
            raise StartError(_unanswered(str(error))) from failure


async def _ask(settings: Settings, command: str, arguments: dict[str, Any]) -> list[str]:
    try:
        return await ask(settings.database_path, command, arguments)
    except ControlError as refused:
        raise StartError(str(refused)) from refused
    except NoServer:
        raise
    except (TimeoutError, OSError) as failure:
        raise StartError(_unanswered(f"{settings.database_path} is in use by a server")) from failure


def _unanswered(reason: str) -> str:
    return f"{reason}, which does not respond on its control socket; try again, or stop that server first."


@asynccontextmanager
async def _opened(settings: Settings, *, checks_storage: bool) -> AsyncIterator["Services"]:
    """The services on the configured folder; raises DatabaseInUse if a server uses it, otherwise StartError.

    Never creates a database, because the folder may be mistyped; only `serve` and `demo` do.
    """
    from server.app import open_services  # noqa: PLC0415
    from server.process import advice_for  # noqa: PLC0415
    from storage.base import StorageError  # noqa: PLC0415

    path = settings.database_path
    try:
        if not await asyncio.to_thread(path.exists):
            raise StartError(
                f"there is no database at {path}; pass its folder with --data, or create one with `./sotto serve`."
            )
        services = await open_services(settings, checks_storage=checks_storage)
    except DatabaseInUse:
        raise
    except (DatabaseError, StorageError, OSError) as error:
        raise StartError(advice_for(error)) from error
    try:
        yield services
    finally:
        await services.close()
