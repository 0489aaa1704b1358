"""Malformed requests over HTTP: a clear answer, no traceback, nothing stored, and the server keeps running.

Requests that are not HTTP never reach GraphQL: server/connection.py answers them.
"""

import json
import logging
from collections.abc import MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.gql.conftest import Site
from tests.gql.wire.test_view import TYPENAME, code_of

DEEP = '{"query": "{ __typename }", "variables": ' + "[" * 20_000 + "]" * 20_000 + "}"
JSON = {"Content-Type": "application/json"}
BODIES: list[tuple[bytes, dict[str, str]]] = [
    *(
        (body, JSON)
        for body in (
            b"", b" ", b"null", b"1", b'"x"', b"true", b"[]", b"{}", b"{", b'{"query"}', b"[{}]", b"NaN", b"\xff\xfe",
            b'{"query": "\xff"}', b'{"query": null}', b'{"query": 1}', b'{"query": ["{a}"]}', b'{"query": ""}',
            b'{"query": {"a": 1}}', b'{"query": "{ __typename }", "variables": 1}',
            b'{"query": "{ __typename }", "variables": []}', b'{"query": "{ __typename }", "variables": "x"}',
            b'{"query": "{ __typename }", "operationName": 1}', b'{"query": "{ __typename }", "extensions": []}',
            b'{"query": "{ __typename }", "operationName": {}}', b'{"query": "{ a }", "variables": {"a": NaN}}',
            b'{"query": "{ __typename }"} x', b'{"query": "{ __typename }", "variables": {"a": Infinity}}',
            b'{"query": "\\ud800"}', b"\xef\xbb\xbf", b"\x00", b"query=x",
            b'[{"query": "{ __typename }"}]', b'{"query": "' + b"x" * 300_000 + b'"}', DEEP.encode(),
            b"[" * 100_000, b'{"a":' * 50_000, b"false", b"-1.5e3", b'["{ __typename }"]', b"\xff\xfe{\x00}\x00",
            b'\xef\xbb\xbf{"query": "{ __typename }"}', b'{"query": "\xed\xa0\x80"}', b'{"query": "{ __typename }",}',
            b"{'query': '{ __typename }'}", b'{"query": "\t"}', b'{"query": true}', b'{"query": " \\n "}',
            b'{"query": "{ __typename }", "operationName": "A"}', b'{"query": "{ __typename }", "operationName": []}',
            b'{"query": "{ __typename }", "variables": true}', b'{"query": "{ __typename }", "extensions": "x"}',
            b'{"query": "{ __typename }", "variables": {"a": 1e999}}', b'{"QUERY": "{ __typename }"}',
            b'{"query": "{ __typename }", "variables": {"a": ' + b"1" * 5_000 + b"}}", b'{"query": "\\uDC00\\uD800"}',
        )
    ),
    (b'{"query": "{ __typename }"}', {"Content-Type": "text/plain"}),
    (b'{"query": "{ __typename }"}', {"Content-Type": "application/jsonx"}),
    (b'{"query": "{ __typename }"}', {"Content-Type": "application/x-www-form-urlencoded"}),
    (b'{"query": "{ __typename }"}', {"Content-Type": "application/x-www-form-urlencoded, application/json"}),
    (b'{"query": "{ __typename }"}', {"Content-Type": "application/json; charset=latin-1"}),
    (b'{"query": "{ __typename }"}', {"Content-Type": "application/json; charset=nonsense"}),
    (b'{"query": "{ __typename }"}', {"Content-Type": "/"}),
    (b'{"query": "{ __typename }"}', {"Content-Type": ";"}),
    (b'{"query": "{ __typename }"}', {"Content-Type": ""}),
    (b'{"query": "{ __typename }"}', {**JSON, "Content-Encoding": "gzip"}),
    (b"\x1f\x8b\x08\x00" * 100, {**JSON, "Content-Encoding": "gzip"}),
    (b'{"query": "{ __typename }"}', {**JSON, "Content-Encoding": "br"}),
    (b'{"query": "{ __typename }"}', {"Content-Type": "application/json, application/json"}),
    (b'{"query": "{ __typename }"}', {"Content-Type": "application/json; charset=utf-16"}),
    (b'{"query": "{ __typename }"}', {"Content-Type": "application/json; charset*=utf-8''latin-1"}),
    (b'{"query": "{ __typename }"}', {**JSON, "Content-Encoding": "deflate, gzip"}),
    (b'{"query": "{ __typename }"}', {**JSON, "Accept": "*/*;q=0"}),
    (b'{"query": "{ __typename }"}', {**JSON, "Accept": ",;q=1,/"}),
    (b'{"query": "{ __typename }"}', {**JSON, "Accept": "application/json;q=-1"}),
    (b'{"query": "{ __typename }"}', {**JSON, "Accept": "text/html"}),
    (b'{"query": "{ __typename }"}', {**JSON, "Accept": "image/png"}),
    (b'{"query": "{ __typename }"}', {**JSON, "Authorization": "Bearer"}),
    (b'{"query": "{ __typename }"}', {**JSON, "Authorization": "Basic YTpi"}),
    (b'{"query": "{ __typename }"}', {**JSON, "Authorization": "Bearer sot_" + "x" * 43}),
    (b'{"query": "{ __typename }"}', {**JSON, "Authorization": "Bearer " + "x" * 5000}),
    (b'{"query": "{ __typename }"}', {**JSON, "Authorization": "Bearer a b"}),
]  # fmt: skip


