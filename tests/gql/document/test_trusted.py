"""Manifests as the build tools write them, and the documents in them by their ids."""

from typing import Any

import pytest

from gql.document.register import digest_of
from gql.document.trusted import ManifestEntry, ManifestError, TrustedDocuments, entries_of

TEXT = "query Inbox { viewer { id } }"


def apollo(*operations: object, **changed: object) -> dict[str, object]:
    """A manifest of @apollo/generate-persisted-query-manifest."""
    return {"format": "apollo-persisted-query-manifest", "version": 1, "operations": list(operations), **changed}


ENTRY = {"id": "a1", "name": "Inbox", "type": "query", "body": TEXT}


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        ({"a1": TEXT}, [ManifestEntry("a1", TEXT)]),
        (apollo(ENTRY), [ManifestEntry("a1", TEXT, "Inbox")]),
    ],
    ids=["GraphQL Code Generator and Relay", "Apollo"],
)
def test_the_formats_of_the_tools_are_read(manifest: object, expected: list[ManifestEntry]) -> None:
    """Whatever the ids are: SHA-256, SHA-1, MD5 or names."""
    assert entries_of(manifest) == expected


@pytest.mark.parametrize(
    ("manifest", "expected"),
    [
        ([], "JSON object"),
        ("x", "JSON object"),
        ({}, "has no document"),
        (apollo(), "has no document"),
        ({"a1": None}, "'a1' has none"),
        ({"a1": {"text": TEXT}}, "'a1' has none"),
        ({"": TEXT}, "'' has none"),
        (apollo(ENTRY, version=2), "only version 1"),
        (apollo(ENTRY, format="other"), "only version 1"),
        (apollo(operations={}), "no list `operations`"),
        (apollo({**ENTRY, "id": 1}), "`operations[0]` does not"),
        (apollo(ENTRY, {"id": "a2"}), "`operations[1]` does not"),
        (apollo("x"), "`operations[0]` does not"),
        (apollo(ENTRY, ENTRY), "has the id 'a1' twice"),
        ({"a1": TEXT, digest_of(TEXT): "{ other }"}, "is the SHA-256 of another document"),
        ({f"sha256:{digest_of(TEXT)}": "{ other }", "a1": TEXT}, "is the SHA-256 of another document"),
        (apollo(ENTRY, {**ENTRY, "id": digest_of(TEXT), "body": "{ other }"}), "is the SHA-256 of another document"),
    ],
)
def test_another_format_is_refused_with_the_place(manifest: Any, expected: str) -> None:
    """The sentence goes to the operator, after the name of the file."""
    with pytest.raises(ManifestError, match=expected.replace("[", r"\[")):
        entries_of(manifest)


def test_a_document_is_found_by_its_id_and_by_its_sha256() -> None:
    """The draft recommends the second, with its prefix."""
    trusted = TrustedDocuments([ManifestEntry("a1", TEXT), ManifestEntry("a2", "{ __typename }")])

    for known in ("a1", digest_of(TEXT), f"sha256:{digest_of(TEXT)}"):
        assert trusted.find(known) == TEXT
    for unknown in ("", "a3", TEXT, digest_of("{ a }"), "sha256:", "A1"):
        assert trusted.find(unknown) is None
    assert TEXT in trusted
    assert f"{TEXT} " not in trusted
    assert len(trusted) == 2


def test_the_hash_of_a_document_may_be_its_id() -> None:
    """As GraphQL Code Generator writes it; the same text may have a name as well."""
    manifest = {digest_of(TEXT): TEXT, "a1": TEXT, f"sha256:{digest_of('{ b }')}": "{ b }", digest_of("{ c }"): "{ d }"}
    trusted = TrustedDocuments(entries_of(manifest))

    assert trusted.find(digest_of(TEXT)) == trusted.find(f"sha256:{digest_of(TEXT)}") == trusted.find("a1") == TEXT
    assert trusted.find(digest_of("{ b }")) == trusted.find(f"sha256:{digest_of('{ b }')}") == "{ b }"
    assert trusted.find(digest_of("{ c }")) == "{ d }"  # nothing in the manifest has this hash
