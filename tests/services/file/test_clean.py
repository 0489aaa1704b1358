"""Clean pictures: what a camera wrote is gone, the pixels are the same, and what lay on its side stands up."""

import io
import random
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageCms, ImageOps, PngImagePlugin

from models.attachment import AttachmentRow
from services.error import NotFound
from services.file.picture import PictureDecoder
from services.file.picture_cleaner import clean_gif, clean_jpeg, clean_png, clean_webp
from services.message.draft import Draft
from services.viewer import Viewer
from tests.services.conftest import World, named, refused

SECRET = b"SECRET-PLACE"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}


def noise(size: tuple[int, int] = (64, 48), mode: str = "RGB") -> Image.Image:
    """A picture with something in it, the same each time."""
    pixels = random.Random(3).randbytes(size[0] * size[1] * len(mode))
    return Image.frombytes(mode, size, pixels)


def exif(orientation: int = 1) -> bytes:
    """A camera's words: its maker, a place, and how it was held."""
    found = Image.Exif()
    found[0x010F] = SECRET.decode()
    found[0x0112] = orientation
    found.get_ifd(0x8825).update({1: "N", 2: (59.0, 55.0, 0.0), 3: "E", 4: (10.0, 45.0, 0.0)})
    return found.tobytes()


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """As a file."""
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def segment(marker: int, body: bytes) -> bytes:
    """Of a JPEG."""
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def chunk(kind: bytes, body: bytes) -> bytes:
    """Of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def loaded_jpeg(**options: Any) -> bytes:
    """With everything that a camera and a programme put into it, and a second file behind its end."""
    plain = saved(noise(), "JPEG", quality=90, exif=exif(), icc_profile=PROFILE, comment=SECRET, **options)
    extra = b"".join(
        segment(marker, b"http://ns.adobe.com/xap/1.0/\0" + SECRET if marker == 0xE1 else b"Photoshop 3.0\0" + SECRET)
        for marker in (0xE1, 0xED, 0xE3, 0xEF, 0xFE)
    )
    return plain[:2] + extra + plain[2:] + SECRET + saved(noise(), "JPEG")


def loaded_png(**options: Any) -> bytes:
    """Text, a time, EXIF, a chunk of somebody's own, and bytes behind the end."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Place", SECRET.decode())
    text.add_text("Place", SECRET.decode(), zip=True)
    text.add_itxt("Place", SECRET.decode())
    plain = saved(noise(), "PNG", pnginfo=text, exif=exif(), icc_profile=PROFILE, **options)
    return plain[:33] + chunk(b"tIME", bytes(7)) + chunk(b"seCr", SECRET) + plain[33:] + SECRET


def loaded_gif() -> bytes:
    """Animated, with a comment, another programme's words, and bytes behind the end."""
    frames = [noise().convert("P"), ImageOps.invert(noise()).convert("P")]
    plain = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100, loop=0, comment=SECRET)
    at = 13 + (3 << (plain[10] & 7) + 1 if plain[10] & 0x80 else 0)
    words = b"\x21\xff\x0bXMP DataXMP" + bytes((len(SECRET),)) + SECRET + b"\0"
    return plain[:at] + words + plain[at:] + SECRET


def loaded_webp(**options: Any) -> bytes:
    """EXIF, XMP, a profile, and bytes behind the end."""
    more = {"exif": exif(), "xmp": SECRET, "icc_profile": PROFILE, **options}
    return saved(noise(mode="RGBA"), "WEBP", **more) + SECRET


def frames_of(content: bytes) -> list[bytes]:
    """Every frame, as it is shown."""
    found = []
    with Image.open(io.BytesIO(content)) as image:
        for number in range(getattr(image, "n_frames", 1) if image.format != "JPEG" else 1):
            image.seek(number)
            found.append(image.convert("RGBA").tobytes())
    return found


