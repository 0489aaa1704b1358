"""The type of a zip file, determined by the names in its central directory: nothing is ever unpacked."""

import os
import struct
from collections.abc import Iterator
from typing import BinaryIO

ZIP = "application/zip"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
ODT = "application/vnd.oasis.opendocument.text"

# ECMA-376, Part 2: a package lists its parts' types in `[Content_Types].xml`; the main part has its usual name.
_MAIN_PARTS = {"word/document.xml": DOCX, "xl/workbook.xml": XLSX, "ppt/presentation.xml": PPTX}
# An office document has some hundred names; a directory past this is a plain zip, whatever else it says.
_MAX_DIRECTORY_BYTES = 1024 * 1024

# APPNOTE 4.3: the records' fixed parts.
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_DIRECTORY_HEADER = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_MAX_COMMENT_BYTES = 0xFFFF


def is_zip(head: bytes) -> bool:
    """Whether a file may be a zip; not if a zip follows a program or a picture."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def detect(file: BinaryIO, head: bytes) -> str | None:
    """Return the type, or None where the directory is broken or the document carries macros.

    Python's `zipfile` would hold every entry of the directory, which the sender chooses; this holds 1 MiB at most.
    """
    end = _end_of(file)
    if end is None:
        return None
    offset, directory_bytes = end
    if directory_bytes > _MAX_DIRECTORY_BYTES:
        return ZIP
    file.seek(offset)
    names = set(_names_in(file.read(directory_bytes)))
    if None in names:
        return None
    if any(name and name.lower().endswith("vbaproject.bin") for name in names):
        return None
    if "[Content_Types].xml" in names:
        return next((mime for part, mime in _MAIN_PARTS.items() if part in names), ZIP)
    return ODT if _is_odt(head) else ZIP


def _end_of(file: BinaryIO) -> tuple[int, int] | None:
    """Return where the central directory begins and its bytes, or None where no end record fits the file."""
    size = file.seek(0, os.SEEK_END)
    start = max(0, size - _END.size - _MAX_COMMENT_BYTES)
    file.seek(start)
    tail = file.read()
    position = tail.rfind(b"PK\x05\x06")
    if position < 0 or position + _END.size > len(tail):
        return None
    *_, directory_bytes, offset, comment_bytes = _END.unpack_from(tail, position)
    if position + _END.size + comment_bytes != len(tail):
        return None
    if 0xFFFFFFFF in {directory_bytes, offset}:  # zip64: larger than any office document
        return 0, 0xFFFFFFFF
    return (offset, directory_bytes) if offset + directory_bytes <= start + position else None


def _names_in(directory: bytes) -> Iterator[str | None]:
    """Yield the entries' names; None, and no more, where a record is broken."""
    position = 0
    while position < len(directory):
        if position + _DIRECTORY_HEADER.size > len(directory):
            yield None
            return
        signature, *fields = _DIRECTORY_HEADER.unpack_from(directory, position)
        name_bytes, extra_bytes, comment_bytes = fields[9:12]
        begin = position + _DIRECTORY_HEADER.size
        position = begin + name_bytes + extra_bytes + comment_bytes
        if signature != b"PK\x01\x02" or position > len(directory):
            yield None
            return
        yield directory[begin : begin + name_bytes].decode("utf-8", "replace")


def _is_odt(head: bytes) -> bool:
    """OpenDocument 1.3, Part 2, 3.3: the first entry is `mimetype`, neither compressed nor with an extra field."""
    if len(head) < _LOCAL_HEADER.size:
        return False
    _, _, _, compression, *_, name_bytes, extra_bytes = _LOCAL_HEADER.unpack_from(head)
    content = b"mimetype" + ODT.encode()
    return (compression, name_bytes, extra_bytes) == (0, 8, 0) and (
        head[_LOCAL_HEADER.size : _LOCAL_HEADER.size + len(content) + 2] == content + b"PK"
    )
