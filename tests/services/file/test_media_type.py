"""Types told by content: honest files, disguised ones, broken ones."""

import io
import struct
import time
import zipfile
from pathlib import Path

import pytest

from services.file import zip_type
from services.file.media_type import OCTET_STREAM, PRESETS, AttachmentKind, detect, kind_of

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\2\0\0\0"
ODT_TYPE = b"application/vnd.oasis.opendocument.text"
MP3_FRAME = b"\xff\xfb\x90\x00" + bytes(413)  # MPEG 1, 128 kbit/s, 44,100 Hz: 417 bytes
MP3_V2_FRAME = b"\xff\xf3\x40\xc4" + bytes(140)  # MPEG 2, 32 kbit/s, 22,050 Hz: 104 bytes
OGG_PAGE = b"OggS\0\2" + bytes(20) + b"\1\x1e"
BOMB_ENTRIES = 200_000


def zipped(*names: str, content: bytes = b"x") -> bytes:
    """Make a real zip."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            # without the time of day: these bytes name tests, and xdist compares the names that its workers find
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return target.getvalue()


def odt() -> bytes:
    """Make an OpenDocument text as its standard says: `mimetype` first, not compressed."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("mimetype"), ODT_TYPE, zipfile.ZIP_STORED)
        archive.writestr(zipfile.ZipInfo("content.xml"), b"<x/>")
    return target.getvalue()


def riff(kind: bytes) -> bytes:
    """Make the head of a RIFF file."""
    return b"RIFF" + struct.pack("<I", 100) + kind + b"fmt " + bytes(100)


def ftyp(brand: bytes) -> bytes:
    """Make the head of an ISO media file."""
    return struct.pack(">I", 24) + b"ftyp" + brand + bytes(4) + b"isommp42" + bytes(40)


def detected(tmp_path: Path, content: bytes, name: str = "file.bin") -> str:
    """Write the file and ask."""
    path = tmp_path / name
    path.write_bytes(content)
    return detect(path)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0", "image/jpeg"),
        (b"GIF89a\1\0\1\0", "image/gif"),
        (b"GIF87a\1\0\1\0", "image/gif"),
        (riff(b"WEBP"), "image/webp"),
        (riff(b"WAVE"), "audio/wav"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "application/pdf"),
        (b"%PDF-2.0\n", "application/pdf"),
        (zipped("[Content_Types].xml", "_rels/.rels", "word/document.xml"), zip_type.DOCX),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), zip_type.XLSX),
        (zipped("[Content_Types].xml", "ppt/presentation.xml"), zip_type.PPTX),
        (odt(), zip_type.ODT),
        (zipped("holiday/1.jpg"), zip_type.ZIP),
        (zipped(), zip_type.ZIP),
        (ftyp(b"isom"), "video/mp4"),
        (ftyp(b"mp42"), "video/mp4"),
        (ftyp(b"qt  "), "video/quicktime"),
        (ftyp(b"M4A "), "audio/mp4"),
        (b"\x1a\x45\xdf\xa3\x9fB\x86\x81\1B\xf7\x81\1B\xf2\x81\4B\xf3\x81\x08B\x82\x84webmB\x87\x81\4", "video/webm"),
        (b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1fB\x82\x84webm\x18\x53\x80\x67", "video/webm"),
        (b"ID3\4\0\0\0\0\0\x0a" + bytes(10), "audio/mpeg"),
        (MP3_FRAME * 2, "audio/mpeg"),
        (MP3_V2_FRAME[:104] * 2, "audio/mpeg"),
        (OGG_PAGE + b"\x01vorbis", "audio/ogg"),
        (OGG_PAGE + b"OpusHead", "audio/ogg"),
        (b"Hello", "text/plain"),
        ("\ufeffGrüße, 世界 🌍\r\n\t1 < 2".encode(), "text/plain"),
        (b'{"a": 1}', "text/plain"),
    ],
)
def test_an_honest_file_is_recognised(tmp_path: Path, content: bytes, expected: str) -> None:
    """The type is canonical and told by the bytes, whatever the file is called."""
    assert detected(tmp_path, content, "misleading.html") == expected


