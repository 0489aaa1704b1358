"""Programs of Sotto as processes: what they print, their signals and their end."""

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
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, suppress
from functools import cache
from pathlib import Path

from services.file.picture import start_worker as exec_worker

__all__ = ["exec_worker"]

ROOT = Path(__file__).parents[2]


class ForkedProcess:
    """A process of a launcher's, with what is used of asyncio's `Process`."""

    def __init__(self, pid: int, end: asyncio.Task[int], stdout: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.stdout = stdout
        self._pid = pid
        self._end = end
        self._writer = writer

    @property
    def returncode(self) -> int | None:
        """None until it has ended; the negative number of the signal that ended it."""
        return self._end.result() if self._end.done() else None

    def send_signal(self, number: int) -> None:
        """Does nothing after its end, of which the event loop may not have heard yet."""
        with suppress(ProcessLookupError):
            os.kill(self._pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    async def wait(self) -> int:
        """Returns the exit status."""
        return await asyncio.shield(self._end)

    async def communicate(self) -> tuple[bytes, None]:
        """Reads to the end of the output, and waits for that of the process."""
        output = await self.stdout.read()
        await self.wait()
        self._writer.close()
        return output, None


Process = asyncio.subprocess.Process | ForkedProcess
Start = Callable[..., AbstractAsyncContextManager[Process]]


async def fork_worker(command: str, path: Path, mime_type: str) -> ForkedProcess:
    """In the place of `services.file.picture.start_worker`: a picture costs three starts, and each 60 ms of CPU."""
    return await _fork("picture worker", command, str(path.absolute()), mime_type)  # noqa: ASYNC240 - reads nothing


def prepare_workers() -> None:
    """Starts the launcher of workers for pictures, which processes forked from this one use as well."""
    _launcher("picture worker")


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
    environment = {**os.environ, **(environment or {})}
    process = await _fork("sotto", *arguments, stdin=stdin, stderr=stderr, folder=folder, environment=environment)
    try:
        yield process
    finally:
        await _end(process)


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


async def _fork(
    program: str,
    *arguments: str,
    stdin: int | None = None,
    stderr: int | None = None,
    folder: Path = ROOT,
    environment: Mapping[str, str] | None = None,
) -> ForkedProcess:
    output, its_output = socket.socketpair()
    control, its_control = socket.socketpair()
    with its_output, its_control, Path(os.devnull).open("r+b") as nothing:  # noqa: ASYNC230
        streams = (stdin or nothing.fileno(), its_output.fileno(), stderr or nothing.fileno())
        socket.send_fds(_launcher(program), [b"+"], [*streams, its_control.fileno()])
    with ExitStack() as stack:  # also where a caller is cancelled meanwhile
        stack.callback(output.close)
        stack.callback(control.close)
        stdout, output_writer = await asyncio.open_connection(sock=output)
        stack.callback(output_writer.close)
        lines, control_writer = await asyncio.open_connection(sock=control)
        stack.callback(control_writer.close)
        request = {"arguments": arguments, "folder": str(folder), "environment": dict(environment or {})}
        control_writer.write(json.dumps(request).encode() + b"\n")
        pid = int(await lines.readline())
        stack.pop_all()

    async def end() -> int:
        try:
            return int(await lines.readline())
        finally:
            control_writer.close()

    return ForkedProcess(pid, asyncio.create_task(end()), stdout, output_writer)


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.communicate()


@cache
def _launcher(program: str) -> socket.socket:
    """Where to ask it; it is started once for a process that runs tests, and ends with that."""
    ours, its = socket.socketpair()
    command = (sys.executable, "-m", "tests.flow.launcher", program, str(its.fileno()))
    names = os.environ if program == "sotto" else set(os.environ) & {"PATH", "LD_LIBRARY_PATH"}
    environment = {name: os.environ[name] for name in names}
    with its:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, pass_fds=[its.fileno()]
        )

    def end() -> None:
        ours.close()
        process.wait()

    atexit.register(end)
    return ours
