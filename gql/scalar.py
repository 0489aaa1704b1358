"""The scalars of the schema: how their values are parsed and serialized."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NewType, TypeAlias

import strawberry
from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.types.scalar import ScalarDefinition

MAX_BYTE_SIZE = 2**53 - 1  # RFC 8259 §6: integers up to here are the same number in every JSON reader
MAX_JSON_DEPTH = 32  # levels of lists and objects in one value of `JSON`

DateTime: TypeAlias = datetime  # as input
Moment = NewType("Moment", int)  # a DateTime as output: milliseconds since 1970, as stored in the tables
URL = NewType("URL", str)
JSON = NewType("JSON", object)
ByteSize = NewType("ByteSize", int)
EventCursor = NewType("EventCursor", str)

if TYPE_CHECKING:
    from services.file.file import ReceivedFile

    Upload: TypeAlias = ReceivedFile
else:
    Upload = NewType("Upload", object)


@dataclass(frozen=True, slots=True, repr=False)
class UploadedPart:
    """A file part of a multipart request, in the variables; JSON cannot contain one."""

    file: object

    def __repr__(self) -> str:
        return "<file part>"


# RFC 3339 §5.6: `date-time` with an offset, `T` and `Z` in either case; leap seconds are not accepted.
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_SECONDS = [f"{second:02}." for second in range(60)]
_MILLISECONDS = [f"{ms:03}Z" for ms in range(1000)]


def ms_of(moment: datetime) -> int:
    """A moment in milliseconds since 1970, the rest cut off; without a zone it is UTC."""
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MILLISECOND


@lru_cache(4096)  # most messages show one time twice, and the same page is read by several people
def serialize_date_time(value: int) -> str:
    """RFC 3339 in UTC, with `Z` and three decimals, of milliseconds since 1970; raises OverflowError after 9999."""
    seconds, ms = divmod(value, 1000)
    minute, second = divmod(seconds, 60)
    return _minute(minute) + _SECONDS[second] + _MILLISECONDS[ms]


@lru_cache(4096)
def _minute(minute: int) -> str:
    return (_EPOCH + timedelta(minutes=minute)).isoformat()[:17]


def parse_date_time(value: object) -> datetime:
    """The moment in UTC, to the microsecond; the offset is required."""
    if isinstance(value, str) and _RFC_3339.fullmatch(value):
        try:
            return datetime.fromisoformat(value.upper()).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise StrawberryInputCoercionError(
        "DateTime must be a string of RFC 3339 with an offset, such as 2026-01-31T12:00:00.000Z."
    )


def parse_upload(value: object) -> object:
    """The ReceivedFile of a file part; refuses any JSON value."""
    if isinstance(value, UploadedPart):
        return value.file
    raise StrawberryInputCoercionError(
        "Upload must be a file part: send null here, and the file in a multipart/form-data request whose `map` "
        "names this path (GraphQL multipart request specification)."
    )


def serialize_upload(value: object) -> object:
    """Always raises: files are only input, and the output is their URL."""
    raise TypeError(f"an Upload cannot be answered with: {type(value).__name__}")


def parse_byte_size(value: object) -> int:
    """Bytes, from a JSON number without a fraction."""
    number = int(value) if isinstance(value, float) and value.is_integer() else value
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number <= MAX_BYTE_SIZE:
        raise StrawberryInputCoercionError(f"ByteSize must be a whole number of bytes from 0 to {MAX_BYTE_SIZE}.")
    return number


def serialize_byte_size(value: object) -> int:
    """Raises ValueError if out of range, which is a bug of the server."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_BYTE_SIZE:
        raise ValueError("a ByteSize is out of range")
    return value


def parse_json(value: object) -> object:
    """Any JSON value up to 32 levels deep; refuses file parts and numbers too large for a double."""
    level: list[object] = [value]
    for _ in range(MAX_JSON_DEPTH + 1):
        below: list[object] = []
        for item in level:
            if isinstance(item, dict):
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
            elif isinstance(item, float) and not math.isfinite(item):
                raise StrawberryInputCoercionError("JSON holds a number that is too large.")
            elif not isinstance(item, str | int | float | None):
                raise StrawberryInputCoercionError("JSON cannot hold a file part.")
        if not below:
            return value
        level = below
    raise StrawberryInputCoercionError(f"JSON may be nested {MAX_JSON_DEPTH} levels deep at most.")


def _parse_string_as(name: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if not isinstance(value, str):
            raise StrawberryInputCoercionError(f"{name} must be a string.")
        return value

    return parse


# A reference that is resolved against the address of the server, which serves the page (server/schema.py).
_PAGE = "/docs/scalars"


def _scalar(
    name: str, description: str, serialize: Callable[[Any], object], parse: Callable[[Any], object]
) -> ScalarDefinition:
    """A scalar that refers to its section in docs/scalars.md."""
    url = f"{_PAGE}#{name.lower()}"
    return strawberry.scalar(
        name=name,
        description=f"{description} [Specification]({url}).",
        specified_by_url=url,
        serialize=serialize,
        parse_value=parse,
    )


_DATE_TIME = _scalar(
    "DateTime",
    "A moment in UTC: an RFC 3339 string with milliseconds, such as `2026-01-31T12:00:00.000Z`. Input may use any "
    "offset, but must have one.",
    serialize_date_time,
    parse_date_time,
)

SCALAR_MAP: dict[object, ScalarDefinition] = {
    datetime: _DATE_TIME,
    Moment: _DATE_TIME,
    URL: _scalar("URL", "An absolute URL (RFC 3986), as a string.", str, _parse_string_as("URL")),
    JSON: _scalar(
        "JSON", f"Any JSON value (RFC 8259), up to {MAX_JSON_DEPTH} levels deep.", lambda value: value, parse_json
    ),
    Upload: _scalar(
        "Upload",
        "A file inside a multipart/form-data request (GraphQL multipart request specification): send null in the "
        "variables, and the file as a part that `map` assigns to this place.",
        serialize_upload,
        parse_upload,
    ),
    ByteSize: _scalar(
        "ByteSize",
        f"A number of bytes: a whole JSON number from 0 to {MAX_BYTE_SIZE} (2^53 - 1).",
        serialize_byte_size,
        parse_byte_size,
    ),
    EventCursor: _scalar(
        "EventCursor",
        "A position in one user's events: an opaque, signed string, valid only for that user.",
        str,
        _parse_string_as("EventCursor"),
    ),
}
