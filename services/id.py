"""Global ids, opaque to clients: a letter for the type and 8 bytes for the row; none of them reveals a count."""

import base64
import binascii
from enum import Enum


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


def encode(kind: Kind, number: int, position: int | None = None) -> str:
    """The id of a row; `position`, below 256, names a file of a message."""
    raw = kind.value + number.to_bytes(8) + (b"" if position is None else bytes((position,)))
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(id_: str) -> tuple[Kind, int, int] | None:
    """Type, number and position (0 if the type has none); None for anything that `encode` does not produce."""
    if len(id_) not in (12, 14):
        return None
    try:
        raw = base64.b64decode(id_ + "=" * (-len(id_) % 4), altchars=b"-_", validate=True)
        kind = Kind(raw[:1])
    except (binascii.Error, ValueError):
        return None
    if len(raw) != (10 if kind is Kind.ATTACHMENT else 9) or raw[1] > 0x7F:
        return None
    number, position = int.from_bytes(raw[1:9]), raw[9] if kind is Kind.ATTACHMENT else 0
    canonical = encode(kind, number, position if kind is Kind.ATTACHMENT else None)
    return (kind, number, position) if canonical == id_ else None


def number_of(kind: Kind, id_: str) -> int:
    """The row number of an id of this type; -1, which no row has, for any other string."""
    found = decode(id_)
    return found[1] if found is not None and found[0] is kind else -1
