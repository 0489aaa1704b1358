"""The direct route: the API answers in the same way whether or not aiohttp's router has seen the request."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from gql.wire.reply import LARGE_BYTES, Reply
from server.process import Running, listening
from server.setting.settings import load_settings
from tests.server.test_connection import answer_to, post
from tests.template import put_tables

DIRECT, ROUTED = b"POST /graphql", b"POST /graphql?"
QUERY = json.dumps({"query": "{ __typename }"}).encode()
LONG = json.dumps({"query": "{ __schema { types { name description fields { name description } } } }"}).encode()
ORIGIN = b"Origin: https://app.example.org\r\n"


@pytest.fixture
async def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    """A server whose public address is https, and that allows the pages of a foreign origin."""
    monkeypatch.chdir(tmp_path)
    put_tables(tmp_path / "data" / "sotto.db")
    settings = load_settings(
        port=0,
        data=tmp_path / "data",
        allowed_origins=("https://app.example.org",),
        public_url="https://sotto.example.org",
    )
    async with listening(settings) as found:
        yield found


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """For each reply, whether it was written at once."""
    found: list[bool] = []
    prepare = Reply.prepare

    async def noted(reply: Reply, request: Any) -> Any:
        result = await prepare(reply, request)
        found.append(result is None)
        return result

    monkeypatch.setattr(Reply, "prepare", noted)
    return found


@pytest.mark.parametrize(
    ("more", "body", "version", "at_once"),
    [
        (b"", QUERY, b"1.1", True),
        (b"", LONG, b"1.1", True),
        (b"Accept: application/graphql-response+json\r\n", b'{"query": "{ unknown }"}', b"1.1", True),
        (b"", b"{", b"1.1", True),
        (b"Authorization: Bearer sot_wrong\r\n", QUERY, b"1.1", True),
        (b"Accept: text/plain\r\n", QUERY, b"1.1", True),
        (b"", b'{"query": "mutation { a: signOut(input: {}) { __typename } }"}', b"1.1", True),
        (ORIGIN, QUERY, b"1.1", False),
        (b"Origin: https://evil.example\r\n", QUERY, b"1.1", False),
        (b"Connection: close\r\n", QUERY, b"1.1", False),
        (b"", QUERY, b"1.0", False),
    ],
)
async def test_an_answer_is_the_same_by_both_ways(
    running: Running, written: list[bool], more: bytes, body: bytes, version: bytes, at_once: bool
) -> None:
    """Status, all headers, body and the end of the connection; and the line in the log."""
    answers, lines = [], []
    for line in (DIRECT, ROUTED):
        with capture_logs() as logs:
            answers.append(await answer_to(running, post(more, body, line + b" HTTP/" + version)))
        lines.append([each for each in logs if each["event"] == "request"])

    (status, headers, found, is_last), (expected_status, expected_headers, expected, expected_is_last) = answers
    for each in (headers, expected_headers):
        assert len(each.pop("X-Request-Id")) == 16
        assert each.pop("Date").endswith(" GMT")
    assert (status, headers, found, is_last) == (expected_status, expected_headers, expected, expected_is_last)
    assert headers["Strict-Transport-Security"]
    [[one], [other]] = lines
    assert {**one, "ms": 0, "request_id": ""} == {**other, "ms": 0, "request_id": ""}
    assert one["path"] == "/graphql"
    assert written == [at_once, False]


async def test_a_long_answer_is_written_whole(running: Running, written: list[bool]) -> None:
    """Its body is not copied behind its head."""
    _, headers, body, _ = await answer_to(running, post(b"", LONG))

    assert int(headers["Content-Length"]) == len(body) > LARGE_BYTES
    assert json.loads(body)["data"]["__schema"]["types"]
    assert written == [True]


@pytest.mark.parametrize("host", [b"Host: a b\r\n", b"Host: x@y\r\n"])
async def test_a_malformed_host_is_refused_by_both_ways(running: Running, host: bytes) -> None:
    """Links to files are built from it."""
    for line in (DIRECT, ROUTED):
        status, _, body, _ = await answer_to(running, post(b"", QUERY, line + b" HTTP/1.1", host))

        assert (status, json.loads(body)["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")
