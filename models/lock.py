"""The lock file: one process to a database, and what the next start has to know of how this one ended."""

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from models.error import DatabaseInUse
from models.private_file import create_private

_STOPPED = "stopped"
_TEXT_BYTES = 1000  # room for some ninety marks: each start on a full disk that is cut off adds one
_ROOM_BYTES = 256 * 1024  # without its index of 32 KiB a write-ahead log cannot even be read


@dataclass(slots=True)
class Lock:
    """An advisory lock, held until `release`, also by a crash.

    While it runs the file says which process holds it and which marks (see models/recovery.py) the database may have,
    and afterwards that it has stopped. `marks` is what the file said before: the marks of a run that did not end by
    itself; none after one that did; None where it is not known. While nobody holds it, it reserves the disk space
    that the next start needs, so that a start succeeds although the disk has filled up meanwhile.
    """

    _descriptor: int
    marks: frozenset[int] | None
    is_new: bool  # nobody has held it before

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
        """Replaces the marks. Several are on the disk when it returns; a single one of the former gets there later."""
        self._put(" ".join(map(str, (os.getpid(), *marks))))
        if len(marks) > 1:
            os.fsync(self._descriptor)

    def release(self, *, is_clean: bool) -> None:
        """Lets the next process have it; `is_clean` when all that was written is in the database itself."""
        if self._descriptor < 0:
            return
        if is_clean:
            with suppress(OSError):
                self._put(_STOPPED)
                os.posix_fallocate(self._descriptor, 0, _ROOM_BYTES)
        os.close(self._descriptor)
        self._descriptor = -1

    def _put(self, text: str) -> None:
        """In place, and cut afterwards: on a full disk the file has its block already."""
        content = text.encode("ascii")
        os.pwrite(self._descriptor, content, 0)
        os.ftruncate(self._descriptor, len(content))


def _marks_in(words: list[str]) -> frozenset[int] | None:
    if words == [_STOPPED]:
        return frozenset()
    numbers = [int(word) for word in words if word.isdecimal()]
    return frozenset(numbers[1:]) or None
