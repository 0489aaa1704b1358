"""What others download of a picture is the picture: no place, no name, no comment, no earlier version of it."""

import asyncio
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageOps, ImageStat, PngImagePlugin

from services.file import picture_worker
from services.file.picture import PictureDecoder, SmallPicture, UnsafePicture
from services.file.picture_cleaner import clean_gif, clean_jpeg, clean_png, clean_webp
from tests.full import amount, full

FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/webp": "WEBP"}
CLEANERS = {"image/png": clean_png, "image/jpeg": clean_jpeg, "image/gif": clean_gif, "image/webp": clean_webp}
TURNABLE = ("image/png", "image/jpeg", "image/webp")
MARK = b"SECRET-GPS"
PROFILE = b"\0\0\1\0test" + bytes(8) + b"RGB XYZ " + bytes(12) + b"acsp" + bytes(216)
METADATA = {"exif", "xmp", "XML:com.adobe.xmp", "comment", "photoshop", "mp", "mpoffset", "Raw profile type exif"}
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF>' + MARK + b"</rdf:RDF></x:xmpmeta>"
PNG_TEXT = {b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"tIME", b"prVt"}
SEVERAL = range(2, 9)
MUCH = amount(150_000, 1_000_000)  # of what a hostile file repeats


@pytest.fixture
def decoder() -> PictureDecoder:
    """Give a decoder with the limits of a server."""
    return PictureDecoder()


@pytest.fixture(autouse=True)
def same_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give Pillow its own limit back after a test in which the worker's functions ran in this process."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)


def colours(size: tuple[int, int] = (30, 20), shift: int = 0) -> Image.Image:
    """Make a picture whose every side is another, without hard edges."""
    across = Image.linear_gradient("L").rotate(90).resize(size)
    down = Image.linear_gradient("L").resize(size)
    return Image.merge("RGB", [across, down, Image.new("L", size, 60 + shift)])


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Save in memory."""
    out = BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def film(kind: str, size: tuple[int, int] = (30, 20), **options: Any) -> bytes:
    """Make three frames that repeat for ever."""
    first, *others = [colours(size, shift) for shift in (0, 60, 120)]
    return encoded(first, kind, save_all=True, append_images=others, duration=50, loop=0, **options)


def exif_of(orientation: int = 1) -> Image.Exif:
    """Say what a telephone says: which side is up, and where it was."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x010E] = MARK.decode()
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0), 0x1B: MARK})
    return exif


def segment(marker: int, body: bytes) -> bytes:
    """Make a segment of a JPEG."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def jpeg(*segments: bytes, tail: bytes = b"", image: Image.Image | None = None, **options: Any) -> bytes:
    """Save a JPEG with further segments behind the first, and bytes behind its end."""
    content = encoded(colours() if image is None else image, "JPEG", **options)
    at = 4 + int.from_bytes(content[4:6]) if content[2:4] == b"\xff\xe0" else 2
    return content[:at] + b"".join(segments) + content[at:] + tail


def chunk(kind: bytes, body: bytes) -> bytes:
    """Make a chunk of a PNG."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*chunks: bytes, tail: bytes = b"", content: bytes | None = None) -> bytes:
    """Save a PNG with further chunks before its pixels, and bytes behind its end."""
    content = encoded(colours(), "PNG") if content is None else content
    return content[:33] + b"".join(chunks) + content[33:] + tail


def chunks_of(content: bytes) -> list[bytes]:
    """Name the chunks of a PNG; there is nothing behind the last."""
    at, kinds = 8, []
    while at < len(content):
        kinds.append(content[at + 4 : at + 8])
        at += 12 + int.from_bytes(content[at : at + 4])
    assert at == len(content)
    return kinds


def blocks(*pieces: bytes) -> bytes:
    """Make the blocks in which a GIF keeps data."""
    return b"".join(bytes((len(piece),)) + piece for piece in pieces) + b"\0"


def gif(*extensions: bytes, tail: bytes = b"", content: bytes | None = None) -> bytes:
    """Save a GIF with further extensions before its first picture, and bytes behind its end."""
    content = encoded(colours().quantize(16), "GIF") if content is None else content
    at = 13 + (3 << (content[10] & 7) + 1 if content[10] & 0x80 else 0)
    return content[:at] + b"".join(extensions) + content[at:] + tail


def riff(kind: bytes, body: bytes) -> bytes:
    """Make a chunk of a WebP."""
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) & 1)


def webp(*chunks: bytes, content: bytes) -> bytes:
    """Put further chunks to the end of a WebP."""
    body = content[8:] + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def riff_chunks_of(content: bytes) -> dict[bytes, bytes]:
    """Read the chunks of a WebP; they fill the file, and its header says so."""
    assert int.from_bytes(content[4:8], "little") == len(content) - 8
    at, found = 12, {}
    while at < len(content):
        size = int.from_bytes(content[at + 4 : at + 8], "little")
        found[content[at : at + 4]] = content[at + 8 : at + 8 + size]
        at += 8 + size + (size & 1)
    assert at == len(content)
    return found


@contextmanager
def tolerant() -> Iterator[None]:
    """Warn of broken metadata as little as the worker does."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.(Tiff|Jpeg)ImagePlugin")
        yield


def shown(content: bytes, mime_type: str) -> list[tuple[tuple[int, int], bytes, Any]]:
    """Decode what is shown: every frame's size, pixels and time; of a JPEG only the first picture."""
    found = []
    with tolerant(), Image.open(BytesIO(content), formats=[FORMATS[mime_type]]) as image:
        for index in range(1 if mime_type == "image/jpeg" else getattr(image, "n_frames", 1)):
            image.seek(index)
            found.append((image.size, image.convert("RGBA").tobytes(), image.info.get("duration")))
    return found


def info_of(content: bytes) -> dict[Any, Any]:
    """Read all that Pillow finds beside the pixels, and prove that there is no metadata among it."""
    with Image.open(BytesIO(content)) as image:
        image.load()
        assert dict(image.getexif()) == {}
        assert not METADATA & set(image.info)
        assert not getattr(image, "text", {})
        return dict(image.info)