@pytest.mark.parametrize(
    "content",
    [
        b"<!DOCTYPE html><title>x</title>",
        b"<!doctype html",
        b"<HTML>",
        b"<script>alert(1)</script>",
        b"<script\nsrc=x>",
        b"\xef\xbb\xbf \r\n\t<html>",
        b"\0<html>",
        b"<!-- a -->\n<!-- b --><body>",
        b"<!--" + b"x" * 70_000 + b"--><script>",
        b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'>",
        b"<?xml version='1.0'?><x:script xmlns:x='http://www.w3.org/1999/xhtml'>",
        b"<html>\xff\xfe\x00 no UTF-8",
        "\ufeff<html>".encode("utf-16-le"),
        "\ufeff<html>".encode("utf-16-be"),
        b"<img src=x onerror=alert(1)>",
    ],
)
def test_a_page_is_recognised_in_disguise(tmp_path: Path, content: bytes) -> None:
    """What a browser could run is text/html, so that no preset lets it in."""
    assert detected(tmp_path, content, "photo.png") == "text/html"


@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
        b"<?xml version='1.0'?>\n<!-- drawn --><svg>",
        b"<?xml version='1.0'?><!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' 'x'>\n<svg>",
        b"<!DOCTYPE svg [ <!ENTITY a ']>'> ]><svg>",
        b"<svg:svg xmlns:svg='http://www.w3.org/2000/svg'>",
        b"\xef\xbb\xbf\n<SVG>",
    ],
)
def test_a_drawing_is_recognised_in_disguise(tmp_path: Path, content: bytes) -> None:
    """An SVG may carry a script: it is named, so that no preset lets it in."""
    assert detected(tmp_path, content, "photo.png") == "image/svg+xml"


@pytest.mark.parametrize("content", [b"<?xml version='1.0'?><note/>", b"<!DOCTYPE note><note/>"])
def test_other_xml_is_no_plain_text(tmp_path: Path, content: bytes) -> None:
    """A style sheet or a namespace can put a script into any XML."""
    assert detected(tmp_path, content) == "text/xml"


@pytest.mark.parametrize(
    "content", [b"a <script> in a sentence", b"<3 you", b"<addr@example.org>", b"<!-- note -->\nHello"]
)
def test_text_with_angle_brackets_is_text(tmp_path: Path, content: bytes) -> None:
    """Only what begins as a page is one."""
    assert detected(tmp_path, content) == "text/plain"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x89PNG\r\n\x1a\n",
        b"\x89PNG\r\n\x1a\n<script>alert(1)</script>",
        b"RIFF\4\0\0\0AVI ",
        b"PK\3\4",
        b"PK\3\4" + b"<script>" * 9,
        zipped("[Content_Types].xml", "word/document.xml")[:-1],
        zipped("[Content_Types].xml", "word/document.xml")[:60],
        zipped("[Content_Types].xml", "word/document.xml") + b"trailing",
        zipped("[Content_Types].xml", "word/document.xml", "word/vbaProject.bin"),
        b"MZ\x90\0" + zipped("a"),
        ftyp(b"heic"),
        ftyp(b"avif"),
        b"\0\0\0\0ftypisom",
        b"\x1a\x45\xdf\xa3\x93B\x82\x88matroska",
        MP3_FRAME,
        MP3_FRAME + b"<script>",
        OGG_PAGE + b"\x80theora",
        b"OggS\0",
        b"\x7fELF\2\1\1",
        b"text with\0NUL",
        b"text with \x1b[31m an escape",
        b"caf\xe9",
        "cut in the middle of é".encode()[:-1],
        b"\xed\xa0\x80",
        "no page".encode("utf-16"),
    ],
)
def test_the_rest_is_a_stream_of_octets(tmp_path: Path, content: bytes) -> None:
    """What is broken, hidden or unknown has no better name."""
    assert detected(tmp_path, content) == OCTET_STREAM


