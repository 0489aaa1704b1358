"""What is kept: every table's rows and what is in them, so that a refused call can be seen to have changed nothing."""

import hashlib

from models.transaction import Transaction

# That a credential was used is noted, whatever becomes of the call (exact to five minutes).
_NOTED = {("device", "last_seen_at"), ("api_key", "last_used_at"), ("session", "expires_at")}


def rows_of(tx: Transaction) -> dict[str, int]:
    """How many rows each table has; and under `content` a number that another value in any of them would change."""
    connection = tx.database.connection()
    listed = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' "
        "AND name NOT LIKE 'message\\_fts%' ESCAPE '\\' ORDER BY name"
    ).fetchall()
    digest, counts = hashlib.sha256(), {}
    for (table,) in listed:
        columns = [name for _, name, *_ in connection.execute(f'PRAGMA table_info("{table}")')]
        names = ", ".join(f'"{name}"' for name in columns if (table, name) not in _NOTED)
        rows = sorted(repr(row) for row in connection.execute(f'SELECT {names} FROM "{table}"'))
        counts[table] = len(rows)
        digest.update("\n".join([table, *rows]).encode(errors="surrogatepass"))
    return {**counts, "content": int.from_bytes(digest.digest()[:8])}
