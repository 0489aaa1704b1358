"""The launcher: imports a program once and forks for each start, which costs a twentieth of a start by exec.

tests/flow/program.py runs one for each program. A request is one byte, with the descriptors of the three standard
streams and of a socket. Over that socket come the arguments, the environment and the folder; back go the process id
and, at the end, the exit status.
"""

import atexit
import gc
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

Command = Callable[[list[str]], object]

_started: dict[int, socket.socket] = {}  # by process id: where the exit status goes


def main(command: Command, requests: socket.socket) -> None:
    """Returns when the process of the tests is gone."""
    signal.signal(signal.SIGCHLD, _report)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the tests, which end what they have started
    gc.collect()
    gc.freeze()  # a collection would copy the pages that all processes share
    while True:
        byte, descriptors, *_ = socket.recv_fds(requests, 1, 4)
        if not byte:
            return
        *streams, descriptor = descriptors
        control = socket.socket(fileno=descriptor)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        pid = os.fork()
        if pid == 0:
            requests.close()
            _end_after(command, _arguments(streams, control))
        _started[pid] = control
        with suppress(OSError):  # the tests may have given up waiting
            control.sendall(b"%d\n" % pid)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        for stream in streams:
            os.close(stream)


def _report(*_: object) -> None:
    while _started:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        if pid in _started:  # not the launcher of the workers for pictures
            with _started.pop(pid) as control, suppress(OSError):  # the tests may have given up waiting
                control.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def _arguments(streams: list[int], control: socket.socket) -> list[str]:
    """Those of the command; this process now has its streams, environment and folder."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    for other in _started.values():
        other.close()
    with control, control.makefile("rb") as lines:
        try:
            request = json.loads(lines.readline())
        except (OSError, ValueError):  # the tests have given up waiting
            os._exit(1)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    arguments: list[str] = request["arguments"]
    return arguments


def _end_after(command: Command, arguments: list[str]) -> NoReturn:
    """Runs the command and ends as the interpreter does, but frees nothing: 50 ms to copy the pages that all share."""
    status = 0
    try:
        command(arguments)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
    except Exception:  # noqa: BLE001 - as the interpreter
        sys.excepthook(*sys.exc_info())
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):
            stream.flush()
    os._exit(status)


def sotto() -> Command:
    """`./sotto`, with what its commands import when they run, and the schema that a server builds at its start.

    Its servers share a launcher of workers for pictures.
    """
    from PIL import Image  # noqa: PLC0415
    from typer.main import get_command  # noqa: PLC0415

    import storage.local  # noqa: F401, PLC0415
    from gql.wire.schema import build_schema, schema_text  # noqa: PLC0415
    from server.__main__ import cli  # noqa: PLC0415
    from services.account import password  # noqa: PLC0415
    from services.file import picture  # noqa: PLC0415
    from tests.flow.program import fork_worker, prepare_workers  # noqa: PLC0415

    build_schema()
    schema_text()
    Image.preinit()
    password.TIME_COST, password.MEMORY_KIB = 1, 8  # as in tests/plugin.py
    picture.start_worker = fork_worker  # type: ignore[assignment]
    prepare_workers()
    command = get_command(cli)
    return lambda arguments: command(arguments, prog_name="./sotto")


def picture_worker() -> Command:
    """The worker for one picture, with what it imports once its limits are set."""
    from PIL import Image  # noqa: PLC0415

    from services.file.picture_worker import main  # noqa: PLC0415

    Image.preinit()
    return lambda arguments: main(*arguments)


if __name__ == "__main__":
    main({"sotto": sotto, "picture worker": picture_worker}[sys.argv[1]](), socket.socket(fileno=int(sys.argv[2])))
