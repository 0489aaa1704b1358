"""Migrations: what a database of an earlier version held is there in this one."""

import shutil
from pathlib import Path

import peewee
import pytest
from playhouse.migrations import Runner

from models.migration import FOLDER, migrate


@pytest.fixture
def old(tmp_path: Path) -> peewee.SqliteDatabase:
    """A database as version 2 left it, with somebody who is signed in twice and somebody who is not."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    for path in FOLDER.glob("000[12]_*"):
        shutil.copy(path, folder)
    database = peewee.SqliteDatabase(str(tmp_path / "sotto.db"), pragmas={"foreign_keys": "on"})
    with database.connection_context():
        Runner(database, str(folder)).up()
        for number, name in ((1, "alice"), (2, "bob")):
            values = (number, name, name, name.title(), 1)
            columns = "id, username, username_key, display_name, created_at"
            database.execute_sql(f'INSERT INTO "user" ({columns}) VALUES (?, ?, ?, ?, ?)', values)
        for token, device in ((b"one", "Phone"), (b"two", None)):
            database.execute_sql("INSERT INTO session VALUES (?, 1, ?, 1000, 2000)", (token, device))
    return database


def rows(database: peewee.SqliteDatabase, query: str) -> list[tuple[object, ...]]:
    """Of a query."""
    found: list[tuple[object, ...]] = database.execute_sql(query).fetchall()
    return found


def test_who_was_signed_in_stays_so_on_a_trusted_device(old: peewee.SqliteDatabase) -> None:
    """Each session becomes a device of its own; whoever has none yet has their first still before them."""
    with old.connection_context():
        assert migrate(old)[0] == "0003_accounts"
        sessions = rows(
            old,
            "SELECT token_hash, session.user_id, name, is_trusted, session.created_at, expires_at, last_seen_at "
            "FROM session JOIN device ON device.id = device_id ORDER BY token_hash",
        )
        people = rows(old, 'SELECT id, has_had_device, tokens_ended_at FROM "user" ORDER BY id')
        broken = rows(old, "PRAGMA foreign_key_check")

    assert sessions == [(b"one", 1, "Phone", 1, 1000, 2000, 1000), (b"two", 1, None, 1, 1000, 2000, 1000)]
    assert people == [(1, 1, 0), (2, 0, 0)]
    assert broken == []


def test_a_device_takes_its_session_along(old: peewee.SqliteDatabase) -> None:
    """The table says so, for whoever deletes one."""
    with old.connection_context():
        migrate(old)
        old.execute_sql("DELETE FROM device WHERE name = 'Phone'")

        assert rows(old, "SELECT token_hash FROM session") == [(b"two",)]
