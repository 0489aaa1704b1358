"""Inputs of which exactly one field must be given: literals and variables, in operations and fragments."""

import pytest

from gql.document.limit import rules_for
from gql.document.parse import read
from gql.document.survey import QueryLimits
from gql.document.validation import Validator
from gql.wire.schema import build_schema

VALIDATOR = Validator(build_schema().core, rules_for(QueryLimits()))
NOT_NULLABLE = "Variable 'u' must be non-nullable to be used for OneOf Input Object 'MessageDestination'."


def sent_to(destination: str, definition: str = "") -> str:
    """A send to this destination, in an operation with this definition of a variable."""
    return f'mutation {definition} {{ sendPrivateMessage(input: {{to: {destination}, text: "a"}}) {{ __typename }} }}'


def by_fragment(*definitions: str) -> str:
    """Operations that spread one fragment, which comes first and uses the variable `$u`."""
    text = '{ sendPrivateMessage(input: {to: {users: $u}, text: "a"}) { __typename } }'
    operations = (f"mutation M{number} {each} {{ ...F }}" for number, each in enumerate(definitions))
    return f"fragment F on Mutation {text} {' '.join(operations)}"


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        (sent_to("{users: []}"), []),
        (sent_to("{}"), ["OneOf Input Object 'MessageDestination' must specify exactly one key."]),
        (sent_to("{users: null}"), ["Field 'MessageDestination.users' must be non-null."]),
        (sent_to("{users: $u}", "($u: [UserReference!]!)"), []),
        (sent_to("{users: $u}", "($u: [UserReference!])"), [NOT_NULLABLE]),
        (sent_to("{users: [$u]}", "($u: UserReference!)"), []),
        (sent_to("{users: $u}"), ["Variable '$u' is not defined."]),
        (by_fragment("($u: [UserReference!]!)"), []),
        (by_fragment("($u: [UserReference!])"), [NOT_NULLABLE]),
        (by_fragment("($u: [UserReference!]!)", "($u: [UserReference!])"), [NOT_NULLABLE]),
        (by_fragment(""), ["Variable '$u' is not defined by operation 'M0'."]),
    ],
)
def test_exactly_one_field_must_be_given(text: str, sentences: list[str]) -> None:
    """Strawberry's rule raised KeyError where a variable was not defined, which was answered as a bug of ours."""
    errors = VALIDATOR.validate(read(text))

    assert [error.message for error in errors] == sentences
