"""What a function run by `Database.write` or `Database.read` may do: execute prepared queries, nothing else."""

from typing import Any

import peewee

from models.prepared import Prepared, Row


class Transaction:
    """The open transaction of the thread that runs the function; not to be kept after it returns."""

    __slots__ = ("_connection", "database")

    def __init__(self, database: peewee.Database) -> None:
        self.database = database
        self._connection = database.connection()

    def all(self, prepared: Prepared[Row], **params: Any) -> list[Row]:
        """Every row, as the query's row type."""
        make = prepared.row._make  # type: ignore[union-attr]
        return [make(values) for values in self._execute(prepared, params)]

    def first(self, prepared: Prepared[Row], **params: Any) -> Row | None:
        """The first row, or None."""
        values = self._execute(prepared, params).fetchone()
        return None if values is None else prepared.row._make(values)  # type: ignore[union-attr]

    def value(self, prepared: Prepared[Any], **params: Any) -> Any:
        """The first column of the first row, or None."""
        values = self._execute(prepared, params).fetchone()
        return None if values is None else values[0]

    def values(self, prepared: Prepared[Any], **params: Any) -> list[Any]:
        """The first column of every row."""
        return [values[0] for values in self._execute(prepared, params)]

    def run(self, prepared: Prepared[Any], **params: Any) -> int:
        """The number of rows that the statement inserted, changed or deleted."""
        return self._execute(prepared, params).rowcount  # type: ignore[no-any-return]

    def execute(self, query: Any) -> Any:
        """Runs an ordinary Peewee query: for cold paths whose shape depends on the arguments."""
        return query.execute(self.database)

    def _execute(self, prepared: Prepared[Any], params: dict[str, Any]) -> Any:
        compiled = prepared.compiled_for(self.database)
        return self._connection.execute(compiled.sql, compiled.bind(params))
