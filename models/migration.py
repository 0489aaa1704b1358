"""Migrations: numbered files of hand-written SQL, run at start by Peewee's runner, each in one transaction.

Peewee's generator and its SQLite migrator silently drop `STRICT` and `WITHOUT ROWID`, so the SQL is written by hand.
The runner looks for a numbered Python file; the one beside each SQL file calls `run_sql`.
"""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import peewee
from playhouse.migrations import Runner

from models.error import SchemaTooNew

FOLDER = Path(__file__).parent / "migrations"

Around = Callable[[list[str]], AbstractContextManager[Any]]


def migrate(database: peewee.Database, around: Around = nullcontext) -> list[str]:
    """Runs the missing migrations and returns their names; the caller holds the lock.

    If the database is not new, it may be large: then they run inside `around`, which is called with the names. Raises
    SchemaTooNew, with nothing changed, if the database has a migration that this version does not know.
    """
    known, applied = {path.stem for path in FOLDER.glob("[0-9]*.py")}, _applied(database)
    if unknown := sorted(applied - known):
        raise SchemaTooNew(f"the database was written by a newer Sotto ({', '.join(unknown)}): use that version")
    if applied == known:  # without writing anything: the disk may be full
        return []
    with around(sorted(known - applied)) if applied else nullcontext():
        done: list[str] = Runner(database, str(FOLDER)).up()
    return done


def _applied(database: peewee.Database) -> set[str]:
    """The names that the runner has recorded; asked directly, because the runner takes ten times as long."""
    if not database.table_exists("schema_migration"):
        return set()
    return {name for (name,) in database.execute_sql("SELECT name FROM schema_migration")}


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