def assert_cleaned(before: bytes, after: bytes, mime_type: str) -> dict[Any, Any]:
    """Prove that the picture is the same and that nothing else is left; cleaning again changes nothing."""
    assert MARK not in after
    assert shown(after, mime_type) == shown(before, mime_type)
    assert CLEANERS[mime_type](after) == after
    return info_of(after)


JPEGS: dict[str, Callable[[], bytes]] = {
    "exif": lambda: jpeg(exif=exif_of()),
    "xmp": lambda: jpeg(xmp=XMP),
    "comment": lambda: jpeg(segment(0xFE, MARK)),
    "photoshop": lambda: jpeg(segment(0xED, b"Photoshop 3.0\x008BIM\4\4\0\0\0\0\0\x0a" + MARK)),
    "foreign APP2": lambda: jpeg(segment(0xE2, b"FPXR\0" + MARK)),
    "every APP": lambda: jpeg(*(segment(marker, MARK) for marker in range(0xE1, 0xEE)), segment(0xEF, MARK)),
    "extended xmp": lambda: jpeg(*[segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + MARK * 6_000)] * 3),
    "JFXX thumbnail": lambda: jpeg(segment(0xE0, b"JFXX\0\x10" + MARK)),
    "tail": lambda: jpeg(tail=MARK),
    "second picture": lambda: jpeg(tail=jpeg(segment(0xFE, MARK), exif=exif_of())),
    "MPF": lambda: encoded(
        colours(), "MPO", save_all=True, append_images=[colours((12, 8), 99)], exif=exif_of(), comment=MARK
    ),
    "progressive": lambda: jpeg(segment(0xFE, MARK), progressive=True, exif=exif_of()),
    "restarts": lambda: jpeg(segment(0xFE, MARK), restart_marker_blocks=1),
    "progressive with restarts": lambda: jpeg(segment(0xFE, MARK), progressive=True, restart_marker_blocks=1),
    "CMYK": lambda: jpeg(segment(0xFE, MARK), image=colours().convert("CMYK"), exif=exif_of()),
    "grey": lambda: jpeg(segment(0xFE, MARK), image=colours().convert("L"), exif=exif_of()),
    "fill bytes": lambda: jpeg(b"\xff" * 9 + segment(0xFE, MARK) + b"\xff\xff"),
    "empty segments": lambda: jpeg(segment(0xFE, b""), segment(0xE1, b""), segment(0xED, MARK)),
}


@pytest.mark.parametrize("name", JPEGS)
def test_a_jpeg_loses_all_but_its_picture(name: str) -> None:
    """EXIF with its place, XMP, comments, Photoshop's block, previews and what is hidden behind the end are gone."""
    before = JPEGS[name]()
    assert MARK in before

    assert_cleaned(before, clean_jpeg(before), "image/jpeg")


def test_a_jpeg_loses_comments_between_its_scans() -> None:
    """A progressive picture has markers between its scans, and each of them may be a comment."""
    before = jpeg(progressive=True, restart_marker_blocks=2)
    scans = [at for at in range(len(before)) if before[at : at + 2] == b"\xff\xda"]
    for at in reversed(scans):
        before = before[:at] + segment(0xFE, MARK) + segment(0xE1, b"Exif\0\0" + MARK) + before[at:]
    after = clean_jpeg(before)

    assert len(scans) > 3
    assert after.count(b"\xff\xda") == len(scans)
    assert_cleaned(before, after, "image/jpeg")


def test_a_jpeg_keeps_its_colours() -> None:
    """The ICC profile, in as many segments as it needs, and Adobe's word on the inks are part of how it looks."""
    profile = PROFILE + bytes(range(256)) * 400
    before = jpeg(image=colours().convert("CMYK"), icc_profile=profile, exif=exif_of())
    info = assert_cleaned(before, clean_jpeg(before), "image/jpeg")

    assert info["icc_profile"] == profile
    assert info["adobe_transform"] == 0
    with Image.open(BytesIO(clean_jpeg(before))) as image:
        assert image.mode == "CMYK"


def test_a_jpeg_without_an_end_gets_one() -> None:
    """Viewers show such a file; the bytes that are passed on are whole."""
    before = jpeg(segment(0xFE, MARK))
    after = clean_jpeg(before[:-2])

    assert after == clean_jpeg(before)
    assert after.endswith(b"\xff\xd9")


def test_a_jpeg_may_fill_before_a_restart() -> None:
    """ITU-T T.81 B.1.1.2: any marker may be preceded by bytes of 0xFF, also a restart within a scan."""
    before = jpeg(segment(0xFE, MARK), restart_marker_blocks=1)
    at = before.index(b"\xff\xda")
    for number in range(8):
        before = before[:at] + before[at:].replace(bytes((0xFF, 0xD0 + number)), bytes((0xFF, 0xFF, 0xD0 + number)))

    assert_cleaned(before, clean_jpeg(before), "image/jpeg")


def test_a_jpeg_loses_the_thumbnail_in_its_first_segment() -> None:
    """JFIF 1.02: APP0 may hold an uncompressed thumbnail, which shows what was cut away later."""
    rest = jpeg()
    rest = rest[:2] + rest[4 + int.from_bytes(rest[4:6]) :]
    thumbnail = (MARK * 5)[:48]
    before = rest[:2] + segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\4\4" + thumbnail) + rest[2:]

    assert_cleaned(before, clean_jpeg(before), "image/jpeg")


def test_a_jpeg_loses_an_app14_that_is_not_adobes() -> None:
    """Only Adobe's twelve bytes say something about colours."""
    before = jpeg(segment(0xEE, MARK))

    assert_cleaned(before, clean_jpeg(before), "image/jpeg")


