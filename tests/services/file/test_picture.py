"""Pictures are proved by decoding: real ones pass with their size, everything else is unsafe."""

import asyncio
import errno
import os
import struct
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from services.file import picture as picture_module
from services.file.picture import Picture, PictureDecoder, UnsafePicture
from tests.flow.program import exec_worker

FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/webp": "WEBP"}
BROKEN = r"^The picture could not be decoded\.$"


@pytest.fixture
def real_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program of its own, as of a server; other tests fork it."""
    monkeypatch.setattr(picture_module, "start_worker", exec_worker)


@pytest.fixture
def decoder() -> PictureDecoder:
    """Give a decoder with the limits of a server."""
    return PictureDecoder()


def saved(path: Path, mime_type: str, size: tuple[int, int] = (30, 20), **options: Any) -> Path:
    """Save a real picture with some content."""
    Image.effect_mandelbrot(size, (-2, -1, 1, 1), 20).save(path, FORMATS[mime_type], **options)
    return path


def png_of(width: int, height: int, content: bytes) -> bytes:
    """Make a grey PNG whose header says what it likes."""
    chunks = [(b"IHDR", struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)), (b"IDAT", content), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )


def worker_count() -> int:
    """Count the workers of this process that run now."""
    count = 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            is_child = f"\nPPid:\t{os.getpid()}\n" in (process / "status").read_text()
            count += is_child and b"picture_worker.py\0" in (process / "cmdline").read_bytes()
    return count


@pytest.mark.usefixtures("real_worker")
@pytest.mark.parametrize("mime_type", FORMATS)
async def test_a_real_picture_has_its_size(decoder: PictureDecoder, tmp_path: Path, mime_type: str) -> None:
    """All four formats decode; the file's name has no say."""
    path = saved(tmp_path / "picture.txt", mime_type)

    assert await decoder.decode(path, mime_type) == Picture(width=30, height=20, is_animated=False)


