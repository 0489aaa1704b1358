"""The full-text index of earlier versions, and the copy of its messages to models/word.py; for one more release.

FTS5 collects, for the beginning of a word, every message of the server that has such a word. So a database that was
written by an earlier version is indexed again in the background, in steps of a few milliseconds; until the last of
them, messages are added to both indexes and searched in this one.
"""

from functools import cache
from typing import NamedTuple

from peewee import JOIN, BigIntegerField, Expression, IntegerField, Table, TextField

from models import word
from models.base import MAX_INTEGER, SEQ_BITS, Base
from models.member import Member
from models.message import IS_SHOWN, Message
from models.prepared import Command, Param, Query, Value
from models.search_list import conditions
from models.transaction import Transaction

STEP_COUNT = 200  # messages of one step, at most
STEP_LENGTH = 10_000  # code points of their texts, unless the first has more: about 5 ms of CPU


class MessageFts(Base):
    """FTS5's table over `Message.body`."""

    rowid = BigIntegerField(primary_key=True)
    message_fts = TextField()  # FTS5's hidden column, named like the table: the left side of MATCH
    body = TextField()


class Reindexing(Base):
    """At most one row, with `id` 1: the messages up to `upto` have been copied; MAX_INTEGER once all have been."""

    id = IntegerField(primary_key=True)
    upto = BigIntegerField()


class TextRow(NamedTuple):
    id: int
    body: str | None


class FoundRow(NamedTuple):
    """A search result, to be loaded by id."""

    id: int
    created_at: int


# FTS5's internal table: a look-up by rowid in an external-content index finds every message, indexed or not.
_DOCSIZE = Table("message_fts_docsize")
INDEXED = Value[int](_DOCSIZE.select(_DOCSIZE.c.id).where(_DOCSIZE.c.id == Param("id")))
FIRST_INDEXED = Value[int](_DOCSIZE.select(_DOCSIZE.c.id).where(_DOCSIZE.c.id > 0).order_by(_DOCSIZE.c.id).limit(1))
# FTS5's 'delete' command needs exactly the text that was indexed.
UNINDEX = Command(
    MessageFts.insert({MessageFts.message_fts: "delete", MessageFts.rowid: Param("id"), MessageFts.body: Param("body")})
)
INDEX = Command(MessageFts.insert({MessageFts.rowid: Param("id"), MessageFts.body: Param("body")}))
UPTO = Value[int](Reindexing.select(Reindexing.upto).where(Reindexing.id == 1))
BEGIN = Command(Reindexing.insert({Reindexing.id: 1, Reindexing.upto: 0}))
ADVANCE = Command(Reindexing.update({Reindexing.upto: Param("upto")}).where(Reindexing.id == 1))
NEXT = Query(
    Message.select(Message.id, Message.body)
    .where(Message.id > Param("after"))
    .order_by(Message.id)
    .limit(Param("count")),
    TextRow,
)


@cache
def search(
    *, with_conversation: bool, with_sender: bool, with_attachment: bool | None, with_since: bool, with_until: bool
) -> Query[FoundRow]:
    """The messages visible to the viewer that match, newest first, beyond (`at`, `id`), exclusive.

    `with_attachment`: None for both.
    """
    lowest = Expression(Member.conversation_id, "<<", SEQ_BITS) + Member.floor_seq
    beyond = Expression(Member.conversation_id + 1, "<<", SEQ_BITS)
    query = (
        Member.select(Message.id, Message.created_at)
        .join(MessageFts, JOIN.CROSS)  # CROSS: SQLite keeps this order of the loops
        .join(Message, JOIN.CROSS)
        .where(Member.user_id == Param("viewer"), MessageFts.rowid > lowest, MessageFts.rowid < beyond)
        .where(Expression(MessageFts.message_fts, "MATCH", Param("match")), Message.id == MessageFts.rowid, IS_SHOWN)
        .where(Message.created_at <= Param("at"), (Message.created_at < Param("at")) | (Message.id < Param("id")))
    )
    if with_conversation:
        query = query.where(Member.conversation_id == Param("conversation"))
    query = query.where(
        *conditions(
            with_sender=with_sender, with_attachment=with_attachment, with_since=with_since, with_until=with_until
        )
    )
    return Query(query.order_by(Message.created_at.desc(), Message.id.desc()).limit(Param("count")), FoundRow)


def is_in_use(transaction: Transaction) -> bool:
    """Whether messages are still to be copied."""
    upto = transaction.value(UPTO)
    return upto is not None and upto < MAX_INTEGER


def begin(transaction: Transaction) -> None:
    """Begins the copy if this index was filled, unless it was begun before."""
    if transaction.value(UPTO) is None and transaction.value(FIRST_INDEXED) is not None:
        transaction.run(BEGIN)


def copy_some(transaction: Transaction) -> bool:
    """Copies the next messages; returns whether there may be more."""
    upto = transaction.value(UPTO)
    if upto is None or upto == MAX_INTEGER:
        return False
    rows = transaction.all(NEXT, after=upto, count=STEP_COUNT)
    texts, length = [], 0
    for row in rows:
        if length and length + len(row.body or "") > STEP_LENGTH:
            break
        length += len(row.body or "")
        upto = row.id
        if row.body is not None:
            texts.append((row.id, row.body))
    else:
        upto = upto if len(rows) == STEP_COUNT else MAX_INTEGER
    word.put(transaction, texts)
    transaction.run(ADVANCE, upto=upto)
    return upto < MAX_INTEGER
