"""Devices: one for each sign-in of a user."""

from typing import NamedTuple

from peewee import BigIntegerField, IntegerField, TextField

from models.base import Base
from models.prepared import Command, IdList, Param, Query


class Device(Base):
    """A device of a user; it is deleted together with its session."""

    id = BigIntegerField(primary_key=True)
    user_id = BigIntegerField()
    name = TextField(null=True)
    is_trusted = IntegerField()
    created_at = BigIntegerField()
    last_seen_at = BigIntegerField()


class DeviceRow(NamedTuple):
    """A device as its owner sees it; times in ms since 1970."""

    id: int
    name: str | None
    is_trusted: int
    created_at: int
    last_seen_at: int


_MINE = Device.user_id == Param("user")

PUT = Command(
    Device.insert(
        {
            Device.id: Param("id"),
            Device.user_id: Param("user"),
            Device.name: Param("name"),
            Device.is_trusted: Param("is_trusted"),
            Device.created_at: Param("now"),
            Device.last_seen_at: Param("now"),
        }
    )
)
_SEEN = Device.select(Device.id, Device.name, Device.is_trusted, Device.created_at, Device.last_seen_at)
OF_USER = Query(_SEEN.where(_MINE).order_by(Device.created_at.desc(), Device.id.desc()), DeviceRow)
BY_IDS = Query(_SEEN.where(_MINE, Device.id.in_(IdList("ids"))), DeviceRow)
TRUST = Command(Device.update({Device.is_trusted: 1}).where(_MINE, Device.id == Param("id")))
SEE = Command(Device.update({Device.last_seen_at: Param("now")}).where(Device.id == Param("id")))
DELETE = Command(Device.delete().where(_MINE, Device.id == Param("id")))
DELETE_ALL = Command(Device.delete().where(_MINE))
DELETE_OTHERS = Command(Device.delete().where(_MINE, Device.id != Param("id")))
