"""Profiles: users as everybody sees them."""

from collections.abc import Iterable
from typing import NamedTuple

from models.prepared import IdList, Query, id_list
from models.transaction import Transaction
from models.user import ACTIVE, User


class ProfileRow(NamedTuple):
    """A user without their relation to the viewer: the first columns of a UserRow."""

    id: int
    username: str
    display_name: str
    email: str | None
    external_id: str | None
    avatar_url: str | None
    is_bot: int
    state: int

    @property
    def is_active(self) -> bool:
        """Neither suspended nor deactivated."""
        return self.state == ACTIVE


BY_IDS = Query(
    User.select(*(getattr(User, name) for name in ProfileRow._fields)).where(User.id.in_(IdList("ids"))), ProfileRow
)


def find_many(transaction: Transaction, ids: Iterable[int]) -> dict[int, ProfileRow]:
    """The users among `ids`, at a third of the cost of those that one viewer sees."""
    return {row.id: row for row in transaction.all(BY_IDS, ids=id_list(ids))}
