"""The viewer as they see themselves: their person and their counters."""

from dataclasses import dataclass

from models import member as members
from models import message as messages
from models import unread as unreads
from models.base import now_ms
from models.transaction import Transaction
from models.unread import UnreadRow
from services.part import MISSING, Missing, NotLoaded
from services.person.user import Person, PersonDetail
from services.viewer import Viewer


@dataclass(frozen=True, slots=True)
class ViewerParts:
    """What is loaded of the viewer; counters that are not are left to those who ask for them later."""

    person: PersonDetail = PersonDetail.RELATION
    unread: bool = False
    unmuted: bool = False
    requests: bool = False

    def __or__(self, other: "ViewerParts") -> "ViewerParts":
        """What satisfies both."""
        return ViewerParts(
            max(self.person, other.person),
            self.unread or other.unread,
            self.unmuted or other.unmuted,
            self.requests or other.requests,
        )

    @property
    def has_counters(self) -> bool:
        """Whether any counter is loaded."""
        return self.unread or self.unmuted or self.requests


@dataclass(slots=True)
class ViewerView:
    """The viewer with the parts that were asked for; counters are MISSING if they were not loaded along."""

    viewer: Viewer
    person_part: Person | None
    unread: UnreadRow | Missing = MISSING
    unmuted: int | Missing = MISSING
    requests: int | Missing = MISSING

    @property
    def person(self) -> Person:
        """The viewer as a person; raises NotLoaded if nobody asked for it."""
        if self.person_part is None:
            raise NotLoaded("The viewer was not loaded as a person.")
        return self.person_part

    @classmethod
    def load(cls, tx: Transaction, viewer: Viewer, person: Person | None, parts: ViewerParts) -> "ViewerView":
        """The person with their counters, in one statement for each, two for `unmuted`."""
        viewer_id = viewer.user_id
        return cls(
            viewer,
            person,
            unread_of(tx, viewer_id) if parts.unread else MISSING,
            messages.count_unmuted_unread(tx, viewer_id, now_ms()) if parts.unmuted else MISSING,
            tx.value(members.REQUESTS, viewer=viewer_id) if parts.requests else MISSING,
        )


def unread_of(tx: Transaction, viewer_id: int) -> UnreadRow:
    """The unread counts over all conversations."""
    row = tx.first(unreads.TOTALS, viewer=viewer_id)
    assert row is not None
    return row
