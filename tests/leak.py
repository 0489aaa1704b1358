"""The guard of the log: hears whatever the suite logs, as a server would write it, and knows what must not be in it."""

import logging
import re
from collections.abc import MutableMapping
from typing import Any

import structlog

from server.log import as_json, fields_of

CANARY = "c4n4ry"  # tests put it where a client's words go

FORBIDDEN = re.compile(
    rb"sot_[\w-]{8}"  # a token
    rb"|(?i:bearer) "
    rb"|\b(?:query|mutation|subscription)\b[^\"]{0,64}[({]"  # a document
    rb"|__typename|\b(?:sendPrivateMessage|signIn|signUp|viewer) ?[({]"
    rb"|\b(?:SELECT|INSERT|UPDATE|DELETE)\b[^\"]+\b(?:FROM|INTO|SET)\b"  # a statement
    rb"|\"/files/[^{]"  # the path of a file, with its signature
    rb"|Traceback \(most recent"  # what was not reduced to class and stack
    rb"|hunter2|the secret words|the drain's password|pass of |" + CANARY.encode()  # passwords and texts of tests
)


def leaks_in(log: bytes) -> list[bytes]:
    """The lines that hold what must not be logged."""
    return [line for line in log.splitlines() if FORBIDDEN.search(line)]


def _as_text(logger: object, level: str, event: MutableMapping[str, Any]) -> str:
    """As a server does, for the report of a test that fails; structlog's own lines take ten times as long."""
    return as_json(logger, level, event).decode()


class Recorder(logging.Handler):
    """Keeps each line that the process logs, whatever else a test does with it, and however little it matters."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[bytes] = []

    def start(self) -> None:
        """Listen to structlog, before its processors, which `capture_logs` replaces; and to the standard library."""
        lines = self.lines

        class Recorded(structlog.make_filtering_bound_logger(logging.NOTSET)):  # type: ignore[misc]
            def _proxy_to_logger(self, level: str, event: str | None = None, *args: Any, **fields: Any) -> Any:
                lines.append(as_json(None, level, {"event": event, **fields}))
                return super()._proxy_to_logger(level, event, *args, **fields)

        structlog.configure(wrapper_class=Recorded, processors=[_as_text])
        logging.getLogger().addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler."""
        self.lines.append(as_json(None, record.levelname.lower(), {"event": "library", **fields_of(record)}))
