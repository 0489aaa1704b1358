"""The lock file: one process per database, and how its last run ended."""

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from models.error import DatabaseInUse
from models.private_file import create_private

_STOPPED = "stopped"
_TEXT_BYTES = 1000  # room for about ninety marks: each run on a full disk that does not end cleanly adds one
_ROOM_BYTES = 256 * 1024  # a write-ahead log cannot even be read without an index of 32 KiB


@dataclass(slots=True)
class Lock:
    """An advisory lock, held until `release` or the end of the process.

    While it is held the file contains the process id and the marks (see models/recovery.py) that the database may have;
    after a clean end, that the process has stopped. `marks` is what the file contained before: the marks of a run that
    did not end cleanly, an empty set after a clean end, None if unknown. While the lock is free, the file reserves the
    disk space that the next start needs, in case the disk fills up in the meantime.
    """

    _descriptor: int
    marks: frozenset[int] | None
    is_new: bool  # this is the first process to hold it

    @classmethod
    def take(cls, path: Path) -> "Lock":
        """Raises DatabaseInUse."""
        create_private(path)
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            words = os.pread(descriptor, _TEXT_BYTES, 0).rstrip(b"\0").decode("ascii", "replace").split()
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(descriptor, min(os.fstat(descriptor).st_size, _TEXT_BYTES))
        except OSError as error:
            os.close(descriptor)
            if not isinstance(error, BlockingIOError):
                raise
            owner = words[0] if words else "unknown"
            raise DatabaseInUse(f"{path.with_suffix('')} is in use by process {owner}") from None
        return cls(descriptor, _marks_in(words), is_new=not words)

    def write(self, *marks: int) -> None:
        """Replaces the marks. Several are synced to the disk; a single one, which was among the former, is not."""
        self._put(" ".join(map(str, (os.getpid(), *marks))))
        if len(marks) > 1:
            os.fsync(self._descriptor)

    def release(self, *, is_clean: bool) -> None:
        """Releases the lock; `is_clean` if the database file contains everything and the log nothing."""
        if self._descriptor < 0:
            return
        if is_clean:
            with suppress(OSError):
                self._put(_STOPPED)
                os.posix_fallocate(self._descriptor, 0, _ROOM_BYTES)
        os.close(self._descriptor)
        self._descriptor = -1

    def _put(self, text: str) -> None:
        """Overwrites, then truncates: the file keeps its block, so this works on a full disk."""
        content = text.encode("ascii")
        os.pwrite(self._descriptor, content, 0)
        os.ftruncate(self._descriptor, len(content))


def _marks_in(words: list[str]) -> frozenset[int] | None:
    if words == [_STOPPED]:
        return frozenset()
    numbers = [int(word) for word in words if word.isdecimal()]
    return frozenset(numbers[1:]) or None
