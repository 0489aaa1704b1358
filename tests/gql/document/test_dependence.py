"""What the answers to a subscription's events depend on."""

import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse

from gql.document.dependence import Dependence

ROOT = "subscription ($a: EventCursor, $b: Boolean = true)"


def dependence_of(text: str) -> Dependence:
    """Of the operation of a document."""
    definitions = parse(text).definitions
    [operation] = [each for each in definitions if isinstance(each, OperationDefinitionNode)]
    return Dependence(operation, [each for each in definitions if isinstance(each, FragmentDefinitionNode)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{ROOT} {{ events(after: $a) {{ cursor }} }}", "a"),
        (f"{ROOT} {{ live: events(includeEphemeral: $b, after: $a) {{ cursor }} }}", "a"),
        ("subscription { events { cursor } }", None),
        ('subscription { events(after: "x") { cursor } }', None),
        (f"{ROOT} {{ events(after: $a) {{ viewer {{ mutedUsers(after: $a) {{ totalCount }} }} }} }}", None),
        (f"{ROOT} {{ events(after: $a) {{ ...F }} }} fragment F on A {{ b(after: $a) }}", None),
        (f"{ROOT} @one(x: $a) {{ events(after: $a) {{ cursor }} }}", None),
        (f"{ROOT} {{ events(after: $a) {{ cursor @skip(if: $a) }} }}", None),
        (f"{ROOT} {{ events(after: $a) {{ viewer {{ mutedUsers(filter: {{ x: [$a] }}) {{ totalCount }} }} }} }}", None),
        (f"{ROOT} {{ ...F }} fragment F on Subscription {{ events(after: $a) {{ cursor }} }}", None),
        (f"{ROOT} {{ events {{ viewer {{ mutedUsers(after: $a) {{ totalCount }} }} }} }}", None),
    ],
)  # fmt: skip
def test_a_cursor_counts_unless_it_only_says_where_to_begin(text: str, expected: str | None) -> None:
    """It is the cursor of the root field, and nothing else uses the variable."""
    assert dependence_of(text).cursor_variable == expected


def test_the_names_of_all_fields_are_known() -> None:
    """Below fragments too, by their name in the schema and not by their alias."""
    found = dependence_of(
        "subscription { x: events { ...F ... on EventEnvelope { a: cursor } } } "
        "fragment F on EventEnvelope { viewer { devices { now: isCurrent } } }"
    )

    assert found.field_names == {"events", "cursor", "viewer", "devices", "isCurrent"}
