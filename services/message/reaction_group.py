"""Groups of reactions: the emoji on a message, each with the people who set it."""

from collections.abc import Collection
from dataclasses import dataclass

from models import reaction as reactions
from models.prepared import id_list
from models.reaction import ReactionRow
from models.transaction import Transaction
from services.part import NotLoaded
from services.person.person_batch import PersonBatch
from services.person.user import Person

LOOSE = 2  # of so many ids on average in a range at least one is a message of the page


@dataclass(slots=True)
class Reactor:
    """A person who set an emoji, and when (ms since 1970)."""

    row: ReactionRow
    person_part: Person | None

    @property
    def person(self) -> Person:
        """The person; raises NotLoaded if only their number was asked for."""
        if self.person_part is None:
            raise NotLoaded("Only the number of reactions was loaded.")
        return self.person_part

    @property
    def position(self) -> tuple[int, int]:
        """What a group is sorted by."""
        return self.row.at, self.row.user_id


@dataclass(slots=True)
class ReactionGroup:
    """One emoji on a message and the people who set it, in the order in which they did."""

    emoji: str
    reactors: list[Reactor]
    viewer_has_reacted: bool


def rows_of(tx: Transaction, viewer_id: int, ids: Collection[int]) -> list[ReactionRow]:
    """The reactions to messages that the viewer may see, in the order in which they were set."""
    found = tx.all(reactions.OF_MESSAGES, viewer=viewer_id, ids=id_list(ids)) if ids else []
    return sorted(found, key=_order)


def rows_of_visible(tx: Transaction, viewer_id: int, ids: Collection[int]) -> list[ReactionRow]:
    """As `rows_of`, if the caller knows that the viewer may see the messages; a page of them is read as a range."""
    if not ids or max(ids) - min(ids) > LOOSE * len(ids):
        return rows_of(tx, viewer_id, ids)
    wanted = frozenset(ids)
    found = tx.all(reactions.BETWEEN, viewer=viewer_id, first=min(ids), last=max(ids))
    return sorted((row for row in found if row.message_id in wanted), key=_order)


def _order(row: ReactionRow) -> tuple[int, int]:
    return row.at, row.user_id


def groups_of(
    rows: Collection[ReactionRow], viewer_id: int, people: PersonBatch | None
) -> dict[int, list[ReactionGroup]]:
    """The groups of each message that has any, the oldest emoji first; without `people`, nobody in them has a name."""
    groups: dict[int, dict[str, ReactionGroup]] = {}
    for row in rows:
        of_message = groups.setdefault(row.message_id, {})
        group = of_message.get(row.emoji)
        if group is None:
            group = of_message[row.emoji] = ReactionGroup(row.emoji, [], viewer_has_reacted=False)
        group.reactors.append(Reactor(row, people[row.user_id] if people else None))
        group.viewer_has_reacted |= row.user_id == viewer_id
    return {id_: list(of_message.values()) for id_, of_message in groups.items()}
