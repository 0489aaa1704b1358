"""The control socket, through which `./sotto user` and similar commands reach a running server.

A Unix socket next to the database: one JSON line in, one out. Only the user who started the server, and root, can use
it: nobody else can enter the folder, and the kernel reports the peer's user ID.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import structlog

from services.cause import causes_of
from services.error import SottoError

log = structlog.get_logger("sotto.control")

ADDRESS = "address"  # the command that only a running server answers: where it listens
ANSWER_SECONDS = 30.0
MAX_LINE_BYTES = 256 * 1024
_MAX_PATH_BYTES = 100  # sun_path has 108 on Linux, 104 elsewhere

Commands = Mapping[str, Callable[..., Awaitable[list[str]]]]


class ControlError(Exception):
    """The server refused the command; the text is for the operator."""


class NoServer(OSError):
    """Nothing listens on the control socket: no server uses this database, or it could not create the socket."""


class Control:
    def __init__(self, database: Path, commands: Commands, services: object) -> None:
        self._path = path_of(database)
        self._commands = commands
        self._services = services
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Starts to listen. If the socket cannot be created, the server runs without it and logs the reason."""
        try:
            with _short_path(self._path) as path:
                # replaces the socket of a killed process: we hold the lock of the folder
                self._server = await asyncio.start_unix_server(self._serve, path, limit=MAX_LINE_BYTES)
                await asyncio.to_thread(os.chmod, path, 0o600)
        except OSError as error:
            log.warning("no control socket", causes=causes_of(error))

    async def stop(self) -> None:
        """Takes no more commands."""
        if self._server is not None:
            self._server.close()
            with suppress(OSError):
                self._path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = (
                    await self._answer(await reader.readline())
                    if _is_allowed(writer)
                    else {"error": "only the user who started the server, and root, can send commands"}
                )
                writer.write(orjson.dumps(answer) + b"\n")
                await writer.drain()
        except (OSError, ValueError, TimeoutError) as error:
            log.warning("control failed", causes=causes_of(error))
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, object]:
        try:
            asked = orjson.loads(line)
            command, arguments = asked["command"], asked["arguments"]
            log.info("operator", command=command)
            return {"lines": await self._commands[command](self._services, **arguments)}
        except SottoError as error:
            return {"error": error.detail}
        except (KeyError, TypeError, ValueError):
            return {"error": "the server does not know this command; check that it has the same version"}
        except Exception as error:  # noqa: BLE001 - logged in full
            log.warning("command failed", causes=causes_of(error))
            return {"error": "the command failed; see the log of the server"}


async def ask(database: Path, command: str, arguments: Mapping[str, Any]) -> list[str]:
    """Runs a command in the server of this database; returns its output.

    Raises NoServer before anything is sent, and ControlError, OSError and TimeoutError afterwards.
    """
    async with asyncio.timeout(ANSWER_SECONDS):
        try:
            with _short_path(path_of(database)) as path:
                reader, writer = await asyncio.open_unix_connection(path, limit=16 * MAX_LINE_BYTES)
        except OSError as error:
            raise NoServer from error
        try:
            if _user_of(writer) not in (None, os.getuid(), 0) and _user_of(writer) != _owner_of(database):
                raise NoServer("another user listens on the control socket")  # who may be after a password
            writer.write(orjson.dumps({"command": command, "arguments": arguments}) + b"\n")
            answer = orjson.loads(await reader.readline() or b'{"error": "the server closed the connection"}')
        finally:
            writer.close()
    if "error" in answer:
        raise ControlError(answer["error"])
    output: list[str] = answer["lines"]
    return output


def _owner_of(database: Path) -> int:
    return database.stat().st_uid


def path_of(database: Path) -> Path:
    """The socket is next to the database and has its name."""
    return database.with_name(database.name + ".sock")


@contextmanager
def _short_path(socket_path: Path) -> Iterator[str]:
    """A path of the socket that is short enough for the kernel; a long one goes through a descriptor of its folder."""
    path = str(socket_path.absolute())
    if len(os.fsencode(path)) <= _MAX_PATH_BYTES:
        yield path
        return
    descriptor = os.open(socket_path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{socket_path.name}"
    finally:
        os.close(descriptor)


def _is_allowed(writer: asyncio.StreamWriter) -> bool:
    """Whether the peer runs as our user or as root."""
    return _user_of(writer) in (None, os.getuid(), 0)


def _user_of(writer: asyncio.StreamWriter) -> int | None:
    """The user ID of the peer; None without SO_PEERCRED, where the mode of the folder is the only check."""
    if not hasattr(socket, "SO_PEERCRED"):
        return None
    peer = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    user: int = struct.unpack("3i", peer)[1]
    return user
