"""The type of a file, determined by its bytes alone, never by its name or by what the client declared."""

import codecs
import re
from collections.abc import Callable
from enum import Enum
from pathlib import Path

from services.file import zip_type

OCTET_STREAM = "application/octet-stream"
HTML = "text/html"
SVG = "image/svg+xml"
XML = "text/xml"
TEXT = "text/plain"

PRESETS: dict[str, tuple[str, ...]] = {
    # No html, no svg, no xml: they can carry a script.
    "default": (
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "application/pdf",
        zip_type.DOCX,
        zip_type.XLSX,
        zip_type.PPTX,
        zip_type.ODT,
        zip_type.ZIP,
        TEXT,
        "video/mp4",
        "video/webm",
        "video/quicktime",
        "audio/mpeg",
        "audio/mp4",
        "audio/ogg",
        "audio/wav",
    ),
    # OSSN `message/send` v2.0: jpg, png, jpeg, jfif, gif, webp, docx, pdf.
    "ossn": ("image/jpeg", "image/png", "image/gif", "image/webp", zip_type.DOCX, "application/pdf"),
    # Empty: no restriction.
    "any": (),
}

_HEAD_BYTES = 64 * 1024
_CHUNK_BYTES = 256 * 1024

# The major brand of ISO/IEC 14496-12 decides; HEIC and AVIF are not among these and stay unrecognised.
_BRANDS = {b"qt  ": "video/quicktime", b"M4A ": "audio/mp4", b"M4B ": "audio/mp4"} | dict.fromkeys(
    (b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"avc1", b"M4V ", b"MSNV", b"dash", b"mmp4"),
    "video/mp4",
)
# RFC 5334, 6716 and the codecs' own documents: the first packet of an Ogg stream names the codec.
_OGG_AUDIO = (b"OpusHead", b"\x01vorbis", b"\x7fFLAC", b"Speex   ")
# ISO/IEC 11172-3 and 13818-3, Layer III: kbit/s by index.
_MPEG1_KBPS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG2_KBPS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG_HZ = (44_100, 48_000, 32_000)
_CONTROLS = bytes(code for code in range(0x20) if code not in b"\t\n\r")
# The MIME Sniffing Standard (7.1) and the other elements that a page may well begin with.
# fmt: off
_HTML_ELEMENTS = frozenset((
    "html", "head", "script", "iframe", "h1", "h2", "h3", "div", "font", "table", "a", "style", "title", "b", "body",
    "br", "p", "img", "meta", "link", "form", "input", "button", "object", "embed", "base", "frameset", "frame",
    "video", "audio", "math", "template", "span", "center", "ul", "ol", "section", "main", "article", "details",
    "marquee",
))
# fmt: on
# What may stand before the first element. Possessive, so that a hostile file costs linear time.
_PROLOG = re.compile(
    r"[\s\0\ufeff]++|<\?(?P<target>\w*+).*?\?>|<!--.*?-->"
    r"|<!doctype\s++(?P<root>[^\s>\[]++)(?:[^>\[]*+\[.*?\]\s*+|[^>\[]*+)>",
    re.DOTALL | re.IGNORECASE,
)
_ELEMENT = re.compile(r"<(?:[\w.-]+:)?([a-z][\w-]*)(?=[\s/>]|$)", re.IGNORECASE)


class AttachmentKind(Enum):
    """How a client shows a file; IMAGE only where a decoder has to prove it."""

    IMAGE = "image"
    VIDEO = "video"
    AUDIO = "audio"
    FILE = "file"


def kind_of(mime_type: str) -> AttachmentKind:
    """Return the kind; an SVG is a FILE, for it is a document and never shown."""
    family = mime_type.partition("/")[0]
    if mime_type == SVG or family not in {"image", "video", "audio"}:
        return AttachmentKind.FILE
    return AttachmentKind(family)