def test_a_jpeg_marker_without_a_length_hides_nothing() -> None:
    """T.81 B.1.1.3: TEM and restarts have no length; what follows them is a segment like any other."""
    before = jpeg(b"\xff\x01", segment(0xE1, b"Exif\0\0" + MARK))

    assert clean_jpeg(before) == jpeg()


def text_of(**options: str) -> PngImagePlugin.PngInfo:
    """Make the texts of a PNG, compressed and in the open."""
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", MARK.decode())
    texts.add_text("Software", MARK.decode(), zip=True)
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
    texts.add_itxt("Place", MARK.decode(), zip=True)
    return texts


PNGS: dict[str, Callable[[], bytes]] = {
    "tEXt": lambda: png(chunk(b"tEXt", b"Comment\0" + MARK)),
    "zTXt": lambda: png(chunk(b"zTXt", b"Comment\0\0" + zlib.compress(MARK))),
    "iTXt": lambda: png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + XMP)),
    "texts": lambda: encoded(colours(), "PNG", pnginfo=text_of()),
    "eXIf": lambda: encoded(colours(), "PNG", exif=exif_of()),
    "tIME": lambda: png(chunk(b"tIME", struct.pack(">H5B", 2026, 1, 2, 3, 4, 5))),
    "private": lambda: png(chunk(b"prVt", MARK)),
    "tail": lambda: png(tail=MARK),
    "second picture": lambda: png(tail=png(chunk(b"tEXt", b"Comment\0" + MARK))),
    "texts behind the pixels": lambda: png()[:-12] + chunk(b"tEXt", b"Comment\0" + MARK) + chunk(b"IEND", b""),
    "palette with alpha": lambda: png(
        chunk(b"tEXt", b"Comment\0" + MARK),
        content=encoded(colours().quantize(16), "PNG", transparency=bytes(range(0, 256, 16))),
    ),
    "grey with alpha": lambda: encoded(colours().convert("LA"), "PNG", exif=exif_of(), pnginfo=text_of()),
    "16 bits": lambda: encoded(Image.linear_gradient("L").convert("I;16"), "PNG", exif=exif_of()),
    "animation": lambda: film("PNG", exif=exif_of(), pnginfo=text_of()),
}


@pytest.mark.parametrize("name", PNGS)
def test_a_png_loses_all_but_its_picture(name: str) -> None:
    """Texts, EXIF, the time, private chunks and what is hidden behind the end are gone; every pixel is the same."""
    before = PNGS[name]()
    after = clean_png(before)

    assert after != before
    assert not PNG_TEXT & set(chunks_of(after))
    assert_cleaned(before, after, "image/png")


def test_a_png_keeps_its_colours_and_its_animation() -> None:
    """The profile, the frames and how often to repeat are part of how it looks."""
    before = film("PNG", exif=exif_of(), icc_profile=PROFILE)
    after = clean_png(before)
    info = assert_cleaned(before, after, "image/png")

    assert info["icc_profile"] == PROFILE
    assert info["loop"] == 0
    assert [frame[2] for frame in shown(after, "image/png")] == [50, 50, 50]
    kinds = chunks_of(after)
    assert (kinds.count(b"acTL"), kinds.count(b"fcTL")) == (1, 3)


def test_the_end_of_a_png_holds_nothing() -> None:
    """W3C PNG §11.2.5: IEND is empty; decoders do not look."""
    before = png()[:-12] + chunk(b"IEND", MARK)

    assert_cleaned(before, clean_png(before), "image/png")


GIFS: dict[str, Callable[[], bytes]] = {
    "comment": lambda: gif(b"\x21\xfe" + blocks(MARK)),
    "long comment": lambda: gif(b"\x21\xfe" + blocks(*[MARK * 25] * 300)),
    "xmp": lambda: gif(
        b"\x21\xff\x0bXMP DataXMP" + XMP + b"\x01" + bytes(range(255, -1, -1)) + b"\0"
    ),  # not in blocks: the 258 bytes behind it lead every reader of blocks to its end
    "foreign application": lambda: gif(b"\x21\xff" + blocks(b"FOREIGN 1.0", MARK)),
    "text": lambda: gif(b"\x21\x01" + blocks(bytes(12), MARK)),
    "unknown extension": lambda: gif(b"\x21\x7b" + blocks(MARK)),
    "tail": lambda: gif(tail=MARK),
    "animation": lambda: gif(b"\x21\xfe" + blocks(MARK), tail=MARK, content=film("GIF", comment=MARK)),
    "transparent": lambda: gif(
        b"\x21\xfe" + blocks(MARK), content=encoded(colours().quantize(16), "GIF", transparency=3)
    ),
}


@pytest.mark.parametrize("name", GIFS)
def test_a_gif_loses_all_but_its_pictures(name: str) -> None:
    """Comments, texts, other programs' blocks and what is hidden behind the end are gone; frames and times are not."""
    before = GIFS[name]()
    assert MARK in before

    assert_cleaned(before, clean_gif(before), "image/gif")


def test_a_gif_repeats_as_before() -> None:
    """Netscape's extension is no metadata."""
    before = gif(b"\x21\xfe" + blocks(MARK), content=film("GIF"))
    after = clean_gif(before)

    assert assert_cleaned(before, after, "image/gif")["loop"] == 0
    assert [frame[2] for frame in shown(after, "image/gif")] == [50, 50, 50]
    assert after.count(b"NETSCAPE2.0") == 1


def test_a_gif_with_comments_between_its_frames_loses_them() -> None:
    """Extensions stand anywhere before the trailer."""
    content = film("GIF")
    comment = b"\x21\xfe" + blocks(MARK)
    before = content.replace(b"\x21\xf9\x04", comment + b"\x21\xf9\x04")[:-1] + comment + b"\x3b"
    assert before.count(MARK) == 4

    assert_cleaned(before, clean_gif(before), "image/gif")


