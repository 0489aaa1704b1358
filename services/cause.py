"""What the log contains of an exception: its class, its stack, and text that no client sent."""

import os
import sqlite3
import traceback

from models.error import DatabaseError
from services.error import SottoError
from storage.base import StorageError

MAX_CAUSES = 5
MAX_FRAMES = 50  # the innermost; only a recursion has more


def causes_of(error: BaseException) -> list[dict[str, object]]:
    """The exception and its chain of causes, each with its class, text and stack.

    The stack has file, line and function of each frame, without values. The text of an exception is left out because
    drivers and parsers quote the client's input, except for the exceptions in `_words_of`, which cannot.
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
    """The text of database and storage errors, which never quote input; constant codes; None for other exceptions."""
    if isinstance(error, DatabaseError | StorageError):
        return str(error)
    if isinstance(error, SottoError):
        return error.code  # the sentence is for the client and may quote its input
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorname", None)
    if isinstance(error, OSError) and isinstance(error.errno, int):
        return os.strerror(error.errno)  # without the name of the file
    return None


def _stack_of(error: BaseException) -> list[str]:
    """Outermost first."""
    steps = list(traceback.walk_tb(error.__traceback__))[-MAX_FRAMES:]
    return [f"{frame.f_code.co_filename}:{line} {frame.f_code.co_qualname}" for frame, line in steps]
