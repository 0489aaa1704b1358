"""Members: the positions and preferences of each user in a conversation."""

from collections.abc import Collection, Iterable
from enum import IntEnum
from typing import NamedTuple

from peewee import SQL, BigIntegerField, Case, CompositeKey, Field, IntegerField, Select, fn

from models.base import MAX_INTEGER, Base
from models.prepared import Command, IdList, OneValue, Param, Query, each_of, id_list
from models.transaction import Transaction


class RequestState(IntEnum):
    """The state of a message request, from one member's side."""

    NONE = 0  # there was no request
    PENDING = 1  # waits for this member's answer
    ACCEPTED = 2
    DECLINED = 3  # by this member, who may still accept
    SENT = 4  # this member waits for the answer


OPEN_STATES = (RequestState.NONE, RequestState.ACCEPTED)  # receipts, typing and presence pass
UNANSWERED_STATES = (RequestState.PENDING, RequestState.DECLINED)  # this member has not accepted


FOR_GOOD = MAX_INTEGER  # as `muted_until`: without an end


class Member(Base):
    """A user's membership; each position is a `seq` and covers all messages up to it.

    `last_seq` is the newest message that this member can see. `read_seq` and `delivered_seq` are what other members
    see, and only grow. Messages after `seen_seq` are unread, and `unread` counts them; those up to `floor_seq` were
    cleared. `requester_id` is the sender of the request, if the conversation began as a request to this member.
    """

    user_id = BigIntegerField()
    conversation_id = BigIntegerField()
    joined_at = BigIntegerField()
    last_seq = BigIntegerField()
    read_seq = BigIntegerField()
    delivered_seq = BigIntegerField()
    floor_seq = BigIntegerField()
    activity = BigIntegerField()
    seen_seq = BigIntegerField()
    unread = IntegerField()
    is_marked_unread = IntegerField()
    read_at = BigIntegerField(null=True)
    delivered_at = BigIntegerField(null=True)
    muted_until = BigIntegerField()
    is_archived = IntegerField()
    is_pinned = IntegerField()
    request_state = IntegerField()
    requester_id = BigIntegerField(null=True)

    class Meta:
        primary_key = CompositeKey("user_id", "conversation_id")


class MemberRow(NamedTuple):
    conversation_id: int
    user_id: int
    joined_at: int
    read_seq: int
    delivered_seq: int
    read_at: int | None
    delivered_at: int | None
    request_state: int
    requester_id: int | None


class MemberIdRow(NamedTuple):
    """Who is a member: read from the index alone."""

    conversation_id: int
    user_id: int


# Literals instead of parameters: SQLite uses a partial index only if the SQL text implies its condition.
IS_UNREAD = (Member.unread > SQL("0")) | Member.is_marked_unread
IS_REQUEST = Member.request_state == SQL("1")
IS_LISTED = Member.request_state.not_in(UNANSWERED_STATES)


MEMBERS = Query(
    Member.select(*(getattr(Member, name) for name in MemberRow._fields))
    .where(Member.conversation_id.in_(IdList("ids")))
    .order_by(Member.conversation_id, Member.user_id),
    MemberRow,
)
MEMBER_IDS = Query(
    Member.select(Member.conversation_id, Member.user_id)
    .where(Member.conversation_id.in_(IdList("ids")))
    .order_by(Member.conversation_id, Member.user_id),
    MemberIdRow,
)
REQUESTS = OneValue[int](
    Member.select(fn.COUNT(Member.conversation_id)).where(
        Member.user_id == Param("viewer"),
        IS_REQUEST,
        Member.last_seq > Member.floor_seq,
    )
)
_EACH, _USER = each_of("users")
_NEW = {
    Member.user_id: _USER,
    Member.conversation_id: Param("conversation"),
    Member.joined_at: Param("at"),
    Member.last_seq: 0,
    Member.read_seq: 0,
    Member.delivered_seq: 0,
    Member.floor_seq: 0,
    Member.activity: Param("at"),
    Member.seen_seq: 0,
    Member.unread: 0,
    Member.is_marked_unread: 0,
    Member.muted_until: 0,
    Member.is_archived: 0,
    Member.is_pinned: 0,
    Member.request_state: Param("request_state"),
    Member.requester_id: Param("requester"),
}
# Adds each of `users`.
PUT = Command(Member.insert_from(Select([_EACH], list(_NEW.values())), list(_NEW)))
# A sender has read everything before their own message; the row count says whether a position moved.
ADVANCE_SENDER = Command(
    Member.update(
        {
            Member.read_seq: Member.last_seq,
            Member.delivered_seq: Member.last_seq,
            Member.read_at: Param("at"),
            Member.delivered_at: Param("at"),
        }
    ).where(
        Member.user_id == Param("sender"),
        Member.conversation_id == Param("conversation"),
        Member.read_seq < Member.last_seq,
    )
)
_IS_SENDER = Member.user_id == Param("sender")
_ADVANCE = Member.update(
    {
        Member.last_seq: Param("seq"),
        Member.activity: Param("at"),
        Member.read_seq: Case(None, [(_IS_SENDER, Param("seq"))], Member.read_seq),
        Member.delivered_seq: Case(None, [(_IS_SENDER, Param("seq"))], Member.delivered_seq),
        Member.seen_seq: Case(None, [(_IS_SENDER, Param("seq"))], Member.seen_seq),
        Member.unread: Case(None, [(_IS_SENDER, 0)], Member.unread + 1),
        Member.is_marked_unread: Case(None, [(_IS_SENDER, 0)], Member.is_marked_unread),
        Member.is_archived: Case(None, [(Member.muted_until > Param("at"), Member.is_archived)], 0),
    }
).where(Member.conversation_id == Param("conversation"))
ADVANCE = Command(_ADVANCE)
ADVANCE_SOME = Command(_ADVANCE.where(Member.user_id.not_in(IdList("hidden_from"))))  # half as fast


