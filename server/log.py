"""The log: JSON lines, or readable text on a terminal; without message texts, variables, bodies and tokens.

Client data is kept out by construction, not by filtering: our own entries contain constants, numbers and IDs. Entries
of other libraries, warnings and uncaught exceptions are reduced to their logger or class, their place in the code, the
stack, and the message only if it is a constant.
"""

import asyncio
import json
import linecache
import logging
import os
import re
import sys
import threading
import warnings
from collections.abc import MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO

import orjson
import structlog
from aiohttp import web

from gql.wire.log import CONTEXT, NOBODY, STATUS, describe, milliseconds_since
from server.setting.settings import Settings
from services.cause import causes_of

log = structlog.get_logger("sotto.log")
requests = structlog.get_logger("sotto.http")

# Where entries of requests go, in the form that structlog would give them, which takes as long as all the rest of the
# entry; None while structlog writes them, because it writes text or because tests listen to it.
_lines: "Sink | None" = None

# The constant beginning of a message that asyncio or aiohttp passes to the exception handler of the loop.
_WORDS = re.compile(r"[A-Za-z][A-Za-z0-9 .,!_-]{0,99}")


class Sink:
    """Writes each entry directly to a file descriptor, usually with one system call.

    It has no lock and no buffer, because a finaliser can log while another entry is being written. If the log cannot be
    written (EPIPE, ENOSPC), entries are lost, but requests do not fail.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def msg(self, line: bytes | str) -> None:
        """Write it."""
        rest = (line.encode(errors="replace") if isinstance(line, str) else line) + b"\n"
        try:
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            pass

    debug = info = warning = error = critical = msg


def set_up_log(settings: Settings) -> None:
    """Sends all log output, warnings and uncaught exceptions of this process to stderr in one format."""
    global _lines  # noqa: PLW0603 -- of the process, as the configuration of structlog
    is_text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    sink = Sink(sys.stderr.fileno())
    _lines = sink if not is_text and level <= logging.INFO else None
    structlog.configure(
        processors=text_processors() if is_text else [as_json],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_name: sink,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [LibraryHandler()]
    root.setLevel(logging.WARNING)
    # It would log the query; gql/error.py logs what is safe.
    logging.getLogger("strawberry.execution").disabled = True
    warnings.showwarning = _log_warning
    sys.excepthook = _log_uncaught
    sys.unraisablehook = _log_unraisable
    threading.excepthook = _log_thread


def watch_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Logs exceptions of callbacks and unawaited tasks; asyncio's own handler would quote objects and exceptions."""
    loop.set_exception_handler(_log_loop)


def as_json(_logger: object, level: str, event: MutableMapping[str, Any]) -> bytes:
    """A structlog processor that renders JSON; other values by their repr, lone surrogates escaped."""
    fields = {"timestamp": datetime.now(UTC), "level": level, **event}
    try:
        return orjson.dumps(fields, default=repr, option=orjson.OPT_UTC_Z)
    except TypeError:
        return json.dumps(fields, default=str).encode()


def text_processors() -> list[Any]:
    """The processors of the text format, with colours on a terminal."""
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
        _unfold,
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
    ]


def _unfold(_logger: object, _level: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Moves stack traces below the entry."""
    for cause in event.pop("causes", ()):
        title = ": ".join(filter(None, (cause["exception"], cause["words"])))
        event["exception"] = "\n  ".join([*filter(None, [event.get("exception")]), title, *cause["stack"]])
    return event


class LibraryHandler(logging.Handler):
    """Forwards the entries of the standard library's loggers to our log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Logs the record; an error while doing so is ignored, to keep tracebacks out of the log."""
        with suppress(Exception):
            write = log.error if record.levelno >= logging.ERROR else log.warning
            write("library", **fields_of(record))


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """The fields of a record that are safe to log.

    With arguments, the message is a template, and the arguments can contain anything. Without arguments, it may be
    formatted already: it counts as a constant if it occurs in the source file that logged it.
    """
    message = record.msg if isinstance(record.msg, str) else ""
    is_constant = bool(record.args) or message in "".join(linecache.getlines(record.pathname))
    error = record.exc_info[1] if record.exc_info else None
    fields: dict[str, object] = {
        "logger": record.name,
        "words": message if is_constant and message else None,
        "place": f"{record.pathname}:{record.lineno} {record.funcName}",
    }
    return fields if error is None else {**fields, "causes": causes_of(error)}


def _log_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """See warnings.showwarning. The text can quote anything, so only the place is logged."""
    del message, file, line
    log.warning("warning", category=category.__name__, place=f"{filename}:{lineno}")


def _log_loop(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """See loop.set_exception_handler."""
    words = _WORDS.match(str(context.get("message")))
    fields: dict[str, object] = {"words": words[0].strip() if words else None}
    task, error = context.get("task") or context.get("future"), context.get("exception")
    if isinstance(task, asyncio.Task):
        fields["task"] = getattr(task.get_coro(), "__qualname__", None)
    if error is not None:
        fields["causes"] = causes_of(error)
    log.error("uncaught", **fields)


def _log_uncaught(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    """See sys.excepthook."""
    log.error("uncaught", words="The process exits.", causes=causes_of(error))


def _log_thread(arguments: threading.ExceptHookArgs) -> None:
    """See threading.excepthook."""
    thread, error = arguments.thread, arguments.exc_value
    name = None if thread is None else thread.name
    log.error("uncaught", words="A thread stopped.", thread=name, causes=[] if error is None else causes_of(error))


def _log_unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    """See sys.unraisablehook."""
    error = unraisable.exc_value
    log.error("uncaught", words="A finaliser failed.", causes=[] if error is None else causes_of(error))


def log_request(request: web.Request, response: web.StreamResponse | None, began: float) -> None:
    """Logs an HTTP request; `response` is None if the client disconnected.

    The path is that of the route, such as `/files/{token}`, because the requested path can contain tokens and anything
    else; null without a route. A WebSocket is logged when it closes.
    """
    resource = request.match_info.route.resource
    context = request.get(CONTEXT)
    request_id = None if response is None else response.headers.get("X-Request-Id")
    fields = {
        "method": request.method,
        "path": None if resource is None else resource.canonical,
        "status": request.get(STATUS) if response is None else response.status,
        "ms": milliseconds_since(began),
    }
    fields.update({**NOBODY, "request_id": request_id} if context is None else describe(context))
    if _lines is None:
        requests.info("request", **fields)
    else:
        _lines.msg(as_json(None, "info", {**fields, "event": "request"}))
