"""The cost of an operation: known before execution, multiplied by nested pages, and limited."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLObjectType,
    OperationDefinitionNode,
    get_introspection_query,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
    parse,
)

from gql.document.cost import ITEM, LOADED, MERGED, MOST_VISITS, PAGED, WRITTEN, CostModel
from gql.document.length import PEOPLE, SHORT, USUAL
from gql.document.survey import QueryLimits, TooExpensive
from gql.wire.schema import build_schema
from tests.gql.conftest import Site

SCHEMA = build_schema()._schema


def model(text: str) -> CostModel:
    """The cost model of the only operation of this document."""
    document = parse(text)
    operation = next(each for each in document.definitions if isinstance(each, OperationDefinitionNode))
    return CostModel(SCHEMA, document, operation)


def cost(text: str, **variables: Any) -> int:
    """The estimated cost of the only operation of this document."""
    return model(text).estimate(variables)


PAGE = PAGED + 1  # the field, and `nodes` in it
ONE_END = "query ($n: Int) { conversations(first: $n, last: 200) { nodes { id } } }"
BOTH_ENDS = "query ($n: Int, $m: Int) { conversations(first: $n, last: $m) { nodes { id } } }"
PEOPLE_OF = 'query ($n: Int) { conversation(id: "x") { otherParticipants(first: $n) { joinedAt } } }'
WITH_SIZE = "query ($n: Int%s) { conversations(first: $n) { nodes { id } } }"


@pytest.mark.parametrize(
    ("text", "variables", "expected"),
    [
        ("{ serverInfo { version } }", {}, 2),
        ("{ a: __typename b: __typename }", {}, 2),
        ("{ conversations(first: 10) { nodes { id } } }", {}, PAGE + 10 * (ITEM + 1)),
        ("{ conversations(last: 10) { nodes { id } } }", {}, PAGE + 10 * (ITEM + 1)),
        ("{ conversations { nodes { id } } }", {}, PAGE + 50 * (ITEM + 1)),
        ("{ conversations(first: null) { nodes { id } } }", {}, PAGE + 50 * (ITEM + 1)),
        ("{ conversations(first: 1000000) { nodes { id } } }", {}, PAGE + 200 * (ITEM + 1)),
        ("{ conversations(first: 10) { nodes { id } edges { cursor } } }", {}, PAGE + 1 + 20 * (ITEM + 1)),
        (WITH_SIZE % "", {"n": 7}, PAGE + 7 * (ITEM + 1)),
        (WITH_SIZE % " = 9", {"n": 7}, PAGE + 7 * (ITEM + 1)),
        (WITH_SIZE % " = 9", {}, PAGE + 9 * (ITEM + 1)),
        (WITH_SIZE % "", {}, PAGE + 50 * (ITEM + 1)),
        (WITH_SIZE % "", {"n": None}, PAGE + 50 * (ITEM + 1)),
        (WITH_SIZE % " = 1", {"n": None}, PAGE + 50 * (ITEM + 1)),  # null overrides the default
        (BOTH_ENDS, {"n": None, "m": 200}, PAGE + 200 * (ITEM + 1)),
        (BOTH_ENDS, {"m": 200}, PAGE + 200 * (ITEM + 1)),
        (BOTH_ENDS, {"n": 3, "m": None}, PAGE + 3 * (ITEM + 1)),
        (BOTH_ENDS, {"n": 1, "m": 200}, PAGE + 200 * (ITEM + 1)),
        (BOTH_ENDS, {}, PAGE + 50 * (ITEM + 1)),
        (ONE_END, {"n": None}, PAGE + 200 * (ITEM + 1)),
        ("{ conversations(first: null, last: 3) { nodes { id } } }", {}, PAGE + 3 * (ITEM + 1)),
        (WITH_SIZE % "", {"n": "many"}, PAGE + 50 * (ITEM + 1)),
        (WITH_SIZE % "", {"n": -5}, PAGE),
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', {}, LOADED + 3 * (ITEM + 1)),
        ("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["x"] * 40}, LOADED + 40 * (ITEM + 1)),
        ('{ message(id: "x") { attachments { id } } }', {}, LOADED + 1 + 2 * (ITEM + 1)),
        ('{ message(id: "x") { seenBy(first: 200) { edges { cursor } } } }', {}, LOADED + PAGE + 11 * (ITEM + 1)),
        ('{ message(id: "x") { recipients { id } } }', {}, LOADED + LOADED + 4 * (ITEM + 1)),
        ('{ message(id: "x") { recipients(first: 1) { id } } }', {}, LOADED + LOADED + ITEM + 1),
        (PEOPLE_OF, {"n": 2}, LOADED + 1 + 2 * (ITEM + 1)),
        (PEOPLE_OF, {"n": 200}, LOADED + 1 + 4 * (ITEM + 1)),
        (PEOPLE_OF, {}, LOADED + 1 + 4 * (ITEM + 1)),
        ('mutation { signOut { __typename } }', {}, WRITTEN + 1),
        ("subscription { privateMessageReceived { cursor message { id } } }", {}, LOADED + 3),
        # Among the members of a union the most expensive one counts, not the sum.
        ('{ node(id: "x") { ... on User { id } ... on Message { id text } } }', {}, LOADED + 2),
        # Fields that execution merges are counted once.
        ("{ serverInfo { version version } ...A } fragment A on Query { serverInfo { version } }", {}, 2),
    ],
)  # fmt: skip
def test_a_page_multiplies_what_stands_below_it(text: str, variables: dict[str, Any], expected: int) -> None:
    """Literals, variables, defaults and omitted arguments."""
    assert cost(text, **variables) == expected


def test_pages_below_pages_multiply() -> None:
    """160 bytes that would have taken 500 MiB; the error names the page."""
    text = """{ conversation(id: "x") { messages(first: 200) { nodes { id conversation {
        again: messages(first: 200) { nodes { id } } } } } } }"""

    found = model(text)

    assert found.estimate({}) == LOADED + PAGE + 200 * (ITEM + 1 + LOADED + PAGE + 200 * (ITEM + 1))
    assert found.dearest({}) == ("conversation", "messages", "nodes", "conversation", "again")


MESSAGES = "messages(first: 200) { nodes { id } }"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (f"{{ conversations(first: 200) {{ nodes {{ {MESSAGES} }} }} }}", "conversations.nodes.messages"),
        ("{ conversations(first: 200) { totalCount nodes { id type } edges { cursor } } }", "conversations"),
        (f"{{ conversations(first: 9) {{ nodes {{ a: {MESSAGES} b: {MESSAGES} c: {MESSAGES} }} }} }}", "conversations"),
        ('{ nodes(ids: ["a", "b"]) { ... on Message { attachments { id } } } }', "nodes.attachments"),
        (
            "{ short: conversations(first: 1) { nodes { id } } conversations { nodes { id } } }",
            "conversations",
        ),
        ("{ serverInfo { version } }", ""),
    ],
)
def test_the_path_is_that_of_the_page_to_make_shorter(text: str, path: str) -> None:
    """Not the path of one leaf in it, nor of a page in it if several together cause the cost."""
    assert ".".join(model(text).dearest({})) == path


def test_a_document_without_pages_and_lists_is_refused_without_a_path() -> None:
    """Fields alone can be too many."""
    assert str(TooExpensive(30_000, 25_000, ())) == (
        "Cost of the operation: 30,000, at most 25,000 allowed. Ask for fewer fields."
    )


@pytest.mark.parametrize(("count", "more"), [(MERGED - 1, 0), (MERGED, 1), (3 * MERGED, 3)])
def test_a_field_that_is_selected_many_times_costs_what_merging_it_costs(count: int, more: int) -> None:
    """It is answered once, but every place is collected; otherwise a document of one name would cost nothing."""
    assert cost("{ serverInfo { " + "version " * count + "} }") == 2 + more


def test_introspection_costs_what_this_schema_is_large() -> None:
    """2.7 kB blocked the server for 1.5 s; the tools' queries pass, with any options."""
    aliases = " ".join(f"a{n}: name" for n in range(280))
    limit = QueryLimits().cost

    assert cost(f"{{ __schema {{ types {{ fields {{ type {{ fields {{ {aliases} }} }} }} }} }} }}") > 5 * limit
    assert cost("{ __schema { types { name } } }") == 2 + len(SCHEMA.type_map) * (ITEM + 1)
    assert limit / 5 < cost(get_introspection_query()) < limit
    assert cost(get_introspection_query(True, True, True, True, True, True, True)) < limit  # noqa: FBT003