GOOD = b'{"query": "{ __typename }"}'
HEADERS: list[list[tuple[str, str]]] = [
    [("Content-Type", "application/*+json")],
    [("Content-Type", "application/graphql")],
    [("Content-Type", "application/graphql-response+json")],
    [("Content-Type", "text/json")],
    [("Content-Type", "application/json\tx")],
    [("Content-Type", "x" * 4_000)],
    [("Content-Type", 'application/json;charset="utf-7"')],
    [("Content-Type", "application/json; charset=" + "u" * 4_000)],
    [("Content-Type", "application/json"), ("Content-Encoding", "identity, gzip")],
    [("Content-Type", "application/json"), ("Content-Encoding", "x" * 4_000)],
    [("Content-Type", "application/json"), ("Accept", "application/json;q=0, application/*;q=0, */*;q=0")],
    [("Content-Type", "application/json"), ("Accept", "application/json;q=-inf")],
    [("Content-Type", "application/json"), ("Accept", "application/json;q=nonsense")],
    [("Content-Type", "application/json"), ("Accept", "application/xml;q=1"), ("Accept", "text/plain")],
    [("Content-Type", "application/json"), ("Accept", "," * 4_000)],
    [("Content-Type", "application/json"), ("Accept", "x/y" + ";q=1" * 1_500)],
    [("Content-Type", "application/json"), ("Authorization", "sot_" + "x" * 43)],
    [("Content-Type", "application/json"), ("Authorization", "bearer")],
    [("Content-Type", "application/json"), ("Authorization", "Bearer \u00fc")],
    [("Content-Type", "application/json"), ("Authorization", "Bearer sot_"), ("Authorization", "Bearer sot_")],
    [("Content-Type", "application/json"), ("Authorization", 'Digest username="a"')],
    [("Content-Type", "application/json"), ("Authorization", "Bearer sot_" + "'--" * 10)],
]
QUERY = "{ __typename }"
PARAMETERS: list[tuple[str, list[tuple[str, str]], set[int]]] = [
    *(
        ("GET", parameters, {400})
        for parameters in (
            [],
            [("query", "")],
            [("query", " ")],
            [("query", "{")],
            [("query", "\0")],
            [("query", "nonsense")],
            [("query", "{" * 1_000)],
            [("query", "{ nothing }")],
            [("Query", QUERY)],
            [("query", QUERY), ("query", QUERY)],
            [("query", QUERY), ("query", "{ viewer { email } }")],
            [("query", QUERY), ("operationName", "A")],
            [("query", QUERY), ("operationName", "A"), ("operationName", "A")],
            [("query", QUERY), ("operationName", "\0")],
            [("query", QUERY), ("operationName", "x" * 3_000)],
            [("query", "query A { __typename } query B { __typename }")],
            [("query", "query A { __typename } query B { __typename }"), ("operationName", "")],
            [("query", "query A { __typename } query A { __typename }"), ("operationName", "A")],
            [("query", QUERY), ("variables", "")],
            [("query", QUERY), ("variables", "{")],
            [("query", QUERY), ("variables", "[]")],
            [("query", QUERY), ("variables", "1")],
            [("query", QUERY), ("variables", "true")],
            [("query", QUERY), ("variables", '"{}"')],
            [("query", QUERY), ("variables", "{'a': 1}")],
            [("query", QUERY), ("variables", '{"a": NaN}')],
            [("query", QUERY), ("variables", '{"a": "\\ud800"}')],
            [("query", QUERY), ("variables", "[" * 1_500)],
            [("query", QUERY), ("variables", '{"a":' * 400)],
            [("query", QUERY), ("variables", "{}"), ("variables", "{}")],
            [("query", QUERY), ("extensions", "1")],
            [("query", QUERY), ("extensions", "")],
            [("query", QUERY), ("extensions", "[]")],
            [("query", QUERY), ("extensions", "{}"), ("extensions", "{}")],
            [("query", "query ($i: ID!) { node(id: $i) { id } }")],
            [("query", "query ($i: ID!) { node(id: $i) { id } }"), ("variables", '{"i": []}')],
            [("query", "subscription { privateMessageReceived { cursor } }")],
            [("extensions", '{"persistedQuery": {"version": 1, "sha256Hash": "' + "0" * 64 + '"}}')],
            [("query", "#" * 2_000)],
            [("query", "fragment F on Query { __typename }")],
            [("query", "{ a: __typename ...F }")],
        )
    ),
    ("GET", [("query", "mutation { signOut(input: {}) { __typename } }")], {405}),
    ("GET", [("query", "query A { __typename } mutation B { signOut(input: {}) { __typename } }"),
             ("operationName", "B")], {405}),
    *(
        (method, [("query", QUERY)], {405})
        for method in ("PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "M-SEARCH", "QUERY")
    ),
    ("POST", [("query", QUERY)], {415}),
]  # fmt: skip


def errors_in(logs: list[MutableMapping[str, Any]], caplog: pytest.LogCaptureFixture) -> list[object]:
    """Errors of ours in the log, whether we or a library logged them."""
    ours = [line for line in logs if line["log_level"] in {"error", "critical"}]
    return [*ours, *(record for record in caplog.records if record.levelno >= logging.ERROR)]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("headers", HEADERS, ids=range(len(HEADERS)))
async def test_headers_that_contradict_or_mean_nothing_are_refused(
    module_site: Site, caplog: pytest.LogCaptureFixture, headers: list[tuple[str, str]]
) -> None:
    """RFC 9110: repeated, unknown, too long; 400, 401, 406 or 415, and one error with a code."""
    before = await module_site.stored()
    with capture_logs() as logs:
        async with module_site.http.post(module_site.graphql, data=GOOD, headers=headers) as response:
            status, answer = response.status, json.loads(await response.read())

    assert status in {400, 401, 406, 415}
    assert code_of(answer) in {"BAD_REQUEST", "UNAUTHENTICATED"}
    assert errors_in(logs, caplog) == []
    assert await module_site.stored() == before
    assert (await module_site.post(TYPENAME))[0] == 200


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("method", "parameters", "statuses"), PARAMETERS, ids=range(len(PARAMETERS)))
async def test_parameters_of_a_url_are_read_as_strictly_as_a_body(
    module_site: Site,
    caplog: pytest.LogCaptureFixture,
    method: str,
    parameters: list[tuple[str, str]],
    statuses: set[int],
) -> None:
    """GraphQL over HTTP, GET: each parameter once, strict JSON, only queries; other methods get 405."""
    before = await module_site.stored()
    headers = {"Accept": "application/graphql-response+json"}
    with capture_logs() as logs:
        async with module_site.http.request(
            method, module_site.graphql, params=parameters, headers=headers
        ) as response:
            status, answer = response.status, json.loads(await response.read())

    assert status in statuses, answer
    codes = {"BAD_REQUEST", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "QUERY_TOO_COMPLEX"}
    assert code_of(answer) in codes | {"PERSISTED_QUERY_NOT_FOUND"}
    assert errors_in(logs, caplog) == []
    assert await module_site.stored() == before
    assert (await module_site.post(TYPENAME))[0] == 200


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("body", "headers"), BODIES, ids=range(len(BODIES)))
async def test_what_is_malformed_gets_a_clear_answer(
    module_site: Site, caplog: pytest.LogCaptureFixture, body: bytes, headers: dict[str, str]
) -> None:
    """A 4xx status, one JSON error with a code, no traceback, nothing stored; the server keeps running."""
    before = await module_site.stored()
    with capture_logs() as logs:
        status, answer = await module_site.post(data=body, headers=headers)

    assert 400 <= status < 500
    assert code_of(answer) in {"BAD_REQUEST", "PAYLOAD_TOO_LARGE", "UNAUTHENTICATED", "GRAPHQL_PARSE_FAILED"}
    assert errors_in(logs, caplog) == []
    assert await module_site.stored() == before
    assert (await module_site.post(TYPENAME))[0] == 200