@pytest.mark.parametrize("orientation", range(1, 9))
async def test_a_turned_photograph_has_the_size_that_is_shown(
    decoder: PictureDecoder, tmp_path: Path, orientation: int
) -> None:
    """EXIF orientations 5 to 8 turn by a quarter."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path / "photo", "image/jpeg", exif=exif)

    expected = (20, 30) if orientation >= 5 else (30, 20)
    picture = await decoder.decode(path, "image/jpeg")
    assert (picture.width, picture.height) == expected


async def test_broken_metadata_does_not_spoil_a_photograph(decoder: PictureDecoder, tmp_path: Path) -> None:
    """Many honest photographs have it, and nobody is shown it."""
    path = saved(tmp_path / "photo", "image/jpeg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x1a\0\5\0\0\0\1\0\0\xff")

    assert await decoder.decode(path, "image/jpeg") == Picture(width=30, height=20, is_animated=False)


@pytest.mark.parametrize("mime_type", ["image/gif", "image/webp", "image/png"])
async def test_a_moving_picture_is_known_as_one(decoder: PictureDecoder, tmp_path: Path, mime_type: str) -> None:
    """A client may show these still until they are asked for."""
    frames = [Image.new("RGB", (30, 20), colour) for colour in ("red", "green", "blue")]
    path = saved_frames(tmp_path / "film", mime_type, frames)

    assert await decoder.decode(path, mime_type) == Picture(width=30, height=20, is_animated=True)


def saved_frames(path: Path, mime_type: str, frames: list[Image.Image]) -> Path:
    """Save a picture of several frames."""
    frames[0].save(path, FORMATS[mime_type], save_all=True, append_images=frames[1:], duration=50)
    return path


async def test_a_photograph_with_a_preview_stands_still(decoder: PictureDecoder, tmp_path: Path) -> None:
    """Telephones put further pictures behind a JPEG (MPO); only the first is shown."""
    photo, preview = Image.new("RGB", (30, 20), "red"), Image.new("RGB", (3, 2), "red")
    photo.save(tmp_path / "photo", "MPO", save_all=True, append_images=[preview])

    assert await decoder.decode(tmp_path / "photo", "image/jpeg") == Picture(30, 20, is_animated=False)


async def test_a_thousand_frames_are_the_most(decoder: PictureDecoder, tmp_path: Path) -> None:
    """A picture is no film: the limit is named."""
    frames = [Image.new("L", (2, 2), number % 256) for number in range(1001)]
    path = saved_frames(tmp_path / "film", "image/gif", frames)
    allowed = saved_frames(tmp_path / "shorter", "image/gif", frames[:1000])

    with pytest.raises(UnsafePicture, match=r"at most 1,000 frames\.$"):
        await decoder.decode(path, "image/gif")
    assert (await decoder.decode(allowed, "image/gif")).is_animated


@pytest.mark.parametrize("mime_type", FORMATS)
@pytest.mark.parametrize("claimed", FORMATS)
async def test_a_picture_passes_only_as_what_it_is(
    decoder: PictureDecoder, tmp_path: Path, mime_type: str, claimed: str
) -> None:
    """The decoder tries the one format that is claimed, and no other."""
    path = saved(tmp_path / "picture", mime_type)

    if claimed == mime_type:
        await decoder.decode(path, claimed)
    else:
        with pytest.raises(UnsafePicture, match=BROKEN):
            await decoder.decode(path, claimed)


async def test_other_formats_are_never_tried(decoder: PictureDecoder, tmp_path: Path) -> None:
    """Pillow knows many more formats, each with a decoder of its own to be attacked."""
    Image.new("L", (3, 2)).save(tmp_path / "picture", "TIFF")

    with pytest.raises(UnsafePicture, match=r"must be a PNG, JPEG, GIF or WebP\.$"):
        await decoder.decode(tmp_path / "picture", "image/tiff")


@pytest.mark.parametrize("mime_type", FORMATS)
async def test_a_truncated_picture_is_refused(decoder: PictureDecoder, tmp_path: Path, mime_type: str) -> None:
    """Half a picture decodes to half a picture: that is not what was sent."""
    content = saved(tmp_path / "picture", mime_type, (300, 200)).read_bytes()
    (tmp_path / "picture").write_bytes(content[: len(content) // 2])

    with pytest.raises(UnsafePicture, match=BROKEN):
        await decoder.decode(tmp_path / "picture", mime_type)


@pytest.mark.usefixtures("real_worker")
async def test_a_bomb_is_refused_by_its_header(decoder: PictureDecoder, tmp_path: Path) -> None:
    """400 megapixels in a few bytes: not a row is decoded, or its missing content would be the reason."""
    path = tmp_path / "bomb"
    path.write_bytes(png_of(20_000, 20_000, zlib.compress(b"")))
    began = time.perf_counter()

    with pytest.raises(UnsafePicture, match=r"at most 25 megapixels\.$"):
        await decoder.decode(path, "image/png")
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(("height", "is_safe"), [(5_000, True), (5_001, False)])
async def test_the_cap_is_exact(decoder: PictureDecoder, tmp_path: Path, height: int, is_safe: bool) -> None:
    """25,000,000 pixels pass, and not one row more."""
    path = tmp_path / "large"
    path.write_bytes(png_of(5_000, height, zlib.compress(bytes(5_001 * height))))

    if is_safe:
        assert await decoder.decode(path, "image/png") == Picture(5_000, height, is_animated=False)
    else:
        with pytest.raises(UnsafePicture, match="megapixels"):
            await decoder.decode(path, "image/png")


@pytest.mark.parametrize(
    "content",
    [
        b"GIF89a=1;alert(1)//",
        b"GIF89a\1\0\1\0\0\0\0=1;alert(1)//",
        b"\x89PNG\r\n\x1a\n<script>alert(1)</script>",
        b"\xff\xd8\xff<script>",
        b"RIFF\x10\0\0\0WEBPVP8 ",
        b"",
    ],
)
@pytest.mark.parametrize("mime_type", FORMATS)
async def test_a_polyglot_is_refused(decoder: PictureDecoder, tmp_path: Path, content: bytes, mime_type: str) -> None:
    """A signature makes no picture."""
    (tmp_path / "picture").write_bytes(content)

    with pytest.raises(UnsafePicture):
        await decoder.decode(tmp_path / "picture", mime_type)


@pytest.mark.usefixtures("real_worker")
async def test_a_slow_decode_is_stopped(tmp_path: Path) -> None:
    """The worker is gone when the answer comes; 900 frames of 25 megapixels each take minutes."""
    Image.new("P", (5000, 5000)).save(tmp_path / "frame", "GIF")
    frame = (tmp_path / "frame").read_bytes()
    start = 13 + (3 << (frame[10] & 7) + 1 if frame[10] & 0x80 else 0)
    (tmp_path / "picture").write_bytes(frame[:start] + frame[start:-1] * 900 + b";")

    with pytest.raises(UnsafePicture, match=r"takes too long to decode\.$"):
        async with asyncio.timeout(10):
            await PictureDecoder(timeout_seconds=1.0).decode(tmp_path / "picture", "image/gif")
    assert worker_count() == 0


@pytest.mark.usefixtures("real_worker")
async def test_a_file_that_cannot_be_read_says_nothing_about_the_picture(
    decoder: PictureDecoder, tmp_path: Path
) -> None:
    """Gone, or a disk that does not answer (here a pipe that nobody writes to): the error is the disk's."""
    os.mkfifo(tmp_path / "picture")

    with pytest.raises(OSError, match="could not be read in time"):
        await PictureDecoder(timeout_seconds=0.3).decode(tmp_path / "picture", "image/png")
    for work in (decoder.decode, decoder.shrink):
        with pytest.raises(OSError, match=r"could not be read$"):
            await work(tmp_path / "gone", "image/png")
    assert worker_count() == 0


