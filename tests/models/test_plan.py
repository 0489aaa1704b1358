"""Every query is a search by an index: asserted by its plan, so that it stays flat as the tables grow."""

import re
import sqlite3
from pathlib import Path

import peewee
import pytest

from models import attachment, contact, conversation, event, idempotency, member, message
from models.base import Base
from models.error import SchemaTooNew
from models.migration import FOLDER, migrate
from models.prepared import Prepared
from tests.models.statement import every_statement

MAY_SCAN = {
    "user.ALL": "the operator's list of everybody",
    "job.NEXT": "the oldest rows of a queue, with a limit",
    "stored_file.SOME_UPLOADS": "any few of them, with a limit",
    "stored_file.SOME_FILES": "any few of them, with a limit",
    "report.OPEN": "the oldest open reports, by their index, with a limit",
}
# few rows: what matched, at most two of each pair, the emoji of one message, the people whom one person writes to,
# the devices of one person, the keys of one message
MAY_SORT = re.compile(
    r"message\.search|conversation\.DIRECTS_OF|reaction\.COUNT|contact\.A|session\.BEYOND|attachment\.KNOWN_KEYS"
)


def plan_of(database: peewee.SqliteDatabase, query: Prepared) -> list[str]:
    """What SQLite would do."""
    sql = query.compiled_for(database).sql
    rows = database.connection().execute(f"EXPLAIN QUERY PLAN {sql}", ["[1]"] * sql.count("?"))
    return [row[3] for row in rows]


@pytest.mark.parametrize(
    ("name", "query"), list(every_statement()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_query_searches_and_does_not_scan_or_sort(
    database: peewee.SqliteDatabase, name: str, query: Prepared
) -> None:
    """No SCAN but of a list of ids and of the full-text index between two row ids; no sorting of unbounded rows."""
    plan = plan_of(database, query)
    scans = [
        step for step in plan if step.startswith("SCAN") and "json_each" not in step and not step.endswith("0:M1><")
    ]
    sorts = [step for step in plan if "TEMP B-TREE" in step]

    assert scans == [] or name in MAY_SCAN
    assert sorts == [] or MAY_SORT.match(name)


SHOWN = ["CORRELATED SCALAR SUBQUERY 1", "SEARCH t2 USING PRIMARY KEY (user_id=? AND message_id=?)"]
IDS = ["LIST SUBQUERY 1", "SCAN json_each VIRTUAL TABLE INDEX 1:"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            conversation.inbox(
                newest_first=True, unread_only=False, requests=False, with_kind=False, with_participant=False
            ),
            [
                "SEARCH t2 USING INDEX member_inbox (user_id=? AND activity<?)",
                "SEARCH t1 USING INTEGER PRIMARY KEY (rowid=?)",
            ],
        ),
        (
            message.PAGE_BACKWARD,
            ["SEARCH t1 USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)", *SHOWN],
        ),
        (member.UNREAD, ["SEARCH t1 USING COVERING INDEX member_unread (user_id=?)"]),
        (
            conversation.UNMUTED_UNREAD,
            [
                "SEARCH t1 USING COVERING INDEX member_unread (user_id=?)",
                "SEARCH t2 USING INTEGER PRIMARY KEY (rowid=?)",
                "CORRELATED SCALAR SUBQUERY 1",
                "SEARCH peer USING COVERING INDEX member_conversation (conversation_id=?)",
                "SEARCH t3 USING PRIMARY KEY (muter_id=? AND muted_id=?)",
            ],
        ),
        (
            message.COUNT_UNREAD_OF_MUTED,
            [
                "SEARCH t2 USING PRIMARY KEY (user_id=? AND conversation_id=?)",
                "LIST SUBQUERY 1",
                "SEARCH waiting USING COVERING INDEX member_unread (user_id=?)",
                "SCALAR SUBQUERY 2",
                "SEARCH t4 USING COVERING INDEX mute_list (muter_id=?)",
                "SEARCH t3 USING INTEGER PRIMARY KEY (rowid=?)",
                "SEARCH t1 USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
                "CORRELATED SCALAR SUBQUERY 3",
                "SEARCH t4 USING PRIMARY KEY (muter_id=? AND muted_id=?)",
                "CORRELATED SCALAR SUBQUERY 4",
                "SEARCH t5 USING PRIMARY KEY (user_id=? AND message_id=?)",
            ],
        ),
        (
            contact.LEARNING_READ,
            [
                "SEARCH t1 USING PRIMARY KEY (user_id=? AND conversation_id=?)",
                "SEARCH theirs USING INDEX member_conversation (conversation_id=?)",
                "CORRELATED SCALAR SUBQUERY 1",
                "SEARCH t3 USING PRIMARY KEY (blocker_id=? AND blocked_id=?)",
                "CORRELATED SCALAR SUBQUERY 2",
                "SEARCH t3 USING PRIMARY KEY (blocker_id=? AND blocked_id=?)",
                "SEARCH t2 USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN",
                "SEARCH own USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN",
            ],
        ),
        (conversation.DIRECT, ["SEARCH t1 USING PRIMARY KEY (user_lo=? AND user_hi=?)"]),
        (event.AFTER, ["SEARCH t1 USING PRIMARY KEY (user_id=? AND n>?)"]),
        (event.PUT, ["SEARCH event USING PRIMARY KEY (user_id=?)"]),
        (attachment.OF_MESSAGES, ["SEARCH t1 USING PRIMARY KEY (message_id=?)", *IDS]),
        (idempotency.FIND, ["SEARCH t1 USING PRIMARY KEY (key=? AND user_id=?)"]),
        (member.MEMBERS, ["SEARCH t1 USING INDEX member_conversation (conversation_id=?)", *IDS]),
    ],
)
def test_a_hot_query_has_this_plan(database: peewee.SqliteDatabase, query: Prepared, expected: list[str]) -> None:
    """Measured flat from 10^4 to 10^7 messages; another plan wants measuring again."""
    assert plan_of(database, query) == expected


