"""The server's own secret: what signs cursors and file URLs."""

import secrets

from peewee import BlobField, TextField

from models.base import Base
from models.prepared import Command, Param, Value
from models.transaction import Transaction


class ServerSecret(Base):
    """A random value made at first start and kept with the data, so that a restart keeps cursors good."""

    name = TextField(primary_key=True)
    value = BlobField()


FIND = Value[bytes](ServerSecret.select(ServerSecret.value).where(ServerSecret.name == Param("name")))
PUT = Command(
    ServerSecret.insert({ServerSecret.name: Param("name"), ServerSecret.value: Param("value")}).on_conflict_ignore()
)


def get_or_put(transaction: Transaction, name: str) -> bytes:
    """32 random bytes, the same at every call with this name; runs inside `Database.write`."""
    transaction.run(PUT, name=name, value=secrets.token_bytes(32))
    value = transaction.value(FIND, name=name)
    assert value is not None
    return value
