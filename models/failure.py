"""The translation of SQLite's errors into those of models/error.py."""

import sqlite3

import peewee

from models.error import DatabaseDamaged, DatabaseError, DatabaseFailed, DatabaseFull, DatabaseLocked

DriverError = sqlite3.Error | peewee.PeeweeException

# By primary result code (https://www.sqlite.org/rescode.html). The texts are our own: SQLite's may quote SQL.
_FAILING = {
    sqlite3.SQLITE_IOERR: "the disk answers with an I/O error",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened",
    sqlite3.SQLITE_READONLY: "the file may not be written to",
    sqlite3.SQLITE_PERM: "the file may not be used",
    sqlite3.SQLITE_PROTOCOL: "its locks do not work",
    sqlite3.SQLITE_NOLFS: "the file is too large for the file system",
    sqlite3.SQLITE_NOMEM: "there is no memory",
}
_DAMAGED = {
    sqlite3.SQLITE_CORRUPT: "the file is damaged, or the disk does not give it back",  # what some reads make of EIO
    sqlite3.SQLITE_NOTADB: "the file is no database",
}
_HELD = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def failure_of(error: DriverError) -> DatabaseError:
    """Our error for a driver's, which is its cause; the text contains SQLite's name for it (`SQLITE_IOERR_FSYNC`)."""
    driver = getattr(error, "orig", error)
    primary = getattr(driver, "sqlite_errorcode", 0) & 0xFF
    name = getattr(driver, "sqlite_errorname", type(error).__name__)
    ours: DatabaseError
    if primary == sqlite3.SQLITE_FULL:
        ours = DatabaseFull(f"the disk that holds the database is full ({name})")
    elif primary in _FAILING:
        ours = DatabaseFailed(f"the database cannot be used: {_FAILING[primary]} ({name})")
    elif primary in _DAMAGED:
        ours = DatabaseDamaged(f"the database cannot be used: {_DAMAGED[primary]} ({name})")
    elif primary in _HELD:
        ours = DatabaseLocked(f"another program holds the database ({name})")
    else:
        ours = DatabaseError(f"the database refused a statement ({name})")
    ours.__cause__ = error
    return ours
