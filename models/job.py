"""The outbox: work that follows a commit and must not be lost, done later in batches."""

from enum import IntEnum
from typing import NamedTuple

from peewee import AutoField, BigIntegerField, IntegerField

from models import message as messages
from models.base import Base
from models.prepared import Command, Param, Query, id_list
from models.transaction import Transaction


class JobKind(IntEnum):
    """The kind of work; the comments say what `ref` refers to."""

    INDEX_MESSAGE = 0  # a message whose text goes into the full-text index
    MAKE_THUMBNAILS = 1  # a message whose pictures get a thumbnail


class Job(Base):
    """A pending job; `n` is the order."""

    n = AutoField()
    kind = IntegerField()
    ref = BigIntegerField()


class JobRow(NamedTuple):
    n: int
    ref: int


PUT = Command(Job.insert({Job.kind: Param("kind"), Job.ref: Param("ref")}))
NEXT = Query(Job.select(Job.n, Job.ref).where(Job.kind == Param("kind")).order_by(Job.n).limit(Param("count")), JobRow)
DONE = Command(Job.delete().where(Job.kind == Param("kind"), Job.n <= Param("n")))
FINISHED = Command(Job.delete().where(Job.n == Param("n")))


def index_messages(transaction: Transaction, limit: int) -> int:
    """Adds up to `limit` pending texts to the full-text index, sorted by id, and returns how many.

    Indexing inside the send would make it 45 to 78 % more expensive: ids out of order flush FTS5's hash each time. A
    text may have two jobs and is indexed once: FTS5 would store both and report a corrupt index.
    """
    kind = int(JobKind.INDEX_MESSAGE)
    jobs = transaction.all(NEXT, kind=kind, count=limit)
    if jobs:
        for row in sorted(transaction.all(messages.TEXTS, ids=id_list(job.ref for job in jobs))):
            if transaction.value(messages.INDEXED, id=row.id) is None:
                transaction.run(messages.INDEX, id=row.id, body=row.body)
        transaction.run(DONE, kind=kind, n=jobs[-1].n)
    return len(jobs)


def reindex(transaction: Transaction, message_id: int, before: str | None, after: str | None) -> None:
    """Removes a message's former text from the index and adds a job for the new one, if there is one.

    A former text that is not indexed yet needs no second job: its job will read the new text.
    """
    is_indexed = transaction.value(messages.INDEXED, id=message_id) is not None
    if is_indexed and before is not None:
        transaction.run(messages.UNINDEX, id=message_id, body=before)
    if after is not None and (is_indexed or before is None):
        transaction.run(PUT, kind=int(JobKind.INDEX_MESSAGE), ref=message_id)
