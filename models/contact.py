"""Contacts: the other members of a user's conversations, who may see their presence and their read positions."""

from typing import Any

from peewee import JOIN, Field, fn

from models.block import Block
from models.member import OPEN_STATES, Member
from models.prepared import IdList, Param, Value
from models.setting import Setting

_VIEWER = Param("viewer")
_THEIRS = Member.alias("theirs")
_OWN = Setting.alias("own")


def _is_blocked(user_id: Field) -> Any:
    """Whether one of this user and the viewer has blocked the other."""
    mine = Block.select(Block.at).where(Block.blocker_id == _VIEWER, Block.blocked_id == user_id)
    theirs = Block.select(Block.at).where(Block.blocker_id == user_id, Block.blocked_id == _VIEWER)
    return fn.EXISTS(mine) | fn.EXISTS(theirs)


_SHARED = (
    Member.select(_THEIRS.user_id)
    .join(_THEIRS, on=(_THEIRS.conversation_id == Member.conversation_id))
    .where(
        Member.user_id == _VIEWER,
        Member.request_state.in_(OPEN_STATES),
        _THEIRS.request_state.in_(OPEN_STATES),
        _THEIRS.user_id != _VIEWER,
        ~_is_blocked(_THEIRS.user_id),
    )
    .distinct()
)
# Users who share an open conversation with the viewer, without a block between the two.
ALL = Value[int](_SHARED.limit(Param("count")))
AMONG = Value[int](_SHARED.where(_THEIRS.user_id.in_(IdList("ids"))))


def _learning(setting: str) -> Value[int]:
    """The other members of a conversation who may see a position of the viewer's.

    Both send such receipts, neither has blocked the other, and the request states of both are open.
    """
    return Value(
        Member.select(_THEIRS.user_id)
        .join(_THEIRS, on=(_THEIRS.conversation_id == Member.conversation_id))
        .join(Setting, JOIN.LEFT_OUTER, on=(Setting.user_id == _THEIRS.user_id), src=_THEIRS)
        .join(_OWN, JOIN.LEFT_OUTER, on=(_OWN.user_id == Member.user_id), src=Member)
        .where(
            Member.user_id == _VIEWER,
            Member.conversation_id == Param("conversation"),
            Member.request_state.in_(OPEN_STATES),
            _THEIRS.request_state.in_(OPEN_STATES),
            _THEIRS.user_id != _VIEWER,
            fn.COALESCE(getattr(Setting, setting), 1) == 1,
            fn.COALESCE(getattr(_OWN, setting), 1) == 1,
            ~_is_blocked(_THEIRS.user_id),
        )
    )


LEARNING_READ = _learning("send_read_receipts")
LEARNING_DELIVERY = _learning("send_delivery_receipts")
