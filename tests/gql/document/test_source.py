"""Locations of errors in a document: indexed once per text, for any number of errors."""

import random

import pytest
from graphql import GraphQLError, Source, parse, validate
from graphql.language import location

from gql.document import source
from gql.document.parse import read
from gql.document.source import DocumentText
from gql.error import present
from gql.wire.schema import build_schema

SCHEMA = build_schema()._schema


def test_lines_and_columns_are_those_of_graphql_core() -> None:
    """All three line endings, and both ends of the text."""
    draw = random.Random(1)
    for _ in range(50):
        text = "".join(draw.choice(["a", "é", "\n", "\r", "\r\n", " "]) for _ in range(draw.randint(0, 30)))
        ours, theirs = DocumentText(text), Source(text)
        assert [ours.get_location(at) for at in range(len(text) + 1)] == [
            theirs.get_location(at) for at in range(len(text) + 1)
        ]


@pytest.mark.parametrize("tail", ["{ viewer { user {%s} } }", "query A {id} " * 20 + "{ viewer { user {%s} } }"])
def test_a_hundred_errors_after_many_lines_look_through_the_text_once(
    tail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """90 kB of empty lines blocked the event loop for 1.5 seconds, at each request and without an account."""

    class Counting:
        calls = 0

        def finditer(self, text: str) -> object:
            Counting.calls += 1
            return found.finditer(text)

    found = source._LINE_END
    monkeypatch.setattr(source, "_LINE_END", Counting())
    monkeypatch.setattr(location, "_re_newline", Counting())  # graphql-core's own
    text = "\n" * 5_000 + tail % " ".join(f"f{n}" for n in range(100))

    errors = validate(SCHEMA, read(text))
    shown = [present(error) for error in errors]

    assert len(errors) >= 100
    assert [error.locations for error in shown] == [error.locations for error in errors]
    assert Counting.calls == 1
    assert [error.locations for error in errors] == [error.locations for error in validate(SCHEMA, parse(text))]


def test_an_error_is_presented_with_the_places_that_it_had() -> None:
    """Locations are copied, not computed again."""
    error = GraphQLError("wrong", source=DocumentText("a\nb"), positions=[2], path=["a", 1])
    error.locations = marked = list(error.locations or ())

    shown = present(error)

    assert shown is not error
    assert shown.locations is marked
    assert (shown.path, shown.positions, shown.source) == (["a", 1], [2], error.source)
