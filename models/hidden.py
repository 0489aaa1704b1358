"""Hidden messages: what one member of a conversation does not see."""

from collections.abc import Collection

from peewee import SQL, BigIntegerField, CompositeKey, Insert, IntegerField, Select

from models.base import Base
from models.prepared import Command, IdList, Param, Value, each_of, id_list
from models.transaction import Transaction


class Hidden(Base):
    """A message that `user_id` deleted for themselves, or whose sender they had blocked when it was written in a group.

    With `is_withheld`: written in a group that they have not accepted; it becomes visible when they do.
    """

    user_id = BigIntegerField()
    message_id = BigIntegerField()
    is_withheld = IntegerField()

    class Meta:
        primary_key = CompositeKey("user_id", "message_id")


_EACH, _USER = each_of("users")


def _hidden_from_each(*, is_withheld: bool) -> Insert:
    rows = Select([_EACH], [_USER, Param("message"), SQL("1" if is_withheld else "0")]).where(SQL("true"))
    return Hidden.insert_from(rows, [Hidden.user_id, Hidden.message_id, Hidden.is_withheld])


# From each of `users`. Permanent, even if the message was only withheld before.
PUT = Command(
    _hidden_from_each(is_withheld=False).on_conflict(
        conflict_target=[Hidden.user_id, Hidden.message_id], update={Hidden.is_withheld: 0}
    )
)
WITHHOLD = Command(_hidden_from_each(is_withheld=True))
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


def put(transaction: Transaction, user_ids: Collection[int], message_id: int) -> None:
    """Hides a message from these users for good."""
    if user_ids:
        transaction.run(PUT, users=id_list(user_ids), message=message_id)


def withhold(transaction: Transaction, user_ids: Collection[int], message_id: int) -> None:
    """Hides a message from these users until they accept the group."""
    if user_ids:
        transaction.run(WITHHOLD, users=id_list(user_ids), message=message_id)
