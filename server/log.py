"""The log: one JSON object per line for machines, human lines on a terminal; never text, variables or tokens."""

import logging
import sys
from typing import Any

import structlog

from server.settings import Settings


def set_up_log(settings: Settings) -> None:
    """Sends structlog and the standard library's loggers to stderr in one form."""
    is_text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    level = getattr(logging, settings.log_level.upper())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = structlog.dev.ConsoleRenderer() if is_text else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    handler.addFilter(_without_words)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    # Says what Strawberry would print of a request: its text. gql/error.py logs what may be known.
    logging.getLogger("strawberry.execution").disabled = True


def _without_words(record: logging.LogRecord) -> bool:
    """aiohttp logs a malformed request with its bytes and a traceback: the class of the error is enough."""
    if record.name.startswith("aiohttp") and record.exc_info and record.exc_info[0]:
        record.msg, record.args = "%s: %s", (record.name, record.exc_info[0].__name__)
        record.exc_info = None
        record.exc_text = None
    return True
