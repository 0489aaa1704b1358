"""The quarantine: what the storage holds and no row names waits here, by its name, before it is deleted."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from peewee import BigIntegerField, TextField

from models.base import Base
from models.prepared import Command, IdList, Param, Query, text_list
from models.transaction import Transaction


class Quarantine(Base):
    """Something of the storage that no row names, since when (ms since 1970)."""

    name = TextField(primary_key=True)
    since = BigIntegerField()

    class Meta:
        table_name = "quarantine"


class QuarantineRow(NamedTuple):
    """One of them."""

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
    """Those of the names that are in quarantine, and since when."""
    return {row.name: row.since for row in transaction.all(FIND, names=text_list(names))}


def change(transaction: Transaction, *, put: Iterable[str], delete: Collection[str], now: int) -> None:
    """Puts names into the quarantine, those that are there staying as they are, and takes others out."""
    for name in put:
        transaction.run(PUT, name=name, since=now)
    if delete:
        transaction.run(DELETE, names=text_list(delete))
