"""The log: one JSON object per line for machines, human lines on a terminal; never text, variables, bodies or tokens.

What a client sent does not get in, by construction and not by searching for it: our own lines hold our own words,
numbers and ids. What others write (the standard library's loggers, warnings, exceptions that nobody caught) is reduced
to where it comes from: its logger or class, the place in the code, the stack, and words only where they are a constant.
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

# What asyncio and aiohttp say to a loop's handler, up to the first thing that they format into it.
_WORDS = re.compile(r"[A-Za-z][A-Za-z0-9 .,!_-]{0,99}")


class Sink:
    """Writes each line to a descriptor at once, by one call of the system where it takes a whole line.

    No lock and no buffer: a finaliser that logs while a line is being written must not wait for that line. A log that
    nobody takes any more (EPIPE, ENOSPC) costs its lines, never a request.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def msg(self, line: bytes | str) -> None:
        """Write it."""
        rest = (line.encode(errors="replace") if isinstance(line, str) else line) + b"\n"
        with suppress(OSError):
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

    debug = info = warning = error = critical = msg


def set_up_log(settings: Settings) -> None:
    """Send whatever this process has to say to stderr, in one form."""
    is_text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    sink = Sink(sys.stderr.fileno())
    structlog.configure(
        processors=text_processors() if is_text else [as_json],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, settings.log_level.upper())),
        logger_factory=lambda *_name: sink,
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [Foreign()]
    root.setLevel(logging.WARNING)
    # Would write what a request asked, and gql/error.py has logged what may be known.
    logging.getLogger("strawberry.execution").disabled = True
    warnings.showwarning = _log_warning
    sys.excepthook = _log_uncaught
    sys.unraisablehook = _log_unraisable
    threading.excepthook = _log_thread


def watch_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Log what nobody awaited, and what a callback raised: asyncio's own lines quote objects and exceptions."""
    loop.set_exception_handler(_log_loop)


def as_json(_logger: object, level: str, event: MutableMapping[str, Any]) -> bytes:
    """A processor of structlog: the line. A value that is no JSON is shown by its repr, half a character escaped."""
    fields = {"timestamp": datetime.now(UTC), "level": level, **event}
    try:
        return orjson.dumps(fields, default=repr, option=orjson.OPT_UTC_Z)
    except TypeError:
        return json.dumps(fields, default=str).encode()


def text_processors() -> list[Any]:
    """The processors for a person; in colours where they can be seen."""
    return [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S", utc=False),
        _unfold,
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()),
    ]


def _unfold(_logger: object, _level: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Stacks below the line instead of in it."""
    for cause in event.pop("causes", ()):
        title = ": ".join(filter(None, (cause["exception"], cause["words"])))
        event["exception"] = "\n  ".join([*filter(None, [event.get("exception")]), title, *cause["stack"]])
    return event


class Foreign(logging.Handler):
    """Takes what the standard library's loggers are given into ours."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log it; with whatever goes wrong in that, silence is better than a traceback in the middle."""
        with suppress(Exception):
            write = log.error if record.levelno >= logging.ERROR else log.warning
            write("library", **fields_of(record))


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """What may be known of a record of the standard library's logging.

    A message with arguments is a template of its author's, and the arguments may be anybody's. One without them may be
    composed already: it counts as a constant where it stands in the file that logged it.
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
    """See warnings.showwarning. Its text may quote anything; the place says who wrote it."""
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
    log.error("uncaught", words="The process ends.", causes=causes_of(error))


def _log_thread(arguments: threading.ExceptHookArgs) -> None:
    """See threading.excepthook."""
    thread, error = arguments.thread, arguments.exc_value
    name = None if thread is None else thread.name
    log.error("uncaught", words="A thread ends.", thread=name, causes=[] if error is None else causes_of(error))


def _log_unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    """See sys.unraisablehook."""
    error = unraisable.exc_value
    log.error("uncaught", words="A finaliser failed.", causes=[] if error is None else causes_of(error))


def log_request(request: web.Request, response: web.StreamResponse | None, began: float) -> None:
    """The one line of an HTTP request; `response` is None where the client left before its end.

    Not the path that was asked for, which holds tokens and whatever else a client may put there, but that of the
    route: `/files/{token}`; null where there is none. A request that became a socket has its line when that is closed.
    """
    resource = request.match_info.route.resource
    context = request.get(CONTEXT)
    request_id = None if response is None else response.headers.get("X-Request-Id")
    fields = {**NOBODY, "request_id": request_id} if context is None else describe(context)
    requests.info(
        "request",
        method=request.method,
        path=None if resource is None else resource.canonical,
        status=request.get(STATUS) if response is None else response.status,
        ms=milliseconds_since(began),
        **fields,
    )
