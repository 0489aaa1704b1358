"""Pictures without what a camera or a programme wrote into them: the bytes of the pixels stay, one by one.

Runs in the worker's process, imports nothing of Sotto, and reads files that a decoder has passed; one that lies about
its lengths ends in a ValueError or an IndexError.
"""

import re

# What a picture needs to be shown, with the most bytes that it can have; all else is left out: EXIF and its place, XMP,
# comments, thumbnails, text.
_ANY = 1 << 31
_FILL = re.compile(rb"\xff+")
_PNG_CHUNKS = {
    b"IHDR": 13, b"PLTE": 768, b"IDAT": _ANY, b"tRNS": 256, b"cHRM": 32, b"gAMA": 4, b"iCCP": _ANY, b"sBIT": 4,
    b"sRGB": 1, b"cICP": 4, b"mDCV": 24, b"cLLI": 8, b"bKGD": 6, b"pHYs": 9, b"hIST": 512, b"acTL": 8, b"fcTL": 26,
    b"fdAT": _ANY,
}  # fmt: skip
_PNG_END = b"\0\0\0\0IEND\xaeB`\x82"
_WEBP_CHUNKS = frozenset((b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"))
_WEBP_FRAME = frozenset((b"VP8 ", b"VP8L", b"ALPH"))
_WEBP_METADATA_FLAGS = 0x08 | 0x04  # RFC 9649 §2.7.1: Exif, XMP
_GIF_APPLICATIONS = (b"NETSCAPE2.0", b"ANIMEXTS1.0")
_SCAN, _END, _APP0, _APP2, _APP14, _COMMENT = 0xDA, 0xD9, 0xE0, 0xE2, 0xEE, 0xFE


def clean_jpeg(content: bytes) -> bytes:
    """ITU-T T.81 Annex B: markers up to the end of the picture; JFIF, ICC profiles and Adobe's transform stay."""
    out, at = bytearray(content[:2]), 2
    while at + 2 <= len(content):
        if content[at] != 0xFF:
            raise ValueError("a marker was expected")
        marker = content[at + 1]
        if marker == 0xFF:  # fill
            fill = _FILL.match(content, at)
            at = (at + 1 if fill is None else fill.end()) - 1
        elif marker == _END:
            break
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # these have no length, and here no meaning
            at += 2
        else:
            end = at + 2 + int.from_bytes(content[at + 2 : at + 4])
            out += _jpeg_segment(marker, content[at:end])
            at = end
            if marker == _SCAN:
                end = _end_of_scan(content, at)
                out += content[at:end]
                at = end
    return bytes(out + b"\xff\xd9")


def _jpeg_segment(marker: int, segment: bytes) -> bytes:
    """The segment, its needed part, or nothing."""
    if len(segment) < 4:
        raise ValueError("a segment is too short")
    body = segment[4:]
    if marker == _APP0:  # without its thumbnail
        return b"\xff\xe0\0\x10" + body[:12] + b"\0\0" if body.startswith(b"JFIF\0") and len(body) >= 14 else b""
    if marker == _APP14:
        return b"\xff\xee\0\x0e" + body[:12] if body.startswith(b"Adobe") and len(body) >= 12 else b""
    if marker == _APP2:
        return segment if body.startswith(b"ICC_PROFILE\0") else b""
    return b"" if _APP0 <= marker <= 0xEF or marker == _COMMENT else segment


def _end_of_scan(content: bytes, at: int) -> int:
    """Where the next marker is that is neither a stuffed byte, fill, nor a restart."""
    while (at := content.find(b"\xff", at)) >= 0:
        fill = _FILL.match(content, at)
        after = at + 1 if fill is None else fill.end()
        if after == len(content):
            return at
        if content[after] != 0 and not 0xD0 <= content[after] <= 0xD7:
            return at
        at = after + 1
    return len(content)


def clean_png(content: bytes) -> bytes:
    """W3C PNG §5.3: chunks with their checksums; what follows IEND is no part of the picture. Raises ValueError."""
    out, at = bytearray(content[:8]), 8
    while at + 12 <= len(content):
        size = int.from_bytes(content[at : at + 4])
        kind, end = content[at + 4 : at + 8], at + 12 + size
        if kind == b"IEND":
            break
        if size <= _PNG_CHUNKS.get(kind, -1):
            if end > len(content):
                raise ValueError("The file ends inside a chunk, which would swallow the end that it is given.")
            out += content[at:end]
        at = end
    return bytes(out + _PNG_END)


def clean_gif(content: bytes) -> bytes:
    """GIF89a: pictures and their controls, and how often to repeat; no comment, no text, no other application's."""
    at = 13 + _table_bytes(content[10])
    out = bytearray(content[:at])
    while at < len(content) and content[at] != 0x3B:
        start, label = at, content[at + 1]
        if content[at] == 0x2C:
            at += 10 + _table_bytes(content[at + 9]) + 1
            is_wanted = True
        elif content[at] == 0x21:
            application = content[at + 3 : at + 14]
            is_wanted = label == 0xF9
            if label == 0xFF and application in _GIF_APPLICATIONS and content[at + 14 : at + 16] == b"\x03\x01":
                out += content[at : at + 18] + b"\0"  # the number of rounds, and no further block
            at += 2
        else:
            raise ValueError("a block was expected")
        while content[at]:
            at += content[at] + 1
        at += 1
        if is_wanted:
            out += content[start:at]
    return bytes(out + b"\x3b")


def _table_bytes(flags: int) -> int:
    """Of a table of colours, where the flags say that there is one."""
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def clean_webp(content: bytes) -> bytes:
    """RFC 9649 §2: chunks of even length, also inside of a frame; the flags say what is left."""
    out = bytearray()
    for kind, chunk in _chunks_of(content, 12, 8 + int.from_bytes(content[4:8], "little")):
        if kind == b"VP8X":
            out += chunk[:8] + bytes((chunk[8] & ~_WEBP_METADATA_FLAGS & 0xFF,)) + chunk[9:18]
        elif kind == b"ANMF":
            body = chunk[8:24] + b"".join(
                part for name, part in _chunks_of(chunk, 24, len(chunk)) if name in _WEBP_FRAME
            )
            out += b"ANMF" + len(body).to_bytes(4, "little") + body
        elif kind in _WEBP_CHUNKS:
            out += chunk
    return b"RIFF" + (len(out) + 4).to_bytes(4, "little") + b"WEBP" + bytes(out)


def _chunks_of(content: bytes, at: int, end: int) -> list[tuple[bytes, bytes]]:
    """Kind and whole of each, padding included."""
    found, end = [], min(len(content), end)
    while at + 8 <= end:
        after = at + 8 + int.from_bytes(content[at + 4 : at + 8], "little")
        after += after & 1
        found.append((content[at : at + 4], content[at:after]))
        at = after
    return found


def is_lossless_webp(content: bytes) -> bool:
    """Whether its pixels are kept exactly."""
    return any(kind == b"VP8L" for kind, _ in _chunks_of(content, 12, len(content)))


CLEANERS = {"image/png": clean_png, "image/jpeg": clean_jpeg, "image/gif": clean_gif, "image/webp": clean_webp}
