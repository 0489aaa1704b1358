"""`./sotto send` and `./sotto listen`: the operator can act as any user of a server on this machine."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import typer

from server.cli.client import Client, ClientError
from server.control import ADDRESS, ControlError, ask
from server.output import StartError
from server.setting.settings import Settings

_SIGN_OUT = "mutation { signOut(input: {}) { __typename } }"


async def send_as(
    settings: Settings, url: str | None, name: str, to: Sequence[str], text: str | None, files: Sequence[Path]
) -> None:
    """Sends a message and prints its ID; raises StartError if it is refused."""
    async with _client_of(settings, url, name) as client:
        typer.echo(await client.send(to, text, files))


async def listen_as(settings: Settings, url: str | None, name: str, folder: Path | None) -> None:
    """Prints each new message until it is interrupted; raises StartError."""
    async with _client_of(settings, url, name) as client:
        if folder is not None:
            try:
                await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
            except OSError as error:
                raise StartError(
                    f"{folder} cannot be created ({error.strerror}); choose another folder with --download."
                ) from error
        async for output in client.listen(folder):
            typer.echo(output)


@asynccontextmanager
async def _client_of(settings: Settings, url: str | None, name: str) -> AsyncIterator[Client]:
    """A client with a new session, which ends with the client. Raises StartError.

    The address comes from the server itself: at the address of the settings, another program could receive the token.
    """
    try:
        address = url or await _address_of(settings)
        [token] = await ask(settings.database_path, "user session", {"username": name})
    except ControlError as error:
        raise StartError(str(error)) from error
    except (OSError, TimeoutError) as error:
        where = settings.database_path.parent
        raise StartError(f"no server is running on {where}; start it, or pass its folder with --data.") from error
    try:
        async with Client(address, token) as client:
            try:
                yield client
            finally:
                with suppress(ClientError):
                    await client.ask(_SIGN_OUT)
    except ClientError as error:
        raise StartError(str(error)) from error


async def _address_of(settings: Settings) -> str:
    """The URL of the server on this folder; raises StartError if it does not report it, and the errors of `ask`."""
    try:
        [address] = await ask(settings.database_path, ADDRESS, {})
    except ControlError as error:
        raise StartError("the server does not report its URL; pass it with --url.") from error
    return address
