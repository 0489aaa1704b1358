"""What a member has not read: the totals over all conversations, and where it is."""

from typing import NamedTuple

from peewee import SQL, fn

from models.member import IS_LISTED, IS_UNREAD, UNANSWERED_STATES, Member
from models.prepared import Param, Query


class UnreadRow(NamedTuple):
    """The totals of unread messages and of conversations with unread messages."""

    messages: int
    conversations: int


class PositionRow(NamedTuple):
    """The newest message that a member can see in a conversation."""

    conversation_id: int
    last_seq: int


# Requests are not included.
TOTALS = Query(
    Member.select(fn.COALESCE(fn.SUM(Member.unread), 0), fn.COUNT(Member.unread)).where(
        Member.user_id == Param("viewer"), IS_UNREAD, IS_LISTED
    ),
    UnreadRow,
)
# Archived ones only where `archived` is 1; requests are not included. Reads unread conversations only: a condition on
# `is_archived`, which is not in the index, would make SQLite read all of the viewer's.
_WAITING = Member.alias("waiting")
POSITIONS = Query(
    Member.select(Member.conversation_id, Member.last_seq).where(
        Member.user_id == Param("viewer"),
        Member.conversation_id.in_(
            _WAITING.select(_WAITING.conversation_id).where(
                _WAITING.user_id == Param("viewer"),
                (_WAITING.unread > SQL("0")) | _WAITING.is_marked_unread,
                _WAITING.request_state.not_in(UNANSWERED_STATES),
            )
        ),
        Member.is_archived <= Param("archived"),
    ),
    PositionRow,
)