def test_the_models_have_the_columns_of_the_tables(database: peewee.SqliteDatabase) -> None:
    """The SQL is written by hand, the models beside it: they agree."""
    for model in Base.__subclasses__():
        table = model._meta.table_name
        if table != "message_fts":
            columns = {column.name for column in database.get_columns(table)}
            assert {field.column_name for field in model._meta.sorted_fields} == columns, table


def test_every_table_is_strict(database: peewee.SqliteDatabase) -> None:
    """A column holds what it says; STRICT is what tools silently drop."""
    rows = database.connection().execute("PRAGMA table_list").fetchall()
    ours = {
        row[1]: (row[4], row[5]) for row in rows if row[2] == "table" and not row[1].startswith(("sqlite_", "schema_"))
    }
    without_rowid = {name for name, (wr, _strict) in ours.items() if wr}

    assert {name for name, (_wr, strict) in ours.items() if not strict} == set()
    assert without_rowid == {
        "session", "direct", "member", "attachment", "event", "idempotency", "block", "server_secret", "message_edit",
        "hidden", "reaction", "follow", "mute", "report_message", "receipt_time", "deleted_file", "reportable",
        "quarantine",
    }  # fmt: skip


def test_a_second_migration_does_nothing(database: peewee.SqliteDatabase) -> None:
    """Every start runs it."""
    assert migrate(database) == []


def test_a_database_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    """With nothing changed: an older program would write what a newer one cannot read."""
    database = peewee.SqliteDatabase(str(tmp_path / "sotto.db"))
    with database.connection_context():
        migrate(database)
        database.execute_sql("INSERT INTO schema_migration (name, applied) VALUES ('9999_later', '2030-01-01')")

        with pytest.raises(SchemaTooNew, match="9999_later"):
            migrate(database)


def test_a_migration_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One transaction for each file."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    first = next(FOLDER.glob("0001_*.py"))
    (folder / first.name).write_text(first.read_text(encoding="utf-8"), encoding="utf-8")
    sql = first.with_suffix(".sqlite.sql").read_text(encoding="utf-8")
    (folder / first.with_suffix(".sqlite.sql").name).write_text(f"{sql}\nCREATE TABLE nonsense (;", encoding="utf-8")
    monkeypatch.setattr("models.migration.FOLDER", folder)
    path = tmp_path / "sotto.db"
    database = peewee.SqliteDatabase(str(path))

    with database.connection_context(), pytest.raises(peewee.OperationalError):
        migrate(database)

    with sqlite3.connect(path) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'").fetchall()
    connection.close()
    assert {name for (name,) in tables} <= {"schema_migration", "schema_migration_name"}
