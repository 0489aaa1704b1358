"""The link to the storage: which one belongs to this database."""

from typing import NamedTuple

from peewee import BigIntegerField, IntegerField, TextField

from models.base import Base, now_ms
from models.prepared import Param, Prepared
from models.transaction import Transaction


class StorageLink(Base):
    """The identity of the storage; one row, or none before a storage was linked."""

    id = IntegerField(primary_key=True)
    identity = TextField()
    linked_at = BigIntegerField()


class LinkRow(NamedTuple):
    """The identity."""

    identity: str


FIND = Prepared(StorageLink.select(StorageLink.identity).where(StorageLink.id == 1), LinkRow)
_NEW = {StorageLink.id: 1, StorageLink.identity: Param("identity"), StorageLink.linked_at: Param("at")}
PUT = Prepared[LinkRow](StorageLink.insert(_NEW).on_conflict_ignore())
REPLACE = Prepared[LinkRow](StorageLink.insert(_NEW).on_conflict_replace())


def find(transaction: Transaction) -> str | None:
    """The identity of the storage that belongs to this database; None before one was linked."""
    identity: str | None = transaction.value(FIND)
    return identity


def get_or_put(transaction: Transaction, identity: str) -> str:
    """Links a storage unless one is linked, and returns the identity of the one that then is."""
    transaction.run(PUT, identity=identity, at=now_ms())
    linked: str = transaction.value(FIND)
    return linked


def replace(transaction: Transaction, identity: str) -> None:
    """Links a storage in place of any other."""
    transaction.run(REPLACE, identity=identity, at=now_ms())
