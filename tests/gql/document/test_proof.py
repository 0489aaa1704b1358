"""The proof of validity: it holds for no document in which graphql-core finds an error, and for most others."""

from collections.abc import Callable

import pytest
from graphql import GraphQLSyntaxError, MaxIntrospectionDepthRule, specified_rules, validate

from gql.document.limit import rules_for
from gql.document.parse import read
from gql.document.proof import MOST_NESTED, MOST_VISITS, PROVED, Proof, covers
from gql.document.survey import LimitExceeded, QueryLimits
from gql.wire.schema import build_schema
from tests.full import full
from tests.gql.document.corpus import INVALID, VALID, many
from tests.gql.document.test_limit import CountingRule
from tests.gql.document.test_validation import CHANGES

SCHEMA = build_schema().core
RULES = rules_for(QueryLimits())
SEND = 'mutation %s { sendPrivateMessage(input: {to: %s, text: "a"}) { __typename } }'

# Each breaks one rule in a way that only this rule sees.
SUBTLE = [
    "query ($n: Int!) { conversations(first: $n) { nodes { id } } } fragment F on Query { __typename }",
    "query A($n: Int) { ...F } query B { ...F } fragment F on Query { conversations(first: $n) { nodes { id } } }",
    "query A($n: Int) { ...F } query B($n: Int) { id } fragment F on Query { conversations(first: $n) { __typename } }",
    "query ($n: Int = null) { conversations(first: $n, last: 2147483648) { nodes { id } } }",
    "query ($c: Boolean) { __typename @skip(if: $c) }",
    'query ($c: Boolean = "a") { __typename @skip(if: $c) }',
    "query ($ids: [ID]!) { nodes(ids: $ids) { id } }",
    "query ($id: ID) { nodes(ids: [$id]) { id } }",
    'query ($n: Int = 1 @skip(if: true)) { conversations(first: $n) { nodes { id } } }',
    "{ node(id: null) { id } }",
    "{ node(id: true) { id } }",
    '{ nodes(ids: ["a", null]) { id } }',
    "{ conversations(first: 3000000000) { nodes { id } } }",
    '{ conversations(filter: {folder: "INBOX"}) { nodes { id } } }',
    "{ conversations(filter: {folder: NOWHERE}) { nodes { id } } }",
    '{ conversations(filter: {search: "a", search: "b"}) { nodes { id } } }',
    "{ viewer { id ... on Query { __typename } } }",
    "{ viewer { ...F } } fragment F on Conversation { id }",
    "{ ...A } fragment A on Query { ...B } fragment B on Query { ...C } fragment C on Query { ...B }",
    "{ viewer { id } viewer { id: eventCursor } }",
    "subscription { ...F } fragment F on Subscription { a: events { cursor } b: events { cursor } }",
    "subscription ($c: Boolean!) { events @skip(if: $c) { cursor } }",
    SEND % ("", "{users: [], conversationId: \"a\"}"),
    SEND % ("($u: [UserReference!] = [])", "{users: $u}"),
    SEND % ("($u: ID!)", "{users: [{id: $u, username: \"a\"}]}"),
    SEND % ("($t: String)", "{users: []}, idempotencyKey: $t"),
    "{" + "... {" * 130 + "...F" + "}" * 131 + " fragment F on Query {" + "... {" * 130 + "__typename" + "}" * 131,
]  # fmt: skip


@pytest.mark.parametrize("text", [*INVALID, *SUBTLE])
def test_what_is_invalid_is_never_proved(text: str) -> None:
    """A document that is proved is executed without asking graphql-core."""
    document = read(text)

    assert validate(SCHEMA, document, RULES)
    assert not Proof(SCHEMA, document).holds()


@pytest.mark.parametrize("text", [each for each in VALID if "__schema" not in each and "__type(" not in each])
def test_ordinary_documents_are_proved(text: str) -> None:
    """Queries, mutations and subscriptions with fragments, variables, literals and directives."""
    assert Proof(SCHEMA, read(text)).holds()


@full
def test_random_documents_are_proved_only_if_they_are_valid() -> None:
    """Most valid ones are: a proof that never held would be sound too."""
    valid = proved = 0
    for text in many(CHANGES, seed=2):
        try:
            document = read(text)
        except (GraphQLSyntaxError, LimitExceeded):
            continue
        holds, is_valid = Proof(SCHEMA, document).holds(), not validate(SCHEMA, document, RULES[1:])
        assert is_valid or not holds, text
        valid += is_valid
        proved += holds

    assert proved > 0.85 * valid > 20


def test_a_proof_covers_the_rules_of_requests_and_no_others() -> None:
    """With a rule that it does not know, every document is validated; so with one that graphql-core adds."""
    assert covers(RULES[1:])
    assert not covers([*RULES[1:], CountingRule])
    assert len(specified_rules) == 32
    assert MaxIntrospectionDepthRule in PROVED  # no field of introspection is ever proved


@pytest.mark.parametrize(
    ("count", "make"),
    [
        (MOST_VISITS, lambda count: "{" + " __typename" * count + "}"),
        (
            MOST_NESTED - 1,
            lambda count: "{ ...A } fragment A on Query " + "{ ... " * (count - 1) + "{ __typename" + "}" * count,
        ),
    ],
    ids=["fields", "nesting"],
)
def test_the_proof_gives_up_where_it_would_take_long(count: int, make: Callable[[int], str]) -> None:
    """It runs on the event loop, and graphql-core gives up somewhere too."""
    at_most, beyond = read(make(count)), read(make(count + 1))

    assert Proof(SCHEMA, at_most).holds()
    assert not Proof(SCHEMA, beyond).holds()
    assert validate(SCHEMA, beyond, RULES[1:]) == []
