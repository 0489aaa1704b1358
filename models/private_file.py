"""Private files: the files of the database are accessible to their owner only, whatever the umask."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

PRIVATE = 0o600
_SIDES = ("", "-wal", "-shm", "-journal", ".lock")


class Exposure(NamedTuple):
    """A file that other accounts of this machine could open; `is_mended` if that is corrected."""

    path: Path
    mode: int
    is_mended: bool


def create_private(path: Path) -> None:
    """Creates an empty file with mode 0600 if there is none. SQLite gives `-wal` and `-shm` the mode of the database.

    Not for a database that this process has open: closing a descriptor would drop SQLite's locks (POSIX).
    """
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, PRIVATE)
        try:
            os.fchmod(descriptor, PRIVATE)  # the umask may have removed bits of the owner
        finally:
            os.close(descriptor)


def close_to_others(database: Path) -> Iterator[Exposure]:
    """Removes the permissions of others from a database's files, which older versions created with them.

    Those of the group stay: an operator may have set them for a backup. Yields each file that others could open.
    """
    for path in (database.with_name(database.name + side) for side in _SIDES):
        with suppress(FileNotFoundError):
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & stat.S_IRWXO:
                try:
                    path.chmod(mode & ~stat.S_IRWXO)
                except OSError:  # the file has another owner
                    yield Exposure(path, mode, is_mended=False)
                else:
                    yield Exposure(path, mode, is_mended=True)
