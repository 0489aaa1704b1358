"""The quarantine: names of stored objects that no row refers to, noted for a time before they are deleted."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from peewee import BigIntegerField, TextField

from models.base import Base
from models.prepared import Command, IdList, Param, Query, text_list
from models.transaction import Transaction


class Quarantine(Base):
    """A stored object without a row; `since` is when that was found, in ms since 1970."""

    name = TextField(primary_key=True)
    since = BigIntegerField()

    class Meta:
        table_name = "quarantine"


class QuarantineRow(NamedTuple):
    name: str
    since: int


FIND = Query(
    Quarantine.select(Quarantine.name, Quarantine.since).where(Quarantine.name.in_(IdList("names"))), QuarantineRow
)
PUT = Command(
    Quarantine.insert({Quarantine.name: Param("name"), Quarantine.since: Param("since")}).on_conflict_ignore()
)
DELETE = Command(Quarantine.delete().where(Quarantine.name.in_(IdList("names"))))
DELETE_OLD = Command(Quarantine.delete().where(Quarantine.since < Param("before")))


def find(transaction: Transaction, names: Iterable[str]) -> dict[str, int]:
    """The names that are in quarantine, and since when."""
    return {row.name: row.since for row in transaction.all(FIND, names=text_list(names))}


def change(transaction: Transaction, *, put: Iterable[str], delete: Collection[str], now: int) -> None:
    """Adds and removes names; one that is there already keeps its time."""
    for name in put:
        transaction.run(PUT, name=name, since=now)
    if delete:
        transaction.run(DELETE, names=text_list(delete))
