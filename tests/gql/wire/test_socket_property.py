"""Properties: for any messages in any order, a socket closes as the protocol says or continues; the server works."""

import asyncio
import json
import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from tests.full import amount, full
from tests.gql.conftest import Site
from tests.gql.raw_socket import Wire, frame, wire
from tests.gql.witness import HEAR, is_usable, listeners

LAST = {"type": "ping", "payload": {"last": True}}
CODES = {4400, 4401, 4409, 4429}
QUERIES = [
    "{ __typename }",
    HEAR,
    "{",
    "{ nothing }",
    "",
    "query A { __typename } query B { __typename }",
    "{ viewer { id } }",
]

words = st.text(st.characters(exclude_categories=()), max_size=8)  # surrogates too
scalars = st.none() | st.booleans() | st.integers() | st.floats() | words
junk = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3), max_leaves=6
)


def mostly(usual: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Usually a valid value, otherwise anything."""
    return st.integers(0, 39).flatmap(lambda roll: junk if roll == 17 else usual)


payloads = st.fixed_dictionaries(
    {"query": mostly(st.sampled_from(QUERIES))},
    optional={
        "variables": mostly(st.none() | st.dictionaries(words, junk, max_size=2)),
        "operationName": mostly(st.none() | st.sampled_from(["A", "C"])),
        "extensions": mostly(st.none() | st.just({})),
    },
)
ids = mostly(st.sampled_from(["1", "2", "3", "\x00"]))
subscriptions = st.fixed_dictionaries({"type": st.just("subscribe"), "id": ids, "payload": mostly(payloads)})
completions = st.fixed_dictionaries({"type": st.just("complete"), "id": ids})
pings = st.fixed_dictionaries(
    {"type": st.sampled_from(["ping", "pong"])}, optional={"payload": mostly(st.just({"a": 1}))}
)
inits = st.fixed_dictionaries({"type": mostly(st.just("connection_init"))}, optional={"payload": mostly(st.just({}))})
messages = mostly(subscriptions | completions | subscriptions | completions | pings)


async def outcome(socket: Wire) -> int | None:
    """The code of the close, or None if the last ping was answered."""
    while True:
        opcode, payload = await socket.read()
        if opcode == 8:
            return int.from_bytes(payload[:2], "big")
        if json.loads(payload) == {"type": "pong", "payload": LAST["payload"]}:
            return None


@full
@settings(
    derandomize=True,
    deadline=None,
    max_examples=amount(60, 400),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    sent=st.tuples(mostly(inits), st.lists(messages, max_size=12)).map(lambda both: [both[0], *both[1]]),
    is_signed_in=st.integers(0, 5).map(lambda roll: roll == 3),
    in_pieces=st.booleans(),
)
async def test_any_messages_in_any_order_leave_the_server_well(
    site: Site, caplog: pytest.LogCaptureFixture, sent: list[object], is_signed_in: bool, in_pieces: bool
) -> None:
    """Never 1006, never 1011, no error in the log; no listener is left, and a new socket works."""
    token = await token_of(site)
    with capture_logs() as lines, caplog.at_level(logging.WARNING):
        async with wire(site.graphql, init=is_signed_in, token=token) as socket:
            frames = b"".join(frame(json.dumps(each).encode()) for each in [*sent, LAST])
            for at in range(0, len(frames), 97 if in_pieces else len(frames)):
                socket.writer.write(frames[at : at + (97 if in_pieces else len(frames))])
                await asyncio.sleep(0)
            code = await outcome(socket)
        await listeners(site, 0)
        async with wire(site.graphql, token=token) as fresh:
            assert await is_usable(fresh)

    event(f"closed with {code}")
    assert code is None or code in CODES
    assert [line for line in lines if line["log_level"] not in {"debug", "info"}] == []
    assert caplog.records == []


async def token_of(site: Site) -> str:
    """The token of a person who is created once for all examples."""
    if not hasattr(site, "tester"):
        site.tester = await site.token_of("alice")  # type: ignore[attr-defined]
    return str(site.tester)  # type: ignore[attr-defined]
