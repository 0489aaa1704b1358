"""The operator's commands about people; they open the folder themselves, so the server must be stopped."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from models import user as users
from models.error import DatabaseError, DatabaseInUse
from models.user import AccountRow
from server.app import open_services
from server.process import StartError, way_out
from server.settings import Settings
from services.account import SignUp, check_sign_up
from services.error import InvalidInput
from services.password import password_issue
from services.service import Services
from storage.base import StorageError


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Services]:
    """The services on the folder of the settings; raises StartError while a server has it."""
    try:
        services = await open_services(settings)
    except DatabaseInUse as error:
        raise StartError(f"{error}; stop the server, or let people come by the mutation signUp.") from error
    except (DatabaseError, StorageError, OSError) as error:
        raise StartError(way_out(error)) from error
    try:
        yield services
    finally:
        await services.close()


async def add_user(settings: Settings, form: SignUp, *, is_bot: bool, avatar_url: str | None) -> None:
    """Makes an account; raises InvalidInput, AlreadyExists, StartError."""
    async with opened(settings) as services:
        check_sign_up(form, services.limits)
        await services.account.create(form, is_bot=is_bot, avatar_url=avatar_url)


async def list_users(settings: Settings) -> list[AccountRow]:
    """All accounts, by user name; raises StartError."""
    async with opened(settings) as services:
        return await services.database.read(lambda tx: tx.all(users.ALL))


async def change_password(settings: Settings, username: str, password: str) -> None:
    """Changes a password and ends that person's sessions; raises InvalidInput, NotFound, StartError."""
    if issue := password_issue(password):
        raise InvalidInput([issue])
    async with opened(settings) as services:
        await services.account.set_password(username, password)
