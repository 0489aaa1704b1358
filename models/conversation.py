"""Conversations: found or created by their unique keys."""

import hashlib
from collections.abc import Iterable
from enum import IntEnum
from typing import NamedTuple

from peewee import BigIntegerField, BlobField, CompositeKey, Expression, IntegerField, fn

from models import member as members
from models.base import Base, new_conversation_id
from models.member import IS_LISTED, IS_UNREAD, Member, RequestState
from models.mute import Mute
from models.prepared import Command, IdList, OneValue, Param, Query, Value, id_list
from models.transaction import Transaction


class ConversationKind(IntEnum):
    """What identifies a conversation: its two members, the set of its members, or its only member."""

    DIRECT = 0
    GROUP = 1
    SELF = 2


class Conversation(Base):
    """`member_hash` is the unique key of a group; a direct one has its key in `Direct`."""

    id = BigIntegerField(primary_key=True)
    kind = IntegerField()
    member_hash = BlobField(null=True)
    last_seq = BigIntegerField()
    created_at = BigIntegerField()


class Direct(Base):
    """The unique key of a conversation between two users, or of a user with themselves: `user_lo` <= `user_hi`."""

    user_lo = BigIntegerField()
    user_hi = BigIntegerField()
    conversation_id = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("user_lo", "user_hi")


class ConversationRow(NamedTuple):
    """A conversation with the positions and preferences of one member; `requester_id` as in models/member.py."""

    id: int
    kind: int
    created_at: int
    last_seq: int
    read_seq: int
    delivered_seq: int
    floor_seq: int
    activity: int
    seen_seq: int
    unread: int
    is_marked_unread: int
    muted_until: int
    is_archived: int
    is_pinned: int
    request_state: int
    requester_id: int | None


class DirectRow(NamedTuple):
    """The direct conversation with one other user."""

    user_id: int
    conversation_id: int


# A conversation with the positions and preferences of one member.
MINE = Member.select(
    Conversation.id,
    Conversation.kind,
    Conversation.created_at,
    Member.last_seq,
    Member.read_seq,
    Member.delivered_seq,
    Member.floor_seq,
    Member.activity,
    Member.seen_seq,
    Member.unread,
    Member.is_marked_unread,
    Member.muted_until,
    Member.is_archived,
    Member.is_pinned,
    Member.request_state,
    Member.requester_id,
).join(Conversation, on=(Conversation.id == Member.conversation_id))

BY_IDS = Query(
    MINE.where(Member.user_id == Param("viewer"), Member.conversation_id.in_(IdList("ids"))), ConversationRow
)

# Unread messages for a badge: without conversations muted at `now` and direct ones with a muted user.
_PEER = Member.alias("peer")
UNMUTED_UNREAD = OneValue[int](
    Member.select(fn.COALESCE(fn.SUM(Member.unread), 0))
    .join(Conversation, on=(Conversation.id == Member.conversation_id))
    .where(
        Member.user_id == Param("viewer"),
        IS_UNREAD,
        IS_LISTED,
        Member.muted_until <= Param("now"),
        (Conversation.kind != int(ConversationKind.DIRECT))
        | ~fn.EXISTS(
            _PEER.select(_PEER.user_id)
            .join(Mute, on=(Mute.muted_id == _PEER.user_id))
            .where(_PEER.conversation_id == Member.conversation_id, Mute.muter_id == Param("viewer"))
        ),
    )
)
DIRECT = Value[int](
    Direct.select(Direct.conversation_id).where(Direct.user_lo == Param("lo"), Direct.user_hi == Param("hi"))
)
DIRECTS_OF = Query(
    Direct.select(Direct.user_hi, Direct.conversation_id).where(
        Direct.user_lo == Param("viewer"), Direct.user_hi.in_(IdList("ids"))
    )
    | Direct.select(Direct.user_lo, Direct.conversation_id).where(
        Direct.user_lo.in_(IdList("ids")), Direct.user_hi == Param("viewer")
    ),
    DirectRow,
)
GROUP = Value[int](Conversation.select(Conversation.id).where(Conversation.member_hash == Param("hash")))
PUT = Command(
    Conversation.insert(
        {
            Conversation.id: Param("id"),
            Conversation.kind: Param("kind"),
            Conversation.member_hash: Param("hash"),
            Conversation.last_seq: 0,
            Conversation.created_at: Param("at"),
        }
    ).on_conflict_ignore()
)
PUT_DIRECT = Command(
    Direct.insert(
        {Direct.user_lo: Param("lo"), Direct.user_hi: Param("hi"), Direct.conversation_id: Param("conversation")}
    )
)
# Numbers a message, unless another one has this number: the row count is 1. Without RETURNING, for which SQLite would
# make a temporary table.
TAKE_SEQ = Command(
    Conversation.update({Conversation.last_seq: Param("seq")}).where(
        Conversation.id == Param("conversation"), Conversation.last_seq == Expression(Param("seq"), "-", 1)
    )
)
# A member who leaves changes the group's set of members: the former set no longer finds it.
FORGET_HASH = Command(
    Conversation.update({Conversation.member_hash: None}).where(Conversation.id == Param("conversation"))
)


def member_hash(user_ids: Iterable[int]) -> bytes:
    """The unique key of a group; order and repetition of the ids do not matter."""
    return hashlib.sha256(",".join(map(str, sorted(set(user_ids)))).encode()).digest()


def find_with(transaction: Transaction, user_ids: frozenset[int]) -> int | None:
    """The conversation with exactly these members, or None."""
    if len(user_ids) <= 2:
        return transaction.value(DIRECT, lo=min(user_ids), hi=max(user_ids))
    return transaction.value(GROUP, hash=member_hash(user_ids))


def put_with(
    transaction: Transaction,
    user_ids: frozenset[int],
    at: int,
    requester_id: int | None = None,
    asked: frozenset[int] = frozenset(),
) -> int:
    """A new conversation with exactly these members, who have none; runs inside `Database.write`.

    It is a request of `requester_id` to the users in `asked`. In a direct conversation the requester's state is SENT
    until the answer; in a group the others can use it at once.
    """
    kind = {1: ConversationKind.SELF, 2: ConversationKind.DIRECT}.get(len(user_ids), ConversationKind.GROUP)
    hash_ = member_hash(user_ids) if kind is ConversationKind.GROUP else None
    conversation_id = new_conversation_id()
    while not transaction.run(PUT, id=conversation_id, kind=kind, hash=hash_, at=at):
        conversation_id = new_conversation_id()
    if kind is not ConversationKind.GROUP:
        transaction.run(PUT_DIRECT, lo=min(user_ids), hi=max(user_ids), conversation=conversation_id)
    is_sent = asked and kind is not ConversationKind.GROUP
    _put_members(transaction, conversation_id, at, asked, RequestState.PENDING, requester_id)
    _put_members(
        transaction, conversation_id, at, user_ids - asked, RequestState.SENT if is_sent else RequestState.NONE
    )
    return conversation_id


def _put_members(
    transaction: Transaction,
    conversation_id: int,
    at: int,
    user_ids: frozenset[int],
    state: RequestState,
    requester_id: int | None = None,
) -> None:
    if user_ids:
        transaction.run(
            members.PUT,
            users=id_list(sorted(user_ids)),
            conversation=conversation_id,
            at=at,
            request_state=int(state),
            requester=requester_id,
        )
