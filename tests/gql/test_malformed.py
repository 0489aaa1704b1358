"""Malformed requests over HTTP: a clear answer, no traceback, nothing stored, and the server lives on."""

import pytest
from structlog.testing import capture_logs

from tests.gql.conftest import Site
from tests.gql.test_view import TYPENAME, code_of

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


@pytest.mark.parametrize(("body", "headers"), BODIES, ids=range(len(BODIES)))
async def test_what_is_malformed_gets_a_clear_answer(site: Site, body: bytes, headers: dict[str, str]) -> None:
    """A 400-class status, one JSON error with a code, no traceback, nothing stored; the server lives on."""
    before = await site.stored()
    with capture_logs() as logs:
        status, answer = await site.post(data=body, headers=headers)

    assert 400 <= status < 500
    assert code_of(answer) in {"BAD_REQUEST", "PAYLOAD_TOO_LARGE", "UNAUTHENTICATED", "GRAPHQL_PARSE_FAILED"}
    assert [line for line in logs if line["log_level"] in {"error", "critical"}] == []
    assert await site.stored() == before
    assert (await site.post(TYPENAME))[0] == 200