def test_the_loop_of_a_gif_hides_nothing() -> None:
    """Netscape's extension has one block of three bytes; decoders skip what follows it."""
    loop = b"\x21\xff" + blocks(b"NETSCAPE2.0", b"\1\0\0")
    before = film("GIF").replace(loop, loop[:-1] + blocks(MARK))
    assert MARK in before

    assert_cleaned(before, clean_gif(before), "image/gif")


WEBPS: dict[str, Callable[[], bytes]] = {
    "exif": lambda: encoded(colours(), "WEBP", exif=exif_of()),
    "xmp": lambda: encoded(colours(), "WEBP", xmp=XMP),
    "both": lambda: encoded(colours(), "WEBP", exif=exif_of(), xmp=XMP, icc_profile=PROFILE),
    "lossless": lambda: encoded(colours(), "WEBP", lossless=True, exif=exif_of(), xmp=XMP),
    "alpha": lambda: encoded(translucent(), "WEBP", exif=exif_of(), xmp=XMP),
    "lossless alpha": lambda: encoded(translucent(), "WEBP", lossless=True, exact=True, exif=exif_of()),
    "animation": lambda: film("WEBP", exif=exif_of(), xmp=XMP, icc_profile=PROFILE),
    "private": lambda: webp(riff(b"PRIV", MARK + b"!"), content=encoded(colours(), "WEBP", icc_profile=PROFILE)),
    "tail": lambda: encoded(colours(), "WEBP") + MARK,
}


def translucent() -> Image.Image:
    """Make a picture that is less and less there."""
    image = colours().convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


@pytest.mark.parametrize("name", WEBPS)
def test_a_webp_loses_all_but_its_picture(name: str) -> None:
    """EXIF, XMP, private chunks and what is hidden behind the end are gone, lossless or not, moving or not."""
    before = WEBPS[name]()
    assert MARK in before
    after = clean_webp(before)

    assert not {b"EXIF", b"XMP ", b"PRIV"} & set(riff_chunks_of(after))
    assert_cleaned(before, after, "image/webp")


def test_the_flags_of_a_webp_say_what_is_left() -> None:
    """RFC 9649 §2.7.1: animation, profile and alpha stay set, EXIF and XMP do not."""
    moving = film("WEBP", exif=exif_of(), xmp=XMP, icc_profile=PROFILE)
    still = encoded(translucent(), "WEBP", exif=exif_of(), xmp=XMP)

    assert riff_chunks_of(moving)[b"VP8X"][0] & 0x3E == 0x20 | 0x08 | 0x04 | 0x02
    assert riff_chunks_of(clean_webp(moving))[b"VP8X"][0] & 0x3E == 0x20 | 0x02
    assert riff_chunks_of(clean_webp(still))[b"VP8X"][0] & 0x3E == 0x10


def test_a_webp_keeps_its_colours_and_its_animation() -> None:
    """The profile, the frames and their times are part of how it looks."""
    before = film("WEBP", exif=exif_of(), icc_profile=PROFILE)
    after = clean_webp(before)
    info = assert_cleaned(before, after, "image/webp")

    assert info["icc_profile"] == PROFILE
    assert info["loop"] == 0
    assert len(shown(after, "image/webp")) == 3


def test_a_frame_of_a_webp_hides_nothing() -> None:
    """RFC 9649 §2.7.1.1: a frame may carry unknown chunks behind its pixels; decoders skip them."""
    content, at = film("WEBP"), 12
    while content[at : at + 4] != b"ANMF":
        at += 8 + int.from_bytes(content[at + 4 : at + 8], "little")
    size = int.from_bytes(content[at + 4 : at + 8], "little")
    frame = content[at + 8 : at + 8 + size] + riff(b"EXIF", MARK)
    before = webp(content=content[:at] + riff(b"ANMF", frame) + content[at + 8 + size + (size & 1) :])
    assert len(shown(before, "image/webp")) == 3

    assert_cleaned(before, clean_webp(before), "image/webp")


