"""Errors for clients: codes, masks, and a log without secrets; one operation at a time, over both transports."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig
from structlog.testing import capture_logs

from gql.error import HttpRefusal, refusal_of
from gql.scalar import SCALAR_MAP, ByteSize
from gql.wire.schema import SottoSchema
from services.error import (
    AccountSuspended,
    BadRequest,
    CursorExpired,
    NotFound,
    PermissionDenied,
    RateLimited,
    ServerUnavailable,
    SottoError,
    StorageFull,
    Unauthenticated,
)
from tests.gql.executed import answers_to

SECRET = "hunter2"


def raised(kind: str) -> Exception:
    """The errors that a resolver may raise."""
    errors: dict[str, Exception] = {
        "suspended": AccountSuspended("This account is suspended."),
        "expired": CursorExpired("The cursor is too old."),
        "full": StorageFull("The disk is full."),
        "busy": ServerUnavailable("Too busy.", 2.5),
        "limited": RateLimited("Too often.", 7),
        "missing": NotFound("There is no such message."),
        "bug": LookupError(f"SELECT {SECRET} FROM user"),
        "graphql": GraphQLError(f"resolver's own {SECRET}"),
        "coded": GraphQLError("known", extensions={"code": "QUERY_TOO_COMPLEX"}),
    }
    return errors[kind]


@strawberry.type
class Query:
    """One field for each kind of failure."""

    @strawberry.field
    def fails(self, kind: str) -> str | None:
        raise raised(kind)

    @strawberry.field
    def chained(self) -> str | None:
        raise RuntimeError(SECRET) from OSError(SECRET)

    @strawberry.field
    def takes(self, text: str, count: int = 1) -> str:
        return text * count

    @strawberry.field
    def too_large(self) -> ByteSize | None:
        return ByteSize(-1)

    @strawberry.field
    def nothing(self) -> str:
        return None  # type: ignore[return-value]


@strawberry.type
class Subscription:
    """One value, and then the failure."""

    @strawberry.subscription
    async def counts(self, kind: str) -> AsyncGenerator[int, None]:
        yield 1
        raise raised(kind)


SCHEMA = SottoSchema(query=Query, subscription=Subscription, config=StrawberryConfig(scalar_map=SCALAR_MAP))


async def run(query: str, variables: dict[str, object] | None = None) -> list[Any]:
    """Every answer, formatted as a transport would."""
    answers = await answers_to(SCHEMA, query, variables)
    return [{"data": each.data, "errors": [error.formatted for error in each.errors]} for each in answers]


async def only_error(query: str, variables: dict[str, object] | None = None) -> Any:
    """The one error of the one result."""
    (result,) = await run(query, variables)
    (error,) = result["errors"]
    return error


@pytest.mark.parametrize(
    ("kind", "extensions"),
    [
        ("suspended", {"code": "ACCOUNT_SUSPENDED"}),
        ("expired", {"code": "CURSOR_EXPIRED"}),
        ("full", {"code": "STORAGE_FULL"}),
        ("busy", {"code": "UNAVAILABLE", "retryAfterSeconds": 2.5}),
        ("limited", {"code": "RATE_LIMITED", "retryAfterSeconds": 7}),
        ("missing", {"code": "NOT_FOUND"}),
        ("coded", {"code": "QUERY_TOO_COMPLEX"}),
    ],
)
async def test_an_expected_error_keeps_its_code_and_sentence(kind: str, extensions: dict[str, object]) -> None:
    """With its location and path; the log has no error."""
    with capture_logs() as logs:
        error = await only_error(f'{{ fails(kind: "{kind}") }}')

    assert error["extensions"] == extensions
    assert error["message"] == getattr(raised(kind), "detail", "known")
    assert (error["path"], error["locations"]) == (["fails"], [{"line": 1, "column": 3}])
    assert [line for line in logs if line["log_level"] == "error"] == []


@pytest.mark.parametrize("query", ['{ fails(kind: "bug") }', '{ fails(kind: "graphql") }', "{ chained }"])
async def test_an_unexpected_error_is_masked_and_logged_without_its_words(query: str) -> None:
    """The answer and the log share an id; messages of drivers and parsers may contain the user's text."""
    with capture_logs() as logs:
        error = await only_error(query)

    (line,) = [line for line in logs if line["log_level"] == "error"]
    assert error["extensions"] == {"code": "INTERNAL", "errorId": line["error_id"]}
    assert error["message"] == f"Something went wrong on our side; error id {line['error_id']}."
    assert line["request_id"] == "r1"
    assert query.startswith(f"{{ {line['field']}")
    assert any("test_error.py" in frame for frame in line["causes"][0]["stack"])
    assert SECRET not in json.dumps([error, logs])


async def test_the_log_names_the_causes_of_an_unexpected_error() -> None:
    """Classes, outermost first."""
    with capture_logs() as logs:
        await only_error("{ chained }")

    (line,) = [line for line in logs if line["log_level"] == "error"]
    assert [cause["exception"] for cause in line["causes"]] == ["builtins.RuntimeError", "builtins.OSError"]


