"""The outbox: work that follows a commit and must not be lost, done later in batches."""

from enum import IntEnum
from typing import NamedTuple

from peewee import AutoField, BigIntegerField, IntegerField

from models import former_index, word
from models import message as messages
from models.base import Base
from models.prepared import Command, Param, Query, id_list
from models.transaction import Transaction

INDEX_LENGTH = 20_000  # code points of the texts of one batch, unless the first has more: at most about 30 ms of CPU


class JobKind(IntEnum):
    """The kind of work; the comments say what `ref` refers to."""

    INDEX_MESSAGE = 0  # a message whose text goes into the search index
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


def index_messages(transaction: Transaction, limit: int) -> bool:
    """Adds up to `limit` pending texts to the search index, sorted by id; returns whether there may be more.

    Not inside the send, whose ids come in no order: sorted, a batch changes each page of the index once.
    """
    kind = int(JobKind.INDEX_MESSAGE)
    pending = transaction.all(NEXT, kind=kind, count=limit)
    bodies = {row.id: row for row in transaction.all(messages.TEXTS, ids=id_list(job.ref for job in pending))}
    jobs: list[JobRow] = []
    length = 0
    for job in pending:
        row = bodies.get(job.ref)
        length += 0 if row is None else len(row.body)
        if jobs and length > INDEX_LENGTH:
            break
        jobs.append(job)
    if jobs:
        texts = sorted(bodies[ref] for ref in {job.ref for job in jobs} & bodies.keys())
        word.put(transaction, texts)
        if former_index.is_in_use(transaction):
            for row in texts:  # a text may have two jobs, of which FTS5 must see one
                if transaction.value(former_index.INDEXED, id=row.id) is None:
                    transaction.run(former_index.INDEX, id=row.id, body=row.body)
        transaction.run(DONE, kind=kind, n=jobs[-1].n)
    return len(jobs) < len(pending) or len(pending) == limit


def reindex(transaction: Transaction, message_id: int, before: str | None, after: str | None) -> None:
    """Removes a message's former text from the index and adds a job for the new one, if there is one."""
    if before is not None:
        word.remove(transaction, message_id, before)
        # Also after the copy: what was deleted or edited must not stay readable in the file.
        if transaction.value(former_index.INDEXED, id=message_id) is not None:
            transaction.run(former_index.UNINDEX, id=message_id, body=before)
    if after is not None:
        transaction.run(PUT, kind=int(JobKind.INDEX_MESSAGE), ref=message_id)