PLAIN: dict[str, tuple[str, Callable[[], bytes]]] = {
    "PNG": ("image/png", png),
    "APNG": ("image/png", lambda: film("PNG")),
    "JPEG": ("image/jpeg", jpeg),
    "progressive JPEG": ("image/jpeg", lambda: jpeg(progressive=True, restart_marker_blocks=1)),
    "CMYK JPEG": ("image/jpeg", lambda: jpeg(image=colours().convert("CMYK"), icc_profile=PROFILE)),
    "GIF": ("image/gif", gif),
    "moving GIF": ("image/gif", lambda: film("GIF")),
    "WebP": ("image/webp", lambda: encoded(colours(), "WEBP")),
    "lossless WebP": ("image/webp", lambda: encoded(translucent(), "WEBP", lossless=True)),
    "moving WebP": ("image/webp", lambda: film("WEBP", icc_profile=PROFILE)),
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_picture_without_metadata_keeps_its_every_byte(name: str) -> None:
    """What needs no cleaning has the hash that its sender knows."""
    mime_type, build = PLAIN[name]
    content = build()

    assert CLEANERS[mime_type](content) == content


def turned_source(mime_type: str, orientation: int, **options: Any) -> bytes:
    """Make a picture that says which side is up."""
    return encoded(colours((48, 32)), FORMATS[mime_type], exif=exif_of(orientation), icc_profile=PROFILE, **options)


def upright(content: bytes) -> Image.Image:
    """Turn as Pillow does, with all its transparency."""
    with Image.open(BytesIO(content)) as image:
        return ImageOps.exif_transpose(image).convert("RGBA")


def mean_error(one: Image.Image, other: Image.Image) -> float:
    """Measure how far two pictures are apart, of 255."""
    assert one.size == other.size
    return max(ImageStat.Stat(ImageChops.difference(one.convert("RGBA"), other.convert("RGBA"))).mean)


def cleaned_here(folder: Path, content: bytes, mime_type: str) -> bytes:
    """Do what the worker does, without its process."""
    (folder / "picture").write_bytes(content)
    found, cleaned = picture_worker.clean(str(folder / "picture"), mime_type)
    assert found == {}
    return cleaned


@pytest.mark.parametrize("orientation", SEVERAL)
@pytest.mark.parametrize("mime_type", TURNABLE)
def test_a_turned_picture_is_set_upright(tmp_path: Path, mime_type: str, orientation: int) -> None:
    """Without its EXIF nobody would know which side is up; its colours stay."""
    before = turned_source(mime_type, orientation)
    after = cleaned_here(tmp_path, before, mime_type)

    with Image.open(BytesIO(after)) as image:
        assert image.size == ((32, 48) if orientation >= 5 else (48, 32))
        assert mean_error(image, upright(before)) <= (0 if mime_type == "image/png" else 3)
        assert mean_error(image, upright(before).transpose(Image.Transpose.ROTATE_180)) > 20
    assert info_of(after)["icc_profile"] == PROFILE
    assert MARK not in after


@pytest.mark.parametrize("mime_type", TURNABLE)
def test_a_turned_picture_has_the_size_that_was_told(tmp_path: Path, mime_type: str) -> None:
    """The width and height that a message names are those of the bytes that others download."""
    after = cleaned_here(tmp_path, turned_source(mime_type, 6), mime_type)
    found, _ = picture_worker.decode(str(tmp_path / "picture"), mime_type)

    with Image.open(BytesIO(after)) as image:
        assert image.size == (found["width"], found["height"]) == (32, 48)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_a_turned_animation_has_the_size_that_was_told(tmp_path: Path, kind: str) -> None:
    """Its frames are not turned, so its size is not either; or both are."""
    mime_type = f"image/{kind.lower()}"
    after = cleaned_here(tmp_path, film(kind, (48, 32), exif=exif_of(6)), mime_type)
    found, _ = picture_worker.decode(str(tmp_path / "picture"), mime_type)

    assert MARK not in after
    assert shown(after, mime_type)[0][0] == (found["width"], found["height"])


def test_a_lossless_picture_is_turned_without_a_loss(tmp_path: Path) -> None:
    """What is exact in a WebP stays exact."""
    before = turned_source("image/webp", 6, lossless=True)
    after = cleaned_here(tmp_path, before, "image/webp")

    with Image.open(BytesIO(after)) as image:
        assert mean_error(image, upright(before)) == 0


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_a_png_of_any_mode_is_turned(tmp_path: Path, mode: str) -> None:
    """Grey, with a palette or of 16 bits: every pixel is the same."""
    image = colours().quantize(16) if mode == "P" else colours().convert("L").convert(mode)
    before = encoded(image, "PNG", exif=exif_of(6))
    after = cleaned_here(tmp_path, before, "image/png")

    with Image.open(BytesIO(after)) as turned:
        assert turned.mode == mode
        assert mean_error(turned, upright(before)) == 0
    assert chunks_of(after)[-1] == b"IEND"
    assert MARK not in after


@pytest.mark.parametrize("mode", ["P", "L", "RGB"])
def test_a_turned_png_stays_transparent(tmp_path: Path, mode: str) -> None:
    """Transparency by a chunk of its own (tRNS) is how the picture looks."""
    image = colours().quantize(16) if mode == "P" else Image.new(mode, (30, 20))
    transparency = {"P": bytes(range(0, 256, 16)), "L": 0, "RGB": (0, 0, 0)}[mode]
    before = encoded(image, "PNG", exif=exif_of(6), transparency=transparency)
    after = cleaned_here(tmp_path, before, "image/png")

    with Image.open(BytesIO(after)) as turned:
        assert turned.convert("RGBA").getchannel("A").getextrema() == upright(before).getchannel("A").getextrema()


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_a_jpeg_of_other_inks_is_turned(tmp_path: Path, mode: str) -> None:
    """Grey stays grey, and the inks of a printer are not inverted."""
    before = encoded(colours((48, 32)).convert(mode), "JPEG", exif=exif_of(8))
    after = cleaned_here(tmp_path, before, "image/jpeg")

    with Image.open(BytesIO(after)) as image:
        assert image.mode == mode
        assert mean_error(image, upright(before)) <= 3


def test_a_photograph_with_a_preview_is_turned(tmp_path: Path) -> None:
    """Telephones put further pictures behind a JPEG (MPO); the first is turned, and the others are gone."""
    before = encoded(colours((48, 32)), "MPO", save_all=True, append_images=[colours((6, 4))], exif=exif_of(6))
    after = cleaned_here(tmp_path, before, "image/jpeg")

    with Image.open(BytesIO(after)) as image:
        assert (image.format, image.size) == ("JPEG", (32, 48))
        assert mean_error(image, upright(before)) <= 3
    assert after.count(b"\xff\xd8\xff") == 1


@pytest.mark.parametrize("orientation", [0, 9, 65_535])
def test_a_side_that_does_not_exist_turns_nothing(tmp_path: Path, orientation: int) -> None:
    """EXIF knows eight; with any other the picture keeps its every bit."""
    before = jpeg(exif=exif_of(orientation))

    assert_cleaned(before, cleaned_here(tmp_path, before, "image/jpeg"), "image/jpeg")


async def cleaned(decoder: PictureDecoder, path: Path, mime_type: str) -> bytes | None:
    """Read all that the decoder passes on."""
    async with asyncio.timeout(20), decoder.cleaned(path, mime_type) as chunks:
        return None if chunks is None else b"".join([piece async for piece in chunks])


WHOLE: dict[str, tuple[str, Callable[[], bytes]]] = {
    "JPEG": ("image/jpeg", JPEGS["exif"]),
    "MPF": ("image/jpeg", JPEGS["MPF"]),
    "progressive": ("image/jpeg", JPEGS["progressive with restarts"]),
    "PNG": ("image/png", PNGS["texts"]),
    "APNG": ("image/png", PNGS["animation"]),
    "GIF": ("image/gif", GIFS["animation"]),
    "xmp GIF": ("image/gif", GIFS["xmp"]),
    "WebP": ("image/webp", WEBPS["both"]),
    "moving WebP": ("image/webp", WEBPS["animation"]),
}


@pytest.mark.parametrize("name", WHOLE)
async def test_the_decoder_passes_on_a_cleaned_picture(decoder: PictureDecoder, tmp_path: Path, name: str) -> None:
    """What comes out of the process is the same picture without metadata."""
    mime_type, build = WHOLE[name]
    before = build()
    (tmp_path / "picture").write_bytes(before)
    after = await cleaned(decoder, tmp_path / "picture", mime_type)

    assert after is not None
    assert_cleaned(before, after, mime_type)
    assert (tmp_path / "picture").read_bytes() == before


@pytest.mark.parametrize("mime_type", FORMATS)
async def test_the_decoder_says_that_nothing_is_to_be_changed(
    decoder: PictureDecoder, tmp_path: Path, mime_type: str
) -> None:
    """A picture without metadata is not copied."""
    (tmp_path / "picture").write_bytes(encoded(colours(), FORMATS[mime_type]))

    assert await cleaned(decoder, tmp_path / "picture", mime_type) is None


@pytest.mark.parametrize("mime_type", TURNABLE)
async def test_the_decoder_passes_on_a_turned_picture(decoder: PictureDecoder, tmp_path: Path, mime_type: str) -> None:
    """As it is shown, with its colours, and of the size that `decode` tells."""
    before = turned_source(mime_type, 8)
    (tmp_path / "picture").write_bytes(before)
    after = await cleaned(decoder, tmp_path / "picture", mime_type)
    picture = await decoder.decode(tmp_path / "picture", mime_type)

    assert after is not None
    assert info_of(after)["icc_profile"] == PROFILE
    with Image.open(BytesIO(after)) as image:
        assert image.size == (picture.width, picture.height) == (32, 48)
        assert mean_error(image, upright(before)) <= 3


async def test_a_large_picture_comes_in_pieces(decoder: PictureDecoder, tmp_path: Path) -> None:
    """The server does not hold it whole: a piece has 256 KiB at most."""
    before = encoded(Image.effect_noise((1_500, 1_000), 99), "PNG", pnginfo=text_of())
    (tmp_path / "picture").write_bytes(before)
    async with asyncio.timeout(20), decoder.cleaned(tmp_path / "picture", "image/png") as chunks:
        assert chunks is not None
        pieces = [piece async for piece in chunks]

    assert max(map(len, pieces)) <= 256 * 1024
    assert b"".join(pieces) == clean_png(before)
    assert len(before) > 1024**2


async def test_whoever_stops_reading_does_not_block_the_next(tmp_path: Path) -> None:
    """The process is gone, and its turn is free."""
    decoder = PictureDecoder(process_count=1)
    before = encoded(Image.effect_noise((1_500, 1_000), 99), "PNG", pnginfo=text_of())
    (tmp_path / "picture").write_bytes(before)

    for _ in range(2):
        async with asyncio.timeout(20), decoder.cleaned(tmp_path / "picture", "image/png") as chunks:
            assert chunks is not None
            assert clean_png(before).startswith(await anext(chunks))


async def test_whoever_fails_in_the_middle_does_not_wait_for_ever(tmp_path: Path) -> None:
    """A disk that is full, after a moment in which the worker filled its pipe: the error comes out at once."""
    decoder = PictureDecoder(process_count=1, timeout_seconds=5)
    before = encoded(Image.effect_noise((1_500, 1_000), 99), "PNG", pnginfo=text_of())
    (tmp_path / "picture").write_bytes(before)
    readers = []

    async def fail() -> None:
        async with decoder.cleaned(tmp_path / "picture", "image/png") as chunks:
            assert chunks is not None
            readers.append(chunks)
            await anext(chunks)
            await asyncio.sleep(0.5)
            raise OSError("full")

    task = asyncio.create_task(fail())
    done, _ = await asyncio.wait({task}, timeout=3)
    with suppress(UnsafePicture, RuntimeError):  # lets go of a worker that hangs
        _rest = [piece async for piece in readers[0]]
    with pytest.raises(OSError, match=r"^full$"):
        await task

    assert done


async def test_what_a_reader_raises_is_not_the_pictures_fault(decoder: PictureDecoder, tmp_path: Path) -> None:
    """An error while the bytes are written elsewhere reaches the caller as it is."""
    (tmp_path / "picture").write_bytes(PNGS["texts"]())

    with pytest.raises(ValueError, match=r"^elsewhere$"):
        async with asyncio.timeout(20), decoder.cleaned(tmp_path / "picture", "image/png"):
            raise ValueError("elsewhere")


def rich(mime_type: str) -> bytes:
    """Make a picture with everything that a cleaner has to step over."""
    builders: dict[str, Callable[[], bytes]] = {
        "image/jpeg": lambda: jpeg(segment(0xFE, MARK), progressive=True, exif=exif_of(), icc_profile=PROFILE),
        "image/png": lambda: film("PNG", exif=exif_of(), pnginfo=text_of()),
        "image/gif": GIFS["animation"],
        "image/webp": lambda: film("WEBP", exif=exif_of(), xmp=XMP),
    }
    return builders[mime_type]()


# What Pillow raises for a file that is broken, a warning of the worker's among it; anything else is a bug of ours.
BROKEN = (OSError, SyntaxError, ValueError, IndexError, picture_worker.Refused)


def passed_here(path: Path, mime_type: str) -> bytes | None:
    """Do what the inspector does with a file, without the processes; None for one that is refused."""
    with tolerant():
        try:
            picture_worker.decode(str(path), mime_type)
            return picture_worker.clean(str(path), mime_type)[1] or path.read_bytes()
        except BROKEN:
            return None


@pytest.mark.parametrize("mime_type", FORMATS)
def test_a_picture_that_breaks_off_is_refused(tmp_path: Path, mime_type: str) -> None:
    """Wherever it was cut before its last bytes: half a picture is not what was sent."""
    content = rich(mime_type)
    for place in range(30):
        (tmp_path / "picture").write_bytes(content[: len(content) * place // 30])

        assert passed_here(tmp_path / "picture", mime_type) is None, place


@pytest.mark.parametrize("mime_type", FORMATS)
def test_a_picture_that_breaks_off_behind_its_last_pixel_is_whole(tmp_path: Path, mime_type: str) -> None:
    """Or is refused, while its own end is missing: what passes is what a viewer showed of it, without metadata."""
    content = rich(mime_type)
    passed = 0
    for length in range(-24, len(MARK) + 1):
        cut = (content + MARK)[: len(content) + length]
        (tmp_path / "picture").write_bytes(cut)
        after = passed_here(tmp_path / "picture", mime_type)

        assert after is not None or length < 0
        if after is not None:
            passed += 1
            assert shown(after, mime_type) == shown(content, mime_type)
            assert MARK not in after
    assert passed > len(MARK)


@full
@pytest.mark.parametrize("mime_type", FORMATS)
def test_a_picture_with_a_broken_byte_is_refused_or_whole(tmp_path: Path, mime_type: str) -> None:
    """Whatever byte of the structure is wrong: what passes looks after cleaning as it did before."""
    content = rich(mime_type)
    passed = 0
    for place in range(0, min(len(content), 900), amount(21, 7)):
        broken = content[:place] + bytes((content[place] ^ 0xFF,)) + content[place + 1 :]
        (tmp_path / "picture").write_bytes(broken)
        after = passed_here(tmp_path / "picture", mime_type)

        if after is not None:
            passed += 1
            assert shown(after, mime_type) == shown(broken, mime_type), place
    assert passed > 0


def hostile() -> dict[str, tuple[str, bytes]]:
    """Make files that lie about their lengths, or have too much of everything."""
    content = jpeg(exif=exif_of())
    scan = content.index(b"\xff\xda")
    cases = {
        f"JPEG length {length}": ("image/jpeg", jpeg(b"\xff\xe1" + struct.pack(">H", length), MARK))
        for length in (0, 1, 65_535)
    }
    cases |= {
        f"JPEG scan length {length}": ("image/jpeg", content[: scan + 2] + struct.pack(">H", length) + content[-90:])
        for length in (0, 1, 65_535)
    }
    for mime_type in FORMATS:
        whole = rich(mime_type)
        cases |= {f"{mime_type} cut at {place}": (mime_type, whole[: len(whole) * place // 5]) for place in (1, 3)}
        cases[f"{mime_type} of one byte"] = (mime_type, whole[:1])
        cases[f"{mime_type} of no byte"] = (mime_type, b"")
    return cases | {
        "JPEG of 0xFF": ("image/jpeg", b"\xff\xd8" + b"\xff" * MUCH),
        "JPEG with much fill": ("image/jpeg", jpeg(b"\xff" * MUCH, segment(0xE1, MARK))),
        "JPEG scan of 0xFF": ("image/jpeg", content[: scan + 14] + b"\xff" * 5 * MUCH),
        "JPEG scan of stuffing": ("image/jpeg", content[: scan + 14] + b"\xff\x00" * MUCH),
        "JPEG of many APP": ("image/jpeg", jpeg(segment(0xE1, MARK) * (MUCH // 100))),
        "JPEG of restarts": ("image/jpeg", jpeg(b"\xff\xd0" * (MUCH // 10))),
        "PNG length too long": ("image/png", png(struct.pack(">I", 2**31 - 1) + b"tEXt" + MARK)),
        "PNG length of 2**32 - 1": ("image/png", png(struct.pack(">I", 2**32 - 1) + b"IDAT" + MARK)),
        "PNG of many chunks": ("image/png", png(chunk(b"prVt", MARK) * (MUCH // 30))),
        "GIF without an end": ("image/gif", gif()[:-1] + b"\x21\xfe" + b"\xff" * 2 * MUCH),
        "GIF of extensions": ("image/gif", gif(b"\x21\xfe\0" * (MUCH // 3))),
        "WebP length too long": ("image/webp", webp(b"EXIF\xff\xff\xff\xff", content=WEBPS["exif"]())),
        "WebP of a short VP8X": ("image/webp", webp(content=b"RIFF\0\0\0\0WEBP" + riff(b"VP8X", b""))),
        "WebP of many chunks": ("image/webp", webp(riff(b"PRIV", b"") * (MUCH // 10), content=WEBPS["both"]())),
    }


HOSTILE = hostile()


@full
@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_file_is_refused_or_clean(decoder: PictureDecoder, tmp_path: Path, name: str) -> None:
    """It costs a moment: what comes of it is a refusal, nothing to change, or bytes without metadata."""
    mime_type, content = HOSTILE[name]
    path = tmp_path / "picture"
    path.write_bytes(content)
    try:
        after = await cleaned(decoder, path, mime_type)
    except UnsafePicture as error:
        assert error.reason.endswith(".")  # noqa: PT017 (each of three ends is right)
    else:
        passed = passed_here(path, mime_type)
        assert passed is None or passed == (content if after is None else after)
        if passed is not None:
            assert_cleaned(content, passed, mime_type)


async def small(decoder: PictureDecoder, path: Path, content: bytes, mime_type: str) -> SmallPicture:
    """Shrink, and prove what holds for every thumbnail."""
    await asyncio.to_thread(path.write_bytes, content)
    async with asyncio.timeout(20):
        found = await decoder.shrink(path, mime_type)
    assert max(found.width, found.height) <= 400
    assert len(found.blurhash) == 28
    info_of(found.content)
    assert MARK not in found.content
    with Image.open(BytesIO(found.content), formats=["WEBP"]) as image:
        assert image.size == (found.width, found.height)
        assert getattr(image, "n_frames", 1) == 1
    return found


SIZES = [((1_600, 800), (400, 200)), ((300, 1_200), (100, 400)), ((30, 20), (30, 20)), ((1, 1), (1, 1))]


@pytest.mark.parametrize(("size", "expected"), [*SIZES, ((1, 5_000), (1, 400)), ((5_000, 1), (400, 1))])
async def test_a_thumbnail_has_400_pixels_a_side_at_most(
    decoder: PictureDecoder, tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    """The proportions stay, no side vanishes, and what is small already does not grow."""
    found = await small(decoder, tmp_path / "picture", encoded(colours(size), "PNG"), "image/png")

    assert (found.width, found.height) == expected


KINDS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "JPEG": ("image/jpeg", lambda: jpeg(exif=exif_of(), image=colours((900, 600)))),
    "CMYK JPEG": ("image/jpeg", lambda: jpeg(exif=exif_of(), image=colours((900, 600)).convert("CMYK"))),
    "palette": ("image/png", lambda: encoded(colours().quantize(250), "PNG", exif=exif_of())),
    "GIF": ("image/gif", GIFS["animation"]),
    "WebP": ("image/webp", WEBPS["both"]),
    "moving WebP": ("image/webp", WEBPS["animation"]),
    "APNG": ("image/png", PNGS["animation"]),
}


@pytest.mark.parametrize("name", KINDS)
async def test_every_kind_of_picture_has_a_thumbnail(decoder: PictureDecoder, tmp_path: Path, name: str) -> None:
    """It shows the first frame, near enough, and no metadata."""
    mime_type, build = KINDS[name]
    found = await small(decoder, tmp_path / "picture", build(), mime_type)

    with Image.open(BytesIO(found.content)) as image, Image.open(tmp_path / "picture") as source:
        assert mean_error(image, source.convert("RGB").resize(image.size)) < 12


async def test_a_thumbnail_stays_transparent(decoder: PictureDecoder, tmp_path: Path) -> None:
    """What is not there in the picture is not there in its thumbnail either."""
    by_chunk = encoded(colours().quantize(16), "PNG", transparency=bytes(range(0, 256, 16)))
    for content in (encoded(translucent(), "PNG"), encoded(translucent().convert("LA"), "PNG"), by_chunk):
        found = await small(decoder, tmp_path / "picture", content, "image/png")

        with Image.open(BytesIO(found.content)) as image, Image.open(tmp_path / "picture") as source:
            assert image.mode == "RGBA"
            alpha = source.convert("RGBA").getchannel("A")
            assert max(ImageStat.Stat(ImageChops.difference(image.getchannel("A"), alpha)).mean) < 3


async def test_a_thumbnail_of_16_bits_is_as_bright_as_its_picture(decoder: PictureDecoder, tmp_path: Path) -> None:
    """65,535 is white, and half of it is grey."""
    image = Image.frombytes("I;16", (64, 1), struct.pack("<64H", *range(0, 65_536, 1_024))).resize((64, 64))
    found = await small(decoder, tmp_path / "picture", encoded(image, "PNG"), "image/png")

    with Image.open(BytesIO(found.content)) as thumbnail:
        assert 110 < ImageStat.Stat(thumbnail.convert("L")).mean[0] < 145


async def test_a_thumbnail_has_no_profile_of_other_inks(decoder: PictureDecoder, tmp_path: Path) -> None:
    """It is RGB: the profile of a printer describes other colours than it has, and is larger than it is."""
    profile = PROFILE.replace(b"RGB ", b"CMYK") + bytes(600_000)
    content = jpeg(image=colours((900, 600)).convert("CMYK"), icc_profile=profile)
    found = await small(decoder, tmp_path / "picture", content, "image/jpeg")

    with Image.open(BytesIO(found.content)) as thumbnail:
        assert thumbnail.info.get("icc_profile", PROFILE)[16:20] == b"RGB "


async def test_a_large_profile_does_not_spoil_a_thumbnail(decoder: PictureDecoder, tmp_path: Path) -> None:
    """Profiles of more than a megabyte exist in honest photographs."""
    content = jpeg(image=colours((900, 600)), icc_profile=PROFILE + bytes(1_200_000))
    found = await small(decoder, tmp_path / "picture", content, "image/jpeg")

    assert (found.width, found.height) == (400, 267)


async def test_a_blurhash_tells_pictures_apart(decoder: PictureDecoder, tmp_path: Path) -> None:
    """The same picture has the same one, whatever its size and format; another picture has another."""
    one, other = colours((400, 400)), ImageOps.mirror(colours((400, 400)))
    first = await small(decoder, tmp_path / "one", encoded(one, "PNG"), "image/png")
    again = await small(decoder, tmp_path / "one", encoded(one, "PNG"), "image/png")
    second = await small(decoder, tmp_path / "two", encoded(other, "PNG"), "image/png")
    lossless = await small(decoder, tmp_path / "three", encoded(one, "WEBP", lossless=True), "image/webp")

    assert first == again
    assert first.blurhash == lossless.blurhash
    assert first.blurhash != second.blurhash


def test_a_blurhash_of_one_colour_is_the_one_that_others_make() -> None:
    """woltapp/blurhash: `L` for 4 × 3, a digit for the contrast, four for the mean colour, two for each wave."""
    white, red = (picture_worker.blurhash(Image.new("RGB", (40, 30), name)) for name in ("white", "red"))

    assert (white[0], white[2:6]) == ("L", "TSUA")
    assert (red[0], red[2:6]) == ("L", "TI:j")
    assert picture_worker.blurhash(Image.new("RGB", (40, 30), "black")) == "L00000" + "fQ" * 11


@pytest.mark.parametrize("mime_type", FORMATS)
async def test_half_a_picture_has_no_thumbnail(decoder: PictureDecoder, tmp_path: Path, mime_type: str) -> None:
    """It is refused with a sentence, as it is by `decode`."""
    content = encoded(Image.effect_noise((300, 200), 99), FORMATS[mime_type])
    (tmp_path / "picture").write_bytes(content[: len(content) // 2])

    with pytest.raises(UnsafePicture, match=r"^The picture could not be decoded\.$"):
        await decoder.shrink(tmp_path / "picture", mime_type)
