"""Peewee queries with named parameters, compiled to SQL once: compiling costs 60 to 300 µs, executing about 5."""

import json
from collections.abc import Callable, Iterable
from functools import partial
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar

import peewee
from peewee import SQL, fn

Row = TypeVar("Row", bound=NamedTuple, covariant=True)
T = TypeVar("T", covariant=True)  # of a column
Binder = Callable[[dict[str, Any]], tuple[Any, ...]]


class _Marker(NamedTuple):
    """The place of a parameter among the compiled values."""

    name: str


class Param(peewee.ColumnBase):
    """A named parameter of a statement; its value reaches the driver unchanged, without Peewee's field converters."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __sql__(self, ctx: Any) -> Any:
        return ctx.value(_Marker(self.name), converter=False)


class IdList(peewee.Node):
    """The right side of `field.in_(…)`: one parameter, a JSON array, so that every length has the same SQL text."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __sql__(self, ctx: Any) -> Any:
        ctx.literal("(SELECT value FROM json_each(")
        ctx.value(_Marker(self.name), converter=False)
        return ctx.literal("))")


def each_of(name: str) -> tuple[Any, Any]:
    """A parameter with an `id_list` as a table, and its column: the source of an INSERT of one row for each id."""
    return fn.json_each(Param(name)), SQL("json_each.value")


def pairs_of(name: str) -> tuple[Any, Any, Any]:
    """A parameter with a `pair_list` as a table, and its two columns."""
    return (
        fn.json_each(Param(name)),
        SQL("json_extract(json_each.value, '$[0]')"),
        SQL("json_extract(json_each.value, '$[1]')"),
    )


def id_list(ids: Iterable[int]) -> str:
    """The value for an `IdList`."""
    return f"[{','.join(map(str, ids))}]"


def pair_list(pairs: Iterable[tuple[int, int]]) -> str:
    """The value for `pairs_of`."""
    return f"[{','.join(f'[{one},{other}]' for one, other in pairs)}]"


def text_list(texts: Iterable[str]) -> str:
    """The value for an `IdList` of texts."""
    return json.dumps(list(texts))


class Compiled:
    """One SQL text; `bind` puts named parameters in the driver's order and raises KeyError for a missing one."""

    __slots__ = ("bind", "sql")

    def __init__(self, sql: str, values: list[Any]) -> None:
        self.sql = sql
        self.bind = _binder(values)


def _binder(values: list[Any]) -> Binder:
    """Constants of the query are parameters too, under names of their own."""
    if not values:
        return lambda _params: ()
    names = [value.name if type(value) is _Marker else f"constant {place}" for place, value in enumerate(values)]
    constants = {name: value for name, value in zip(names, values, strict=True) if type(value) is not _Marker}
    get = itemgetter(*names) if len(names) > 1 else _only(names[0])
    return (lambda params: get({**constants, **params})) if constants else get


def _only(name: str) -> Binder:
    return lambda params: (params[name],)


class Prepared:
    """A statement that is compiled once per dialect, at first use: a `Query`, a `Value` or a `Command`.

    Declared at import, when no database is open. The SQL text never depends on a parameter's value.
    """

    def __init__(self, query: Any) -> None:
        self.query = query
        self._compiled: dict[type, Compiled] = {}

    def compiled_for(self, database: peewee.Database) -> Compiled:
        """The SQL for the database's dialect."""
        dialect = type(database)
        compiled = self._compiled.get(dialect)
        if compiled is None:
            sql, values = database.get_sql_context().parse(self.query)
            compiled = self._compiled[dialect] = Compiled(sql, list(values))
        return compiled


class Query(Prepared, Generic[Row]):
    """A statement whose columns fill the fields of `row`, in order: for `Transaction.all` and `first`.

    A SELECT, or a change with RETURNING.
    """

    def __init__(self, query: Any, row: type[Row]) -> None:
        super().__init__(query)
        self.row = row
        # `row._make` also counts the columns of each row; tests/models/test_prepared.py counts those of each statement.
        self.make_row: Callable[[Iterable[Any]], Row] = partial(tuple.__new__, row)


class Value(Prepared, Generic[T]):
    """A statement with one column of type T, declared as `Value[int](…)`: for `Transaction.value` and `values`.

    A SELECT, or a change with RETURNING. A column that may be NULL has `None` in its T.
    """


class OneValue(Value[T]):
    """A value that is never missing: an aggregate, or an INSERT that always returns its row."""


class Command(Prepared):
    """An INSERT, UPDATE or DELETE that returns no rows: for `Transaction.run`."""
