"""The probe: a row that is written and read back to check that the database works."""

from peewee import IntegerField

from models.base import Base
from models.prepared import OneValue, Value
from models.transaction import Transaction


class Probe(Base):
    id = IntegerField(primary_key=True)
    n = IntegerField()


ADD = OneValue[int](
    Probe.insert({Probe.id: 1, Probe.n: 1})
    .on_conflict(conflict_target=[Probe.id], update={Probe.n: Probe.n + 1})
    .returning(Probe.n)
)
FIND = Value[int](Probe.select(Probe.n).where(Probe.id == 1))


def add(transaction: Transaction) -> int:
    """Increments the counter, which changes a page, and returns it; runs inside `Database.write`."""
    return transaction.value(ADD)


def find(transaction: Transaction) -> int | None:
    """The counter; None if the row was deleted."""
    return transaction.value(FIND)
