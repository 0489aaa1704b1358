"""Every query is a search by an index: asserted by its plan, so that it stays flat as the tables grow."""

import re
import shutil
import sqlite3
from pathlib import Path

import peewee
import pytest

from models import (
    attachment,
    contact,
    conversation,
    event,
    idempotency,
    inbox,
    member,
    message,
    profile,
    reaction,
    search_list,
    send,
    unread,
)
from models.base import Base
from models.error import SchemaTooNew
from models.highlight import TOKENIZER, places_of
from models.migration import FOLDER, migrate
from models.prepared import Prepared
from tests.models.statement import every_statement

MAY_SCAN = {
    "user.ALL": "the operator's list of everybody",
    "job.NEXT": "the oldest rows of a queue, with a limit",
    "stored_file.SOME_UPLOADS": "any few of them, with a limit",
    "stored_file.SOME_FILES": "any few of them, with a limit",
    "search_list.WORDS": "the recursion's own rows",
    "report.OPEN": "the oldest open reports, by their index, with a limit",
}
# few rows: what matched, at most two of each pair, the emoji of one message, the people whom one person writes to,
# the devices of one person, the keys of one message
MAY_SORT = re.compile(
    r"former_index\.search|conversation\.DIRECTS_OF|reaction\.COUNT|contact\.(A|FELLOW)|session\.BEYOND|attachment\.KNOWN_KEYS"
)


LISTED = ("VIRTUAL TABLE INDEX 1:", "VIRTUAL TABLE INDEX 0:M1><")  # json_each of a parameter; FTS5


def plan_of(database: peewee.SqliteDatabase, query: Prepared) -> list[str]:
    """What SQLite would do."""
    sql = query.compiled_for(database).sql
    rows = database.connection().execute(f"EXPLAIN QUERY PLAN {sql}", ["[1]"] * sql.count("?"))
    return [row[3] for row in rows]


def test_a_query_searches_and_does_not_scan_or_sort(database: peewee.SqliteDatabase) -> None:
    """No SCAN but of a list in a parameter and of FTS5 between two row ids; no sorting of unbounded rows."""
    for name, query in every_statement():
        plan = plan_of(database, query)
        scans = [step for step in plan if step.startswith("SCAN") and not step.endswith(LISTED)]
        sorts = [step for step in plan if "TEMP B-TREE" in step]

        assert scans == [] or name in MAY_SCAN, name
        assert sorts == [] or MAY_SORT.match(name), name


