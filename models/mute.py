"""Mutes: whose messages cause no notifications for a user."""

from typing import NamedTuple

from peewee import BigIntegerField, CompositeKey

from models.base import Base
from models.prepared import Command, Param, Query


class Mute(Base):
    """`muter_id` has muted `muted_id`, who cannot see it."""

    muter_id = BigIntegerField()
    muted_id = BigIntegerField()
    at = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("muter_id", "muted_id")


class MuteRow(NamedTuple):
    muted_id: int
    at: int


PUT = Command(
    Mute.insert(
        {Mute.muter_id: Param("viewer"), Mute.muted_id: Param("user"), Mute.at: Param("at")}
    ).on_conflict_ignore()
)
DELETE = Command(Mute.delete().where(Mute.muter_id == Param("viewer"), Mute.muted_id == Param("user")))
# Newest first; `before` and `before_user` are exclusive.
PAGE = Query(
    Mute.select(Mute.muted_id, Mute.at)
    .where(
        Mute.muter_id == Param("viewer"),
        Mute.at <= Param("before"),
        (Mute.at < Param("before")) | (Mute.muted_id < Param("before_user")),
    )
    .order_by(Mute.at.desc(), Mute.muted_id.desc())
    .limit(Param("count")),
    MuteRow,
)