@pytest.mark.usefixtures("real_worker")
@pytest.mark.parametrize(
    ("number", "expected"), [(errno.EIO, OSError), (errno.ESTALE, OSError), (errno.EINVAL, UnsafePicture)]
)
async def test_a_disk_that_fails_while_the_picture_is_decoded_is_no_fault_of_the_picture(
    decoder: PictureDecoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: type[Exception]
) -> None:
    """EIO is the disk's; EINVAL is what a broken picture causes, by a seek to before its first byte."""
    path = saved(tmp_path / "picture", "image/png")
    worker = (Path(picture_module.__file__).parent / "picture_worker.py").read_text()
    fault = f"def check_pixels(image):\n    raise OSError({number}, 'injected')\n\n\n"
    (tmp_path / "picture_cleaner.py").write_text("CLEANERS = {}\nis_lossless_webp = None\n")
    (tmp_path / "picture_worker.py").write_text(
        worker.replace('if __name__ == "__main__":\n    main', fault + 'if __name__ == "__main__":\n    main')
    )
    monkeypatch.setattr(picture_module, "_WORKER", tmp_path / "picture_worker.py")

    with pytest.raises(expected, match="could not be"):
        await decoder.decode(path, "image/png")


@pytest.mark.usefixtures("real_worker")
async def test_a_worker_that_cannot_start_says_nothing_about_the_picture(
    decoder: PictureDecoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own program lies on a disk too."""
    monkeypatch.setattr(picture_module, "_WORKER", tmp_path / "gone.py")

    with pytest.raises(OSError, match=r"could not be read$"):
        await decoder.decode(saved(tmp_path / "picture", "image/png"), "image/png")


@pytest.mark.usefixtures("real_worker")
async def test_a_cancelled_decode_leaves_no_worker(decoder: PictureDecoder, tmp_path: Path) -> None:
    """A client that goes away costs nothing more."""
    os.mkfifo(tmp_path / "picture")
    task = asyncio.create_task(decoder.decode(tmp_path / "picture", "image/png"))
    await asyncio.sleep(0.3)
    before = worker_count()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert before == 1
    assert worker_count() == 0


@pytest.mark.usefixtures("real_worker")
async def test_two_workers_run_at_most(decoder: PictureDecoder, tmp_path: Path) -> None:
    """A crowd of pictures waits: memory is bounded by two workers."""
    path = saved(tmp_path / "picture", "image/png")
    tasks = [asyncio.create_task(decoder.decode(path, "image/png")) for _ in range(6)]
    counts = set()
    while not all(task.done() for task in tasks):
        counts.add(worker_count())
        await asyncio.sleep(0.005)

    assert await asyncio.gather(*tasks) == [Picture(30, 20, is_animated=False)] * 6
    assert max(counts) == 2