@pytest.mark.parametrize("field", ["tooLarge", "nothing"])
async def test_an_answer_that_breaks_the_schema_is_a_fault_of_ours(field: str) -> None:
    """graphql-core's message about it names our classes, so it is masked."""
    with capture_logs():
        error = await only_error(f"{{ {field} }}")

    assert error["extensions"]["code"] == "INTERNAL"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ('{ takes(text: "\\ud800") }', "GRAPHQL_PARSE_FAILED"),
        ("{ unknown }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ takes }", "GRAPHQL_VALIDATION_FAILED"),
        ("{ takes(text: 5) }", "GRAPHQL_VALIDATION_FAILED"),
        ("{" + " ".join(f"a{number}: __typename" for number in range(400)) + "}", "QUERY_TOO_COMPLEX"),
        ("query ($t: String!) { takes(text: $t) }", "BAD_REQUEST"),
        ("subscription ($k: String!) { counts(kind: $k) }", "BAD_REQUEST"),
        ("query A { takes(text: 1) } query B { __typename }", "GRAPHQL_VALIDATION_FAILED"),
        ("query A { __typename } query B { __typename }", "BAD_REQUEST"),
        ("fragment F on Query { __typename }", "BAD_REQUEST"),
    ],
)
async def test_what_is_wrong_with_a_request_has_a_code(query: str, code: str) -> None:
    """Parsing, validation, variables, choice of the operation; the second time too, from the cache."""
    with capture_logs() as logs:
        answers = [await run(query), await run(query)]

    assert answers[0] == answers[1]
    assert {error["extensions"]["code"] for error in answers[0][0]["errors"]} == {code}
    assert answers[0][0]["data"] is None
    assert [line for line in logs if line["log_level"] == "error"] == []


@pytest.mark.parametrize(
    "query",
    [
        "{ takes(text: 1, count: %s) }",
        "{ takes(text: 1, count: -%s) }",
        "query ($n: Int = %s) { takes(text: 1, count: $n) }",
        "query ($n: [Int] = [1, %s]) { __typename }",
    ],
)
async def test_a_number_that_python_will_not_read_is_the_clients(query: str) -> None:
    """Python parses at most 4,300 digits; graphql-core passes its ValueError on, and it was masked as a bug of ours."""
    with capture_logs() as logs:
        ((answer,), (fits,)) = await run(query % ("1" * 4_301)), await run(query % ("1" * 4_300))

    for errors in (answer["errors"], fits["errors"]):
        assert {error["extensions"]["code"] for error in errors} == {"GRAPHQL_VALIDATION_FAILED"}
    assert "A number in the document has too many digits." in [error["message"] for error in answer["errors"]]
    assert [line for line in logs if line["log_level"] == "error"] == []


async def test_a_null_that_only_execution_finds_is_the_clients() -> None:
    """GraphQL allows a nullable variable where an argument has a default; its null is the client's error."""
    query = 'query ($n: Int) { takes(text: "x", count: $n) }'

    error = await only_error(query, {"n": None})

    assert error["extensions"] == {"code": "BAD_REQUEST"}


async def test_the_log_never_holds_the_document() -> None:
    """The stock log contained a password from a mistyped sign-in."""
    with capture_logs() as logs:
        for query in (
            f'{{ takes(text: "{SECRET}" }}',
            f'{{ takez(text: "{SECRET}") }}',
            f"{{ takes(text: {SECRET}) }}",
        ):
            await run(query)
        await run("query ($n: Int) { takes(text: $n) }", {"n": SECRET})

    assert logs
    assert SECRET not in json.dumps(logs, default=str)


@pytest.mark.parametrize(("kind", "code"), [("bug", "INTERNAL"), ("suspended", "ACCOUNT_SUSPENDED")])
async def test_a_subscription_that_fails_ends_with_a_code(kind: str, code: str) -> None:
    """Earlier events are delivered."""
    with capture_logs() as logs:
        first, last = await run(f'subscription {{ counts(kind: "{kind}") }}')

    assert first == {"data": {"counts": 1}, "errors": []}
    assert [error["extensions"]["code"] for error in last["errors"]] == [code]
    assert SECRET not in json.dumps([last, logs])


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        (Unauthenticated("No."), 401, {"WWW-Authenticate": "Bearer"}),
        (AccountSuspended("No."), 403, {}),
        (ServerUnavailable("No.", 0.2), 503, {"Retry-After": "1"}),
        (RateLimited("No.", 61.4), 429, {"Retry-After": "61"}),
        (BadRequest("No."), 400, {}),
        (NotFound("No."), 400, {}),
        (PermissionDenied("No."), 403, {}),
    ],
)
def test_a_refusal_before_execution_has_a_status(error: SottoError, status: int, headers: dict[str, str]) -> None:
    """RFC 9110: a challenge with 401, a time to wait with 429 and 503."""
    refusal = refusal_of(error)

    assert (refusal.status, dict(refusal.headers), refusal.code) == (status, headers, error.code)


def test_a_refusal_has_the_shape_of_graphql() -> None:
    """One error, a code, no data."""
    refusal = HttpRefusal(413, "PAYLOAD_TOO_LARGE", "Too much.", extensions={"limitBytes": 5})

    assert refusal.body() == {
        "errors": [{"message": "Too much.", "extensions": {"code": "PAYLOAD_TOO_LARGE", "limitBytes": 5}}]
    }
