"""The operator's commands: on the folder itself, or where a server has it, by its control socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from models.error import DatabaseError, DatabaseInUse
from server.app import open_services
from server.command.registry import ADOPT, COMMANDS
from server.control import ControlError, ask
from server.output import StartError
from server.process import way_out
from server.setting.settings import Settings
from services.service import Services
from storage.base import StorageError


async def operate(settings: Settings, command: str, **arguments: Any) -> list[str]:
    """Runs a command of `COMMANDS` and returns its lines; raises StartError, and what the command raises."""
    try:
        async with opened(settings, checks_storage=command != ADOPT) as services:
            return await COMMANDS[command](services, **arguments)
    except DatabaseInUse as error:
        try:
            return await ask(settings.database_path, command, arguments)
        except ControlError as refused:
            raise StartError(str(refused)) from error
        except (TimeoutError, OSError) as failure:
            reason = f"{error}, which does not answer at its control socket"
            raise StartError(f"{reason}; try again, or stop it first.") from failure


@asynccontextmanager
async def opened(settings: Settings, *, checks_storage: bool = True) -> AsyncIterator[Services]:
    """The services on the folder of the settings; raises DatabaseInUse while a server has it, else StartError.

    A folder that was mistyped is not made: that is for `serve` and `demo` alone.
    """
    path = settings.database_path
    try:
        if not await asyncio.to_thread(path.exists):
            raise StartError(
                f"there is no database at {path}; name its folder with --data, or make one by `./sotto serve`."
            )
        services = await open_services(settings, checks_storage=checks_storage)
    except DatabaseInUse:
        raise
    except (DatabaseError, StorageError, OSError) as error:
        raise StartError(way_out(error)) from error
    try:
        yield services
    finally:
        await services.close()
