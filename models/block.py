"""Blocks: who has blocked whom."""

from typing import Any, NamedTuple

from peewee import BigIntegerField, CompositeKey, fn

from models.base import Base
from models.prepared import Command, IdList, OneValue, Param, Query, Value


class Block(Base):
    """`blocker_id` has blocked `blocked_id`; neither can send to the other."""

    blocker_id = BigIntegerField()
    blocked_id = BigIntegerField()
    at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("blocker_id", "blocked_id")


class BlockRow(NamedTuple):
    blocked_id: int
    at: int


def is_blocked(blocker: Any, blocked: Any) -> Any:
    """Whether `blocker` has blocked `blocked`; both are columns or parameters of the query around it."""
    return fn.EXISTS(Block.select(Block.at).where(Block.blocker_id == blocker, Block.blocked_id == blocked))


def is_blocked_either_way(user: Any, other: Any) -> Any:
    """Whether one of the two has blocked the other."""
    return is_blocked(user, other) | is_blocked(other, user)


PUT = Command(
    Block.insert(
        {Block.blocker_id: Param("viewer"), Block.blocked_id: Param("user"), Block.at: Param("at")}
    ).on_conflict_ignore()
)
DELETE = Command(Block.delete().where(Block.blocker_id == Param("viewer"), Block.blocked_id == Param("user")))
# Newest first; `before` and `before_user` are exclusive.
PAGE = Query(
    Block.select(Block.blocked_id, Block.at)
    .where(
        Block.blocker_id == Param("viewer"),
        Block.at <= Param("before"),
        (Block.at < Param("before")) | (Block.blocked_id < Param("before_user")),
    )
    .order_by(Block.at.desc(), Block.blocked_id.desc())
    .limit(Param("count")),
    BlockRow,
)
COUNT = OneValue[int](Block.select(fn.COUNT(Block.at)).where(Block.blocker_id == Param("viewer")))
# The users among `ids` who have blocked `user`.
BLOCKERS = Value[int](
    Block.select(Block.blocker_id).where(Block.blocked_id == Param("user"), Block.blocker_id.in_(IdList("ids")))
)
