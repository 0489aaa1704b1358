"""Follows: whose messages somebody is open to."""

from typing import NamedTuple

from peewee import BigIntegerField, CompositeKey

from models.base import Base
from models.prepared import Param, Prepared


class Follow(Base):
    """`follower_id` follows `followed_id`."""

    follower_id = BigIntegerField()
    followed_id = BigIntegerField()
    at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("follower_id", "followed_id")


class FollowRow(NamedTuple):
    """One of those whom a person follows."""

    followed_id: int
    at: int


PUT = Prepared[FollowRow](
    Follow.insert(
        {Follow.follower_id: Param("viewer"), Follow.followed_id: Param("user"), Follow.at: Param("at")}
    ).on_conflict_ignore()
)
DELETE = Prepared[FollowRow](
    Follow.delete().where(Follow.follower_id == Param("viewer"), Follow.followed_id == Param("user"))
)