# If this member has not accepted yet: for all members, that is both of a direct conversation.
_SAME = Member.alias("same")
ACCEPT = Command(
    Member.update({Member.request_state: int(RequestState.ACCEPTED)}).where(
        Member.conversation_id == Param("conversation"),
        fn.EXISTS(
            _SAME.select(_SAME.user_id).where(
                _SAME.conversation_id == Param("conversation"),
                _SAME.user_id == Param("user"),
                _SAME.request_state.in_(UNANSWERED_STATES),
            )
        ),
    )
)
# In a group each member accepts for themselves.
ACCEPT_ALONE = Command(
    Member.update({Member.request_state: int(RequestState.ACCEPTED)}).where(
        Member.user_id == Param("user"),
        Member.conversation_id == Param("conversation"),
        Member.request_state.in_(UNANSWERED_STATES),
    )
)
DECLINE = Command(
    Member.update({Member.request_state: int(RequestState.DECLINED)}).where(
        Member.user_id == Param("user"), Member.conversation_id == Param("conversation")
    )
)
_MINE = (Member.user_id == Param("user")) & (Member.conversation_id == Param("conversation"))
_SEQ, _AT = Param("seq"), Param("at")


def _forward(position: Field, moment: Field) -> dict[Field, object]:
    """Moves a position forward, never back, and sets the time if it moved."""
    return {
        position: Case(None, [(position < _SEQ, _SEQ)], position),
        moment: Case(None, [(position < _SEQ, _AT)], moment),
    }


# Reading implies delivery. The row count says whether the position moved.
DELIVER = Command(
    Member.update(_forward(Member.delivered_seq, Member.delivered_at)).where(_MINE, Member.delivered_seq < _SEQ)
)
READ = Command(
    Member.update(
        {
            **_forward(Member.read_seq, Member.read_at),
            **_forward(Member.delivered_seq, Member.delivered_at),
        }
    ).where(_MINE, Member.read_seq < _SEQ)
)
# What the member sees as unread; others do not see it.
SET_SEEN = Command(
    Member.update(
        {
            Member.seen_seq: Param("seen"),
            Member.unread: Param("unread"),
            Member.is_marked_unread: Param("is_marked_unread"),
        }
    ).where(_MINE)
)
# For members who have not seen the message; those from whom it was hidden never counted it.
FORGET_UNREAD = Command(
    Member.update({Member.unread: Case(None, [(Member.unread > 0, Member.unread - 1)], 0)}).where(
        Member.conversation_id == Param("conversation"),
        Member.user_id.in_(IdList("users")),
        Member.seen_seq < _SEQ,
    )
)
CLEAR = Command(
    Member.update({Member.floor_seq: Case(None, [(Member.floor_seq < _SEQ, _SEQ)], Member.floor_seq)}).where(_MINE)
)
# Without any visible message left, `activity` goes back to `joined_at` and the unread mark is removed: no trace.
FALL_BACK = Command(
    Member.update(
        {
            Member.last_seq: _SEQ,
            Member.activity: fn.COALESCE(_AT, Member.joined_at),
            Member.is_marked_unread: Case(None, [(Member.floor_seq < _SEQ, Member.is_marked_unread)], 0),
        }
    ).where(_MINE)
)
PREFER = Command(
    Member.update(
        {
            Member.muted_until: Param("muted_until"),
            Member.is_archived: Param("is_archived"),
            Member.is_pinned: Param("is_pinned"),
        }
    ).where(_MINE)
)
DELETE = Command(Member.delete().where(_MINE))


def advance(
    transaction: Transaction, conversation_id: int, sender_id: int, seq: int, at: int, hidden_from: Collection[int]
) -> None:
    """Moves the positions of all members from whom the new message is not hidden.

    Takes the conversation out of their archives, unless they have muted it.
    """
    params = {"conversation": conversation_id, "sender": sender_id, "seq": seq, "at": at}
    if hidden_from:
        transaction.run(ADVANCE_SOME, **params, hidden_from=id_list(hidden_from))
    else:
        transaction.run(ADVANCE, **params)


def member_ids_of(transaction: Transaction, conversation_ids: Iterable[int]) -> dict[int, list[MemberIdRow]]:
    """Who the members of each conversation are, by user id."""
    members: dict[int, list[MemberIdRow]] = {}
    for row in transaction.all(MEMBER_IDS, ids=id_list(conversation_ids)):
        members.setdefault(row.conversation_id, []).append(row)
    return members


def members_of(transaction: Transaction, conversation_ids: Iterable[int]) -> dict[int, list[MemberRow]]:
    """The members of each conversation, by user id."""
    members: dict[int, list[MemberRow]] = {}
    for row in transaction.all(MEMBERS, ids=id_list(conversation_ids)):
        members.setdefault(row.conversation_id, []).append(row)
    return members
