"""The link to the storage: which storage belongs to this database."""

from peewee import BigIntegerField, IntegerField, TextField

from models.base import Base, now_ms
from models.prepared import Command, Param, Value
from models.transaction import Transaction


class StorageLink(Base):
    """The identity of the storage, in a single row."""

    id = IntegerField(primary_key=True)
    identity = TextField()
    linked_at = BigIntegerField()


FIND = Value[str](StorageLink.select(StorageLink.identity).where(StorageLink.id == 1))
_NEW = {StorageLink.id: 1, StorageLink.identity: Param("identity"), StorageLink.linked_at: Param("at")}
PUT = Command(StorageLink.insert(_NEW).on_conflict_ignore())
REPLACE = Command(StorageLink.insert(_NEW).on_conflict_replace())


def find(transaction: Transaction) -> str | None:
    """The identity of the linked storage; None before one was linked."""
    return transaction.value(FIND)


def get_or_put(transaction: Transaction, identity: str) -> str:
    """Links a storage unless one is linked, and returns the identity of the linked one."""
    transaction.run(PUT, identity=identity, at=now_ms())
    linked = transaction.value(FIND)
    assert linked is not None
    return linked


def replace(transaction: Transaction, identity: str) -> None:
    """Links a storage, replacing any other."""
    transaction.run(REPLACE, identity=identity, at=now_ms())
