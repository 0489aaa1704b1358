"""No change of the schema breaks a client of the last release; `docs/versions.md` is the promise."""

import pytest
from graphql import GraphQLSchema, build_schema

from services.version import VERSION
from tests.contract.breaking import BASE, CHANGES, NOTHING, SNAPSHOT, Change, Release, breaking_changes, released
from tests.contract.served import SERVED, TEXT
from tests.contract.test_release import HEADINGS

# Breaks on purpose since the last release, in the words of `breaking_changes`; CHANGELOG.md tells clients what to do
# instead. Making a release empties it.
INTENDED: set[str] = set()

FIELD = "  wasDuplicate: Boolean!\n"


@pytest.fixture
def release() -> Release:
    """The last release."""
    found = released(SNAPSHOT.read_text(encoding="utf-8"))
    if found is None:
        pytest.skip("Nothing is released yet: there is no schema to compare with (CONTRIBUTING.md, Making a release).")
    return found


def test_nothing_that_was_released_breaks(release: Release) -> None:
    """Against the schema of the last release; a break on purpose is in INTENDED."""
    assert set(breaking_changes(build_schema(release.text), SERVED)) == INTENDED


def test_the_snapshot_is_that_of_the_newest_version(release: Release) -> None:
    """Raising the version without a new snapshot would compare with the wrong release; see `.ci/release` too."""
    assert release.version == VERSION


def test_before_the_first_release_there_is_no_second_version() -> None:
    """The snapshot cannot be forgotten: without one, the changelog has no version but the first."""
    if released(SNAPSHOT.read_text(encoding="utf-8")) is None:
        assert [heading.split(" - ")[0] for heading in HEADINGS] == ["Unreleased", "0.1.0"]
        assert not INTENDED


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_change_that_breaks_clients_is_noticed(change: Change) -> None:
    """The test above can fail, by these rules; tests/codegen compares them with those of graphql-inspector."""
    assert (breaking_changes(build_schema(BASE), build_schema(change.text)) != []) is change.breaks


def changed(*replacements: tuple[str, str]) -> GraphQLSchema:
    """The schema of today with a change."""
    text = TEXT
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new, 1)
    return build_schema(text)


def test_a_field_of_ours_that_is_gone_is_noticed() -> None:
    """In the real schema, in words that name it."""
    assert TEXT.count(FIELD) == 1
    assert breaking_changes(SERVED, SERVED) == []
    assert breaking_changes(SERVED, changed((FIELD, "  wasRepeated: Boolean!\n"))) == [
        "Field SendPrivateMessageSuccess.wasDuplicate was removed."
    ]


def test_a_refusal_that_leaves_a_result_is_noticed() -> None:
    """Members of unions are part of the promise: clients switch over them."""
    before = changed(("union SendPrivateMessageResult = ", "union SendPrivateMessageResult = Viewer | "))

    assert breaking_changes(before, SERVED) == ["Viewer was removed from union type SendPrivateMessageResult."]
    assert breaking_changes(SERVED, before) == []


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (f"{NOTHING}\n", None),
        ("# Sotto 0.1.0\ntype Query { id: ID }\n", Release("0.1.0", "type Query { id: ID }\n")),
    ],
)
def test_a_snapshot_says_what_it_is_of(snapshot: str, expected: Release | None) -> None:
    """The version, or that nothing is released."""
    assert released(snapshot) == expected


@pytest.mark.parametrize(
    "snapshot", ["", "type Query { id: ID }\n", "# Sotto 0.1.0\n", f"{NOTHING}\ntype Query {{ id: ID }}\n"]
)
def test_a_schema_without_a_version_is_no_snapshot(snapshot: str) -> None:
    """A file that was emptied, or copied without its first line, does not pass as one."""
    with pytest.raises(ValueError, match="snapshot"):
        released(snapshot)
