"""The probe: a row that is written to see whether the database can be, and read to see whether it was."""

from typing import NamedTuple

from peewee import IntegerField

from models.base import Base
from models.prepared import Prepared
from models.transaction import Transaction


class Probe(Base):
    """One row."""

    id = IntegerField(primary_key=True)
    n = IntegerField()


class ProbeRow(NamedTuple):
    """How often it was written."""

    n: int


ADD = Prepared(
    Probe.insert({Probe.id: 1, Probe.n: 1})
    .on_conflict(conflict_target=[Probe.id], update={Probe.n: Probe.n + 1})
    .returning(Probe.n),
    ProbeRow,
)
FIND = Prepared(Probe.select(Probe.n).where(Probe.id == 1), ProbeRow)


def add(transaction: Transaction) -> int:
    """Counts on, which changes a page, and returns the number; runs inside `Database.write`."""
    n: int = transaction.value(ADD)
    return n


def find(transaction: Transaction) -> int | None:
    """The number that was written last; None where somebody deleted the row."""
    n: int | None = transaction.value(FIND)
    return n