def doubling(levels: int) -> str:
    """2^levels fields."""
    chain = "".join(
        f" fragment F{n} on Message {{ a: replyTo {{ ...F{n + 1} }} b: replyTo {{ ...F{n + 1} }} }}"
        for n in range(levels)
    )
    return f'{{ message(id: "x") {{ ...F0 }} }}{chain} fragment F{levels} on Message {{ id }}'


def subsets(width: int, levels: int) -> str:
    """Every path merges another set of fragments."""
    parts = "".join(
        f" fragment G{level}x{n} on Message {{ a: replyTo {{ ...G{level + 1}x{n} }} "
        f"b: replyTo {{ ...G{level + 1}x{(n * 2 + 1) % width} ...G{level + 1}x{n} }} }}"
        for level in range(levels)
        for n in range(width)
    )
    ends = "".join(f" fragment G{levels}x{n} on Message {{ id }}" for n in range(width))
    return '{ message(id: "x") { ...G0x0 ...G0x1 } }' + parts + ends


def test_fragments_that_double_are_estimated_in_linear_time() -> None:
    """Each group of selections is visited once, however many paths lead to it."""
    found = model(doubling(40))

    assert found.visited < 400
    assert found.estimate({}) > 2**40


@pytest.mark.parametrize("make", [lambda: subsets(11, 20), lambda: subsets(40, 4), lambda: doubling(10)])
def test_the_estimate_stays_small_whatever_the_document_is(make: Callable[[], str]) -> None:
    """Above a number of selections it only says that the document is too complex."""
    found = model(make())

    assert found.visited <= MOST_VISITS + 50_000
    assert found.is_complete or (found.estimate({}), found.dearest({})) == (1_000_000, ())


