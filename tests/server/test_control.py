"""The control socket: to whom a command is sent."""

import asyncio
from pathlib import Path

import pytest

from server import control
from server.control import NoServer, ask, path_of


async def test_nothing_is_sent_to_a_socket_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command may hold a password, and whoever can write into the folder can listen there."""
    received: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read())
        writer.close()

    database = tmp_path / "sotto.db"
    database.touch()
    monkeypatch.chdir(tmp_path)
    server = await asyncio.start_unix_server(serve, path_of(database).name)  # the whole path may be too long
    owner = database.stat().st_uid
    monkeypatch.setattr(control, "_user_of", lambda _writer: owner + 1)
    with pytest.raises(NoServer):
        await ask(database, "user_list", {"password": "a secret"})
    async with asyncio.timeout(5):
        while not received:
            await asyncio.sleep(0.01)

    assert received == [b""]
    server.close()
    await server.wait_closed()
