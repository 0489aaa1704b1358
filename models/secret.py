"""The server's secrets, which sign cursors and file URLs."""

import secrets

from peewee import BlobField, TextField

from models.base import Base
from models.prepared import Command, Param, Value
from models.transaction import Transaction


class ServerSecret(Base):
    """A random value, generated at the first start; stored so that cursors stay valid after a restart."""

    name = TextField(primary_key=True)
    value = BlobField()


FIND = Value[bytes](ServerSecret.select(ServerSecret.value).where(ServerSecret.name == Param("name")))
PUT = Command(
    ServerSecret.insert({ServerSecret.name: Param("name"), ServerSecret.value: Param("value")}).on_conflict_ignore()
)


def get_or_put(transaction: Transaction, name: str) -> bytes:
    """The secret of this name, 32 random bytes, generated at the first call; runs inside `Database.write`."""
    transaction.run(PUT, name=name, value=secrets.token_bytes(32))
    value = transaction.value(FIND, name=name)
    assert value is not None
    return value
