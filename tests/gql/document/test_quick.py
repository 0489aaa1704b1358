"""The quick parser: the same nodes as graphql-core's, in the same places, or none."""

import pytest
from graphql import GraphQLError, Source, parse, print_ast

from gql.document.quick import MOST_NESTED, parse_quickly
from gql.document.word import split
from tests.full import full
from tests.gql.document.corpus import INVALID, VALID, many
from tests.gql.document.test_validation import CHANGES

MOST_TOKENS = 5_000


def quick(text: str) -> object:
    """What the quick parser makes of it."""
    return parse_quickly(Source(text), MOST_TOKENS)


def check_same(text: str) -> bool:
    """Assert that the quick parser returns what graphql-core returns, or nothing; returns whether it did."""
    try:
        expected = parse(text)
    except GraphQLError:
        assert quick(text) is None, text
        return False
    found = parse_quickly(Source(text), MOST_TOKENS)
    if found is None:
        return False
    assert found == expected, text  # with all locations
    assert found.token_count == expected.token_count
    assert found.to_dict(locations=True) == expected.to_dict(locations=True)
    assert hash(found) == hash(expected)
    assert print_ast(found) == print_ast(expected)
    return True


@pytest.mark.parametrize("text", [each for each in VALID if '"""' not in each])
def test_ordinary_documents_are_read(text: str) -> None:
    """Those of the chat page among them."""
    assert check_same(text)


@pytest.mark.parametrize("text", INVALID)
def test_invalid_documents_are_read_alike(text: str) -> None:
    """Whether a document is valid is not asked here."""
    check_same(text)


@full
def test_random_documents_are_read_alike_or_not_at_all() -> None:
    """Changed at random, so that many are malformed."""
    read = sum(check_same(text) for text in many(CHANGES, seed=3))

    assert read > CHANGES / 5


@pytest.mark.parametrize(
    "text",
    [
        "",
        " , \n",
        "{ a }\ufeff",
        "{ a(b: \"é\") }",
        "{ a } # a comment",
        '"A description" query A { a }',
        'query A("of it" $a: Int) { a(b: $a) }',
        '{ a(b: """block""") }',
        '{ a(b: "an \\n escape") }',
        '{ a(b: "a\ttab") }',
        "{ a(b: 1.5) }",
        "{ a(b: 1e3) }",
        "query A @b { a }",
        "query ($a: Int @b) { a(b: $a) }",
        "fragment A on B @c { a }",
        "type A { a: Int }",
        "extend type A { a: Int }",
        "{ a {} }",
        "{ }",
    ],
)  # fmt: skip
def test_what_is_unusual_is_left_to_graphql_core(text: str) -> None:
    """It may be right; then it only takes longer."""
    assert quick(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "{ a",
        "}",
        "{ a } }",
        "{ a(b) }",
        "{ a(b:) }",
        "{ a() }",
        "{ a: }",
        "{ a: b: c }",
        "{ 1 }",
        "{ a(b: 01) }",
        "{ a(b: 1a) }",
        "{ a(b: -) }",
        "{ a(b: $) }",
        "{ a(b: $1) }",
        "{ a(b: [1) }",
        "{ a(b: {c}) }",
        "{ a(b: {c: 1]) }",
        '{ a(b: "c) }',
        '{ a(b: "c\n") }',
        "{ a @ }",
        "{ a @b( }",
        "{ .. a }",
        "{ ... }",
        "{ ...on }",
        "{ ...on on }",
        "{ ... @a }",
        "{ a ? }",
        "{ a; b }",
        "query A B { a }",
        "query A() { a }",
        "query ($a) { a }",
        "query ($a: ) { a }",
        "query ($a: [Int) { a }",
        "query ($a: Int!!) { a }",
        "query ($a: Int = $b) { a }",
        "query ($a: [Int] = [$b]) { a }",
        "query (a: Int) { a }",
        "query",
        "query A",
        "fragment on on A { a }",
        "fragment A { a }",
        "fragment A on { a }",
        "fragment A on B",
        "subscribe { a }",
        "'a'",
        "\x00",
    ],
)
def test_mistakes_are_left_to_graphql_core(text: str) -> None:
    """Which has the words for them."""
    with pytest.raises(GraphQLError):
        parse(text)
    assert quick(text) is None


@pytest.mark.parametrize(
    ("make", "most"),
    [
        (lambda count: "{ a " * count + "}" * count, MOST_NESTED),
        (lambda count: "{ ... " * (count - 1) + "{ a " + "}" * count, MOST_NESTED),
        (lambda count: "{ a(b: " + "[" * count + "]" * count + ") }", MOST_NESTED),
        (lambda count: "query ($a: " + "[" * count + "A" + "]" * count + ") { a }", MOST_NESTED),
        (lambda count: "{ a(b: " + "{c: " * (count - 1) + "{}" + "}" * (count - 1) + ") }", MOST_NESTED),
    ],
)
def test_it_reads_up_to_some_nesting(make: object, most: int) -> None:
    """Its functions call each other; graphql-core's too, up to 200."""
    assert callable(make)

    assert check_same(make(most))
    assert quick(make(most + 1)) is None
    assert parse(make(most + 1))


@pytest.mark.parametrize("end", ["#", "%", '"', '"""', "\\", "é", "1.5", "..", "a"])
def test_a_text_is_split_from_its_beginning_to_its_end(end: str) -> None:
    """No character is passed over: a search that begins anew behind each of 90,000 spaces takes minutes."""
    text = f"{{ a(b: 1) }} , \n{end} # b"

    found = split(text)

    assert "".join(ignored + word for ignored, word in found) == text
    assert [word for _, word in found[:8]] == ["{", "a", "(", "b", ":", "1", ")", "}"]
    assert len(found) <= 10


@pytest.mark.parametrize("nested", ["query ($a: " + "[" * 4_000, "{ a(b: " + "[" * 4_000, "{ a " * 1_200])
def test_deep_nesting_is_left_to_graphql_core(nested: str) -> None:
    """Which refuses it, and has a limit for its own recursion."""
    assert quick(nested) is None


def test_it_reads_up_to_a_number_of_tokens() -> None:
    """graphql-core refuses more, with its words."""
    assert parse_quickly(Source("{ a b c }"), 5) == parse("{ a b c }")
    assert parse_quickly(Source("{ a b c }"), 4) is None
