"""Private files: what the database consists of is its owner's alone, whatever the folder and the umask."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PRIVATE = 0o600
_SIDES = ("", "-wal", "-shm", "-journal", ".lock")


class Exposure(NamedTuple):
    """A file that accounts of other people on this machine could open; `is_mended` once they no longer can."""

    path: Path
    mode: int
    is_mended: bool


def create_private(path: Path) -> None:
    """Makes an empty file with mode 0600 where there is none. SQLite gives `-wal` and `-shm` the mode of the database.

    Not for a database that this process has open: closing a descriptor would drop SQLite's locks (POSIX).
    """
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE)
        try:
            os.fchmod(descriptor, PRIVATE)  # a umask takes bits away, from the owner as well
        finally:
            os.close(descriptor)


def close_to_others(database: Path) -> Iterator[Exposure]:
    """Takes the rights of all others from the files of a database that was made with them (by an older Sotto).

    What the group may do stays: an operator gives it, for a backup. Yields each file that was found open.
    """
    for path in (database.with_name(database.name + side) for side in _SIDES):
        with suppress(FileNotFoundError):
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & stat.S_IRWXO:
                try:
                    path.chmod(mode & ~stat.S_IRWXO)
                except OSError:  # another owner's
                    yield Exposure(path, mode, is_mended=False)
                else:
                    yield Exposure(path, mode, is_mended=True)
