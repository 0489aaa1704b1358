"""How long a sound or a film lasts is what its container says, where it says so; nothing that is wrong is an error."""

import asyncio
import os
import struct
import time
import wave
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from services.file import media
from services.file.media import duration_of

MP4 = ("video/mp4", "video/quicktime", "audio/mp4")
NO_POSITION = 2**64 - 1


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take ffprobe away, wherever the tests run."""
    monkeypatch.setattr("services.file.media.shutil.which", lambda _: None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a file that is not there yet."""
    return tmp_path / "media"


def put(path: Path, content: bytes) -> None:
    """Write a file."""
    path.write_bytes(content)


def box(kind: bytes, *content: bytes, wide: bool = False) -> bytes:
    """Make a box of ISO/IEC 14496-12, its size in 32 bits or in 64."""
    body = b"".join(content)
    if wide:
        return struct.pack(">I4sQ", 1, kind, len(body) + 16) + body
    return struct.pack(">I4s", len(body) + 8, kind) + body


def mvhd(scale: int, duration: int, version: int = 0) -> bytes:
    """Make a movie header of 32 or 64 bits."""
    times = struct.pack(">QQIQ" if version else ">IIII", 1, 2, scale, duration)
    return box(b"mvhd", bytes((version, 0, 0, 0)), times, bytes(80))


FTYP = box(b"ftyp", b"isom\0\0\2\0isommp41")
MDAT = box(b"mdat", bytes(5_000))
TRACK = box(b"trak", bytes(300))

FILMS: dict[str, bytes] = {
    "version 0": FTYP + box(b"moov", mvhd(600, 7_350)) + MDAT,
    "version 1": FTYP + box(b"moov", mvhd(90_000, 1_102_500, version=1)) + MDAT,
    "moov behind mdat": FTYP + MDAT + box(b"moov", mvhd(1_000, 12_250)),
    "wide mdat": FTYP + box(b"mdat", bytes(5_000), wide=True) + box(b"moov", mvhd(1_000, 12_250)),
    "wide moov": FTYP + box(b"moov", mvhd(1_000, 12_250), TRACK, wide=True) + MDAT,
    "header behind a track": FTYP + box(b"moov", TRACK, TRACK, mvhd(1_000, 12_250)) + MDAT,
    "moov to the end": FTYP + MDAT + struct.pack(">I4s", 0, b"moov") + mvhd(1_000, 12_250) + TRACK,
    "the 1,000th box": FTYP + box(b"free") * 998 + box(b"moov", mvhd(1_000, 12_250)),
}


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("name", FILMS)
@pytest.mark.parametrize("mime_type", MP4)
async def test_a_film_says_how_long_it_is(path: Path, name: str, mime_type: str) -> None:
    """In its movie header, wherever that stands and however its sizes are written."""
    put(path, FILMS[name])

    assert await duration_of(path, mime_type) == 12_250


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(("channels", "width", "rate"), [(1, 1, 8_000), (2, 2, 44_100), (6, 3, 48_000)])
async def test_a_wave_says_how_long_it_is(path: Path, channels: int, width: int, rate: int) -> None:
    """By its bytes a second, and how many of them there are."""
    put(path, waves(channels, width, rate))

    assert await duration_of(path, "audio/wav") == 1_500


