"""The proof that a file is the picture that it says it is: a real decode, in a process that may fail alone."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from services.picture_worker import MAX_FRAMES, MAX_PIXELS

PICTURE_MIME_TYPES = ("image/png", "image/jpeg", "image/gif", "image/webp")

_WORKER = Path(__file__).with_name("picture_worker.py")
# The worker gets no secret of the server's environment, only what its interpreter may need to start.
_INHERITED = ("PATH", "LD_LIBRARY_PATH")
# The worker names a reason, and the sentences stand here.
_REASONS = {
    "pixels": f"The picture must have at most {MAX_PIXELS // 1_000_000} megapixels.",
    "frames": f"The picture must have at most {MAX_FRAMES:,} frames.",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """What is known of a decoded picture: pixels as it is shown, that is, after its EXIF orientation."""

    width: int
    height: int
    is_animated: bool


class UnsafePicture(Exception):
    """The file does not decode as what it claims to be, or costs too much; `reason` is a sentence for a person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class PictureDecoder:
    """Decodes in one-shot processes, `process_count` at a time; the others wait their turn, and that wait is free."""

    def __init__(self, timeout_seconds: float = 10.0, process_count: int = 2) -> None:
        self._timeout_seconds = timeout_seconds
        self._turns = asyncio.Semaphore(process_count)

    async def decode(self, path: Path, mime_type: str) -> Picture:
        """Decode all frames of a local file as `mime_type` and nothing else.

        Raises UnsafePicture whatever is wrong with the file, also where it takes longer than the timeout; OSError where
        no process could be started, which says nothing about the file.
        """
        if mime_type not in PICTURE_MIME_TYPES:
            raise UnsafePicture("The picture must be a PNG, JPEG, GIF or WebP.")
        async with self._turns:
            answer = await self._answer_of_worker(path, mime_type)
        return _picture_from(answer)

    async def _answer_of_worker(self, path: Path, mime_type: str) -> bytes:
        """Return the worker's line; the worker is gone when this returns or raises, also when it is cancelled."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            str(_WORKER),
            str(path),
            mime_type,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: os.environ[name] for name in _INHERITED if name in os.environ},
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await process.stdout.readline()
        except TimeoutError as error:
            raise UnsafePicture("The picture takes too long to decode.") from error
        except ValueError as error:  # a line past the reader's limit: no answer of ours
            raise UnsafePicture("The picture could not be decoded.") from error
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


def _picture_from(answer: bytes) -> Picture:
    """Read the worker's line, which is not trusted: whoever took the worker over may have written it."""
    match _parsed(answer):
        case {"width": int(width), "height": int(height), "is_animated": bool(is_animated)} if (
            width >= 1 and height >= 1 and width * height <= MAX_PIXELS
        ):
            return Picture(width, height, is_animated)
        case {"refused": str(reason)}:
            raise UnsafePicture(_REASONS.get(reason, "The picture could not be decoded."))
        case _:  # killed by a limit, or worse
            raise UnsafePicture("The picture could not be decoded.")


def _parsed(answer: bytes) -> object:
    try:
        return json.loads(answer)
    except (ValueError, RecursionError):
        return None
