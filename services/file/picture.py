"""Pictures: proved by a real decode, cleaned of what a camera wrote, made small; in a process that may fail alone."""

import asyncio
import errno
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from services.file.picture_worker import MAX_FRAMES, MAX_PIXELS, READY, THUMBNAIL_PIXELS

PICTURE_MIME_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")
THUMBNAIL_MIME_TYPE = "image/webp"
MAX_THUMBNAIL_BYTES = 1024**2

_WORKER = Path(__file__).with_name("picture_worker.py")
_CHUNK_BYTES = 256 * 1024
# The worker gets no secret of the server's environment, only what its interpreter may need to start.
_INHERITED = ("PATH", "LD_LIBRARY_PATH")
# The worker names a reason, and the sentences stand here.
_REASONS = {
    "pixels": f"The picture must have at most {MAX_PIXELS // 1_000_000} megapixels.",
    "frames": f"The picture must have at most {MAX_FRAMES:,} frames.",
}
_BROKEN = "The picture could not be decoded."
_NO_ANSWER = object()


@dataclass(frozen=True, slots=True)
class Picture:
    """What is known of a decoded picture: pixels as it is shown, that is, after its EXIF orientation."""

    width: int
    height: int
    is_animated: bool


@dataclass(frozen=True, slots=True)
class SmallPicture:
    """A thumbnail: the bytes of a WebP, its pixels, and the BlurHash of the picture."""

    content: bytes
    width: int
    height: int
    blurhash: str


class UnsafePicture(Exception):
    """The file does not decode as what it claims to be, or costs too much; `reason` is a sentence for a person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PictureDecoder:
    """Works in one-shot processes, `process_count` at a time; the others wait, and that wait costs nothing."""

    def __init__(self, timeout_seconds: float = 10.0, process_count: int = 2) -> None:
        self._timeout_seconds = timeout_seconds
        self._processes = asyncio.Semaphore(process_count)

    async def decode(self, path: Path, mime_type: str) -> Picture:
        """Decode all frames of a local file as `mime_type` and nothing else.

        Raises UnsafePicture whatever is wrong with the picture, also where it takes longer than the timeout; OSError
        where no process could be started or the file could not be read, which says nothing about the picture.
        """
        if mime_type not in PICTURE_MIME_TYPES:
            raise UnsafePicture("The picture must be a PNG, JPEG, GIF or WebP.")
        async with self._asked("decode", path, mime_type) as (answer, _):
            return _picture_from(answer)

    @asynccontextmanager
    async def cleaned(self, path: Path, mime_type: str) -> AsyncIterator[AsyncIterator[bytes] | None]:
        """The picture's bytes without metadata, turned as it is to be shown; None where there is nothing to change.

        For a file that `decode` has passed. Raises as `decode` does; also while the bytes are read.
        """
        async with self._asked("clean", path, mime_type) as (answer, reader):
            match answer:
                case {"bytes": int(size)} if size >= 0:
                    yield _exactly(reader, size) if size else None
                case _:
                    raise UnsafePicture(_sentence_of(answer))

    async def shrink(self, path: Path, mime_type: str) -> SmallPicture:
        """Make a thumbnail of at most 400 pixels a side; raises as `decode` does."""
        async with self._asked("thumbnail", path, mime_type) as (answer, reader):
            match answer:
                case {"width": int(width), "height": int(height), "blurhash": str(hash_), "bytes": int(size)} if (
                    0 < width <= THUMBNAIL_PIXELS
                    and 0 < height <= THUMBNAIL_PIXELS
                    and 0 < size <= MAX_THUMBNAIL_BYTES
                    and len(hash_) == 28
                ):
                    content = b"".join([chunk async for chunk in _exactly(reader, size)])
                    return SmallPicture(content, width, height, hash_)
        raise UnsafePicture(_sentence_of(answer))

    @asynccontextmanager
    async def _asked(
        self, command: str, path: Path, mime_type: str
    ) -> AsyncIterator[tuple[object, asyncio.StreamReader]]:
        """The worker's line, and what follows it; the worker is gone at the end, also when it is cancelled."""
        async with self._processes:
            process = await start_worker(command, path, mime_type)
            assert process.stdout is not None
            is_ready = False
            try:
                async with asyncio.timeout(self._timeout_seconds) as patience:
                    is_ready = await process.stdout.readline() == READY
                    answer = await _answer_of(process.stdout) if is_ready else _NO_ANSWER
                    if answer is _NO_ANSWER and (not is_ready or await process.wait() > 0):
                        raise OSError(errno.EIO, "The picture could not be read")
                    yield answer, process.stdout
            except TimeoutError as error:
                if not patience.expired():
                    raise
                if not is_ready:
                    raise OSError(errno.ETIMEDOUT, "The picture could not be read in time") from error
                raise UnsafePicture("The picture takes too long to decode.") from error
            finally:
                if process.returncode is None:
                    process.kill()
                await process.communicate()  # also what nobody has read: or it would wait for that


async def start_worker(command: str, path: Path, mime_type: str) -> asyncio.subprocess.Process:
    """Starts the worker; the caller must wait for its end."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", str(_WORKER), command, str(path), mime_type),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: os.environ[name] for name in _INHERITED if name in os.environ},
    )


async def _answer_of(reader: asyncio.StreamReader) -> object:
    try:
        line = await reader.readline()
        return _parsed(line) if line else _NO_ANSWER
    except ValueError as error:  # a line past the reader's limit: no answer of ours
        raise UnsafePicture(_BROKEN) from error


async def _exactly(reader: asyncio.StreamReader, size: int) -> AsyncIterator[bytes]:
    """So many bytes, in pieces; raises UnsafePicture where the worker died before the last."""
    while size:
        chunk = await reader.read(min(size, _CHUNK_BYTES))
        if not chunk:
            raise UnsafePicture(_BROKEN)
        size -= len(chunk)
        yield chunk


def _picture_from(answer: object) -> Picture:
    """Parse the worker's answer, which is not trusted: a malicious file may have taken over the worker."""
    match answer:
        case {"width": int(width), "height": int(height), "is_animated": bool(is_animated)} if (
            width >= 1 and height >= 1 and width * height <= MAX_PIXELS
        ):
            return Picture(width, height, is_animated)
        case _:  # killed by a limit, or worse
            raise UnsafePicture(_sentence_of(answer))


def _sentence_of(answer: object) -> str:
    match answer:
        case {"refused": str(reason)}:
            return _REASONS.get(reason, _BROKEN)
        case _:
            return _BROKEN


def _parsed(answer: bytes) -> object:
    try:
        return json.loads(answer)
    except (ValueError, RecursionError):
        return None
