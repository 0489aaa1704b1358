"""The probe: a row that is written to see whether the database can be, and read to see whether it was."""

from peewee import IntegerField

from models.base import Base
from models.prepared import OneValue, Value
from models.transaction import Transaction


class Probe(Base):
    """One row."""

    id = IntegerField(primary_key=True)
    n = IntegerField()


ADD = OneValue[int](
    Probe.insert({Probe.id: 1, Probe.n: 1})
    .on_conflict(conflict_target=[Probe.id], update={Probe.n: Probe.n + 1})
    .returning(Probe.n)
)
FIND = Value[int](Probe.select(Probe.n).where(Probe.id == 1))


def add(transaction: Transaction) -> int:
    """Counts on, which changes a page, and returns the number; runs inside `Database.write`."""
    return transaction.value(ADD)


def find(transaction: Transaction) -> int | None:
    """The number that was written last; None where somebody deleted the row."""
    return transaction.value(FIND)
