"""Migrations: what a database of an earlier version held is there in this one."""

import json
import re
import shutil
import sys
from pathlib import Path

import peewee
import pytest
from playhouse.migrations import Runner

from models import secret
from models.migration import FOLDER, migrate
from models.transaction import Transaction
from pubsub.memory import MemoryPubSub
from services.guard import GuardedDatabase
from tests.leak import Recorder


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


def test_times_of_receipts_begin_with_what_was_known(old: peewee.SqliteDatabase) -> None:
    """The last move of each position, where its time is known; copies of reports that were closed are gone."""
    with old.connection_context():
        Runner(old, str(FOLDER)).up("0004_files")
        old.execute_sql("INSERT INTO conversation (id, kind, created_at) VALUES (7, 0, 1)")
        columns = "user_id, conversation_id, joined_at, activity, delivered_seq, delivered_at, read_seq, read_at"
        for values in ((1, 7, 1, 1, 5, 50, 4, 40), (2, 7, 1, 1, 0, None, 6, None)):
            old.execute_sql(f"INSERT INTO member ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        for number, resolved_at in ((1, None), (2, 99)):
            old.execute_sql("INSERT INTO report VALUES (?, 1, 3, 0, NULL, 10, ?, NULL)", (number, resolved_at))
            old.execute_sql("INSERT INTO report_message VALUES (?, 3, 2, 9, 'body', '[]')", (number,))
        migrate(old)

        times = rows(old, "SELECT * FROM receipt_time ORDER BY user_id, kind")
        copies = rows(old, "SELECT report_id, body, revision, deleted_at FROM report_message")

    assert times == [(7, 1, 1, 5, 50), (7, 1, 2, 4, 40)]
    assert copies == [(1, "body", 0, None)]


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


def test_a_request_from_before_knows_who_asked(old: peewee.SqliteDatabase) -> None:
    """Waiting and declined ones, which bind groups as well from here on; of others nobody asked."""
    with old.connection_context():
        for number, states in ((1, (4, 1)), (2, (3, 4)), (3, (0, 0)), (4, (2, 2))):
            old.execute_sql("INSERT INTO conversation (id, kind, created_at) VALUES (?, 0, 1)", (number,))
            for user_id, state in zip((1, 2), states, strict=True):
                old.execute_sql(
                    "INSERT INTO member (user_id, conversation_id, joined_at, activity, request_state) "
                    "VALUES (?, ?, 1, 1, ?)",
                    (user_id, number, state),
                )
        migrate(old)
        found = rows(old, "SELECT conversation_id, user_id, requester_id FROM member WHERE requester_id IS NOT NULL")

    assert sorted(found) == [(1, 2, 1), (2, 1, 2)]


def test_the_signing_secret_keeps_its_value(old: peewee.SqliteDatabase) -> None:
    """Cursors and file URLs of before the upgrade stay valid."""
    with old.connection_context():
        Runner(old, str(FOLDER)).up("0008_consent")
        old.execute_sql("INSERT INTO server_secret VALUES ('seal', ?)", (b"thirty-two bytes of randomness..",))
        migrate(old)

        value = secret.get_or_put(Transaction(old), "signing")
        names = rows(old, "SELECT name FROM server_secret")

    assert value == b"thirty-two bytes of randomness.."
    assert names == [("signing",)]


def test_people_are_found_by_the_names_they_had(old: peewee.SqliteDatabase) -> None:
    """Accounts of earlier versions get the words of their names."""
    with old.connection_context():
        old.execute_sql("UPDATE user SET display_name = 'Zoë Müller' WHERE id = 2")
        migrate(old)
        keys = rows(old, "SELECT id, name_key FROM user ORDER BY id")

    assert keys == [(1, " alice alice"), (2, " zoe muller bob")]


def test_a_migration_does_not_change_with_the_program() -> None:
    """It imports nothing of Sotto but the runner of its statements."""
    imported = {
        name
        for path in FOLDER.glob("[0-9]*.py")
        for name in re.findall(r"^ *(?:from|import) ([\w.]+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }

    assert {name for name in imported if name.split(".")[0] not in sys.stdlib_module_names} == {"models.migration"}


async def test_migrations_of_a_database_with_content_are_logged(
    old: peewee.SqliteDatabase, tmp_path: Path, recorder: Recorder
) -> None:
    """Before they begin and after they end: with a million users they take a while. A new database says nothing."""
    for path in (Path(old.database), tmp_path / "new.db"):
        database = GuardedDatabase(path, MemoryPubSub())
        await database.open()
        await database.close()
    lines = [json.loads(line) for line in recorder.lines]
    found = [line for line in lines if line["event"].startswith("database migrat")]

    assert [line["event"] for line in found] == ["database migrating", "database migrated"]
    assert found[0]["migrations"] == found[1]["migrations"]
    assert found[0]["migrations"][0] == "0003_accounts"
    assert 0 <= found[1]["seconds"] < 600
