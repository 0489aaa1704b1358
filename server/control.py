"""The control socket: how `./sotto user` and its kin reach a server that runs.

A Unix socket beside the database, for the user who started the server alone: one JSON line in, one out. It lies in a
folder that nobody else may enter, and the kernel says who is on the other side.
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
    """The server refused the command; its text is for the operator."""


class NoServer(OSError):
    """Nothing listens at the control socket: no server has this database, or one that could not open its socket."""


class Control:
    """The server's end."""

    def __init__(self, database: Path, commands: Commands, services: object) -> None:
        self._path = path_of(database)
        self._commands = commands
        self._services = services
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listens; without a socket the server runs all the same, and a line of the log says why."""
        try:
            with _reachable(self._path) as path:
                # one that a killed process left there is replaced: the lock of the folder is ours
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
                answer = await self._answer(await reader.readline()) if _is_ours(writer) else {"error": "not yours"}
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
            return {"error": "the server does not know this command; is it of another version?"}
        except Exception as error:  # noqa: BLE001 - whole in the log
            log.warning("command failed", causes=causes_of(error))
            return {"error": "the command failed; the server's log says why"}


async def ask(database: Path, command: str, arguments: Mapping[str, Any]) -> list[str]:
    """Has the server on this database run a command; returns its lines.

    Raises NoServer before anything is sent, and ControlError, OSError and TimeoutError afterwards.
    """
    async with asyncio.timeout(ANSWER_SECONDS):
        try:
            with _reachable(path_of(database)) as path:
                reader, writer = await asyncio.open_unix_connection(path, limit=16 * MAX_LINE_BYTES)
        except OSError as error:
            raise NoServer from error
        try:
            writer.write(orjson.dumps({"command": command, "arguments": arguments}) + b"\n")
            answer = orjson.loads(await reader.readline() or b'{"error": "the server hung up"}')
        finally:
            writer.close()
    if "error" in answer:
        raise ControlError(answer["error"])
    lines: list[str] = answer["lines"]
    return lines


def path_of(database: Path) -> Path:
    """The socket of a database: beside it, under its name."""
    return database.with_name(database.name + ".sock")


@contextmanager
def _reachable(socket_path: Path) -> Iterator[str]:
    """The socket's path, short enough for the kernel: through a descriptor of the folder where it is too long."""
    path = str(socket_path.absolute())
    if len(os.fsencode(path)) <= _MAX_PATH_BYTES:
        yield path
        return
    descriptor = os.open(socket_path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{socket_path.name}"
    finally:
        os.close(descriptor)


def _is_ours(writer: asyncio.StreamWriter) -> bool:
    """Whether the other side runs as us, or as root; where the kernel does not tell, the folder's mode has decided."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True
    peer = writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return struct.unpack("3i", peer)[1] in (os.getuid(), 0)
