"""Follows: who follows whom, which decides whose messages are accepted."""

from typing import Any

from peewee import BigIntegerField, CompositeKey, fn

from models.base import Base
from models.prepared import Command, Param


class Follow(Base):
    follower_id = BigIntegerField()
    followed_id = BigIntegerField()
    at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("follower_id", "followed_id")


def is_following(follower: Any, followed: Any) -> Any:
    """Whether `follower` follows `followed`; both are columns or parameters of the query around it."""
    return fn.EXISTS(Follow.select(Follow.at).where(Follow.follower_id == follower, Follow.followed_id == followed))


PUT = Command(
    Follow.insert(
        {Follow.follower_id: Param("viewer"), Follow.followed_id: Param("user"), Follow.at: Param("at")}
    ).on_conflict_ignore()
)
DELETE = Command(Follow.delete().where(Follow.follower_id == Param("viewer"), Follow.followed_id == Param("user")))
