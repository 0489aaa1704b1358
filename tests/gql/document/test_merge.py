"""Fields that merge: what a document made of components may repeat, and that its proof stays linear."""

from collections.abc import Callable
from typing import Any

import pytest
from graphql import (
    OverlappingFieldsCanBeMergedRule,
    build_schema,
    get_named_type,
    is_leaf_type,
    is_object_type,
    is_union_type,
    parse,
    specified_rules,
    validate,
)

from gql.document.merge import MOST_VISITS, MergeableFields, MergeProof
from gql.document.parse import read
from gql.document.survey import QueryLimits, Survey
from gql.wire.schema import build_schema as served

RULES = [MergeableFields if rule is OverlappingFieldsCanBeMergedRule else rule for rule in specified_rules]
SERVED = served()._schema
PAGE = '{ conversation(id: "x") { messages { nodes { %s } } } }'
SMALL = build_schema(
    """
    type Query { dog: Dog cat: Cat pet: Pet pets(first: Int): [Pet] }
    union Pet = Dog | Cat
    type Dog { id: ID! name: String barks: Boolean! friend: Dog owner: Person }
    type Cat { id: ID! name: String meows: Int friend: Cat owner: Person }
    type Person { id: ID! name: String! dog: Dog }
    """
)


def colocated(number: int, fields: str) -> str:
    """A page whose messages are shown by this many components, each with its own fragment."""
    spreads = " ".join(f"...F{n}" for n in range(number))
    return PAGE % spreads + " ".join(
        f" fragment F{n} on Message {{ {fields.replace('#', str(n))} }}" for n in range(number)
    )


@pytest.mark.parametrize("number", [10, 50, 200])
@pytest.mark.parametrize("fields", ["__typename id", "id sender { __typename id }", "sender { a#: id }"])
def test_components_may_select_the_same_fields(number: int, fields: str) -> None:
    """Relay, Apollo and urql add `__typename` and `id` to every fragment; a page has hundreds of them."""
    document = read(colocated(number, fields))

    proof = MergeProof(SERVED, document)

    assert proof.holds()
    assert proof.visited <= 2 * document.token_count
    assert validate(SERVED, document, RULES) == []


CONFLICTS = {
    "another field": "{ dog { a: id a: name } }",
    "other arguments": "{ pets(first: 1) { __typename } pets(first: 2) { __typename } }",
    "behind fragments": "{ dog { ...A ...B } } fragment A on Dog { a: id } fragment B on Dog { a: name }",
    "one level down": "{ dog { owner { a: id } owner { a: name } } }",
    "another shape": "{ pet { ... on Dog { a: barks } ... on Cat { a: meows } } }",
    "another shape below": "{ pet { ... on Dog { owner { a: id } } ... on Cat { owner { a: name } } } }",
    "another operation": "query A { dog { id } } query B { dog { a: id a: name } }",
}


@pytest.mark.parametrize("name", CONFLICTS)
def test_what_conflicts_is_refused_as_graphql_core_refuses_it(name: str) -> None:
    """GraphQL §5.3.2, FieldsInSetCanMerge and SameResponseShape."""
    document = parse(CONFLICTS[name])

    assert not MergeProof(SMALL, document).holds()
    found = validate(SMALL, document, RULES)
    assert [error.message for error in found] == [
        error.message for error in validate(SMALL, document, list(specified_rules))
    ]
    assert "conflict" in found[0].message


@pytest.mark.parametrize(
    "text",
    [
        "{ pet { ... on Dog { a: name } ... on Cat { a: id } } }",  # other fields of types that exclude each other
        "{ pets(first: 1) { __typename } pets(first:1) { __typename } }",
        "{ pets(first: 1,) { __typename } pets(first: 1 ) { __typename } }",
        "{ pet { ... on Dog { friend { id } } ... on Cat { friend { id } } } }",
        "{ dog { ...A } } fragment A on Dog { ...B } fragment B on Dog { id ...C } fragment C on Dog { id }",
    ],
)
def test_what_is_not_proved_may_still_be_valid(text: str) -> None:
    """The proof is stricter than the specification; graphql-core decides."""
    document = parse(text)

    assert validate(SMALL, document, RULES) == validate(SMALL, document, list(specified_rules))


def doubling(levels: int) -> str:
    """Each fragment spreads the next twice, under two names: 2^levels paths."""
    chain = "".join(
        f" fragment F{n} on Dog {{ a: friend {{ ...F{n + 1} }} b: friend {{ ...F{n + 1} }} }}" for n in range(levels)
    )
    return f"{{ dog {{ ...F0 }} }}{chain} fragment F{levels} on Dog {{ id }}"


def subsets(width: int, levels: int) -> str:
    """Every path merges another set of fragments, like the subset construction of an automaton: 2^levels of them."""
    parts = "".join(
        f" fragment G{level}x{n} on Dog {{ a: friend {{ ...G{level + 1}x{n} }} "
        f"b: friend {{ ...G{level + 1}x{(n * 2 + 1) % width} ...G{level + 1}x{n} }} }}"
        for level in range(levels)
        for n in range(width)
    )
    ends = "".join(f" fragment G{levels}x{n} on Dog {{ id }}" for n in range(width))
    return "{ dog { ...G0x0 ...G0x1 } }" + parts + ends


@pytest.mark.parametrize("make", [lambda: doubling(60), lambda: subsets(7, 20), lambda: doubling(5)])
def test_the_proof_stays_small_whatever_the_document_is(make: Callable[[], str]) -> None:
    """A proof that takes longer than what it saves could itself be used for an attack."""
    proof = MergeProof(SMALL, parse(make()))

    proof.holds()

    assert proof.visited <= MOST_VISITS + 2_000


def test_too_many_different_fields_of_one_name_are_refused_by_name() -> None:
    """Without a proof they are compared pair by pair, within a budget."""
    branches = " ".join(
        f"... on Dog {{ friend {{ a{n}: id }} x: name }} ... on Cat {{ friend {{ a{n}: id }} x: id }}"
        for n in range(150)
    )

    errors = validate(SMALL, parse("{ pet { " + branches + " } }"), RULES)

    assert [(error.message, error.extensions) for error in errors] == [
        (
            "Too many different fields answer under one name: give them aliases.",
            {"code": "QUERY_TOO_COMPLEX"},
        )
    ]


def test_a_send_that_asks_for_everything_two_levels_down_is_valid() -> None:
    """As code generators write a mutation: every field of every possible type."""
    call = 'sendPrivateMessage(input: {text: "x", to: {users: [{username: "a"}]}})'
    text = f"mutation {{ {call} {{ {_all('SendPrivateMessageResult', 3)} }} }}"
    document = read(text)

    Survey(document, QueryLimits()).check()

    assert text.count(" ") > 300
    assert validate(SERVED, document, RULES) == []


def _all(name: str, levels: int) -> str:
    """All fields of a type without required arguments, recursively to this depth."""
    kind: Any = SERVED.get_type(name)
    if is_union_type(kind):
        return " ".join(f"... on {each.name} {{ {_all(each.name, levels)} }}" for each in kind.types)
    found = ["__typename"]
    for field, definition in kind.fields.items():
        named = get_named_type(definition.type)
        if is_leaf_type(named):
            found.append(field)
        elif levels > 1 and is_object_type(named):
            found.append(f"{field} {{ {_all(named.name, levels - 1)} }}")
    return " ".join(found)