def detect(path: Path) -> str:
    """Return the canonical MIME type; `application/octet-stream` where nothing is recognised, or the file is empty.

    Blocks, and reads a text to its end: for threads. It proves no more than the signature; a picture is proved by
    `PictureDecoder`. Raises OSError.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        if zip_type.is_zip(head):
            return zip_type.detect(file, head) or OCTET_STREAM
    for detector in _DETECTORS:
        if found := detector(head):
            return found
    return TEXT if head and _is_text(path) else OCTET_STREAM


def _picture(head: bytes) -> str | None:
    if head.startswith(b"\x89PNG\r\n\x1a\n") and head[12:16] == b"IHDR":
        return "image/png"
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "image/gif"
    return None


def _riff(head: bytes) -> str | None:
    if not head.startswith(b"RIFF"):
        return None
    return {b"WEBP": "image/webp", b"WAVE": "audio/wav"}.get(head[8:12])


def _pdf(head: bytes) -> str | None:
    return "application/pdf" if re.match(rb"%PDF-[12]\.\d", head) else None


def _iso_media(head: bytes) -> str | None:
    box_bytes = int.from_bytes(head[:4])
    if head[4:8] != b"ftyp" or not 16 <= box_bytes <= 4096 or box_bytes % 4:
        return None
    return _BRANDS.get(head[8:12])


def _webm(head: bytes) -> str | None:
    """RFC 8794: the EBML header holds DocType (0x4282), of one length byte here; Matroska has another."""
    if not head.startswith(b"\x1a\x45\xdf\xa3"):
        return None
    return "video/webm" if re.search(rb"\x42\x82(?:\x84webm|[\x85-\x88]webm\0)", head[:64]) else None


def _ogg(head: bytes) -> str | None:
    """RFC 3533: the first page has a header of 27 bytes, and then a table with one byte per segment."""
    if not head.startswith(b"OggS\0") or len(head) < 28:
        return None
    packet = head[27 + head[26] :]
    return "audio/ogg" if packet.startswith(_OGG_AUDIO) else None


def _mp3(head: bytes) -> str | None:
    """An ID3v2 tag, or two frames of Layer III in a row: one header alone is eleven bits, and chance has those."""
    if head.startswith(b"ID3") and len(head) >= 10 and max(head[6:10]) < 0x80 and 0xFF not in head[3:5]:
        return "audio/mpeg"
    length = _mp3_frame_bytes(head[:4])
    return "audio/mpeg" if length and _mp3_frame_bytes(head[length : length + 4]) else None


def _mp3_frame_bytes(header: bytes) -> int:
    """Return the length of the frame that this header begins, or 0 where it is no header of Layer III."""
    word = int.from_bytes(header)
    version, layer = word >> 19 & 3, word >> 17 & 3
    bitrate, rate = word >> 12 & 15, word >> 10 & 3
    if len(header) < 4 or word >> 21 != 0x7FF or version == 1 or layer != 1 or bitrate in {0, 15} or rate == 3:
        return 0
    padding = word >> 9 & 1
    if version == 3:
        return 144_000 * _MPEG1_KBPS[bitrate] // _MPEG_HZ[rate] + padding
    return 72_000 * _MPEG2_KBPS[bitrate] // (_MPEG_HZ[rate] >> (1 if version == 2 else 2)) + padding


def _markup(head: bytes) -> str | None:
    """Recognise what a browser might run, so that it can be refused; judged as a browser does, broken text or not."""
    text = head.decode("utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "latin-1", "ignore")
    text = text.removeprefix("\xef\xbb\xbf")
    position, is_xml = 0, False
    while part := _PROLOG.match(text, position):
        position = part.end()
        if found := _type_of_element(part["root"] or ""):
            return found
        is_xml = is_xml or bool(part["root"]) or (part["target"] or "").lower().startswith("xml")
    rest = text[position:]
    # A comment or a declaration that does not end within the head hides what follows: taken for a page.
    if rest[:9].lower().startswith(("<!--", "<?xml", "<!doctype")):
        return HTML
    element = _ELEMENT.match(rest)
    return _type_of_element(element[1] if element else "") or (XML if is_xml else None)


def _type_of_element(name: str) -> str | None:
    if name.lower() == "svg":
        return SVG
    return HTML if name.lower() in _HTML_ELEMENTS else None


def _is_text(path: Path) -> bool:
    """Whether the whole file is UTF-8 without control characters other than tab, CR and LF."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with path.open("rb") as file:
        try:
            while chunk := file.read(_CHUNK_BYTES):
                decoder.decode(chunk)
                if len(chunk.translate(None, _CONTROLS)) != len(chunk):
                    return False
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


_DETECTORS: tuple[Callable[[bytes], str | None], ...] = (_picture, _riff, _pdf, _iso_media, _webm, _ogg, _mp3, _markup)