@pytest.mark.parametrize("shift", range(4))
def test_a_character_may_lie_across_chunks(tmp_path: Path, shift: int) -> None:
    """Text is judged as one, however it is read."""
    content = b"a" * shift + "🌍".encode() * 200_000

    assert detected(tmp_path, content) == "text/plain"


def test_a_control_character_far_behind_is_found(tmp_path: Path) -> None:
    """The whole file is looked at, not its head."""
    assert detected(tmp_path, b"a" * 600_000 + b"\0") == OCTET_STREAM


def test_a_zip_called_docx_is_a_zip(tmp_path: Path) -> None:
    """The name says nothing."""
    assert detected(tmp_path, zipped("word/document.xml"), "letter.docx") == "application/zip"


def test_a_polyglot_is_what_it_begins_with(tmp_path: Path) -> None:
    """`GIF89a=1;alert(1)//` has a picture's signature; that it is none, only the decoder can tell."""
    assert detected(tmp_path, b"GIF89a=1;alert(1)//") == "image/gif"
    assert detected(tmp_path, b"%PDF-1.4\n<html><script>") == "application/pdf"


def test_a_zip_bomb_is_not_unpacked(tmp_path: Path) -> None:
    """A hundred MiB in a hundred kB are recognised in a moment."""
    content = zipped("[Content_Types].xml", "word/document.xml", content=bytes(50 * 1024 * 1024))
    began = time.perf_counter()

    assert detected(tmp_path, content) == zip_type.DOCX
    assert time.perf_counter() - began < 2


def test_a_huge_directory_is_not_read(tmp_path: Path) -> None:
    """Names beyond a document's are not looked at: it is a plain zip."""
    entry = struct.pack("<4s6H3L5H2L", b"PK\1\2", *[0] * 9, 1, *[0] * 6) + b"a"
    directory = entry * BOMB_ENTRIES
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0, 0, len(directory), 4, 0)

    assert detected(tmp_path, b"PK\3\4" + directory + end) == "application/zip"


@pytest.mark.parametrize(
    "content",
    [
        b"<!doctype " + b"a" * 70_000,
        b"<!doctype a[" + b"] " * 35_000,
        b"<!doctype a" + b" " * 70_000,
        b"<? ?>" * 14_000,
        b"<!---->" * 10_000,
        b"<" + b"a" * 70_000,
        b" " * 70_000,
    ],
    ids=range(7),
)
def test_hostile_markup_costs_little_time(tmp_path: Path, content: bytes) -> None:
    """No pattern goes back over the head again and again."""
    began = time.perf_counter()
    detected(tmp_path, content)

    assert time.perf_counter() - began < 2


@pytest.mark.parametrize("preset", ["default", "ossn"])
def test_no_preset_lets_a_script_in(preset: str) -> None:
    """Neither pages, drawings, nor what was not recognised."""
    assert not {"text/html", "image/svg+xml", "text/xml", OCTET_STREAM} & set(PRESETS[preset])


def test_the_seed_preset_is_the_seeds() -> None:
    """OSSN takes jpg, png, jpeg, jfif, gif, webp, docx and pdf."""
    expected = {"image/jpeg", "image/png", "image/gif", "image/webp", zip_type.DOCX, "application/pdf"}

    assert set(PRESETS["ossn"]) == expected
    assert PRESETS["any"] == ()


@pytest.mark.parametrize(
    ("mime_type", "expected"),
    [
        ("image/png", AttachmentKind.IMAGE),
        ("image/svg+xml", AttachmentKind.FILE),
        ("video/mp4", AttachmentKind.VIDEO),
        ("audio/ogg", AttachmentKind.AUDIO),
        ("application/pdf", AttachmentKind.FILE),
        ("text/plain", AttachmentKind.FILE),
        (OCTET_STREAM, AttachmentKind.FILE),
    ],
)
def test_a_type_has_a_kind(mime_type: str, expected: AttachmentKind) -> None:
    """A client shows pictures, plays video and audio, and offers the rest as a file."""
    assert kind_of(mime_type) is expected
