"""What the log may know of an exception: its class, its way through the code, and words that nobody sent us."""

import os
import sqlite3
import traceback

from models.error import DatabaseError
from services.error import SottoError
from storage.base import StorageError

MAX_CAUSES = 5
MAX_FRAMES = 50  # the innermost; only a recursion has more


def causes_of(error: BaseException) -> list[dict[str, object]]:
    """The exception, then what caused it, then the cause of that: each with its class, its words and its stack.

    The stack is whole, by file, line and function, but without values. The words of an exception are left out, because
    drivers and parsers quote what the client sent; `_words_of` names those that cannot.
    """
    causes: list[dict[str, object]] = []
    waiting = [error]
    while waiting and len(causes) < MAX_CAUSES:
        cause = waiting.pop(0)
        causes.append(
            {
                "exception": f"{type(cause).__module__}.{type(cause).__qualname__}",
                "words": _words_of(cause),
                "stack": _stack_of(cause),
            }
        )
        if isinstance(cause, BaseExceptionGroup):
            waiting += cause.exceptions
        below = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
        if below is not None:
            waiting.append(below)
    return causes


def _words_of(error: BaseException) -> str | None:
    """The text of the database's and the storage's errors, which promise it; codes, which are constants; else None."""
    if isinstance(error, DatabaseError | StorageError):
        return str(error)
    if isinstance(error, SottoError):
        return error.code  # its sentence is for the client, and may name what the client sent
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorname", None)
    if isinstance(error, OSError) and isinstance(error.errno, int):
        return os.strerror(error.errno)  # without the name of the file
    return None


def _stack_of(error: BaseException) -> list[str]:
    """Outermost first."""
    steps = list(traceback.walk_tb(error.__traceback__))[-MAX_FRAMES:]
    return [f"{frame.f_code.co_filename}:{line} {frame.f_code.co_qualname}" for frame, line in steps]
