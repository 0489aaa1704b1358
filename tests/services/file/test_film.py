"""Films: their frame, where the container says it, and that nothing in one is a reason to refuse it."""

import struct
from pathlib import Path

import pytest

from services.file.media import frame_of
from services.message.draft import Draft
from tests.services.conftest import World, named
from tests.services.file.test_media import box


def track(width: int, height: int, version: int = 0) -> bytes:
    """A track's header, with its size in 16.16 fixed point."""
    head = bytes((version,)) + bytes(75 if version == 0 else 87)
    return box(b"trak", box(b"tkhd", head + struct.pack(">II", width << 16, height << 16)))


HEADER = box(b"mvhd", bytes(4) + struct.pack(">IIII", 0, 0, 1000, 61_500) + bytes(80))
BRAND = box(b"ftyp", b"isom\0\0\0\0isom")


def film(*tracks: bytes) -> bytes:
    """The movie box behind the data, as cameras write it."""
    return BRAND + box(b"mdat", bytes(100)) + box(b"moov", HEADER + b"".join(tracks))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (film(track(1280, 720)), (1280, 720)),
        (film(track(0, 0), track(640, 360, 1)), (640, 360)),
        (film(track(0, 0)), None),
        (film(), None),
        (film(track(65_535, 1)), (65_535, 1)),
        (film(box(b"trak", box(b"tkhd", b""))), None),
        (film(*[track(0, 0)] * 30, track(640, 360)), None),
        (film(track(1280, 720))[:-4], None),
        (BRAND + struct.pack(">I4s", 8, b"moov"), None),
        (BRAND + struct.pack(">I4s", 2**32 - 1, b"moov") + b"\0" * 8, None),
        (BRAND + struct.pack(">I4sQ", 1, b"moov", 2**64 - 1), None),
        (BRAND + struct.pack(">I4s", 0, b"free"), None),
        (b"", None),
    ],
)
async def test_the_frame_is_what_the_first_picture_track_says(
    tmp_path: Path, content: bytes, expected: tuple[int, int] | None
) -> None:
    """And nothing, where it is broken or does not say."""
    path = tmp_path / "film"
    path.write_bytes(content)

    assert await frame_of(path, "video/mp4") == expected
    assert await frame_of(path, "audio/ogg") is None


async def test_a_film_shows_its_frame_and_its_time(world: World) -> None:
    """MongoDB chat: width and height of media; SelfCommunity: duration."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    files = [await world.file(film(track(1280, 720)), "harbour.mp4")]
    sent = await world.services.send.send(alice, Draft(users=named("bob"), files=files))

    assert sent.view is not None
    [file] = sent.view.attachments
    assert (file.mime_type, file.width, file.height, file.duration_ms) == ("video/mp4", 1280, 720, 61_500)
    assert set(await world.services.message.find_many(bob, [sent.message_id])) == {sent.message_id}
    assert await world.services.message.find_many(carol, [sent.message_id]) == {}
