"""Migrations: numbered folders of hand-written SQL, run at start by Peewee's runner, each in one transaction.

Peewee's generator and its SQLite migrator silently drop `STRICT` and `WITHOUT ROWID`, so the SQL is ours. A numbered
Python file beside the SQL is what the runner looks for; it calls `run_sql`.
"""

import sqlite3
from pathlib import Path

import peewee
from playhouse.migrations import Runner

from models.error import SchemaTooNew

FOLDER = Path(__file__).parent / "migrations"


def migrate(database: peewee.Database) -> list[str]:
    """Brings the tables up to date and returns the names of what ran; the caller holds the lock.

    Raises SchemaTooNew, with nothing changed, when the database knows a migration that this program does not.
    """
    runner = Runner(database, str(FOLDER))
    known = runner.status()
    unknown = [migration.name for migration in known if migration.path is None]
    if unknown:
        raise SchemaTooNew(f"the database was written by a newer Sotto ({', '.join(unknown)}): use that version")
    if all(migration.applied for migration in known):  # nothing is written: there may be no room for it
        return []
    applied: list[str] = runner.up()
    return applied


def run_sql(database: peewee.Database, migration: str) -> None:
    """Runs the statements of `<migration>.sqlite.sql`, which lies beside the file `migration` names."""
    script = Path(migration).with_suffix(".sqlite.sql").read_text(encoding="utf-8")
    for statement in _statements(script):
        database.execute_sql(statement)


def _statements(script: str) -> list[str]:
    statements: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    assert not pending.strip(), "the last statement is not complete"
    return statements
