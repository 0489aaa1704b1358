"""What a function run by `Database.write` or `Database.read` may do: execute prepared statements, nothing else."""

import sqlite3
from typing import Any, overload

import peewee

from models.prepared import Command, OneValue, Prepared, Query, Row, T, Value


class Transaction:
    """The open transaction of the thread that runs the function; not to be used after the function returns.

    Once it is expired, each further statement fails like an interrupted one.
    """

    __slots__ = ("_connection", "_is_expired", "database")

    def __init__(self, database: peewee.Database) -> None:
        self.database = database
        self._is_expired = False
        self._connection: sqlite3.Connection = database.connection()

    def all(self, query: Query[Row], /, **params: Any) -> list[Row]:
        """Every row."""
        return list(map(query.make_row, self._execute(query, params)))

    def first(self, query: Query[Row], /, **params: Any) -> Row | None:
        """The first row, or None."""
        columns = self._execute(query, params).fetchone()
        return None if columns is None else query.make_row(columns)

    @overload
    def value(self, value: OneValue[T], /, **params: Any) -> T: ...

    @overload
    def value(self, value: Value[T], /, **params: Any) -> T | None: ...

    def value(self, value: Value[T], /, **params: Any) -> T | None:
        """The value of the first row, or None when there is no row."""
        columns: tuple[T] | None = self._execute(value, params).fetchone()
        return None if columns is None else columns[0]

    def values(self, value: Value[T], /, **params: Any) -> list[T]:
        """The value of every row."""
        return [columns[0] for columns in self._execute(value, params)]

    def run(self, command: Command, /, **params: Any) -> int:
        """The number of rows that the statement inserted, changed or deleted."""
        return self._execute(command, params).rowcount

    def expire(self) -> None:
        """Interrupts the statement that runs, if any, and refuses further ones; may be called by another thread."""
        self._is_expired = True
        self._connection.interrupt()

    def _execute(self, statement: Prepared, params: dict[str, Any]) -> sqlite3.Cursor:
        if self._is_expired:
            raise sqlite3.OperationalError("interrupted")
        compiled = statement.compiled_for(self.database)
        return self._connection.execute(compiled.sql, compiled.bind(params))
