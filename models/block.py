"""Blocks: who has blocked whom."""

from typing import NamedTuple

from peewee import BigIntegerField, CompositeKey

from models.base import Base
from models.prepared import Command, IdList, Param, Query, Value


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
# The users among `ids` who have blocked `user`.
BLOCKERS = Value[int](
    Block.select(Block.blocker_id).where(Block.blocked_id == Param("user"), Block.blocker_id.in_(IdList("ids")))
)
