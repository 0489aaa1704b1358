"""The launcher: imports Sotto once and forks for each start, which costs a twentieth of `python -m server`.

tests/flow/program.py runs it. A request is one byte, with the descriptors of the three standard streams and of a
socket. Over that socket come the arguments, the environment and the folder; back go the process id and, at the end, the
exit status.
"""

import gc
import json
import os
import signal
import socket
import sys
from contextlib import suppress

import server.cli.demo
import server.cli.operator
import server.cli.shell
import server.log
import server.process  # noqa: F401 - the commands import these when they run
from server.__main__ import cli

_started: dict[int, socket.socket] = {}  # by process id: where the exit status goes


def main(requests: socket.socket) -> None:
    """Returns when the process of the tests is gone; in a process that was started, when its command returns."""
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
            _run(streams, control)
            return
        _started[pid] = control
        control.sendall(b"%d\n" % pid)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
        for stream in streams:
            os.close(stream)


def _report(*_: object) -> None:
    while _started:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        with _started.pop(pid) as control, suppress(OSError):  # the tests may have given up waiting
            control.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))


def _run(streams: list[int], control: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    for other in _started.values():
        other.close()
    with control, control.makefile("rb") as lines:
        request = json.loads(lines.readline())
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    cli(request["arguments"], prog_name="./sotto")


if __name__ == "__main__":
    main(socket.socket(fileno=int(sys.argv[1])))