CASES: dict[str, tuple[Callable[[], bytes], Callable[[bytes], bytes]]] = {
    "jpeg": (loaded_jpeg, clean_jpeg),
    "progressive jpeg": (lambda: loaded_jpeg(progressive=True), clean_jpeg),
    "jpeg with restarts": (lambda: loaded_jpeg(restart_marker_blocks=1), clean_jpeg),
    "png": (loaded_png, clean_png),
    "gif": (loaded_gif, clean_gif),
    "webp": (loaded_webp, clean_webp),
    "lossless webp": (lambda: loaded_webp(lossless=True), clean_webp),
    "animated webp": (
        lambda: loaded_webp(save_all=True, append_images=[ImageOps.flip(noise(mode="RGBA"))], duration=80),
        clean_webp,
    ),
    "cmyk jpeg": (lambda: saved(noise(mode="CMYK"), "JPEG", exif=exif(), comment=SECRET), clean_jpeg),
    "animated png": (
        lambda: loaded_png(save_all=True, append_images=[ImageOps.flip(noise())], duration=80),
        clean_png,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_the_words_are_gone_and_the_pixels_stay(name: str) -> None:
    """Of every frame; the profile of the colours stays, what lies behind the end goes, and nothing is left to clean."""
    make, clean = CASES[name]
    content = make()

    cleaned = clean(content)

    assert SECRET in content
    assert SECRET not in cleaned
    assert frames_of(cleaned) == frames_of(content)
    assert clean(cleaned) == cleaned
    with Image.open(io.BytesIO(cleaned)) as image, Image.open(io.BytesIO(content)) as before:
        assert dict(image.getexif()) == {}
        assert image.info.get("icc_profile") == before.info.get("icc_profile")
        assert image.info.get("loop") == before.info.get("loop")


@pytest.mark.parametrize("name", ["jpeg", "png", "gif", "webp"])
def test_a_broken_file_is_an_error_or_bytes_and_never_a_hang(name: str) -> None:
    """Cut anywhere, or with any byte changed: the decoder judges before and after."""
    make, clean = CASES[name]
    content, chance = make(), random.Random(4)
    for _ in range(300):
        cut = content[: chance.randrange(14, len(content))]
        at = chance.randrange(12, len(content))
        changed = content[:at] + bytes((chance.randrange(256),)) + content[at + 1 :]
        for broken in (cut, changed):
            with suppress(ValueError, IndexError):
                assert len(clean(broken)) <= len(broken) + 100


async def cleaned_of(path: Path, mime_type: str) -> bytes | None:
    """By the process."""
    async with PictureDecoder().cleaned(path, mime_type) as chunks:
        return None if chunks is None else b"".join([each async for each in chunks])


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_a_picture_that_lay_on_its_side_stands_up(tmp_path: Path, kind: str) -> None:
    """EXIF 2.32, 4.6.4: applied to the pixels, for nobody reads it afterwards; the profile stays."""
    path = tmp_path / "picture"
    options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind == "JPEG" else {}
    image = noise((8, 4)).resize((160, 80), Image.Resampling.BICUBIC)
    for orientation in (3, 6, 8):
        path.write_bytes(saved(image, kind, exif=exif(orientation), icc_profile=PROFILE, **options))
        content = await cleaned_of(path, FORMATS[kind])
        assert content is not None
        with Image.open(path) as before, Image.open(io.BytesIO(content)) as after:
            expected = ImageOps.exif_transpose(before).convert("RGB")
            assert after.size == expected.size
            assert dict(after.getexif()) == {}
            assert after.info.get("icc_profile") == PROFILE
            pairs = zip(expected.tobytes(), after.convert("RGB").tobytes(), strict=True)
            assert sum(abs(one - other) for one, other in pairs) / len(expected.tobytes()) < (
                5 if kind != "PNG" else 0.01
            )
        assert SECRET not in content


@pytest.mark.parametrize("kind", FORMATS)
async def test_a_picture_with_nothing_to_hide_is_not_touched(tmp_path: Path, kind: str) -> None:
    """Its hash is that of the bytes that were sent."""
    path = tmp_path / "picture"
    content = saved(noise() if kind != "GIF" else noise().convert("P"), kind)
    path.write_bytes(content)

    assert await cleaned_of(path, FORMATS[kind]) is None


async def test_nobody_gets_a_camera_s_words_with_a_message(world: World) -> None:
    """Not the recipient and not the sender: the size and the hash are those of what is kept; a third person none."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    content = saved(noise((160, 80)), "JPEG", exif=exif(6), comment=SECRET)
    sent = await world.services.send.send(alice, Draft(users=named("bob"), files=[await world.file(content, "me.jpg")]))
    assert sent.view is not None
    [file] = (await world.services.message.find_many(bob, [sent.message_id]))[sent.message_id].attachments
    kept = b"".join([each async for each in world.services.storage.read(file.storage_key)])
    await world.services.sweeper.shrink()
    [after] = (await world.services.message.find_many(bob, [sent.message_id]))[sent.message_id].attachments
    assert after.thumbnail_key is not None
    small = b"".join([each async for each in world.services.storage.read(after.thumbnail_key)])

    assert SECRET in content
    assert SECRET not in kept + small
    assert await world.services.message.find_many(carol, [sent.message_id]) == {}
    await refuses_bytes(world, carol, after)
    assert (file.width, file.height, file.byte_size) == (80, 160, len(kept))
    assert world.temp_files() == []


async def refuses_bytes(world: World, stranger: Viewer, file: AttachmentRow) -> None:
    """A path to them that is signed for a stranger, as if by mistake, leads nowhere."""
    for is_thumbnail in (False, True):
        path = world.services.download.url_path(stranger, file, 60, inline=True, is_thumbnail=is_thumbnail)
        await refused(world, world.services.download.open(path.removeprefix("/files/")), NotFound)
