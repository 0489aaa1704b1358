"""Hidden messages: what one person does not see, while others do."""

from peewee import BigIntegerField, CompositeKey, IntegerField

from models.base import Base
from models.prepared import Command, IdList, Param, Value


class Hidden(Base):
    """Deleted by `user_id` for themselves, or written in a group by somebody whom they had blocked then.

    One that `is_withheld` was written in a group that they have not agreed to be in, and is there once they do.
    """

    user_id = BigIntegerField()
    message_id = BigIntegerField()
    is_withheld = IntegerField()

    class Meta:
        primary_key = CompositeKey("user_id", "message_id")


# For good, also what was only withheld before.
PUT = Command(
    Hidden.insert(
        {Hidden.user_id: Param("user"), Hidden.message_id: Param("message"), Hidden.is_withheld: 0}
    ).on_conflict(conflict_target=[Hidden.user_id, Hidden.message_id], update={Hidden.is_withheld: 0})
)
WITHHOLD = Command(
    Hidden.insert({Hidden.user_id: Param("user"), Hidden.message_id: Param("message"), Hidden.is_withheld: 1})
)
# What was withheld between two ids, both exclusive; the row count tells how many messages are there now.
RELEASE = Command(
    Hidden.delete().where(
        Hidden.user_id == Param("user"),
        Hidden.message_id > Param("after"),
        Hidden.message_id < Param("before"),
        Hidden.is_withheld == 1,
    )
)
# Those of the people from whom a message is hidden.
FROM = Value[int](
    Hidden.select(Hidden.user_id).where(Hidden.user_id.in_(IdList("users")), Hidden.message_id == Param("message"))
)
