"""The format of the log, and entries from libraries, warnings and uncaught exceptions."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from server.log import Sink, as_json, text_processors
from services.cause import causes_of
from services.error import NotFound
from storage.base import StorageFull, failing_as
from tests.leak import CANARY, leaks_in

ROOT = Path(__file__).parents[2]

HOOKS = f"""
import asyncio, gc, logging, threading, warnings
from server.log import set_up_log, watch_loop
from server.setting.settings import load_settings
set_up_log(load_settings())

def fail(*_): raise ValueError("{CANARY}")

class Failing:
    def __del__(self): fail()

async def main():
    watch_loop(asyncio.get_running_loop())
    async def forgotten(): fail()
    task = asyncio.create_task(forgotten())
    asyncio.get_running_loop().call_soon(fail, "{CANARY}")
    await asyncio.sleep(0.01)
    del task
    gc.collect()
    asyncio.get_running_loop().call_exception_handler({{"message": "Unclosed thing <{CANARY}>"}})

asyncio.run(main())
logging.getLogger("library").error("A template of %s", "{CANARY}")
logging.getLogger("library").error("composed " + "{CANARY}")
logging.getLogger("library").warning("A constant.")
try:
    fail()
except ValueError:
    logging.getLogger("library").exception("It failed for %r", "{CANARY}")
logging.getLogger("strawberry.execution").error("{CANARY}")
warnings.warn("{CANARY}")
thread = threading.Thread(target=fail, name="worker")
thread.start()
thread.join()
Failing()
fail()
"""


def test_entries_of_libraries_have_our_format(tmp_path: Path) -> None:
    """Library loggers, warnings and uncaught exceptions are logged with their place and constants only."""
    (tmp_path / "hooks.py").write_text(HOOKS)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "hooks.py"], cwd=tmp_path, env=environment, capture_output=True, check=False)

    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert (done.returncode, done.stdout) == (1, b"")
    assert leaks_in(done.stderr) == []
    assert [(line["event"], line["level"], line.get("words")) for line in lines] == [
        ("uncaught", "error", "Exception in callback fail"),
        ("uncaught", "error", "Task exception was never retrieved"),
        ("uncaught", "error", "Unclosed thing"),
        ("library", "error", "A template of %s"),
        ("library", "error", None),
        ("library", "warning", "A constant."),
        ("library", "error", "It failed for %r"),
        ("warning", "warning", None),
        ("uncaught", "error", "A thread stopped."),
        ("uncaught", "error", "A finaliser failed."),
        ("uncaught", "error", "The process exits."),
    ]
    assert lines[1]["task"] == "main.<locals>.forgotten"
    assert (lines[7]["category"], lines[8]["thread"]) == ("UserWarning", "worker")
    for line in lines:
        for cause in line.get("causes", ()):
            assert cause["exception"] == "builtins.ValueError"
            assert cause["stack"][-1].endswith("fail")


def test_messages_of_our_own_exceptions_are_logged() -> None:
    """Messages of database and storage errors are safe; those of refusals are for the client."""
    with pytest.raises(StorageFull) as full, failing_as("The bytes could not be written"):
        raise OSError(28, "No space left on device", CANARY)
    group = ExceptionGroup(CANARY, [NotFound(CANARY), ValueError(CANARY)])

    assert [(each["exception"], each["words"]) for each in causes_of(full.value)] == [
        ("storage.base.StorageFull", "The bytes could not be written: No space left on device."),
        ("builtins.OSError", "No space left on device"),
    ]
    assert [(each["exception"], each["words"]) for each in causes_of(group)] == [
        ("builtins.ExceptionGroup", None),
        ("services.error.NotFound", "NOT_FOUND"),
        ("builtins.ValueError", None),
    ]


@pytest.mark.parametrize("value", ["half \ud83d", 1 << 80, {1}, ValueError, float("nan")])
def test_a_value_that_is_not_json_is_logged(value: object) -> None:
    """An exception in the log would fail the request."""
    line = as_json(None, "info", {"event": "odd", "value": value})

    assert json.loads(line)["event"] == "odd"
    assert b"\n" not in line


def test_a_closed_log_does_not_stop_the_server() -> None:
    """`./sotto serve 2>&1 | head`: the server continues after the pipe is closed."""
    reading, writing = os.pipe()
    sink = Sink(writing)
    sink.msg(b"first")
    assert os.read(reading, 100) == b"first\n"
    os.close(reading)

    sink.msg(b"second")
    os.close(writing)
    sink.msg(b"third")


def test_stacks_are_below_the_entry_in_text() -> None:
    """On a terminal, with the same contents as in JSON."""
    with pytest.raises(LookupError) as raised:
        raise LookupError(CANARY)
    event: Any = {"event": "unexpected_error", "error_id": "e1", "causes": causes_of(raised.value)}
    for process in text_processors():
        event = process(None, "error", event)

    first, title, *stack = str(event).splitlines()
    assert "unexpected_error" in first
    assert "error_id=e1" in first
    assert title == "builtins.LookupError"
    assert stack[-1].endswith("test_stacks_are_below_the_entry_in_text")
    assert CANARY not in event
