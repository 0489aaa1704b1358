"""The manifest of trusted documents: read, and checked against the schema, when the server starts."""

import json
from pathlib import Path

from gql.document.trusted import ManifestEntry, ManifestError, TrustedDocuments, entries_of
from gql.wire.schema import SottoSchema
from server.output import StartError

SETTING = "SOTTO_TRUSTED_DOCUMENTS"


def trusted_documents_of(path: Path | None, schema: SottoSchema) -> TrustedDocuments | None:
    """The documents of the manifest, None without one; raises StartError for the first that cannot be executed."""
    if path is None:
        return None
    try:
        entries = entries_of(json.loads(path.read_bytes(), object_pairs_hook=_without_duplicates))
    except OSError as error:
        raise StartError(f"{SETTING}: {path} cannot be read ({error.strerror or error}).") from error
    except ManifestError as error:
        raise StartError(f"{SETTING}: {path} {error}.") from error
    except (ValueError, RecursionError) as error:
        raise StartError(f"{SETTING}: {path} is not valid JSON ({error}).") from error
    for each in entries:
        _check(each, path, schema)
    return TrustedDocuments(entries)


def _check(entry: ManifestEntry, path: Path, schema: SottoSchema) -> None:
    errors = schema.errors_of(entry.text)
    if not errors:
        return
    name = f" ({entry.name})" if entry.name else ""
    where = f" at line {errors[0].locations[0].line}" if errors[0].locations else ""
    raise StartError(
        f"{SETTING}: document {entry.id!r}{name} of {path} does not fit the schema of this server{where}: "
        f"{errors[0].message}"
    )


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """A JSON object; of two members with one name, most parsers would drop the first."""
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise ManifestError(f"has {name!r} twice in one object")
        found[name] = value
    return found
