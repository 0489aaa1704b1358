"""What is kept: every table's rows and what is in them, so that a refused call can be seen to have changed nothing."""

import hashlib
import os
from pathlib import Path

from models.transaction import Transaction

# That a credential was used is noted, whatever becomes of the call (exact to five minutes).
_NOTED = {("device", "last_seen_at"), ("api_key", "last_used_at"), ("session", "expires_at")}


def files_in(*folders: Path) -> int:
    """How many files are below these folders, at any depth."""
    return sum(len(files) for folder in folders for *_, files in os.walk(folder))


def _without(row: tuple[object, ...], places: set[int]) -> list[object]:
    return [value for at, value in enumerate(row) if at not in places]


def rows_of(tx: Transaction) -> dict[str, int]:
    """How many rows each table has; and under `content` a number that another value in any of them would change."""
    connection = tx.database.connection()
    listed = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
        "AND name NOT LIKE 'message\\_fts%' ESCAPE '\\' ORDER BY name"
    ).fetchall()
    digest, counts = hashlib.sha256(), {}
    for (table,) in listed:
        found = connection.execute(f'SELECT * FROM "{table}"')
        noted = {at for at, (name, *_) in enumerate(found.description) if (table, name) in _NOTED}
        rows = sorted(repr(_without(row, noted) if noted else row) for row in found)
        counts[table] = len(rows)
        digest.update("\n".join([table, *rows]).encode(errors="surrogatepass"))
    return {**counts, "content": int.from_bytes(digest.digest()[:8])}
