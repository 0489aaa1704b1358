"""Trusted documents: the manifests that clients' build tools write, and the documents in them by their ids."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gql.document.register import digest_of

APOLLO_FORMAT = "apollo-persisted-query-manifest"
PREFIX = "sha256:"  # GraphQL over HTTP, appendix "Persisted Documents": a SHA256 hex document identifier


class ManifestError(ValueError):
    """A manifest that cannot be used; the message continues a sentence that begins with the file's name."""


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One document of a manifest; `name` is that of its operation, if the manifest has it."""

    id: str
    text: str
    name: str | None = None


class TrustedDocuments:
    """The only documents that are executed, by their ids and, as the draft recommends, by their SHA-256.

    `entries_of` has refused ids that are the SHA-256 of another text.
    """

    def __init__(self, entries: Iterable[ManifestEntry]) -> None:
        self._by_id: dict[str, str] = {}
        self._texts: set[str] = set()
        for each in entries:
            self._by_id[each.id] = each.text
            self._texts.add(each.text)
        for text in self._texts:
            self._by_id.setdefault(digest_of(text), text)

    def __len__(self) -> int:
        return len(self._texts)

    def __contains__(self, text: object) -> bool:
        return text in self._texts

    def find(self, id: str) -> str | None:
        """The document with this id; the prefix `sha256:` of the draft may be there or not."""
        found = self._by_id.get(id)
        return found if found is not None else self._by_id.get(id.removeprefix(PREFIX))


def entries_of(manifest: object) -> list[ManifestEntry]:
    """The documents of a decoded manifest; raises ManifestError.

    Two formats: Apollo's, with a list of operations; and an object of texts by their ids, which the client preset of
    GraphQL Code Generator (`persistedDocuments`) and the compiler of Relay (`persistConfig`) write.
    """
    if not isinstance(manifest, dict):
        raise ManifestError("must hold a JSON object")
    entries = _of_apollo(manifest) if "format" in manifest else _of_texts(manifest)
    if not entries:
        raise ManifestError("has no document")
    ids: set[str] = set()
    for each in entries:
        if each.id in ids:
            raise ManifestError(f"has the id {each.id!r} twice")
        ids.add(each.id)
    _check_digests(entries)
    return entries


def _check_digests(entries: list[ManifestEntry]) -> None:
    """Raise ManifestError for an id that is the SHA-256 of another text: clients that send the hash mean that text."""
    texts = {digest_of(each.text): each.text for each in entries}
    for each in entries:
        if texts.get(each.id.removeprefix(PREFIX), each.text) != each.text:
            raise ManifestError(f"has the id {each.id!r}, which is the SHA-256 of another document in it")


def _of_texts(manifest: Mapping[str, object]) -> list[ManifestEntry]:
    entries = []
    for key, text in manifest.items():
        if not key or not isinstance(text, str):
            raise ManifestError(f"must have a document, as a string, for each id; {key!r} has none")
        entries.append(ManifestEntry(key, text))
    return entries


def _of_apollo(manifest: Mapping[str, object]) -> list[ManifestEntry]:
    if manifest["format"] != APOLLO_FORMAT or manifest.get("version") != 1:
        raise ManifestError(f"has an unknown format: only version 1 of {APOLLO_FORMAT!r} is supported")
    operations = manifest.get("operations")
    if not isinstance(operations, list):
        raise ManifestError("has no list `operations`")
    entries = []
    for index, each in enumerate(operations):
        key, text, name = (each.get(word) if isinstance(each, dict) else None for word in ("id", "body", "name"))
        if not isinstance(key, str) or not key or not isinstance(text, str):
            raise ManifestError(f"must have an `id` and a `body` for each operation; `operations[{index}]` does not")
        entries.append(ManifestEntry(key, text, name if isinstance(name, str) else None))
    return entries
