"""Participants: the members of a conversation, and how far each has read, as far as the viewer may see it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from models.conversation import ConversationKind, ConversationRow
from models.member import OPEN_STATES, MemberIdRow, MemberRow, RequestState
from services.part import NotLoaded
from services.person.policy import Eligibility
from services.person.user import Person


@dataclass(frozen=True, slots=True)
class Ticks:
    """Messages up to `delivered_seq` were delivered to all, those up to `read_seq` read by all; 0 for none."""

    delivered_seq: int
    read_seq: int


class Positions(NamedTuple):
    """How far a member has come in the conversation, as far as the viewer may see it.

    The positions are None if this person or the viewer keeps them private, or if one has blocked the other. Without
    `shows_delivery`, a message counts as delivered when it is read.
    """

    delivered_seq: int | None
    read_seq: int | None
    shows_delivery: bool


@dataclass(slots=True)
class ParticipantView:
    """A member of a conversation; all but who they are raises NotLoaded unless their membership was loaded."""

    person: Person
    row: MemberRow | MemberIdRow
    positions_part: Positions | None = None

    @property
    def membership(self) -> MemberRow:
        """Their row, with everything that the conversation knows of them."""
        if isinstance(self.row, MemberRow):
            return self.row
        raise NotLoaded("Only who the participants are was loaded.")

    @property
    def positions(self) -> Positions:
        """How far they have come."""
        if self.positions_part is None:
            raise NotLoaded("The positions of the participants were not loaded.")
        return self.positions_part

    @property
    def delivered_seq(self) -> int | None:
        """See `Positions`."""
        return self.positions.delivered_seq

    @property
    def read_seq(self) -> int | None:
        """See `Positions`."""
        return self.positions.read_seq

    @property
    def shows_delivery(self) -> bool:
        """See `Positions`."""
        return self.positions.shows_delivery


@dataclass(slots=True)
class Members:
    """The members of a conversation, as one of them, the viewer, sees them; `mine` is the viewer's own row.

    What shows them is built when somebody asks for it: a list of conversations shows the others only.
    """

    mine: ConversationRow
    viewer_id: int
    rows: Sequence[MemberRow | MemberIdRow]
    people: Mapping[int, Person]
    _participants: list[ParticipantView] | None = field(default=None, compare=False)
    _others: list[ParticipantView] | None = field(default=None, compare=False)

    @property
    def participants(self) -> list[ParticipantView]:
        """All members, by user id."""
        if self._participants is None:
            self._participants = [self._view_of(row) for row in self.rows]
        return self._participants

    @property
    def others(self) -> list[ParticipantView]:
        """All members except the viewer."""
        if self._others is None:
            self._others = [self._view_of(row) for row in self.rows if row.user_id != self.viewer_id]
        return self._others

    @property
    def is_reachable(self) -> bool:
        """Whether the viewer's changes reach the others: no audience excludes the viewer, and in a direct conversation
        neither has blocked the other and the other account is active.
        """
        others = self.others
        if exclusions_of(self.mine, others):
            return False
        peers = [each.person for each in others] if self.mine.kind == ConversationKind.DIRECT else []
        return all(person.row.is_active and not person.is_blocked for person in peers)

    def _view_of(self, row: MemberRow | MemberIdRow) -> ParticipantView:
        person, me = self.people[row.user_id], self.people.get(self.viewer_id)
        positions = _positions_of(self.mine, me, person, row) if isinstance(row, MemberRow) else None
        return ParticipantView(person, row, positions)


_PRIVATE = Positions(None, None, shows_delivery=False)


def _positions_of(mine: ConversationRow, me: Person | None, person: Person, row: MemberRow) -> Positions:
    """The positions that the viewer may see; a member with an open request shares and sees none."""
    if me is None:
        return _PRIVATE
    if person.row.id == me.row.id:
        return Positions(row.delivered_seq, row.read_seq, shows_delivery=True)
    is_open = mine.request_state in OPEN_STATES and row.request_state in OPEN_STATES
    if not is_open or person.is_blocked:
        return _PRIVATE
    my, their = me.relation, person.relation
    shows_delivery = bool(my.send_delivery_receipts and their.send_delivery_receipts)
    read_seq = row.read_seq if my.send_read_receipts and their.send_read_receipts else None
    return Positions(row.delivered_seq if shows_delivery else read_seq, read_seq, shows_delivery)


def ticks_of(people: Sequence[ParticipantView]) -> Ticks:
    """How far all of these people have come; those who share no position with the viewer do not count.

    One who shares only deliveries keeps `read_seq` at 0: nobody knows whether they have read anything.
    """
    known = [each.positions for each in people if each.positions.delivered_seq is not None]
    return Ticks(
        min((each.delivered_seq or 0 for each in known), default=0),
        min((each.read_seq or 0 for each in known), default=0),
    )


def exclusions_of(mine: ConversationRow, others: Sequence[ParticipantView]) -> list[Eligibility]:
    """The audiences that exclude the viewer, though a member; skips members who were asked into the group."""
    is_group = mine.kind == ConversationKind.GROUP
    possible = [each for each in others if not is_group or each.membership.request_state == RequestState.NONE]
    return [exclusion for each in possible if (exclusion := each.person.exclusion)]


def group_restriction_of(others: Sequence[ParticipantView]) -> Eligibility:
    """Why the viewer cannot write to a group that reaches nobody: REQUEST_PENDING while a member may still answer."""
    refusals = {each.person.group_refusal for each in others}
    return Eligibility.REQUEST_PENDING if Eligibility.REQUEST_PENDING in refusals else Eligibility.NOT_ACCEPTING
