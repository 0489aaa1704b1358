"""Failures in the log, with their causes, at a limited rate."""

import time
import traceback

import structlog

from models.error import DatabaseError
from services.cause import causes_of
from services.error import SottoError
from storage.base import StorageError

_log = structlog.get_logger("sotto.database")
_sweep_log = structlog.get_logger("sotto.sweep")

PAUSE_SECONDS = 1.0
SWEEP_PAUSE_SECONDS = 60.0
MOST_CAUSES = 100  # remembered at once


class SweepLog:
    """Logs why a part of a sweep failed, once a minute per cause: some run twice a second."""

    def __init__(self) -> None:
        self._logged_at: dict[str, float] = {}
        self._unlogged: dict[str, int] = {}

    def log(self, error: Exception) -> None:
        """Logs a refusal with the text of its cause, which is for the operator, and a bug with its stack."""
        words = _operators_words_of(error)
        cause, now = words or _place_of(error), time.monotonic()
        if now - self._logged_at.get(cause, -SWEEP_PAUSE_SECONDS) < SWEEP_PAUSE_SECONDS:
            self._unlogged[cause] = self._unlogged.get(cause, 0) + 1
            return
        if len(self._logged_at) >= MOST_CAUSES:
            self._logged_at.clear()
            self._unlogged.clear()
        self._logged_at[cause] = now
        more = self._unlogged.pop(cause, 0)
        if words:
            _sweep_log.warning("sweep failed", error=words, more=more)
        else:
            _sweep_log.error("sweep failed", causes=causes_of(error), more=more)


def _operators_words_of(error: Exception) -> str:
    if isinstance(error, SottoError) and isinstance(error.__cause__, DatabaseError | StorageError):
        return str(error.__cause__)
    return str(error) if isinstance(error, SottoError | DatabaseError | StorageError) else ""


def _place_of(error: Exception) -> str:
    """The place of a bug in the code; its message is left out because it may quote a user's input."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__qualname__} {frame.filename}:{frame.lineno}"


class FailureLog:
    """Logs each kind of failure once a second: a failing disk can affect hundreds of calls in that time."""

    def __init__(self) -> None:
        self._logged_at: dict[str, float] = {}
        self._unlogged: dict[str, int] = {}

    def log(self, error: DatabaseError) -> None:
        """The text names SQLite's code (`SQLITE_IOERR_FSYNC`); `more` counts equal failures since the last line."""
        words, now = str(error), time.monotonic()
        if now - self._logged_at.get(words, -PAUSE_SECONDS) < PAUSE_SECONDS:
            self._unlogged[words] = self._unlogged.get(words, 0) + 1
            return
        self._logged_at[words] = now
        _log.error("database failed", words=words, more=self._unlogged.pop(words, 0), causes=causes_of(error))
