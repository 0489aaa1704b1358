"""The scalars: what they accept, what they refuse with which message, and how they are serialized."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
import strawberry
from hypothesis import given
from hypothesis import strategies as st
from strawberry.schema.config import StrawberryConfig

from gql.scalar import (
    JSON,
    MAX_BYTE_SIZE,
    SCALAR_MAP,
    URL,
    ByteSize,
    DateTime,
    EventCursor,
    Moment,
    Upload,
    UploadedPart,
    ms_of,
    parse_date_time,
    serialize_date_time,
)
from gql.wire.schema import SottoSchema
from tests.gql.executed import answer_to


@strawberry.type
class Query:
    """Returns its input; `kind` is the type that a resolver sees."""

    @strawberry.field
    def moment(self, value: DateTime) -> Moment:
        return Moment(ms_of(value))

    @strawberry.field
    def size(self, value: ByteSize) -> ByteSize:
        return value

    @strawberry.field
    def json(self, value: JSON | None) -> JSON | None:
        return value

    @strawberry.field
    def url(self, value: URL) -> URL:
        return value

    @strawberry.field
    def cursor(self, value: EventCursor) -> EventCursor:
        return value

    @strawberry.field
    def kind(self, value: Upload) -> str:
        return type(value).__name__


SCHEMA = SottoSchema(query=Query, config=StrawberryConfig(scalar_map=SCALAR_MAP))


async def ask(field: str, kind: str, value: object) -> Any:
    """The data of a query with the value as a variable, or the message and code of its one error."""
    result = await answer_to(SCHEMA, f"query ($v: {kind}) {{ {field}(value: $v) }}", {"v": value})
    if result.errors:
        (error,) = result.errors
        return error.message, (error.extensions or {}).get("code")
    assert result.data is not None
    return result.data[field]


async def ask_literal(field: str, literal: str) -> Any:
    """As `ask`, with the value written into the document."""
    result = await answer_to(SCHEMA, f"{{ {field}(value: {literal}) }}")
    if result.errors:
        return (result.errors[0].extensions or {}).get("code")
    assert result.data is not None
    return result.data[field]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000Z"),
        ("2026-01-31t12:00:00z", "2026-01-31T12:00:00.000Z"),
        ("2026-01-31T12:00:00.123456789+02:00", "2026-01-31T10:00:00.123Z"),
        ("2026-01-31T23:30:00-00:30", "2026-02-01T00:00:00.000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
    ],
)
async def test_a_moment_is_rfc_3339_in_utc_with_milliseconds(value: str, expected: str) -> None:
    """Any offset is accepted; the output has `Z` and three decimals."""
    assert await ask("moment", "DateTime!", value) == expected
    assert await ask_literal("moment", f'"{value}"') == expected


@pytest.mark.parametrize(
    "value",
    [
        "", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31 12:00:00Z", "2026-02-30T12:00:00Z", "2026-W05-6T12:00:00Z",
        "2026-01-31T24:00:01Z", "2026-01-31T12:00:60Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00", "2026-01-31T12:00:00+25:00", "٢٠٢٦-01-31T12:00:00Z", " 2026-01-31T12:00:00Z",
        "2026-01-31T12:00:00Z\n", "2026-01-31T12:00:00." + "1" * 5_000 + "Z", 1_769_860_800, 1.5, True, [], {},
    ],
)  # fmt: skip
async def test_a_moment_without_an_offset_or_of_another_form_is_refused(value: object) -> None:
    """BAD_REQUEST, with a correct example; never a bug of ours."""
    message, code = await ask("moment", "DateTime!", value)

    assert code == "BAD_REQUEST"
    assert "RFC 3339" in message


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])))
def test_every_moment_survives_the_journey(moment: datetime) -> None:
    """Except for fractions of a millisecond; moments that UTC cannot represent are never sent."""
    try:
        text = serialize_date_time(ms_of(moment))
    except OverflowError:
        return

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", text)
    assert timedelta(0) <= moment - parse_date_time(text) < timedelta(milliseconds=1)


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_a_time_is_written_as_python_writes_it(ms: int) -> None:
    """From the year 1 to the end of 9999, exact to the millisecond, also where a float is not."""
    moment = datetime(1970, 1, 1) + timedelta(milliseconds=ms)  # noqa: DTZ001

    assert serialize_date_time(ms) == moment.isoformat(timespec="milliseconds") + "Z"
    assert ms_of(moment) == ms_of(moment.replace(tzinfo=UTC)) == ms


def test_only_milliseconds_are_written_as_a_moment() -> None:
    """A local time of unknown zone would be wrong, and years after 9999 have no RFC 3339."""
    with pytest.raises(TypeError):
        serialize_date_time(datetime(2026, 1, 31))  # noqa: DTZ001
    with pytest.raises(OverflowError):
        serialize_date_time(253_402_300_800_000)


@pytest.mark.parametrize("value", [0, 1, 25 * 1024 * 1024, 2**31, MAX_BYTE_SIZE])
async def test_a_size_is_a_number_that_every_json_reader_knows(value: int) -> None:
    """RFC 8259 section 6: up to 2^53 - 1; written without a fraction."""
    assert await ask("size", "ByteSize!", value) == value
    assert await ask("size", "ByteSize!", float(value)) == value
    assert await ask_literal("size", str(value)) == value


@pytest.mark.parametrize("value", [-1, MAX_BYTE_SIZE + 1, 1.5, True, "1", float("inf"), float("nan"), [1], {}])
async def test_a_size_of_another_form_is_refused(value: object) -> None:
    """BAD_REQUEST, with the bounds."""
    message, code = await ask("size", "ByteSize!", value)

    assert code == "BAD_REQUEST"
    assert str(MAX_BYTE_SIZE) in message


@pytest.mark.parametrize("literal", ["-1", "9007199254740992", "1.5", '"1"', "true", "1" * 300, "1e400", "{}", "A"])
async def test_a_size_in_the_document_obeys_the_same_bounds(literal: str) -> None:
    """Found by validation, before anything is executed."""
    assert await ask_literal("size", literal) in {"GRAPHQL_VALIDATION_FAILED", "BAD_REQUEST"}


async def test_a_whole_float_in_the_document_is_a_size() -> None:
    """JSON does not tell 1.0 from 1."""
    assert await ask_literal("size", "1.0") == 1


def nested(depth: int) -> object:
    """A list in a list in a list."""
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("value", [0, 1.5, "x", True, [], {}, {"a": [1, {"b": None}]}, nested(32)])
async def test_json_is_any_value(value: object) -> None:
    """As it came."""
    assert await ask("json", "JSON", value) == value


async def test_json_may_be_null() -> None:
    """Null is the absence of a value, in variables and in the document."""
    assert await ask("json", "JSON", None) is None
    assert await ask_literal("json", "null") is None


@pytest.mark.parametrize(
    "value", [nested(33), nested(900), float("inf"), [float("nan")], UploadedPart(1), {"a": [UploadedPart(1)]}]
)
async def test_json_is_never_deep_and_never_a_file(value: object) -> None:
    """Otherwise a file part that `map` puts inside a JSON value would reach a service that stores it as text."""
    _, code = await ask("json", "JSON", value)

    assert code == "BAD_REQUEST"


@pytest.mark.parametrize(("field", "kind"), [("url", "URL!"), ("cursor", "EventCursor!")])
async def test_urls_and_cursors_are_strings(field: str, kind: str) -> None:
    """No other value is converted to a string."""
    assert await ask(field, kind, "https://example.org/") == "https://example.org/"
    wrong: list[object] = [1, True, [], {}, UploadedPart(1)]
    for value in wrong:
        _, code = await ask(field, kind, value)
        assert code == "BAD_REQUEST"


async def test_a_file_part_is_the_only_upload() -> None:
    """The resolver gets what the service received, never the part itself."""
    assert await ask("kind", "Upload!", UploadedPart(file=b"received")) == "bytes"


@pytest.mark.parametrize("value", ["/etc/passwd", 1, True, {}, {"file": 1}, [], 1.5])
async def test_json_is_never_an_upload(value: object) -> None:
    """The stock scalar accepts any JSON value as a file; ours says how to send a file."""
    message, code = await ask("kind", "Upload!", value)

    assert code == "BAD_REQUEST"
    assert "multipart/form-data" in message


@pytest.mark.parametrize("literal", ['"x"', "1", "{a: 1}", "[1]", "A"])
async def test_a_document_cannot_hold_an_upload(literal: str) -> None:
    """A literal cannot be one either."""
    assert await ask_literal("kind", literal) == "GRAPHQL_VALIDATION_FAILED"


def test_every_scalar_says_what_it_is() -> None:
    """Each has a description, and refers to its section of docs/scalars.md."""
    text = SCHEMA.as_str()

    for definition in SCALAR_MAP.values():
        url = f"/docs/scalars#{definition.name.lower()}"
        assert str(definition.description).endswith(f"[Specification]({url}).")
        assert f'scalar {definition.name} @specifiedBy(url: "{url}")' in text
