"""An open local file that the kernel can send to a socket, without copying its bytes into this process."""

import errno
import os
import time
from functools import cache
from io import FileIO
from pathlib import Path

from storage.base import StorageFailed, failing_as
from storage.reader import acquired, in_thread, open_regular

STEP_BYTES = 2 * 1024**2
LOAD_SECONDS = 0.01  # after which no further step begins: the client does not wait for a whole file from a slow disk

# What sendfile(2) reports for files and file systems from which it cannot send.
_UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.ENOTSOCK, errno.EOPNOTSUPP}
_PROBE = bytearray(1)


class LocalFile:
    """A file to send with sendfile(2), which reads bytes from the disk if they are not in the page cache.

    So that the event loop does not wait for the disk, send only bytes before `loaded`, and only if `is_cached` says
    that the first of them is still there; otherwise call `load`.
    """

    def __init__(self, file: FileIO, loaded: int) -> None:
        self.file = file
        self.loaded = loaded

    @classmethod
    async def open(cls, path: Path, start: int, end: int) -> "LocalFile | None":
        """Opens a file and loads the beginning of this range; None if the kernel cannot send the file.

        Raises OSError, and StorageFailed if the file ends early. The caller must `close` it.
        """
        return await acquired(_open, _close, path, start, end)

    async def load(self, start: int, end: int) -> None:
        """Reads the beginning of this range into the page cache, in a thread: all of it if most is there already.

        Raises StorageFailed, also if the file ends early.
        """
        with failing_as("The file could not be read"):
            self.loaded = await in_thread(_load, self.file.fileno(), start, end)

    def is_cached(self, at: int) -> bool:
        """Whether the byte at this offset is in the page cache; False if the file system does not say. Never waits.

        The kernel reclaims the pages first that were used the longest time ago. What `load` read leaves the cache from
        its beginning on, so the next byte to be sent answers for those after it, at the cost of a microsecond.
        """
        try:
            return os.preadv(self.file.fileno(), [_PROBE], at, os.RWF_NOWAIT) == 1
        except OSError:
            return False

    async def close(self) -> None:
        """Closes the file in a thread: whoever closes a deleted file last waits for the disk."""
        await in_thread(self.file.close)


def _open(path: Path, start: int, end: int) -> LocalFile | None:
    file = open_regular(path)
    try:
        return LocalFile(file, _load(file.fileno(), start, end))
    except OSError as error:
        file.close()
        if error.errno in _UNSUPPORTED:
            return None
        raise
    except BaseException:
        file.close()
        raise


def _close(file: LocalFile | None) -> None:
    if file is not None:
        file.file.close()


def _load(descriptor: int, start: int, end: int) -> int:
    """Returns the end of what is loaded. To send it to /dev/null copies nothing, and waits until the pages are there.

    The kernel is asked to read the next step meanwhile, while the client gets this one.
    """
    until = time.monotonic() + LOAD_SECONDS
    while start < end:
        count = os.sendfile(_null(), descriptor, start, min(STEP_BYTES, end - start))
        if not count:
            raise StorageFailed("The file ended early.")
        start += count
        if time.monotonic() > until:
            break
    if start < end:
        os.posix_fadvise(descriptor, start, STEP_BYTES, os.POSIX_FADV_WILLNEED)
    return start


@cache
def _null() -> int:
    return os.open(os.devnull, os.O_WRONLY)
