"""Settings of a user: who may write to them, and what they share with others."""

from enum import IntEnum
from typing import NamedTuple

from peewee import EXCLUDED, BigIntegerField, IntegerField

from models.base import Base
from models.prepared import Command, IdList, Param, Query


class Audience(IntEnum):
    """Who may start a conversation; a greater number is a smaller audience."""

    EVERYONE = 0
    FOLLOWED_BY_ME = 1  # SelfCommunity: the sender must be followed by the recipient
    MUTUAL_FOLLOWS = 2
    NOBODY = 3


class OutsideAction(IntEnum):
    """What happens to a first message from outside the audience."""

    REQUEST = 0
    REJECT = 1


class Setting(Base):
    """A user's settings; NULL or a missing row means the server's default."""

    user_id = BigIntegerField(primary_key=True)
    accept_from = IntegerField(null=True)
    from_others = IntegerField(null=True)
    add_to_groups = IntegerField(null=True)
    send_read_receipts = IntegerField()
    send_delivery_receipts = IntegerField()
    send_typing = IntegerField()
    share_presence = IntegerField()


class SettingRow(NamedTuple):
    user_id: int
    accept_from: int | None
    from_others: int | None
    add_to_groups: int | None
    send_read_receipts: int
    send_delivery_receipts: int
    send_typing: int
    share_presence: int


FIELDS = SettingRow._fields[1:]

BY_USERS = Query(
    Setting.select(*(getattr(Setting, name) for name in SettingRow._fields)).where(Setting.user_id.in_(IdList("ids"))),
    SettingRow,
)
PUT = Command(
    Setting.insert(
        {Setting.user_id: Param("user"), **{getattr(Setting, name): Param(name) for name in FIELDS}}
    ).on_conflict(
        conflict_target=[Setting.user_id],
        update={getattr(Setting, name): getattr(EXCLUDED, name) for name in FIELDS},
    )
)
