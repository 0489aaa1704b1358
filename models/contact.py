"""Contacts: the other members of a user's conversations, who may see their presence and their read positions."""

from peewee import JOIN, fn

from models.block import is_blocked_either_way
from models.member import OPEN_STATES, Member
from models.prepared import IdList, Param, Value
from models.setting import Setting

_VIEWER = Param("viewer")
_THEIRS = Member.alias("theirs")
_OWN = Setting.alias("own")
_FELLOWS = (
    Member.select(_THEIRS.user_id)
    .join(_THEIRS, on=(_THEIRS.conversation_id == Member.conversation_id))
    .where(Member.user_id == _VIEWER, _THEIRS.user_id != _VIEWER)
    .distinct()
)
_SHARED = _FELLOWS.where(
    Member.request_state.in_(OPEN_STATES),
    _THEIRS.request_state.in_(OPEN_STATES),
    ~is_blocked_either_way(_VIEWER, _THEIRS.user_id),
)
# Users who share an open conversation with the viewer, without a block between the two.
ALL = Value[int](_SHARED.limit(Param("count")))
AMONG = Value[int](_SHARED.where(_THEIRS.user_id.in_(IdList("ids"))))

# Everybody who shares a conversation with the viewer, in any request state and even if one has blocked the other.
FELLOW_MEMBERS = Value[int](_FELLOWS.limit(Param("count")))


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
            ~is_blocked_either_way(_VIEWER, _THEIRS.user_id),
        )
    )


LEARNING_READ = _learning("send_read_receipts")
LEARNING_DELIVERY = _learning("send_delivery_receipts")
