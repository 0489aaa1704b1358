"""The leak detector for logs, which tests/plugin.py applies to every test."""

import json
import logging

import pytest
import structlog
from structlog.testing import capture_logs

from server.log import as_json, fields_of
from tests.leak import CANARY, Recorder, leaks_in


@pytest.mark.parametrize(
    "leak",
    [
        "sot_AbCdEfGh1234",
        "Authorization: Bearer x",
        "query { viewer { id } }",
        "mutation ($input: SendPrivateMessageInput!) {",
        "subscription Hear { x }",
        "sendPrivateMessage(input: $input)",
        "SELECT id FROM user WHERE id = 5",
        CANARY,
    ],
)
def test_the_guard_of_the_suite_finds_a_planted_leak(leak: str) -> None:
    """A guard that finds nothing guards nothing."""
    assert leaks_in(as_json(None, "info", {"event": "request", "value": leak}))
    assert leaks_in(as_json(None, "info", {"event": "request", "path": f"/files/{leak}"}))


def test_the_guard_of_the_suite_passes_good_lines() -> None:
    """Normal log entries are accepted."""
    good = {"event": "request", "path": "/files/{token}", "operation": "Send", "kind": "mutation", "user": None}

    assert leaks_in(as_json(None, "info", good)) == []


def test_the_guard_of_the_suite_hears_everything(recorder: Recorder) -> None:
    """It sees entries in `capture_logs`, below the log level, and of the standard library."""
    with capture_logs():
        structlog.get_logger().debug("captured", number=1)
    logging.getLogger("some.library").warning("A library's %s", "word")

    assert [json.loads(line)["event"] for line in recorder.lines] == ["captured", "library"]
    record = logging.LogRecord("x", logging.ERROR, __file__, 1, object(), None, None)
    assert fields_of(record)["words"] is None
