"""Hidden messages: what one person does not see, while others do."""

from typing import NamedTuple

from peewee import BigIntegerField, CompositeKey

from models.base import Base
from models.prepared import IdList, Param, Prepared


class Hidden(Base):
    """Deleted by `user_id` for themselves, or written in a group by somebody whom they had blocked then."""

    user_id = BigIntegerField()
    message_id = BigIntegerField()

    class Meta:
        primary_key = CompositeKey("user_id", "message_id")


class HiddenRow(NamedTuple):
    """One message hidden from one person."""

    user_id: int
    message_id: int


PUT = Prepared[HiddenRow](
    Hidden.insert({Hidden.user_id: Param("user"), Hidden.message_id: Param("message")}).on_conflict_ignore()
)
# Those of the people from whom a message is hidden.
FROM = Prepared[HiddenRow](
    Hidden.select(Hidden.user_id).where(Hidden.user_id.in_(IdList("users")), Hidden.message_id == Param("message"))
)
