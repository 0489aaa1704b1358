"""Random requests, generated from the schema and from JSON, never cause a bug of ours or show its text."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis_graphql import Mode, mutations, nodes, queries
from structlog.testing import capture_logs

from gql.wire.schema import schema_text
from server.setting.settings import Settings
from services.limit import Limits
from tests.full import amount, full
from tests.gql.conftest import Site, site_in
from tests.gql.wire.test_upload import BOUNDARY, GOOD, MULTIPART

SCALARS: Any = {
    "ByteSize": st.integers(-1, 2**60).map(nodes.Int),
    "DateTime": st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01", "", "tomorrow"]).map(nodes.String),
    "EventCursor": st.text(max_size=40).map(nodes.String),
    "JSON": st.one_of(st.integers().map(nodes.Int), st.text(max_size=10).map(nodes.String)),
    "URL": st.just("https://example.org").map(nodes.String),
    "Upload": st.text(max_size=5).map(nodes.String),
}
KNOWN = {
    "UNAUTHENTICATED", "BAD_REQUEST", "GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED", "QUERY_TOO_COMPLEX",
    "CURSOR_EXPIRED", "CURSOR_INVALID", "NOT_FOUND", "PAYLOAD_TOO_LARGE", "BAD_MULTIPART",
}  # fmt: skip
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "query": st.sampled_from(["{ __typename }", "query A { __typename }", "{", ""]) | JSON_VALUES,
        "variables": JSON_VALUES,
        "operationName": st.just("A") | JSON_VALUES,
        "extensions": JSON_VALUES,
    },
)
JSON = {"Content-Type": "application/json"}
# One for all tests: for each thread, Hypothesis registers a generator and collects the garbage of all tests before.
_THREAD = ThreadPoolExecutor(1)
FEW = hypothesis_settings(
    derandomize=True,
    deadline=None,
    max_examples=amount(10, 200),
    suppress_health_check=list(HealthCheck),
    database=None,
)


class Runner:
    """Hypothesis calls plain functions: this runs their requests on the site's event loop."""

    def __init__(self, site: Site, token: str, loop: asyncio.AbstractEventLoop) -> None:
        self.site = site
        self.token = token
        self._loop = loop

    def post(self, content: bytes, token: str | None, headers: dict[str, str]) -> dict[str, Any]:
        """The answer; called from another thread."""
        request = self.site.post(data=content, token=token, headers=headers)
        _, answer = asyncio.run_coroutine_threadsafe(request, self._loop).result(10)
        return dict(answer)


@pytest.fixture
async def site(settings: Settings, tmp_path: Path) -> AsyncIterator[Site]:
    """Running on a free port, without rates: a thousand random requests would exceed them."""
    limits = Limits(
        send_rate_per_minute=0, search_rate_per_minute=0, cost_rate_per_minute=0, anonymous_cost_rate_per_minute=0
    )
    async with site_in(tmp_path, settings, limits) as found:
        yield found


@pytest.fixture
async def runner(site: Site) -> Runner:
    """A site with two people in it, one of them signed in."""
    await site.token_of("bob")
    return Runner(site, await site.token_of("alice"), asyncio.get_running_loop())


def codes_of(answer: dict[str, Any]) -> set[str]:
    """The codes of all errors; INTERNAL stands for those without one."""
    return {error.get("extensions", {}).get("code", "INTERNAL") for error in answer.get("errors", ())}


async def play(
    runner: Runner,
    strategy: st.SearchStrategy[bytes],
    *,
    is_signed_in: bool,
    headers: dict[str, str] = JSON,
    first: bytes = b'{"query": "{ __typename }"}',
) -> None:
    """Posts `first`, then what the strategy generates; every error has a known code, and none is logged as a bug."""

    @FEW
    @given(strategy)
    @example(first)
    def post(content: bytes) -> None:
        answer = runner.post(content, runner.token if is_signed_in else None, headers)
        assert codes_of(answer) <= KNOWN, (content, answer)
        assert "data" in answer or "errors" in answer

    with capture_logs() as logs:
        await asyncio.get_running_loop().run_in_executor(_THREAD, post)
    assert [line for line in logs if line["log_level"] in {"warning", "error", "critical"}] == []


def as_body(document: str) -> bytes:
    """The JSON of a request."""
    return json.dumps({"query": document}).encode()


# What may confuse a parser of parts: its own delimiters in the wrong place, and parts of the strings that it seeks.
SHARDS = st.sampled_from(
    [
        b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"--", b'"', b"\\", b";", b"=", b":", b"\0", b"\xff", b"{", b"}", b"[",
        b"]", b".", b"null", b"0", b"-1", b"1e999", b"operations", b"map", b"variables", b"filename*=UTF-8''%00",
        b"Content-Disposition: form-data; name=map\r\n", b"--" + BOUNDARY.encode(), b"--" + BOUNDARY.encode() + b"--",
    ]
) | st.binary(max_size=8)  # fmt: skip
EDITS = st.lists(st.tuples(st.integers(0, len(GOOD)), st.integers(0, 12), SHARDS), min_size=1, max_size=4)


def edited(edits: list[tuple[int, int, bytes]]) -> bytes:
    """A valid upload with some bytes replaced: each edit is a position, how many are removed, and the new bytes."""
    content = GOOD
    for place, gone, shard in edits:
        content = content[:place] + shard + content[place + gone :]
    return content


pytestmark = full
Making = Callable[..., st.SearchStrategy[str]]


@pytest.mark.parametrize("make", [queries, mutations], ids=["queries", "mutations"])
async def test_what_the_schema_allows_and_what_it_does_not_is_answered(runner: Runner, make: Making) -> None:
    """hypothesis-graphql: documents generated from our own schema, valid and invalid, for users and for others.

    In one test, because Hypothesis studies the schema for half a second in each process, once for each kind.
    """
    for mode in (Mode.POSITIVE, Mode.NEGATIVE):
        documents = make(schema_text(), custom_scalars=SCALARS, mode=mode)
        for is_signed_in in (True, False):
            await play(runner, documents.map(as_body), is_signed_in=is_signed_in)


async def test_any_parameters_are_answered(runner: Runner) -> None:
    """GraphQL over HTTP, request parameters: right and wrong types of each."""
    await play(runner, PARAMETERS.map(json.dumps).map(str.encode), is_signed_in=False)


async def test_any_json_and_any_bytes_are_answered(runner: Runner) -> None:
    """For any body."""
    await play(runner, JSON_VALUES.map(json.dumps).map(str.encode) | st.binary(max_size=200), is_signed_in=False)


async def test_an_upload_with_any_bytes_changed_is_answered_and_leaves_no_file_of_its_own(runner: Runner) -> None:
    """Every stored file belongs to a message that was sent; files of a refused message are deleted."""
    await play(runner, EDITS.map(edited), is_signed_in=True, headers=MULTIPART, first=GOOD)

    stored = await runner.site.stored()
    assert 0 < stored["files"] <= stored["attachment"] <= stored["message"]  # equal bytes are stored once
    assert stored["upload"] == stored["attachment"]
