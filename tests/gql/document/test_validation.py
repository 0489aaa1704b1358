"""Validation: the same errors as graphql-core's, over documents that are valid and documents that are not."""

from typing import Any

import pytest
from graphql import GraphQLError, GraphQLSyntaxError, Visitor, specified_rules, validate
from graphql.language.ast import QUERY_DOCUMENT_KEYS

from gql.document.limit import rules_for
from gql.document.parse import read
from gql.document.survey import QueryLimits
from gql.document.validation import Validator
from gql.wire.schema import build_schema
from tests.full import amount, full
from tests.gql.document.corpus import INVALID, VALID, many

SCHEMA = build_schema().core
RULES = rules_for(QueryLimits())
VALIDATOR = Validator(SCHEMA, RULES)
CHANGES = amount(200, 10_000)


def shown(errors: list[GraphQLError]) -> list[Any]:
    """Everything about the errors that a client or the log can see, in their order."""
    return [(type(error), error.formatted, error.positions, error.original_error) for error in errors]


@pytest.mark.parametrize("text", VALID)
def test_a_valid_document_has_no_errors(text: str) -> None:
    """The corpus is what it says."""
    assert VALIDATOR.validate(read(text)) == []


@pytest.mark.parametrize("text", INVALID)
def test_an_invalid_document_has_the_errors_of_graphql_core(text: str) -> None:
    """Their order, words and places, and where validation gives up."""
    document = read(text)

    errors = VALIDATOR.validate(document)

    assert errors
    assert shown(errors) == shown(validate(SCHEMA, document, RULES))


@full
def test_random_documents_have_the_errors_of_graphql_core() -> None:
    """Changed at random, so that several rules meet one mistake."""
    found = 0
    for text in many(CHANGES):
        try:
            document = read(text)
        except GraphQLSyntaxError:
            continue
        expected = validate(SCHEMA, document, RULES)
        assert shown(VALIDATOR.validate(document)) == shown(expected), text
        found += bool(expected)

    assert found > len(INVALID)


def test_every_rule_finds_something_in_the_corpus() -> None:
    """A rule whose methods the table lacked would be silent."""
    silent = {
        rule.__name__ for rule in specified_rules if not any(validate(SCHEMA, read(text), [rule]) for text in INVALID)
    }

    assert silent == {
        "DeferStreamDirectiveLabel",  # the schema has no @defer and no @stream
        "DeferStreamDirectiveOnRootField",
        "DeferStreamDirectiveOnValidOperationsRule",
        "StreamDirectiveOnListField",
        "KnownOperationTypesRule",  # it has all three types of operations
    }


def test_a_rule_has_its_methods_from_its_class() -> None:
    """The table asks the class, graphql-core the object; and no rule enters names, which are not visited."""
    for rule in RULES:
        assert not {"enter_name", "leave_name", "leave"} & set(dir(rule))
    entering = [rule.__name__ for rule in RULES if hasattr(rule, "enter")]
    assert entering == ["UniqueDirectivesPerLocationRule"]
    assert not {name for name in dir(Visitor) if name.startswith(("enter_", "leave_"))} - {"enter_leave_map"}
    assert QUERY_DOCUMENT_KEYS["name"] == ()
