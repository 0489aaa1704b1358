"""Messages: written in order, read in pages."""

from collections.abc import Collection, Iterable, Mapping
from enum import IntEnum
from typing import Any, NamedTuple

from peewee import SQL, BigIntegerField, Expression, IntegerField, TextField, fn

from models.base import SEQ_BITS, Base
from models.conversation import UNMUTED_UNREAD, Conversation, ConversationKind
from models.hidden import Hidden
from models.member import UNANSWERED_STATES, Member
from models.mute import Mute
from models.prepared import Command, IdList, OneValue, Param, Query, Value, id_list, pair_list, pairs_of
from models.transaction import Transaction


class MessageKind(IntEnum):
    """The main content of a message; derived from its files, never taken from the client."""

    TEXT = 0
    IMAGE = 1
    VIDEO = 2
    AUDIO = 3
    FILE = 4


class Message(Base):
    """`id` is `conversation << 27 | seq`; `attachments` is the number of files, which most pages need no query for."""

    id = BigIntegerField(primary_key=True)
    sender_id = BigIntegerField()
    created_at = BigIntegerField()
    kind = IntegerField()
    body = TextField(null=True)
    attachments = IntegerField()
    reply_to_id = BigIntegerField(null=True)
    client_message_id = TextField(null=True)
    metadata = TextField(null=True)
    revision = IntegerField()
    edited_at = BigIntegerField(null=True)
    deleted_at = BigIntegerField(null=True)


class MessageRow(NamedTuple):
    id: int
    sender_id: int
    created_at: int
    kind: int
    body: str | None
    attachments: int
    reply_to_id: int | None
    client_message_id: str | None
    metadata: str | None
    revision: int
    edited_at: int | None
    deleted_at: int | None


class SightRow(NamedTuple):
    """A person, and a message that they may see if it exists."""

    user_id: int
    message_id: int


class TextRow(NamedTuple):
    """A text to be indexed."""

    id: int
    body: str


_ALL = tuple(getattr(Message, name) for name in MessageRow._fields)


def _is_shown(message: Any) -> Any:
    """Whether a message of this table or alias is not hidden from the viewer."""
    return ~fn.EXISTS(
        Hidden.select(Hidden.message_id).where(Hidden.user_id == Param("viewer"), Hidden.message_id == message.id)
    )


IS_SHOWN = _is_shown(Message)
# Who may see a message: a member of its conversation who has not cleared it and from whom it is not hidden.
_SEEN_BY_VIEWER = (
    (Member.user_id == Param("viewer"))
    & (Member.conversation_id == Expression(Message.id, ">>", SEQ_BITS))
    & (Message.id > Expression(Member.conversation_id, "<<", SEQ_BITS) + Member.floor_seq)
    & IS_SHOWN
)

PUT = Command(Message.insert({column: Param(column.name) for column in _ALL}))
# Both bounds are exclusive.
PAGE_FORWARD = Query(
    Message.select(*_ALL)
    .where(Message.id > Param("after"), Message.id < Param("before"), IS_SHOWN)
    .order_by(Message.id)
    .limit(Param("count")),
    MessageRow,
)
PAGE_BACKWARD = Query(
    Message.select(*_ALL)
    .where(Message.id > Param("after"), Message.id < Param("before"), IS_SHOWN)
    .order_by(Message.id.desc())
    .limit(Param("count")),
    MessageRow,
)
VISIBLE = Query(Message.select(*_ALL).join(Member, on=_SEEN_BY_VIEWER).where(Message.id.in_(IdList("ids"))), MessageRow)
_PAIRS, _VIEWER, _ID = pairs_of("pairs")
# Of pairs of a person and a message, those in which the message is in one of the person's conversations, and neither
# cleared nor hidden: the conditions of VISIBLE, for many viewers at once.
VISIBLE_TO_EACH = Query(
    Member.select(Member.user_id, _ID)
    .from_(_PAIRS, Member)
    .where(
        Member.user_id == _VIEWER,
        Member.conversation_id == Expression(_ID, ">>", SEQ_BITS),
        Expression(Member.conversation_id, "<<", SEQ_BITS) + Member.floor_seq < _ID,
        ~fn.EXISTS(Hidden.select(Hidden.message_id).where(Hidden.user_id == Member.user_id, Hidden.message_id == _ID)),
    ),
    SightRow,
)
BY_IDS = Query(Message.select(*_ALL).where(Message.id.in_(IdList("ids"))), MessageRow)

# Those among the ids that are not hidden; whether the viewer is a member of their conversations is not a condition.
UNHIDDEN = Query(Message.select(*_ALL).where(Message.id.in_(IdList("ids")), IS_SHOWN), MessageRow)

# The newest message that the viewer can see in a conversation.
_SHOWN = Message.alias("shown")
_NEWEST = (
    _SHOWN.select(_SHOWN.id)
    .where(
        _SHOWN.id > Expression(Member.conversation_id, "<<", SEQ_BITS) + Member.floor_seq,
        _SHOWN.id <= Expression(Member.conversation_id, "<<", SEQ_BITS) + Member.last_seq,
        _is_shown(_SHOWN),
    )
    .order_by(_SHOWN.id.desc())
    .limit(1)
)
# The newest visible message of each conversation; NULL if there is none.
NEWEST = Value[int | None](
    Member.select(_NEWEST).where(Member.user_id == Param("viewer"), Member.conversation_id.in_(IdList("ids")))
)
# The same messages, whole.
NEWEST_ROWS = Query(
    Member.select(*_ALL)
    .join(Message, on=(Message.id == _NEWEST))
    .where(Member.user_id == Param("viewer"), Member.conversation_id.in_(IdList("ids"))),
    MessageRow,
)