def waves(channels: int = 1, width: int = 2, rate: int = 8_000) -> bytes:
    """Make a second and a half of silence."""
    path = Path(os.environ.get("PYTEST_DEBUG_TEMPROOT", "/tmp")) / f"waves-{os.getpid()}"
    try:
        with wave.open(str(path), "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(width)
            file.setframerate(rate)
            file.writeframes(bytes(rate * 3 // 2 * channels * width))
        return path.read_bytes()
    finally:
        path.unlink()


@pytest.mark.usefixtures("alone")
async def test_a_wave_may_have_other_chunks_of_odd_length(path: Path) -> None:
    """RIFF: a chunk of odd length is followed by a byte that it does not count."""
    content = waves()
    put(path, content[:12] + b"LIST\x03\0\0\0abc\0" + content[12:36] + b"fact\x01\0\0\0a\0" + content[36:])

    assert await duration_of(path, "audio/wav") == 1_500


@pytest.mark.usefixtures("alone")
async def test_a_wave_that_was_recorded_into_a_pipe_lasts_as_long_as_its_bytes(path: Path) -> None:
    """Its writer could not come back to tell their number, and left the largest there is."""
    content = waves()
    put(path, content[:40] + b"\xff\xff\xff\xff" + content[44:])

    assert await duration_of(path, "audio/wav") == 1_500


def page(position: int, body: bytes, number: int = 0) -> bytes:
    """Make a page of RFC 3533."""
    sizes = bytes((255,)) * (len(body) // 255) + bytes((len(body) % 255,))
    return struct.pack("<4sBBQIIIB", b"OggS", 0, 0, position, 7, number, 0, len(sizes)) + sizes + body


def opus(*pages: bytes, skip: int = 312) -> bytes:
    """Make a stream of Opus."""
    head = b"OpusHead" + struct.pack("<BBHIHB", 1, 2, skip, 16_000, 0, 0)
    return page(0, head) + page(0, b"OpusTags" + bytes(60), 1) + b"".join(pages)


def vorbis(*pages: bytes, rate: int = 44_100) -> bytes:
    """Make a stream of Vorbis."""
    head = b"\x01vorbis" + struct.pack("<IBIIIIBB", 0, 2, rate, 0, 0, 0, 0xB8, 1)
    return page(0, head) + page(0, b"\x03vorbis" + bytes(60), 1) + b"".join(pages)


SOUNDS: dict[str, bytes] = {
    "Opus": opus(page(48_000, bytes(9_000), 2), page(588_312, bytes(3_000), 3)),
    "Opus without a skip": opus(page(588_000, bytes(3_000), 2), skip=0),
    "long Opus": opus(*[page(n * 960, bytes(4_000), n) for n in range(2, 90)], page(588_312, bytes(60_000), 99)),
    "Vorbis": vorbis(page(44_100, bytes(9_000), 2), page(540_225, bytes(3_000), 3)),
    "Vorbis of another rate": vorbis(page(98_000, bytes(3_000), 2), rate=8_000),
}


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("name", SOUNDS)
async def test_an_ogg_says_how_long_it_is(path: Path, name: str) -> None:
    """By the position of its last page: without its skip and at 48,000 a second for Opus, at its own rate else."""
    put(path, SOUNDS[name])

    assert await duration_of(path, "audio/ogg") == 12_250


@pytest.mark.usefixtures("alone")
async def test_the_last_64_kib_of_an_ogg_are_searched_whole(path: Path) -> None:
    """Also where the page that says how long it is begins with the first byte of them."""
    last = page(588_312, bytes(40_000), 2)
    tail = last + page(NO_POSITION, bytes(25_000), 3)
    tail += page(NO_POSITION, bytes(65_536 - len(tail) - 28), 4)  # a short page's header has 28 bytes
    put(path, opus(page(48_000, bytes(9_000), 1)) + tail)

    assert len(tail) == 65_536
    assert await duration_of(path, "audio/ogg") == 12_250


@pytest.mark.usefixtures("alone")
async def test_an_ogg_whose_last_page_ends_no_packet_lasts_as_long_as_the_pages_before(path: Path) -> None:
    """RFC 3533 §6: a position of -1 says only that no packet ends on this page."""
    put(path, opus(page(588_312, bytes(3_000), 2), page(NO_POSITION, b"\xff" * 255, 3)))

    assert await duration_of(path, "audio/ogg") == 12_250


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(("seconds", "expected"), [(7 * 86_400, 7 * 86_400_000), (7 * 86_400 + 1, None)])
async def test_a_week_is_the_longest(path: Path, seconds: int, expected: int | None) -> None:
    """What claims more is not believed."""
    put(path, FTYP + box(b"moov", mvhd(1, seconds)))

    assert await duration_of(path, "video/mp4") == expected


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize(("scale", "version"), [(1_000, 0), (90_000, 0), (90_000, 1)])
async def test_a_film_that_does_not_know_its_length_has_none(path: Path, scale: int, version: int) -> None:
    """ISO/IEC 14496-12 §8.2.2.3: a duration of all ones says that it could not be determined."""
    put(path, FTYP + box(b"moov", mvhd(scale, 2 ** (64 if version else 32) - 1, version)))

    assert await duration_of(path, "video/mp4") is None


ABSURD: dict[str, tuple[str, bytes]] = {
    "duration 2**63": ("video/mp4", box(b"moov", mvhd(1, 2**63, version=1))),
    "duration 0": ("video/mp4", box(b"moov", mvhd(1_000, 0))),
    "scale 0": ("video/mp4", box(b"moov", mvhd(0, 5_000))),
    "scale 0 of version 1": ("video/mp4", box(b"moov", mvhd(0, 5_000, version=1))),
    "header within a box of size 0": ("video/mp4", box(b"moov", struct.pack(">I4s", 0, b"free"), mvhd(1_000, 9))),
    "nothing but zeros": ("video/mp4", bytes(200_000)),
    "nothing but ones": ("video/mp4", b"\xff" * 200_000),
    "boxes of size 2": ("video/mp4", struct.pack(">I4s", 2, b"free") * 2_000 + box(b"moov", mvhd(1_000, 9))),
    "the 1,001st box": ("video/mp4", box(b"free") * 1_000 + box(b"moov", mvhd(1_000, 9))),
    "the 1,001st box within": ("video/mp4", box(b"moov", box(b"free") * 1_000, mvhd(1_000, 9))),
    "wide box of size 0": ("video/mp4", struct.pack(">I4sQ", 1, b"free", 0) * 2_000),
    "wide box of 2**64": ("video/mp4", struct.pack(">I4sQ", 1, b"free", 2**64 - 1) + box(b"moov", mvhd(1_000, 9))),
    "wide moov of 2**64": ("video/mp4", struct.pack(">I4sQ", 1, b"moov", 2**64 - 1)),
    "wide box without its size": ("video/mp4", struct.pack(">I4s", 1, b"moov")),
    "moov without a header": ("video/mp4", FTYP + box(b"moov", TRACK) + MDAT),
    "no moov": ("video/mp4", FTYP + MDAT),
    "header behind moov": ("video/mp4", FTYP + box(b"moov") + mvhd(1_000, 9)),
    "empty header at the end": ("video/mp4", box(b"moov", box(b"mvhd"))),
    "short header at the end": ("video/mp4", box(b"moov", box(b"mvhd", bytes(9)))),
    "short header of version 1": ("video/mp4", box(b"moov", box(b"mvhd", b"\1" + bytes(19)))),
    "wave without a rate": ("audio/wav", waves()[:28] + bytes(4) + waves()[32:]),
    "wave of data alone": ("audio/wav", waves()[:12] + b"data" + waves()[40:]),
    "wave without data": ("audio/wav", waves()[:36]),
    "wave of no length": ("audio/wav", waves()[:40] + bytes(4)),
    "wave of 2,000 chunks": ("audio/wav", waves()[:12] + b"LIST\0\0\0\0" * 2_000 + waves()[12:]),
    "wave of long chunks": ("audio/wav", waves()[:12] + b"LIST\xff\xff\xff\xff" + waves()[12:]),
    "wave with a short format": ("audio/wav", waves()[:12] + b"fmt \x10\0\0\0\1\0"),
    "position 2**63": ("audio/ogg", opus(page(2**63, bytes(300), 2))),
    "no position": ("audio/ogg", opus(page(NO_POSITION, bytes(300), 2))),
    "position before the skip": ("audio/ogg", opus(page(100, bytes(300), 2))),
    "position 0": ("audio/ogg", opus()),
    "Vorbis without a rate": ("audio/ogg", vorbis(page(5_000, bytes(300), 2), rate=0)),
    "neither Opus nor Vorbis": ("audio/ogg", page(0, b"Speex   ") + page(9_000, bytes(300), 1)),
    "Opus without a page": ("audio/ogg", b"OpusHead\1\2" + bytes(70_000)),
    "Opus head at the end": ("audio/ogg", page(0, b"OpusHead\1\2\0")),
    "Vorbis head at the end": ("audio/ogg", page(0, b"\x01vorbis\0\0\0\0\2\0")),
    "a sound of another kind": ("audio/mpeg", waves()),
    "a film of another kind": ("video/webm", FILMS["version 0"]),
    "a film called a sound": ("audio/ogg", FILMS["version 0"]),
    "a sound called a film": ("video/mp4", waves()),
}


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("name", ABSURD)
async def test_what_is_absurd_has_no_length(path: Path, name: str) -> None:
    """None, no exception, and within a second."""
    mime_type, content = ABSURD[name]
    put(path, content)
    began = time.perf_counter()

    assert await duration_of(path, mime_type) is None
    assert time.perf_counter() - began < 1


WHOLE: dict[str, tuple[str, bytes]] = {
    "mp4 version 0": ("video/mp4", box(b"moov", mvhd(600, 7_350))),
    "mp4 version 1": ("audio/mp4", box(b"moov", mvhd(600, 7_350, version=1), wide=True)),
    "wav": ("audio/wav", waves()[:100]),
    "opus": ("audio/ogg", opus(page(588_312, bytes(30), 2))),
    "vorbis": ("audio/ogg", vorbis(page(540_225, bytes(30), 2))),
}


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("name", WHOLE)
async def test_a_file_may_break_off_anywhere(path: Path, name: str) -> None:
    """At every byte: a length that is possible, or None."""
    mime_type, content = WHOLE[name]
    for size in range(len(content)):
        put(path, content[:size])

        found = await duration_of(path, mime_type)
        assert found is None or 0 < found <= media.LONGEST_MS, size


@pytest.mark.usefixtures("alone")
async def test_a_file_that_is_not_there_has_no_length(path: Path) -> None:
    """It may have been swept away meanwhile."""
    assert await duration_of(path, "video/mp4") is None


@pytest.fixture
def ffprobe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put a script in ffprobe's place."""
    program = tmp_path / "ffprobe"

    def put(script: str) -> Path:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o700)
        monkeypatch.setattr("services.file.media.shutil.which", {"ffprobe": str(program)}.get)
        return program

    return put


def process_count(program: Path) -> int:
    """Count the scripts, and what they became, that run now as children of this process."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_child = f"\nPPid:\t{os.getpid()}\n" in (process / "status").read_text()
            command = (process / "cmdline").read_bytes()
            count += is_child and (bytes(program) in command or command.startswith(b"sleep\0" + b"77"))
    return count


@pytest.mark.parametrize(("answer", "expected"), [("3.25", 3_250), ("0.0014", 1), ("604800.000000", 604_800_000)])
async def test_ffprobe_is_believed(path: Path, ffprobe: Callable[[str], Path], answer: str, expected: int) -> None:
    """In seconds; also of a container that nobody reads here, and before what the container says."""
    ffprobe(f"echo {answer}")
    put(path, FILMS["version 0"])

    assert await duration_of(path, "video/webm") == expected
    assert await duration_of(path, "video/mp4") == expected


RUBBISH = {
    "nothing": "",
    "an empty line": "echo",
    "a word": "echo N/A",
    "not a number": "echo nan",
    "infinity": "echo inf",
    "bytes": r"printf '\377\376\000'",
    "a line without an end": "exec head -c 9000000 /dev/zero",
    "a failure": "exit 1",
    "a death": "kill -9 $$",
    "an error": "echo 'Invalid data found' >&2; exit 1",
}


@pytest.mark.parametrize("name", RUBBISH)
async def test_where_ffprobe_knows_nothing_the_container_is_asked(
    path: Path, ffprobe: Callable[[str], Path], name: str
) -> None:
    """Whatever it says instead of a number, and however it ends."""
    ffprobe(RUBBISH[name])
    put(path, FILMS["version 0"])

    assert await duration_of(path, "video/mp4") == 12_250
    assert await duration_of(path, "video/webm") is None


@pytest.mark.parametrize("answer", ["0", "-5", "1e300", "604800.001", "0.0001"])
async def test_ffprobe_is_not_believed_everything(path: Path, ffprobe: Callable[[str], Path], answer: str) -> None:
    """A length is more than nothing and at most a week."""
    ffprobe(f"echo {answer}")
    put(path, b"")

    assert await duration_of(path, "video/webm") is None


async def test_an_ffprobe_that_hangs_is_stopped(
    path: Path, ffprobe: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The container is asked, and no process is left."""
    monkeypatch.setattr(media, "FFPROBE_SECONDS", 0.3)
    program = ffprobe("exec sleep 77")
    put(path, FILMS["version 0"])
    began = time.perf_counter()

    assert await duration_of(path, "video/mp4") == 12_250
    assert 0.3 <= time.perf_counter() - began < 2
    assert process_count(program) == 0


async def test_a_child_of_ffprobe_that_keeps_its_output_open_is_not_waited_for(
    path: Path, ffprobe: Callable[[str], Path]
) -> None:
    """The process is dead; the end of its pipe may come much later."""
    ffprobe("sleep 7 & echo 12.5; exec sleep 77")
    put(path, b"")
    began = time.perf_counter()

    assert await duration_of(path, "video/webm") == 12_500
    assert time.perf_counter() - began < 4


async def test_whoever_goes_away_leaves_no_ffprobe(path: Path, ffprobe: Callable[[str], Path]) -> None:
    """A cancelled upload costs nothing more."""
    program = ffprobe("exec sleep 77")
    task = asyncio.create_task(duration_of(path, "video/mp4"))
    await asyncio.sleep(0.3)
    before = process_count(program)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert (before, process_count(program)) == (1, 0)


async def test_an_ffprobe_that_cannot_be_started_is_none(path: Path, ffprobe: Callable[[str], Path]) -> None:
    """It may be of another machine, or forbidden."""
    ffprobe("").chmod(0o600)
    put(path, FILMS["version 0"])

    assert await duration_of(path, "video/mp4") == 12_250


async def test_ffprobe_gets_a_file_and_no_secret(
    tmp_path: Path, ffprobe: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is named as one, so that no name is an option or an address; of the environment it gets the path."""
    monkeypatch.setenv("SOTTO_TEST_SECRET", "hunter2")
    ffprobe(f'echo "$@" >"{tmp_path}/arguments"; env >"{tmp_path}/environment"; echo 1')
    path = tmp_path / "-i http:x"
    put(path, b"")

    assert await duration_of(path, "video/webm") == 1_000
    arguments = (tmp_path / "arguments").read_text()
    assert arguments.endswith(f" file:{path}\n")
    assert "-protocol_whitelist file " in arguments
    assert "hunter2" not in (tmp_path / "environment").read_text()
