"""The shell's two verbs, in somebody's name: the operator of a server on this machine may speak for anybody of it."""

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
    """Sends one message and prints its id; raises StartError with what was refused."""
    async with _client_of(settings, url, name) as client:
        typer.echo(await client.send(to, text, files))


async def listen_as(settings: Settings, url: str | None, name: str, folder: Path | None) -> None:
    """Prints a line for each message, until it is ended; raises StartError."""
    async with _client_of(settings, url, name) as client:
        if folder is not None:
            try:
                await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
            except OSError as error:
                raise StartError(f"{folder} cannot be made ({error.strerror}); name another --download.") from error
        async for line in client.listen(folder):
            typer.echo(line)


@asynccontextmanager
async def _client_of(settings: Settings, url: str | None, name: str) -> AsyncIterator[Client]:
    """Somebody's client, on a session of its own that ends with it.

    The server itself says where it listens: another program may have the port of these settings, and would be handed
    the token. Raises StartError.
    """
    try:
        address = url or await _address_of(settings)
        [token] = await ask(settings.database_path, "user session", {"username": name})
    except ControlError as error:
        raise StartError(str(error)) from error
    except (OSError, TimeoutError) as error:
        where = settings.database_path.parent
        raise StartError(f"no server runs on {where}; start it, or name its folder with --data.") from error
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
    """Where the server on this folder listens; raises StartError where it cannot say, and what `ask` raises."""
    try:
        [address] = await ask(settings.database_path, ADDRESS, {})
    except ControlError as error:
        raise StartError("the server does not say at which address it listens; name it with --url.") from error
    return address
