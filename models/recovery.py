"""Recovery: checks a write-ahead log that the last run has left before SQLite applies it.

SQLite applies such a log to any database that it finds beside it. If a backup was copied over the folder of a killed
server, log and database do not belong together, and applying the log corrupts the database. So each run marks the
database with a random number (its `user_version`, four bytes of the header, which reach the file before anything else
is written) and writes the same number into the lock file. A copy made while the server runs has the mark of that time,
so a run changes its mark from time to time.
"""

import secrets
import sqlite3
from contextlib import closing
from pathlib import Path

import peewee

from models.error import DatabaseFull, DatabaseMissing, DatabaseUnreadable, LogForeign
from models.failure import failure_of
from models.file import DatabaseFile, mark_in
from models.lock import Lock
from models.transaction import Transaction


def check_log(path: Path, lock: Lock) -> bool:
    """Whether the last run has left a log; if so, checks the whole database: about ten seconds per gigabyte.

    Raises LogForeign if the log belongs to another database, DatabaseMissing if there is no database, and
    DatabaseUnreadable if the two together are damaged. Changes nothing.
    """
    log = path.with_name(f"{path.name}-wal")
    if not log.exists() or not log.stat().st_size:
        return False
    if not path.exists() or not path.stat().st_size:
        reason = f"{path} is missing or empty, and what a server had still to write into it is in {log.name}"
        raise DatabaseMissing(reason)
    if lock.marks is not None and mark_of(path) not in lock.marks:
        raise LogForeign(f"{log} was not written for this {path.name}, which was copied over another one")
    _check_pages(path)
    return True


def mark_run(database: peewee.SqliteDatabase, lock: Lock, former: int) -> None:
    """Replaces the former mark with that of this run, before anything else is written.

    The lock file contains both marks until the new one is in the database file: after a crash in between, one of them
    matches. A database that has not been closed yet (mark 0, see `mark_end`) has no copies and needs no mark. Raises
    DatabaseFull and OSError; the former mark then stays, and copies that have it are not detected.
    """
    if former == 0 and lock.is_new:
        lock.write(0)
        return
    mark = _new_mark()
    lock.write(*sorted({former, *(lock.marks or ())}), mark)
    try:
        database.user_version = mark
        [(is_busy, *_)] = database.execute_sql("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    except (sqlite3.Error, peewee.PeeweeException) as error:
        if isinstance(failure := failure_of(error), DatabaseFull):
            raise failure from error
        raise
    if not is_busy:
        lock.write(mark)


def renew_mark(transaction: Transaction, file: DatabaseFile, lock: Lock) -> None:
    """Gives a running database a new mark; runs inside `Database.write`. Raises OSError, with nothing changed.

    Does nothing until the current mark is in the file itself: before that no checkpoint has completed, and the log,
    which was not restarted, brings every copy up to date. The lock file contains both marks, as in `mark_run`.
    """
    connection = transaction.database.connection()
    [(mark,)] = connection.execute("PRAGMA user_version").fetchall()
    if file.mark == mark:
        new = _new_mark()
        lock.write(mark, new)
        connection.execute(f"PRAGMA user_version = {new}")


def mark_end(database: peewee.SqliteDatabase, lock: Lock) -> None:
    """Marks a database that has no mark yet, at the end of the run; closing it writes the mark to the disk.

    The lock file contains both marks first, as in `mark_run`: closing writes the new one into the file while the log
    still exists, and after a crash in between the two must still match. Raises OSError, with the database unmarked.
    """
    if database.user_version == 0:
        mark = _new_mark()
        lock.write(0, mark)
        database.synchronous = "off"
        database.user_version = mark
        database.synchronous = "full"


def _new_mark() -> int:
    return secrets.randbelow((1 << 31) - 1) + 1


def mark_of(path: Path) -> int:
    """The mark in the file, see `mark_in`. No connection may be open: closing a descriptor drops SQLite's locks."""
    with path.open("rb") as file:
        return mark_in(file.fileno())


def _check_pages(path: Path) -> None:
    """Opens the database read-only, so that closing it does not checkpoint the log."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            [(verdict,)] = connection.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.Error as error:
        raise DatabaseUnreadable(f"{path} is damaged: {failure_of(error)}") from error
    if verdict != "ok":
        raise DatabaseUnreadable(f"{path} is damaged: the server was cut off, and quick_check finds faults")