def test_every_list_has_a_length() -> None:
    """A list of objects without a page size and without a line in the table would count as five."""
    pages = {
        get_named_type(each.type).name
        for named in SCHEMA.type_map.values()
        if isinstance(named, GraphQLObjectType)
        for each in named.fields.values()
        if "first" in each.args
    }
    lists = {
        f"{named.name}.{name}"
        for named in SCHEMA.type_map.values()
        if isinstance(named, GraphQLObjectType) and not named.name.startswith("__") and named.name not in pages
        for name, each in named.fields.items()
        if is_list_type(get_nullable_type(each.type)) and is_composite_type(get_named_type(each.type)) and not each.args
    }

    assert lists == set(USUAL)
    assert set(SHORT) <= {
        f"{named.name}.{name}"
        for named in SCHEMA.type_map.values()
        if isinstance(named, GraphQLObjectType)
        for name, each in named.fields.items()
        if "first" in each.args
    }
    assert PEOPLE == 11


NESTED = """query ($n: Int) { conversation(id: "x") { messages(first: $n) { nodes { conversation {
    messages(first: $n) { nodes { id } } } } } } }"""


async def test_an_operation_that_costs_too_much_is_refused_before_execution(site: Site) -> None:
    """The same document, with different variables."""
    alice = await site.token_of("alice")

    _, small = await site.post({"query": NESTED, "variables": {"n": 5}}, token=alice)
    status, large = await site.post(
        {"query": NESTED, "variables": {"n": 200}}, token=alice, headers={"Accept": "application/graphql-response+json"}
    )

    assert small == {"data": {"conversation": None}}
    assert status == 400
    assert large == {
        "errors": [
            {
                "message": "Cost of the operation: 165,826, at most 25,000 allowed. Its dearest part is "
                "conversation.messages.nodes.conversation.messages: "
                "ask for shorter pages, or for fewer fields there.",
                "extensions": {
                    "code": "QUERY_TOO_COMPLEX",
                    "cost": 165826,
                    "limit": 25000,
                    "path": ["conversation", "messages", "nodes", "conversation", "messages"],
                },
            }
        ]
    }


async def test_the_example_of_the_documentation_is_what_comes(site: Site) -> None:
    """The whole response, as a client gets it."""
    text = (Path(__file__).parents[3] / "docs/limits.md").read_text()
    found = re.search(r"`(\{ conversations[^`]*)` is answered with\n\n```json\n(.*?)```", text, re.DOTALL)
    assert found is not None

    _, answer = await site.post({"query": found[1]}, token=await site.token_of("alice"))

    assert answer == json.loads(found[2])


async def test_introspection_without_an_account_is_no_outage(site: Site) -> None:
    """1.86 MB of answer for 2.7 kB; and a subscription whose every event would be a page of pages."""
    aliases = " ".join(f"a{n}: name" for n in range(280))
    introspection = f"{{ __schema {{ types {{ fields {{ type {{ fields {{ {aliases} }} }} }} }} }} }}"
    pages = "messages(first: 200) { nodes { conversation { messages(first: 200) { nodes { id } } } } }"
    created = f"... on MessageCreated {{ message {{ conversation {{ {pages} }} }} }}"
    events = f"subscription {{ events {{ event {{ {created} }} }} }}"
    for query in (introspection, events):
        _, answer = await site.post({"query": query}, headers={"Accept": "text/event-stream, application/json"})
        assert [error["extensions"]["code"] for error in answer["errors"]] == ["QUERY_TOO_COMPLEX"]