SHOWN = ["CORRELATED SCALAR SUBQUERY 1", "SEARCH t2 USING PRIMARY KEY (user_id=? AND message_id=?)"]
IDS = ["LIST SUBQUERY 1", "SCAN json_each VIRTUAL TABLE INDEX 1:"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (
            inbox.page(newest_first=True, folder=inbox.Folder.INBOX),
            [
                "SEARCH t2 USING INDEX member_inbox (user_id=? AND activity<?)",
                "SEARCH t1 USING INTEGER PRIMARY KEY (rowid=?)",
            ],
        ),
        (
            inbox.page(newest_first=True, folder=inbox.Folder.INBOX, words=1),
            [
                "SEARCH t2 USING INDEX member_inbox (user_id=? AND activity<?)",
                "CORRELATED SCALAR SUBQUERY 1",
                "SEARCH other USING COVERING INDEX member_conversation (conversation_id=?)",
                "SEARCH t3 USING INTEGER PRIMARY KEY (rowid=?)",
                "SEARCH t1 USING INTEGER PRIMARY KEY (rowid=?)",
            ],
        ),
        (
            message.PAGE_BACKWARD,
            ["SEARCH t1 USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)", *SHOWN],
        ),
        (unread.TOTALS, ["SEARCH t1 USING COVERING INDEX member_unread (user_id=?)"]),
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
            unread.POSITIONS,
            [
                "SEARCH t1 USING PRIMARY KEY (user_id=? AND conversation_id=?)",
                "LIST SUBQUERY 1",
                "SEARCH waiting USING COVERING INDEX member_unread (user_id=?)",
            ],
        ),
        (
            message.OLDEST_UNREAD,
            [
                "SEARCH t2 USING PRIMARY KEY (user_id=? AND conversation_id=?)",
                "LIST SUBQUERY 3",
                "SCAN json_each VIRTUAL TABLE INDEX 1:",
                "SEARCH t1 USING INTEGER PRIMARY KEY (rowid=?)",
                "CORRELATED SCALAR SUBQUERY 2",
                "SEARCH waiting_message USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
                "CORRELATED SCALAR SUBQUERY 1",
                "SEARCH t3 USING PRIMARY KEY (user_id=? AND message_id=?)",
            ],
        ),
        (
            message.UNHIDDEN,
            [
                "SEARCH t1 USING INTEGER PRIMARY KEY (rowid=?)",
                *IDS,
                "CORRELATED SCALAR SUBQUERY 2",
                "SEARCH t2 USING PRIMARY KEY (user_id=? AND message_id=?)",
            ],
        ),
        (
            message.NEWEST_ROWS,
            [
                "SEARCH t2 USING PRIMARY KEY (user_id=? AND conversation_id=?)",
                "LIST SUBQUERY 3",
                "SCAN json_each VIRTUAL TABLE INDEX 1:",
                "SEARCH t1 USING INTEGER PRIMARY KEY (rowid=?)",
                "CORRELATED SCALAR SUBQUERY 2",
                "SEARCH shown USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
                "CORRELATED SCALAR SUBQUERY 1",
                "SEARCH t3 USING PRIMARY KEY (user_id=? AND message_id=?)",
            ],
        ),
        (
            reaction.BETWEEN,
            [
                "SEARCH t1 USING PRIMARY KEY (message_id>? AND message_id<?)",
                "CORRELATED SCALAR SUBQUERY 1",
                "SEARCH t2 USING PRIMARY KEY (blocker_id=? AND blocked_id=?)",
            ],
        ),
        (profile.BY_IDS, ["SEARCH t1 USING INTEGER PRIMARY KEY (rowid=?)", *IDS]),
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
        (
            search_list.conversations(with_conversation=False),
            [
                "SEARCH t1 USING INDEX member_inbox (user_id=?)",
                "CORRELATED SCALAR SUBQUERY 1",
                "SEARCH t2 USING PRIMARY KEY (conversation_id=? AND word>? AND word<?)",
                "CORRELATED SCALAR SUBQUERY 3",
                "SCAN json_each VIRTUAL TABLE INDEX 1:",
                "CORRELATED SCALAR SUBQUERY 2",
                "SEARCH other USING PRIMARY KEY (conversation_id=? AND word=?)",
            ],
        ),
        (
            search_list.WORDS,
            [
                "CO-ROUTINE found",
                "SETUP",
                "SCAN json_each VIRTUAL TABLE INDEX 1:",
                "CORRELATED SCALAR SUBQUERY 1",
                "SEARCH t1 USING PRIMARY KEY (conversation_id=? AND word>? AND word<?)",
                "RECURSIVE STEP",
                "SCAN found",
                "CORRELATED SCALAR SUBQUERY 3",
                "SEARCH t2 USING PRIMARY KEY (conversation_id=? AND word>? AND word<?)",
                "SCAN found",
            ],
        ),
        (
            search_list.newest(
                in_range=False, with_sender=True, with_attachment=True, with_since=True, with_until=True
            ),
            [
                "SCAN lists VIRTUAL TABLE INDEX 1:",
                "SEARCH found USING INTEGER PRIMARY KEY (rowid=?)",
                "CORRELATED LIST SUBQUERY 4",
                "SEARCH t2 USING PRIMARY KEY (conversation_id=? AND word=? AND seq>? AND seq<?)",
                "CORRELATED SCALAR SUBQUERY 3",
                "SCAN json_each VIRTUAL TABLE INDEX 1:",
                "CORRELATED SCALAR SUBQUERY 2",
                "SEARCH other USING PRIMARY KEY (conversation_id=? AND word=? AND seq=?)",
                "SEARCH t1 USING INTEGER PRIMARY KEY (rowid=?)",
                "CORRELATED SCALAR SUBQUERY 1",
                "SEARCH t3 USING PRIMARY KEY (user_id=? AND message_id=?)",
            ],
        ),
        (
            search_list.newest(in_range=True, with_sender=True, with_attachment=True, with_since=True, with_until=True),
            [
                "SCAN lists VIRTUAL TABLE INDEX 1:",
                "SEARCH found USING INTEGER PRIMARY KEY (rowid=?)",
                "CORRELATED LIST SUBQUERY 5",
                "SEARCH t1 USING INTEGER PRIMARY KEY (rowid=?)",
                "CORRELATED LIST SUBQUERY 1",
                "SEARCH t2 USING PRIMARY KEY (conversation_id=? AND word>? AND word<?)",
                "CORRELATED SCALAR SUBQUERY 2",
                "SEARCH t3 USING PRIMARY KEY (user_id=? AND message_id=?)",
                "CORRELATED SCALAR SUBQUERY 4",
                "SCAN json_each VIRTUAL TABLE INDEX 1:",
                "CORRELATED SCALAR SUBQUERY 3",
                "SEARCH other USING PRIMARY KEY (conversation_id=? AND word=? AND seq=?)",
            ],
        ),
        (conversation.DIRECT, ["SEARCH t1 USING PRIMARY KEY (user_lo=? AND user_hi=?)"]),
        (
            message.VISIBLE_TO_EACH,
            [
                "SCAN json_each VIRTUAL TABLE INDEX 1:",
                "SEARCH t1 USING PRIMARY KEY (user_id=? AND conversation_id=?)",
                "CORRELATED SCALAR SUBQUERY 1",
                "SEARCH t2 USING PRIMARY KEY (user_id=? AND message_id=?)",
            ],
        ),
        (event.AFTER, ["SEARCH t1 USING PRIMARY KEY (user_id=? AND n>?)"]),
        (
            event.PUT,
            [
                "SCAN json_each VIRTUAL TABLE INDEX 1:",
                "CORRELATED SCALAR SUBQUERY 1",
                "SEARCH log USING PRIMARY KEY (user_id=?)",
            ],
        ),
        (
            send.BY_ID,
            [
                "SEARCH t1 USING INTEGER PRIMARY KEY (rowid=?)",
                "SEARCH t4 USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN",
                "SEARCH t6 USING PRIMARY KEY (user_lo=? AND user_hi=?) LEFT-JOIN",
                "SEARCH theirs USING PRIMARY KEY (user_id=? AND conversation_id=?) LEFT-JOIN",
                "SEARCH t5 USING INTEGER PRIMARY KEY (rowid=?) LEFT-JOIN",
                "SEARCH own USING PRIMARY KEY (user_id=? AND conversation_id=?) LEFT-JOIN",
                "CORRELATED SCALAR SUBQUERY 1",
                "SEARCH t2 USING PRIMARY KEY (blocker_id=? AND blocked_id=?)",
                "CORRELATED SCALAR SUBQUERY 2",
                "SEARCH t2 USING PRIMARY KEY (blocker_id=? AND blocked_id=?)",
                "CORRELATED SCALAR SUBQUERY 3",
                "SEARCH t3 USING PRIMARY KEY (follower_id=? AND followed_id=?)",
                "CORRELATED SCALAR SUBQUERY 4",
                "SEARCH t3 USING PRIMARY KEY (follower_id=? AND followed_id=?)",
                "CORRELATED SCALAR SUBQUERY 5",
                "SEARCH asked USING COVERING INDEX member_requester (requester_id=? AND user_id=? AND request_state=?)",
                "SEARCH t5 USING INTEGER PRIMARY KEY (rowid=?)",
                "CORRELATED SCALAR SUBQUERY 6",
                "SEARCH asked USING COVERING INDEX member_requester (requester_id=? AND user_id=? AND request_state=?)",
            ],
        ),
        (
            send.MEMBERS,
            [
                "SEARCH t2 USING INTEGER PRIMARY KEY (rowid=?)",
                "SCALAR SUBQUERY 2",
                "SEARCH own USING COVERING INDEX member_conversation (conversation_id=? AND user_id=?)",
                "SEARCH t1 USING INDEX member_conversation (conversation_id=?)",
                "CORRELATED SCALAR SUBQUERY 1",
                "SEARCH t3 USING PRIMARY KEY (blocker_id=? AND blocked_id=?)",
            ],
        ),
        (
            send.MEMBERS_OF_GROUP,
            [
                "SEARCH t2 USING INDEX sqlite_autoindex_conversation_1 (member_hash=?)",
                "SEARCH t1 USING INDEX member_conversation (conversation_id=?)",
                "CORRELATED SCALAR SUBQUERY 1",
                "SEARCH t3 USING PRIMARY KEY (blocker_id=? AND blocked_id=?)",
            ],
        ),
        (member.ADVANCE, ["SEARCH member USING COVERING INDEX member_conversation (conversation_id=?)"]),
        (attachment.OF_MESSAGES, ["SEARCH t1 USING PRIMARY KEY (message_id=?)", *IDS]),
        (
            idempotency.FIND,
            [
                "COMPOUND QUERY",
                "LEFT-MOST SUBQUERY",
                "SEARCH t1 USING PRIMARY KEY (key=? AND user_id=?)",
                "UNION ALL",
                "SEARCH t2 USING PRIMARY KEY (key=? AND user_id=?)",
            ],
        ),
        (member.MEMBER_IDS, ["SEARCH t1 USING COVERING INDEX member_conversation (conversation_id=?)", *IDS]),
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


