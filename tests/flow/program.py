"""`./sotto …` as a process: what it prints, its signals and its end."""

import asyncio
import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


class ForkedProcess:
    """A process of the launcher's, with what tests use of asyncio's `Process`."""

    def __init__(self, pid: int, stdout: asyncio.StreamReader, end: asyncio.Task[int]) -> None:
        self.stdout = stdout
        self._pid = pid
        self._end = end

    @property
    def returncode(self) -> int | None:
        """None until it has ended; the negative number of the signal that ended it."""
        return self._end.result() if self._end.done() else None

    def send_signal(self, number: int) -> None:
        """To be called before its end."""
        os.kill(self._pid, number)

    async def wait(self) -> int:
        """Returns the exit status."""
        return await asyncio.shield(self._end)


Process = asyncio.subprocess.Process | ForkedProcess


@asynccontextmanager
async def started(
    *arguments: str,
    stdin: int | None = None,
    stderr: int | None = None,
    folder: Path = ROOT,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Process]:
    """Forks `./sotto …` from a process that has imported Sotto, and kills it at the end if it is still there.

    `stdin` and `stderr` are descriptors, of /dev/null if left out; `environment` is added to that of the tests.
    """
    request = {"arguments": arguments, "folder": str(folder), "environment": {**os.environ, **(environment or {})}}
    output, its_output = socket.socketpair()
    control, its_control = socket.socketpair()
    with its_output, its_control, Path(os.devnull).open("r+b") as nothing:  # noqa: ASYNC230
        streams = (stdin or nothing.fileno(), its_output.fileno(), stderr or nothing.fileno())
        socket.send_fds(_launcher(), [b"+"], [*streams, its_control.fileno()])
    stdout, output_writer = await asyncio.open_connection(sock=output)
    lines, control_writer = await asyncio.open_connection(sock=control)
    try:
        control_writer.write(json.dumps(request).encode() + b"\n")
        pid = int(await lines.readline())
        process = ForkedProcess(pid, stdout, asyncio.create_task(_number(lines)))
        try:
            yield process
        finally:
            await _end(process)
    finally:
        output_writer.close()
        control_writer.close()


@asynccontextmanager
async def executed(
    *arguments: str,
    stdin: int | None = None,
    stderr: int | None = None,
    folder: Path = ROOT,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Process]:
    """As `started`, but runs `python -m server …`, which takes a second: for tests of the start itself."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "server", *arguments),
        stdin=stdin or subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr or subprocess.DEVNULL,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
    )
    try:
        yield process
    finally:
        await _end(process)


Start = Callable[..., AbstractAsyncContextManager[Process]]


async def finished(
    *arguments: str,
    text: str = "",
    folder: Path = ROOT,
    environment: Mapping[str, str] | None = None,
    start: Start = started,
) -> tuple[int, str, str]:
    """Exit status, output and complaints of a command; killed after half a minute. `text` is its standard input."""
    with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stderr:
        stdin.write(text.encode())
        stdin.seek(0)
        streams = {"stdin": stdin.fileno(), "stderr": stderr.fileno()}
        async with (
            asyncio.timeout(30),
            start(*arguments, **streams, folder=folder, environment=environment) as process,
        ):
            assert process.stdout is not None
            said = await process.stdout.read()
            status = await process.wait()
        stderr.seek(0)
        return status, said.decode(), stderr.read().decode()


async def _number(lines: asyncio.StreamReader) -> int:
    return int(await lines.readline())


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGKILL)
    await process.wait()


@cache
def _launcher() -> socket.socket:
    """Where to ask it; it is started once for a process that runs tests, and ends with that."""
    ours, its = socket.socketpair()
    command = (sys.executable, "-m", "tests.flow.launcher", str(its.fileno()))
    with its:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, pass_fds=[its.fileno()])

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
