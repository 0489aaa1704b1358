"""Recovery: what a start makes of a write-ahead log that the last run has left.

SQLite replays such a log into whatever database it finds beside it. A backup that was copied over the folder of a
killed server is not the one that the log was written for, and the two together are a malformed third. So each run marks
the database with a random number (its `user_version`, four bytes of the header that are in the file itself before
anything else is written), and keeps the same number in the lock file. A copy that was made while the server ran has the
mark of its time, which is why a run changes it now and then.
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
    """Whether the last run has left a log; then the database is read whole: some ten seconds a gigabyte.

    Raises LogForeign where it was written for another database, DatabaseMissing where there is none, and
    DatabaseUnreadable where both together are damaged. Nothing is changed.
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
    """Gives the database the mark of this run in place of the former one, before anything else is written.

    The lock file has both marks until the new one is in the database itself: a crash in between finds one of them. A
    database that no run has ended with (0, see `mark_end`) has no copies yet, and needs no mark. Raises DatabaseFull
    and OSError; then the former mark goes on, and copies that have it are not told apart.
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
    """Gives a running database another mark; runs inside `Database.write`. Raises OSError, with nothing changed.

    Does nothing until the mark before is in the file itself: while it is not, no checkpoint has ended, and a log that
    was not begun anew brings every copy up to date. The lock file has both marks, as in `mark_run`.
    """
    connection = transaction.database.connection()
    [(mark,)] = connection.execute("PRAGMA user_version").fetchall()
    if file.mark == mark:
        new = _new_mark()
        lock.write(mark, new)
        connection.execute(f"PRAGMA user_version = {new}")


def mark_end(database: peewee.SqliteDatabase, lock: Lock) -> None:
    """Marks a database that has no mark yet, at the end of the run; brought to the disk by closing it.

    The lock file has both marks before, as in `mark_run`: closing writes the new one into the file while its log is
    still there, and a crash in between must not make the two look foreign to each other. Raises OSError, with the
    database unmarked.
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
    """See `mark_in`. No connection may be open: closing a descriptor drops SQLite's locks."""
    with path.open("rb") as file:
        return mark_in(file.fileno())


def _check_pages(path: Path) -> None:
    """Read-only, so that the log is not folded into the database at the end."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            [(verdict,)] = connection.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.Error as error:
        raise DatabaseUnreadable(f"{path} is damaged: {failure_of(error)}") from error
    if verdict != "ok":
        raise DatabaseUnreadable(f"{path} is damaged: the server was cut off, and quick_check finds faults")