def test_highlights_find_words_as_the_former_index_does(database: peewee.SqliteDatabase) -> None:
    """Excerpts are made by an index in memory: its tokenizer is that of the index of earlier versions."""
    (sql,) = database.connection().execute("SELECT sql FROM sqlite_master WHERE name = 'message_fts'").fetchone()

    assert f"tokenize = '{TOKENIZER}'" in sql
    assert places_of({1: "no", 2: "Ça, c'est ça!"}, '"ca"', 9) == {2: [(0, 2), (10, 12)]}


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
        "quarantine", "message_word",
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


def test_an_index_that_an_earlier_version_filled_is_marked_to_be_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The migration itself copies nothing: a start does not wait for it."""
    folder = tmp_path / "migrations"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("0011*", "__pycache__"))
    monkeypatch.setattr("models.migration.FOLDER", folder)
    database = peewee.SqliteDatabase(str(tmp_path / "sotto.db"))
    with database.connection_context():
        migrate(database)
        database.execute_sql("INSERT INTO message_fts (rowid, body) VALUES (5, 'hello')")
        monkeypatch.setattr("models.migration.FOLDER", FOLDER)

        assert migrate(database) == ["0011_words"]
        assert database.execute_sql("SELECT id, upto FROM reindexing").fetchall() == [(1, 0)]
        assert database.execute_sql("SELECT count(*) FROM message_word").fetchone() == (0,)
