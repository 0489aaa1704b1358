"""What holds for every test: nothing that it makes the program log is a client's."""

import gc
from collections.abc import Iterator

import pytest
from aiohttp.web_app import _cached_build_middleware  # holds the last 1,024 applications, with all that they hold

from services.account import password
from services.file import picture
from tests.flow import client, program
from tests.leak import Recorder, leaks_in

_recorder = Recorder()


def pytest_configure() -> None:
    """Hear everything from here on; in a worker of xdist too. Collecting tests makes no garbage."""
    _recorder.start()
    gc.disable()
    picture.start_worker = program.fork_worker  # type: ignore[assignment]
    password.TIME_COST, password.MEMORY_KIB = 1, 8  # a hash of theirs takes 25 ms of CPU, and tests make hundreds


def pytest_runtestloop() -> None:
    """Seven thousand tests stay to the end: the collector need not look at them again, see `_tune` of the server."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    gc.enable()


@pytest.fixture(autouse=True)
def recorder() -> Iterator[Recorder]:
    """The log of the test; it fails for a line with a token, a document, a statement or a canary.

    Servers that tests started as processes of their own are heard as well, once they have ended.
    """
    _recorder.lines.clear()
    client.LOGS.clear()
    yield _recorder
    _cached_build_middleware.cache_clear()
    leaks = leaks_in(b"\n".join([*_recorder.lines, *client.LOGS]))
    if leaks:
        pytest.fail("Logged in this test:\n" + "\n".join(line.decode(errors="replace") for line in leaks))