def _counts_as_unread(message: Any) -> Any:
    return (message.sender_id != Param("viewer")) & message.deleted_at.is_null() & _is_shown(message)


# The number of messages between two ids, both exclusive, that count as unread for the viewer.
COUNT_UNREAD = OneValue[int](
    Message.select(fn.COUNT(Message.id)).where(
        Message.id > Param("after"), Message.id < Param("before"), _counts_as_unread(Message)
    )
)
_WAITING = Message.alias("waiting_message")
_OLDEST_UNREAD = (
    _WAITING.select(_WAITING.id)
    .where(
        _WAITING.id > Expression(Member.conversation_id, "<<", SEQ_BITS) + fn.MAX(Member.seen_seq, Member.floor_seq),
        _WAITING.id <= Expression(Member.conversation_id, "<<", SEQ_BITS) + Member.last_seq,
        _counts_as_unread(_WAITING),
    )
    .order_by(_WAITING.id)
    .limit(1)
)
# The oldest unread message of each conversation that has one: reads on only past messages that do not count.
OLDEST_UNREAD = Query(
    Member.select(*_ALL)
    .join(Message, on=(Message.id == _OLDEST_UNREAD))
    .where(Member.user_id == Param("viewer"), Member.conversation_id.in_(IdList("ids")), Member.unread > 0),
    MessageRow,
)
# How many of the messages counted by UNMUTED_UNREAD are from muted users in groups.
_UNREAD = Member.alias("waiting")
COUNT_UNREAD_OF_MUTED = OneValue[int](
    Member.select(fn.COUNT(Message.id))
    .join(Conversation, on=(Conversation.id == Member.conversation_id))
    .join(
        Message,
        on=(
            (
                Message.id
                > Expression(Member.conversation_id, "<<", SEQ_BITS) + fn.MAX(Member.seen_seq, Member.floor_seq)
            )
            & (Message.id <= Expression(Member.conversation_id, "<<", SEQ_BITS) + Member.last_seq)
        ),
        src=Member,
    )
    .where(
        Member.user_id == Param("viewer"),
        Member.conversation_id.in_(
            _UNREAD.select(_UNREAD.conversation_id).where(
                _UNREAD.user_id == Param("viewer"),
                (_UNREAD.unread > SQL("0")) | _UNREAD.is_marked_unread,
                _UNREAD.request_state.not_in(UNANSWERED_STATES),
                _UNREAD.muted_until <= Param("now"),
            )
        ),
        Conversation.kind == int(ConversationKind.GROUP),
        fn.EXISTS(Mute.select(Mute.at).where(Mute.muter_id == Param("viewer"))),
        fn.EXISTS(Mute.select(Mute.at).where(Mute.muter_id == Param("viewer"), Mute.muted_id == Message.sender_id)),
        Message.deleted_at.is_null(),
        IS_SHOWN,
    )
)
EDIT = Command(
    Message.update(
        {Message.body: Param("body"), Message.revision: Message.revision + 1, Message.edited_at: Param("at")}
    ).where(Message.id == Param("id"), Message.deleted_at.is_null())
)
MARK_DELETED = Command(
    Message.update(
        {Message.body: None, Message.metadata: None, Message.attachments: 0, Message.deleted_at: Param("at")}
    ).where(Message.id == Param("id"), Message.deleted_at.is_null())
)
# The messages that were not deleted for everyone.
PRESENT = Value[int](Message.select(Message.id).where(Message.id.in_(IdList("ids")), Message.deleted_at.is_null()))
DELETE = Command(Message.delete().where(Message.id == Param("id")))
TEXTS = Query(
    Message.select(Message.id, Message.body).where(Message.id.in_(IdList("ids")), Message.body.is_null(False)), TextRow
)


def find_visible(transaction: Transaction, viewer_id: int, ids: Iterable[int]) -> dict[int, MessageRow]:
    """The messages among `ids` that the viewer may see now."""
    return {row.id: row for row in transaction.all(VISIBLE, viewer=viewer_id, ids=id_list(ids))}


def find_visible_to_each(
    transaction: Transaction, wanted: Mapping[int, Collection[int]]
) -> dict[int, dict[int, MessageRow]]:
    """Of the messages that are wanted for each viewer, by viewer, those that they may see now.

    Two statements however many viewers there are, and one for a single viewer.
    """
    if len(wanted) == 1:
        return {viewer_id: find_visible(transaction, viewer_id, ids) for viewer_id, ids in wanted.items()}
    pairs = [(viewer_id, id_) for viewer_id, ids in wanted.items() for id_ in ids]
    rows = {row.id: row for row in transaction.all(BY_IDS, ids=id_list({id_ for _, id_ in pairs}))}
    found: dict[int, dict[int, MessageRow]] = {viewer_id: {} for viewer_id in wanted}
    for sight in transaction.all(VISIBLE_TO_EACH, pairs=pair_list(pairs)):
        if sight.message_id in rows:
            found[sight.user_id][sight.message_id] = rows[sight.message_id]
    return found


def count_unmuted_unread(transaction: Transaction, viewer_id: int, now: int) -> int:
    """The viewer's unread messages, without muted conversations and messages of muted users."""
    found = transaction.value(UNMUTED_UNREAD, viewer=viewer_id, now=now)
    muted = transaction.value(COUNT_UNREAD_OF_MUTED, viewer=viewer_id, now=now)
    return found - muted
