"""The attacks of bench/attack.py, over HTTP and WebSocket: each is refused with its code and changes nothing."""

import asyncio
import gc
import inspect
import json
import sys
from collections.abc import Callable
from contextlib import suppress

import pytest
from graphql import GraphQLError, Token
from structlog.testing import capture_logs

from bench.attack import ATTACKS, NODE
from gql.document.parse import read
from gql.document.survey import LimitExceeded, QueryLimits, check_values
from tests.gql.conftest import Site
from tests.gql.gate import PROTOCOL


def codes_of(answer: dict[str, list[dict[str, dict[str, str]]]]) -> set[str]:
    """The codes of all errors."""
    return {error["extensions"]["code"] for error in answer.get("errors", [])}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("name", "make", "codes"), ATTACKS, ids=[name for name, *_ in ATTACKS])
async def test_an_attack_is_answered_and_nothing_came_of_it(
    module_site: Site, name: str, make: Callable[[], bytes], codes: set[str] | None
) -> None:
    """One rule, before validation and execution. The times are in bench/attack.py."""
    alice = await module_site.token_of("alice")
    before = await module_site.stored()
    with capture_logs() as logs:
        _, answer = await module_site.post(data=make(), token=alice, headers={"Content-Type": "application/json"})

    found = codes_of(answer)
    assert found <= (codes or {"BAD_REQUEST"})
    assert found or codes is None
    assert [line for line in logs if line["log_level"] in {"error", "warning"}] == []
    assert await module_site.stored() == before
    assert (await module_site.post({"query": "{ __typename }"}))[0] == 200


async def test_an_attack_over_a_socket_ends_its_operation_alone(site: Site) -> None:
    """All of them on one socket, which continues."""
    alice = await site.token_of("alice")
    before = await site.stored()
    async with site.http.ws_connect(site.graphql, protocols=PROTOCOL) as socket:
        await socket.send_json({"type": "connection_init", "payload": {"authorization": f"Bearer {alice}"}})
        await socket.receive_json()
        for number, (name, make, codes) in enumerate(ATTACKS):
            try:
                payload = json.loads(make())
            except (json.JSONDecodeError, RecursionError, ValueError):
                continue  # not a message at all: see test_socket_message.py
            if len(make()) > 500_000:
                continue  # not a frame at all: see test_frame.py
            await socket.send_json({"id": str(number), "type": "subscribe", "payload": payload})
            async with asyncio.timeout(5):
                message = await socket.receive_json()
            if message["type"] == "error":
                assert codes_of({"errors": message["payload"]}) <= (codes or set()), name
            else:  # executed, or refused for its variables, which graphql-core checks when it executes
                assert codes_of(message["payload"]) <= {"BAD_REQUEST"}, name
                assert (await socket.receive_json())["type"] == "complete"
    assert await site.stored() == before


@pytest.mark.parametrize(
    ("variables", "is_good"),
    [
        (None, True),
        ({}, True),
        ({"a": [1] * 2_499}, True),
        ({"a": [1] * 2_500}, False),
        ({"a": [[1] * 48] * 50}, True),
        ({"a": [[1] * 50] * 50}, False),
        ({str(number): None for number in range(2_500)}, True),
        ({str(number): None for number in range(2_501)}, False),
        ({"a": {"b": [{"c": [0] * 10_000_000}]}}, False),
    ],
    ids=range(9),
)
def test_values_are_counted_at_any_depth(variables: object, is_good: bool) -> None:
    """Each member of an object and each item of a list counts."""
    try:
        check_values(variables, QueryLimits())
    except LimitExceeded:
        assert not is_good
    else:
        assert is_good


async def test_a_document_that_was_good_is_refused_with_too_many_values(site: Site) -> None:
    """A cached document says nothing about its variables, nor the variables about the document."""
    token = await site.token_of("alice")
    few, many = {"id": "x"}, {"id": ["x"] * 3_000}
    for variables, expected in ((few, set()), (many, {"QUERY_TOO_COMPLEX"}), (few, set())):
        _, answer = await site.post({"query": NODE, "variables": variables}, token)
        assert codes_of(answer) == expected


@pytest.mark.usefixtures("_small_heap")
@pytest.mark.parametrize(
    "text",
    [
        "{ " + "a " * 1_000 + "}",
        "{ " + "a " * 3_000 + "}",
        "#\n" * 3_000,
        "#\n" * 1_000 + "{ a",
        "{ a" * 5_000,
        '{ a(b: "',
    ],
    ids=["good", "too many tokens", "too many comments", "cut off", "nested", "an open string"],
)
def test_a_document_that_is_let_go_needs_no_collector(text: str) -> None:
    """graphql-core's tokens refer to each other: a few refused documents caused a pause of 50 ms for everybody."""

    def tokens() -> int:
        return sum(isinstance(each, Token) for each in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        before = tokens()
        with suppress(GraphQLError):
            read(text)
        assert tokens() == before
    finally:
        gc.enable()


def test_a_stack_that_is_deep_already_is_a_refusal() -> None:
    """A document for which Python has too little stack is nested too deeply, wherever it is parsed."""

    def below(levels: int) -> str:
        if levels:
            return below(levels - 1)
        with pytest.raises(LimitExceeded) as caught:
            read("{ a" * 150 + " }" * 150)
        return caught.value.message

    assert "Nesting of the document" in below(sys.getrecursionlimit() - len(inspect.stack(0)) - 300)
