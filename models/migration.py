"""Migrations: numbered files of hand-written SQL, run at start by Peewee's runner, each in one transaction.

Peewee's generator and its SQLite migrator silently drop `STRICT` and `WITHOUT ROWID`, so the SQL is written by hand.
The runner looks for a numbered Python file; the one beside each SQL file calls `run_sql`.
"""

import sqlite3
from pathlib import Path

import peewee
from playhouse.migrations import Runner

from models.error import SchemaTooNew

FOLDER = Path(__file__).parent / "migrations"


def migrate(database: peewee.Database) -> list[str]:
    """Runs the missing migrations and returns their names; the caller holds the lock.

    Raises SchemaTooNew, with nothing changed, if the database has a migration that this version does not know.
    """
    runner = Runner(database, str(FOLDER))
    known = runner.status()
    unknown = [migration.name for migration in known if migration.path is None]
    if unknown:
        raise SchemaTooNew(f"the database was written by a newer Sotto ({', '.join(unknown)}): use that version")
    if all(migration.applied for migration in known):  # without writing anything: the disk may be full
        return []
    applied: list[str] = runner.up()
    return applied


def run_sql(database: peewee.Database, migration: str) -> None:
    """Runs the statements of the `.sqlite.sql` beside a migration's Python file; `migration` is its path."""
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
