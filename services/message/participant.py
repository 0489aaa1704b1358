"""Participants: the members of a conversation, and how far each has read, as far as the viewer may see it."""

from collections.abc import Sequence
from dataclasses import dataclass

from models.conversation import ConversationKind, ConversationRow
from models.member import OPEN_STATES, MemberRow, RequestState
from services.person.policy import Eligibility
from services.person.user import Person


@dataclass(frozen=True, slots=True)
class Ticks:
    """Messages up to `delivered_seq` were delivered to all, those up to `read_seq` read by all; 0 for none."""

    delivered_seq: int
    read_seq: int


@dataclass(frozen=True, slots=True)
class ParticipantView:
    """A member with their positions in the conversation.

    The positions are None if this person or the viewer keeps them private, or if one has blocked the other. Without
    `shows_delivery`, a message counts as delivered when it is read.
    """

    person: Person
    row: MemberRow
    delivered_seq: int | None = None
    read_seq: int | None = None
    shows_delivery: bool = False


def participants_of(
    mine: ConversationRow, me: Person | None, members: Sequence[tuple[Person, MemberRow]]
) -> list[ParticipantView]:
    """The members with the positions that the viewer may see; a member with an open request shares and sees none."""
    is_open = mine.request_state in OPEN_STATES
    views = []
    for person, row in members:
        other = person.row
        is_me = me is not None and other.id == me.row.id
        passes = is_me or (me is not None and is_open and row.request_state in OPEN_STATES and not person.is_blocked)
        shows_read = passes and (is_me or bool(me and me.row.send_read_receipts and other.send_read_receipts))
        shows_delivery = passes and (
            is_me or bool(me and me.row.send_delivery_receipts and other.send_delivery_receipts)
        )
        read_seq = row.read_seq if shows_read else None
        delivered_seq = row.delivered_seq if shows_delivery else read_seq
        views.append(ParticipantView(person, row, delivered_seq, read_seq, shows_delivery))
    return views


def ticks_of(people: Sequence[ParticipantView]) -> Ticks:
    """How far all of these people have come; those who share no position with the viewer do not count.

    One who shares only deliveries keeps `read_seq` at 0: nobody knows whether they have read anything.
    """
    known = [each for each in people if each.delivered_seq is not None]
    return Ticks(
        min((each.delivered_seq or 0 for each in known), default=0),
        min((each.read_seq or 0 for each in known), default=0),
    )


def exclusions_of(mine: ConversationRow, others: Sequence[ParticipantView]) -> list[Eligibility]:
    """The audiences that exclude the viewer, though a member; skips members who were asked into the group."""
    is_group = mine.kind == ConversationKind.GROUP
    asked = [each for each in others if not is_group or each.row.request_state == RequestState.NONE]
    return [each.person.exclusion for each in asked if each.person.exclusion]


def group_restriction_of(others: Sequence[ParticipantView]) -> Eligibility:
    """Why the viewer cannot write to a group that reaches nobody: REQUEST_PENDING while a member may still answer."""
    refusals = {each.person.group_refusal for each in others}
    return Eligibility.REQUEST_PENDING if Eligibility.REQUEST_PENDING in refusals else Eligibility.NOT_ACCEPTING
