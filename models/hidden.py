"""Hidden messages: what one member of a conversation does not see."""

from peewee import BigIntegerField, CompositeKey, IntegerField

from models.base import Base
from models.prepared import Command, IdList, Param, Value


class Hidden(Base):
    """A message that `user_id` deleted for themselves, or whose sender they had blocked when it was written in a group.

    With `is_withheld`: written in a group that they have not accepted; it becomes visible when they do.
    """

    user_id = BigIntegerField()
    message_id = BigIntegerField()
    is_withheld = IntegerField()

    class Meta:
        primary_key = CompositeKey("user_id", "message_id")


# Permanent, even if the message was only withheld before.
PUT = Command(
    Hidden.insert(
        {Hidden.user_id: Param("user"), Hidden.message_id: Param("message"), Hidden.is_withheld: 0}
    ).on_conflict(conflict_target=[Hidden.user_id, Hidden.message_id], update={Hidden.is_withheld: 0})
)
WITHHOLD = Command(
    Hidden.insert({Hidden.user_id: Param("user"), Hidden.message_id: Param("message"), Hidden.is_withheld: 1})
)
# Between two ids, both exclusive; the row count is the number of messages that become visible.
RELEASE = Command(
    Hidden.delete().where(
        Hidden.user_id == Param("user"),
        Hidden.message_id > Param("after"),
        Hidden.message_id < Param("before"),
        Hidden.is_withheld == 1,
    )
)
# Which of `users` a message is hidden from.
FROM = Value[int](
    Hidden.select(Hidden.user_id).where(Hidden.user_id.in_(IdList("users")), Hidden.message_id == Param("message"))
)
