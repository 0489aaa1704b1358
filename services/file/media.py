"""Media: how long a sound or a film lasts, where its container says so cheaply; never a reason to refuse one."""

import asyncio
import os
import shutil
import struct
from pathlib import Path
from typing import BinaryIO

FFPROBE_SECONDS = 5.0
LONGEST_MS = 7 * 86_400_000
MOST_BOXES = 1000
MOST_TRACKS = 20
MOST_PIXELS = 65_535  # of a side

_ISO = {"video/mp4", "video/quicktime", "audio/mp4"}


async def duration_of(path: Path, mime_type: str) -> int | None:
    """In ms; None where it is not known. By `ffprobe` where it is there, else by the container's own words."""
    found = await _by_ffprobe(path)
    if found is None:
        found = await asyncio.to_thread(_by_container, path, mime_type)
    return found if found is not None and 0 < found <= LONGEST_MS else None


async def frame_of(path: Path, mime_type: str) -> tuple[int, int] | None:
    """Width and height of a film in pixels, where its container says so; None where it does not."""
    if mime_type not in _ISO:
        return None
    found = await asyncio.to_thread(_frame_of_iso, path)
    return found if found is not None and all(0 < each <= MOST_PIXELS for each in found) else None


async def _by_ffprobe(path: Path) -> int | None:
    """Asks a process that gets no network and no other file; whatever it fails with is no answer."""
    program = await asyncio.to_thread(shutil.which, "ffprobe")
    if program is None:
        return None
    options = ("-v", "error", "-protocol_whitelist", "file", "-show_entries", "format=duration", "-of", "csv=p=0")
    process = None
    try:
        process = await asyncio.create_subprocess_exec(
            program, *options, f"file:{path}", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL, env={"PATH": os.environ.get("PATH", "")},
        )  # fmt: skip
        assert process.stdout is not None
        async with asyncio.timeout(FFPROBE_SECONDS):
            return round(float(await process.stdout.readline()) * 1000)
    except (OSError, ValueError, OverflowError, TimeoutError):
        return None
    finally:
        if process is not None:
            await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Kills it, and closes the pipe of its output.

    `wait` alone would wait for the end of the pipe too: asyncio does not reach it while its buffer is full, nor while a
    child of the process holds the pipe open. The transport is private, and nothing public closes it.
    """
    process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001
    await process.wait()


def _by_container(path: Path, mime_type: str) -> int | None:
    try:
        with path.open("rb") as file:
            if mime_type in _ISO:
                return _iso(file)
            if mime_type == "audio/wav":
                return _wav(file)
            if mime_type == "audio/ogg":
                return _ogg(file)
    except (OSError, struct.error, ValueError, IndexError, ZeroDivisionError):
        return None
    return None


def _frame_of_iso(path: Path) -> tuple[int, int] | None:
    """ISO/IEC 14496-12 §8.3.2: the first track whose header has a size, in 16.16 fixed point; a sound has none."""
    try:
        with path.open("rb") as file:
            movie = _box(file, b"moov", 0, file.seek(0, os.SEEK_END))
            start, end = movie or (0, 0)
            for _ in range(MOST_TRACKS):
                track = _box(file, b"trak", start, end)
                if track is None:
                    return None
                header = _box(file, b"tkhd", *track)
                if header is not None and header[1] - header[0] >= 84:
                    file.seek(header[1] - 8)
                    width, height = struct.unpack(">II", file.read(8))
                    if width >> 16 and height >> 16:
                        return width >> 16, height >> 16
                start = track[1]
    except (OSError, struct.error, ValueError):
        return None
    return None


def _iso(file: BinaryIO) -> int | None:
    """ISO/IEC 14496-12 §8.2.2: the movie header inside the movie box says scale and duration."""
    end = file.seek(0, os.SEEK_END)
    movie = _box(file, b"moov", 0, end)
    header = None if movie is None else _box(file, b"mvhd", *movie)
    if header is None:
        return None
    file.seek(header[0])
    version = file.read(4)[0]
    scale, duration = struct.unpack(">16xIQ", file.read(28)) if version == 1 else struct.unpack(">8xII", file.read(16))
    if version != 1 and duration == 2**32 - 1:  # unknown
        return None
    return int(duration) * 1000 // int(scale)


def _box(file: BinaryIO, wanted: bytes, start: int, end: int) -> tuple[int, int] | None:
    """Where the content of a box begins and ends."""
    for _ in range(MOST_BOXES):
        if start + 8 > end:
            return None
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        head = 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            head = 16
        size = size or end - start
        if kind == wanted:
            return start + head, min(start + size, end)
        start += max(size, head)
    return None


def _wav(file: BinaryIO) -> int | None:
    """RIFF: the format says bytes a second, the data chunk how many there are."""
    end, at, rate = file.seek(0, os.SEEK_END), 12, 0
    for _ in range(MOST_BOXES):
        if at + 8 > end:
            return None
        file.seek(at)
        kind, size = struct.unpack("<4sI", file.read(8))
        if kind == b"fmt ":
            (rate,) = struct.unpack("<8xI", file.read(12))
        elif kind == b"data":
            return int(min(size, end - at - 8)) * 1000 // int(rate)
        at += 8 + size + size % 2
    return None


def _ogg(file: BinaryIO) -> int | None:
    """RFC 3533: the last page's position, in samples: 48,000 a second for Opus, for Vorbis its header says."""
    head = file.read(4096)
    if (at := head.find(b"OpusHead")) >= 0:
        (skip,), rate = struct.unpack("<H", head[at + 10 : at + 12]), 48_000
    elif (at := head.find(b"\x01vorbis")) >= 0:
        skip, (rate,) = 0, struct.unpack("<I", head[at + 12 : at + 16])
    else:
        return None
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 65_536))
    tail = file.read()
    last = tail.rfind(b"OggS")
    (position,) = struct.unpack("<Q", tail[last + 6 : last + 14])
    while position == 2**64 - 1 and (last := tail.rfind(b"OggS", 0, last)) >= 0:  # no packet ends on this page
        (position,) = struct.unpack("<Q", tail[last + 6 : last + 14])
    return int((position - skip) * 1000 // rate)
