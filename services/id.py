"""Global ids, opaque to clients: a letter for the type and 8 bytes for the row; none of them reveals a count."""

import base64
import binascii
from enum import Enum

_MAX = (1 << 63) - 1  # SQLite's largest INTEGER


class Kind(Enum):
    """The types that `node` finds; a report has an id too, but only the operator can see it."""

    USER = b"u"
    CONVERSATION = b"c"
    MESSAGE = b"m"
    ATTACHMENT = b"a"
    REPORT = b"r"
    DEVICE = b"d"
    API_KEY = b"k"
    UPLOAD = b"s"
    VIEWER = b"v"
    PARTICIPANT = b"p"


_URL_SAFE = bytes.maketrans(b"+/", b"-_")  # RFC 4648 §5
# A file is named by its message and its position in it, a member by the conversation and their user id.
_PART_BYTES = {Kind.ATTACHMENT: 1, Kind.PARTICIPANT: 8}


def encode(kind: Kind, number: int, part: int | None = None) -> str:
    """The id of a row; `part` is the position of a file, below 256, or the user id of a member."""
    raw = kind._value_ + number.to_bytes(8)  # as `kind.value`, which is slow: a page has a hundred ids
    if part is not None:
        raw += part.to_bytes(_PART_BYTES.get(kind, 1))
    return str(binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE, b"="), "ascii")


def decode(id_: str) -> tuple[Kind, int, int] | None:
    """Type, number and part (0 if the type has none); None for anything that `encode` does not produce."""
    if len(id_) not in (12, 14, 23):
        return None
    try:
        raw = base64.b64decode(id_ + "=" * (-len(id_) % 4), altchars=b"-_", validate=True)
        kind = Kind(raw[:1])
    except (binascii.Error, ValueError):
        return None
    number, part = int.from_bytes(raw[1:9]), int.from_bytes(raw[9:])
    if len(raw) != 9 + _PART_BYTES.get(kind, 0) or number > _MAX or part > _MAX:
        return None
    canonical = encode(kind, number, part if kind in _PART_BYTES else None)
    return (kind, number, part) if canonical == id_ else None


def number_of(kind: Kind, id_: str) -> int:
    """The row number of an id of this type; -1, which no row has, for any other string."""
    found = decode(id_)
    return found[1] if found is not None and found[0] is kind else -1
