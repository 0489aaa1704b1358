"""Every statement is of the kind, and has the columns, that its declaration says; a wrong use does not type-check."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, assert_type, get_args, get_type_hints

import peewee

from models import event, message, probe, user
from models.prepared import Command, OneValue, Prepared, Query, Value
from models.transaction import Transaction
from tests.models.statement import every_statement

Statement = TypeVar("Statement", bound=Prepared)

KINDS = {
    "SELECT": (Query, Value), "WITH": (Query,), "INSERT": (Command, Value, Query), "UPDATE": (Command, Value),
    "DELETE": (Command,),
}  # fmt: skip
TYPES = {peewee.IntegerField: int, peewee.TextField: str, peewee.BlobField: bytes}
# A field of a row with another name than its column.
RENAMED = {
    ("user_hi", "user_id"),  # one of the two people of a pair
    ("request_state", "request"),
    ("request_state", "own_request"),  # of the viewer in a direct conversation
    ("read_seq", "own_read_seq"),
    ("last_seq", "own_last_seq"),
    ("last_seq", "conversation_seq"),
    ("id", "message_id"),
}
NEVER_NULL = {(message.TextRow, "body")}  # by the WHERE of its query


def columns_of(statement: Prepared) -> list[Any]:
    """What a SELECT or RETURNING lists; of a UNION, what its first SELECT lists."""
    query = statement.query
    while isinstance(query, peewee.CompoundSelectQuery):
        query = query.lhs
    return list(query._returning)


def types_of(column: peewee.Field) -> set[Any]:
    """The declarations that fit: one that may be NULL must say so; any may, since an outer join has no row."""
    [python] = [python for kind, python in TYPES.items() if isinstance(column, kind)]
    return {python | None} if column.null else {python, python | None}


def every(kind: type[Statement]) -> Iterator[tuple[str, Statement]]:
    """The names and statements of this kind, of which there are some."""
    found = [(name, statement) for name, statement in every_statement() if isinstance(statement, kind)]
    assert found
    yield from found


def test_a_statement_is_of_the_kind_that_it_compiles_to(database: peewee.SqliteDatabase) -> None:
    """A SELECT gives rows or values, a change its row count; with RETURNING a change gives rows or values too."""
    for name, statement in every(Prepared):
        sql = statement.compiled_for(database).sql

        assert isinstance(statement, KINDS[sql.split()[0]]), name
        is_read = sql.startswith(("SELECT", "WITH"))
        assert isinstance(statement, Command) == (not is_read and " RETURNING " not in sql), name


def test_the_columns_of_a_query_are_the_fields_of_its_row() -> None:
    """As many, in the same order, with the same names and types; an expression has no name and no type to compare."""
    for name, query in every(Query):
        fields = get_type_hints(query.row)
        columns = columns_of(query)

        assert len(columns) == len(fields), name
        for column, (field, declared) in zip(columns, fields.items(), strict=True):
            if isinstance(column, peewee.Field):
                assert column.name == field or (column.name, field) in RENAMED, name
                assert declared in types_of(column) or (query.row, field) in NEVER_NULL, (name, field)


def test_a_value_is_one_column_of_its_type() -> None:
    """`Value[int | None]` where the column may be NULL."""
    for name, value in every(Value):
        [column] = columns_of(value)
        [declared] = get_args(vars(value).get("__orig_class__", Value[int]))
        possible = types_of(column) if isinstance(column, peewee.Field) else {int, int | None}

        assert declared in possible, name


def test_a_single_value_is_there_in_an_empty_database(database: peewee.SqliteDatabase) -> None:
    """`Transaction.value` gives it without None."""
    for name, value in every(OneValue):
        compiled = value.compiled_for(database)
        with database.atomic() as transaction:
            rows = database.connection().execute(compiled.sql, [1] * compiled.sql.count("?")).fetchall()
            transaction.rollback()

        assert len(rows) == 1, name
        assert rows[0][0] is not None, name


def test_the_type_checker_reads_what_follows() -> None:
    """A `type: ignore` that nothing needs is an error for it: so each below is a use that does not type-check."""
    settings = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mypy"]

    assert settings["strict"]  # turns warn_unused_ignores on
    assert "tests" in settings["files"]


if TYPE_CHECKING:

    def right_uses(tx: Transaction) -> None:
        """Each use of a statement, and the type that comes out."""
        assert_type(tx.all(user.CREDENTIAL, key="alice"), list[user.CredentialRow])
        assert_type(tx.first(user.CREDENTIAL, key="alice"), user.CredentialRow | None)
        assert_type(tx.value(user.STATE, id=1), int | None)
        assert_type(tx.values(message.NEWEST, viewer=1, ids="[1]"), list[int | None])
        assert_type(tx.value(probe.ADD), int)
        assert_type(tx.all(event.PUT, users="[1]"), list[event.NumberRow])
        assert_type(tx.run(user.SET_STATE, id=1, state=0), int)

    def wrong_uses(tx: Transaction) -> None:
        """A method that the kind of the statement does not have."""
        tx.all(user.STATE, id=1)  # type: ignore[arg-type]
        tx.first(user.STATE, id=1)  # type: ignore[arg-type]
        tx.all(user.SET_STATE, id=1, state=0)  # type: ignore[arg-type]
        tx.first(user.SET_STATE, id=1, state=0)  # type: ignore[arg-type]
        tx.value(user.CREDENTIAL, key="alice")  # type: ignore[call-overload]
        tx.values(user.CREDENTIAL, key="alice")  # type: ignore[arg-type]
        tx.value(user.SET_STATE, id=1, state=0)  # type: ignore[call-overload]
        tx.values(user.SET_STATE, id=1, state=0)  # type: ignore[arg-type]
        tx.run(user.STATE, id=1)  # type: ignore[arg-type]
        tx.run(user.CREDENTIAL, key="alice")  # type: ignore[arg-type]
        tx.run(event.PUT, users="[1]", kind=0, subject=1, at=1, actor=0, detail=0)  # type: ignore[arg-type]

    def wrong_declarations(tx: Transaction) -> None:
        """No row, no type, and a type that the caller does not expect."""
        Query(user.User.select(user.User.id))  # type: ignore[call-arg]
        Query(user.User.select(user.User.id), int)  # type: ignore[type-var]
        Command[int](user.User.delete())  # type: ignore[misc]
        untyped = Value(user.User.select(user.User.id))  # type: ignore[var-annotated]
        tx.value(untyped)
        state: int = tx.value(user.STATE, id=1)  # type: ignore[assignment]
        newest: list[int] = tx.values(message.NEWEST, viewer=1, ids="[1]")  # type: ignore[arg-type]
        tx.value(user.STATE, id=state + newest[0])
