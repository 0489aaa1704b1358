"""The identity of a storage folder: a random text in a file, which the database remembers too."""

import os
from contextlib import suppress
from pathlib import Path

from storage.base import PARTIAL_SUFFIX, new_key


class IdentityFile:
    """Writes are atomic and durable. Methods block, so call them in threads; all raise OSError."""

    def __init__(self, path: Path, temporary: Path) -> None:
        """`temporary` is a folder on the same file system whose `*.partial` files are deleted at startup."""
        self._path = path
        self._temporary = temporary

    def read(self) -> str | None:
        """The identity; None if there is no file."""
        try:
            return self._path.read_text("ascii", errors="replace").strip()
        except FileNotFoundError:
            return None

    def write(self, identity: str, *, is_new: bool) -> None:
        """Writes the identity unless there is one, or in any case with `is_new`."""
        path = self._temporary / f"{new_key()}{PARTIAL_SUFFIX}"
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(f"{identity}\n")
                file.flush()
                os.fsync(file.fileno())
            self._name(path, is_new=is_new)
        finally:
            path.unlink(missing_ok=True)
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _name(self, path: Path, *, is_new: bool) -> None:
        if not is_new:
            try:
                with suppress(FileExistsError):
                    self._path.hardlink_to(path)
            except OSError:  # no hard links on this file system: a concurrent writer gets a mismatch error
                if not self._path.exists():
                    path.replace(self._path)
        else:
            path.replace(self._path)
