"""The file of an open database: detects that it was moved, deleted or replaced."""

import os
import sqlite3
import struct
from dataclasses import dataclass
from pathlib import Path

from models.error import DatabaseLost

_MAGIC = b"SQLite format 3\x00"
_MARK_OFFSET = 60  # of the user version, https://www.sqlite.org/fileformat.html, 1.3


@dataclass(slots=True)
class DatabaseFile:
    """Holds the file and its write-ahead log open from `hold` to `release`, and identifies both by device and inode.

    SQLite itself goes on writing into a file that was deleted or replaced. The extra connection prevents SQLite from
    deleting the log while other connections are reopened. The descriptor stays open too: closing one would drop the
    locks that SQLite has on the file (https://www.sqlite.org/howtocorrupt.html, 2.2).
    """

    path: Path
    _connection: sqlite3.Connection | None = None
    _descriptor: int = -1
    _names: tuple[str, str] = ("", "")
    _identities: tuple[int, ...] = ()

    def hold(self) -> None:
        """Opens and identifies both files, before any other connection. Raises sqlite3.Error and OSError."""
        self._connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA query_only = 1")
        self._connection.execute("PRAGMA wal_autocheckpoint = 0")
        self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # opens the log
        self._descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        self._names = (str(self.path), f"{self.path}-wal")
        self._identities = self._look()

    def check(self) -> None:
        """Raises DatabaseLost if the file was deleted, moved, replaced or overwritten; takes a few microseconds."""
        self.check_place()
        try:
            magic = os.pread(self._descriptor, len(_MAGIC), 0)
        except OSError as error:
            raise DatabaseLost(f"the file of the database cannot be read: {error.strerror}") from error
        if magic != _MAGIC:
            raise DatabaseLost("the database file was overwritten")

    def check_place(self) -> None:
        """Raises DatabaseLost if the path leads to another file or none; call it before opening a connection.

        SQLite would create an empty file there and delete the log, which contains acknowledged writes.
        """
        try:
            found = self._look()
        except OSError as error:
            raise DatabaseLost(f"the database or its log was moved or deleted: {error.strerror}") from error
        if found != self._identities:
            raise DatabaseLost("the database or its log was replaced by another file")

    @property
    def mark(self) -> int:
        """The mark in the file, see `mark_in`. Raises OSError."""
        return mark_in(self._descriptor)

    def release(self) -> None:
        """Closes the extra connection, so that closing the last other one checkpoints the log; may be called twice."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def close(self) -> None:
        """Call it after the last connection is closed; a second call does nothing."""
        self.release()
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _look(self) -> tuple[int, ...]:
        file, log = os.stat(self._names[0]), os.stat(self._names[1])  # noqa: PTH116 - this is done for every commit
        return file.st_ino, file.st_dev, log.st_ino, log.st_dev


def mark_in(descriptor: int) -> int:
    """The mark (see models/recovery.py) in the file itself, 0 in a new one; SQLite would read the log first."""
    header = os.pread(descriptor, 4, _MARK_OFFSET)
    return int(struct.unpack(">i", header)[0]) if len(header) == 4 else 0
