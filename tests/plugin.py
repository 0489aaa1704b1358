"""Fixtures for all tests; after each, its log is searched for data of clients."""

import gc
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.web_app import _cached_build_middleware  # holds the last 1,024 applications, with all that they hold

from services.account import password
from services.file import picture
from tests.flow import client, program
from tests.leak import Recorder, leaks_in

_recorder = Recorder()


def pytest_configure(config: pytest.Config) -> None:
    """Hear everything from here on."""
    for plugin in config.pluginmanager.get_plugins():
        if type(plugin).__name__ == "WorkerInteractor":  # xdist sends its code, so there is no class to import
            plugin.sendevent = _Reports(plugin.sendevent).send
    _recorder.start()
    picture.start_worker = program.fork_worker  # type: ignore[assignment]
    password.TIME_COST, password.MEMORY_KIB = 1, 8  # a hash of theirs takes 25 ms of CPU, and tests make hundreds


class _Reports:
    """What a worker of xdist tells: not that a test begins or ends, nor that fixtures passed where the test did.

    Nobody looks at that, and it takes half a millisecond for each of six thousand tests.
    """

    def __init__(self, send: Callable[..., None]) -> None:
        self._send = send
        self._has_passed = True

    def send(self, name: str, **event: Any) -> None:
        """In the place of `WorkerInteractor.sendevent`."""
        if name in {"logstart", "logfinish"}:
            return
        if name == "testreport":
            when, is_passed = event["data"]["when"], event["data"]["outcome"] == "passed"
            self._has_passed = is_passed and (when == "setup" or self._has_passed)
            if self._has_passed and when != "call":
                return
        self._send(name, **event)


def pytest_runtestloop() -> None:
    """Six thousand tests stay to the end: the collector need not look at them, see `_tune` of the server."""
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    gc.enable()


@pytest.fixture(scope="module")
def _small_heap() -> None:
    """Freezes all objects: the collector and `gc.get_objects` look only at those of the tests of this module.

    Nothing is collected before, which takes seconds after thousands of tests.
    """
    gc.freeze()


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


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 64 MiB; skips without the right to mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", "size=64m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(["mount", *options], capture_output=True, check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)
