"""Follows: who follows whom, which decides whose messages are accepted."""

from peewee import BigIntegerField, CompositeKey

from models.base import Base
from models.prepared import Command, Param


class Follow(Base):
    follower_id = BigIntegerField()
    followed_id = BigIntegerField()
    at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("follower_id", "followed_id")


PUT = Command(
    Follow.insert(
        {Follow.follower_id: Param("viewer"), Follow.followed_id: Param("user"), Follow.at: Param("at")}
    ).on_conflict_ignore()
)
DELETE = Command(Follow.delete().where(Follow.follower_id == Param("viewer"), Follow.followed_id == Param("user")))
