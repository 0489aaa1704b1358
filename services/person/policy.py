"""The policy: who may write to whom, decided by one function for every path, before a send and inside of it.

docs/sources.md describes the systems that are named here beside their rules.
"""

from dataclasses import dataclass
from enum import Enum

from models import user as users
from models.member import UNANSWERED_STATES, RequestState
from models.setting import Audience, OutsideAction
from models.user import UserRow


class Eligibility(Enum):
    """What a send to this person would say; a block by the other side is NOT_ACCEPTING, like a closed inbox."""

    ALLOWED = "allowed"
    ALLOWED_AS_REQUEST = "allowed_as_request"
    SELF = "self"
    BLOCKED_BY_VIEWER = "blocked_by_viewer"
    MUST_BE_FOLLOWED = "must_be_followed"
    NOT_ACCEPTING = "not_accepting"
    UNAVAILABLE = "unavailable"

    @property
    def may_send(self) -> bool:
        """Whether a message would be stored."""
        return self in {Eligibility.ALLOWED, Eligibility.ALLOWED_AS_REQUEST}


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's part: what holds for people who chose nothing, and the widest audience that anybody may choose.

    `request_messages` is how many messages the unanswered requests of one person to another may hold, groups included.
    `for_each_send` asks the audience for every message and not for the first alone.
    """

    accept_from: Audience = Audience.EVERYONE
    from_others: OutsideAction = OutsideAction.REQUEST
    add_to_groups: Audience = Audience.EVERYONE
    widest_audience: Audience = Audience.EVERYONE
    request_messages: int = 3
    self_conversations: bool = False
    for_each_send: bool = False

    def audience(self, chosen: int | None, default: Audience) -> Audience:
        """What a choice comes to: the default for None, and never wider than the operator allows."""
        return max(default if chosen is None else Audience(chosen), self.widest_audience)

    def group_audience(self, row_accept_from: int | None, row_add_to_groups: int | None) -> Audience:
        """Who may put a person into a group: never more people than may write to them."""
        groups = self.audience(row_add_to_groups, self.add_to_groups)
        return max(groups, self.audience(row_accept_from, self.accept_from))

    def eligibility_of(self, viewer_id: int, row: UserRow) -> Eligibility:
        """What a message of the viewer to this person alone would meet.

        The audience is asked for opening only (Zulip), unless the operator wants it asked each time: who was written to
        may always answer, and an accepted request is as good as a conversation that was open from the first.
        """
        if row.id == viewer_id:
            return Eligibility.ALLOWED if self.self_conversations else Eligibility.SELF
        return _behind_blocks(row, self._direct_eligibility_of(row))

    def group_eligibility_of(self, viewer_id: int, row: UserRow, *, is_new: bool) -> Eligibility:
        """What a message of the viewer to a group with this person meets, where it names them.

        Who could not write to them alone cannot make a group with them, and for whom a group would be unexpected, it
        waits as a request. In a group that is there, the audience is not asked again.
        """
        if row.id == viewer_id:
            return Eligibility.SELF  # named beside others
        return _behind_blocks(row, self._group_eligibility_of(row, is_new=is_new))

    def is_unanswered(self, row: UserRow) -> bool:
        """Whether the viewer's requests to this person hold all that requests may hold, and no answer has come."""
        return not row.has_declined and row.waiting >= self.request_messages

    def _direct_eligibility_of(self, row: UserRow) -> Eligibility:
        """As `eligibility_of`, for two people without a block between them."""
        if row.request is not None and row.request not in UNANSWERED_STATES:
            return self.exclusion_of(row) or Eligibility.ALLOWED
        if row.request is None and not row.has_declined:
            audience = self.audience(row.accept_from, self.accept_from)
            return self._opening(row, audience)
        return self._request(row)

    def _group_eligibility_of(self, row: UserRow, *, is_new: bool) -> Eligibility:
        if row.has_declined:  # also where that was a request of the viewer's alone, or another group
            return Eligibility.NOT_ACCEPTING
        if not is_new:
            return Eligibility.ALLOWED
        if row.request == RequestState.PENDING:
            return self._request(row)
        return self._opening(row, self.group_audience(row.accept_from, row.add_to_groups))

    def _opening(self, row: UserRow, audience: Audience) -> Eligibility:
        """Of a first message to this person, who lets in this audience."""
        if _includes(audience, row):
            return Eligibility.ALLOWED
        action = self.from_others if row.from_others is None else OutsideAction(row.from_others)
        return self._request(row) if action is OutsideAction.REQUEST else _refusal_of(audience)

    def _request(self, row: UserRow) -> Eligibility:
        """Of a message that waits for this person's answer."""
        is_closed = row.has_declined or row.waiting >= self.request_messages
        return Eligibility.NOT_ACCEPTING if is_closed else Eligibility.ALLOWED_AS_REQUEST

    def exclusion_of(self, row: UserRow) -> Eligibility | None:
        """What a message into a conversation that is there meets where the audience is asked each time; else None.

        SelfCommunity: the sender must be followed by the recipient. Whoever accepted the viewer's request, or waits for
        an answer to their own, has agreed to the viewer, as a follow does.
        """
        if not self.for_each_send or row.request in {RequestState.ACCEPTED, RequestState.SENT}:
            return None
        audience = self.audience(row.accept_from, self.accept_from)
        return None if _includes(audience, row) else _refusal_of(audience)


def _behind_blocks(row: UserRow, eligibility: Eligibility) -> Eligibility:
    """What is said of somebody with whom all else would come to this.

    MongoDB chat: a block in either direction refuses. A block by the other side is a closed inbox; where all else
    refuses already, it changes nothing that is said.
    """
    if row.has_blocked:
        return Eligibility.BLOCKED_BY_VIEWER
    if row.state != users.ACTIVE:
        return Eligibility.UNAVAILABLE
    return Eligibility.NOT_ACCEPTING if row.is_blocked_by and eligibility.may_send else eligibility


def _includes(audience: Audience, row: UserRow) -> bool:
    """Whether the viewer belongs to the audience of this person."""
    if audience is Audience.FOLLOWED_BY_ME:  # SelfCommunity: the sender must be followed by the recipient
        return bool(row.is_following)
    if audience is Audience.MUTUAL_FOLLOWS:
        return bool(row.is_following and row.is_followed)
    return audience is Audience.EVERYONE


def _refusal_of(audience: Audience) -> Eligibility:
    return Eligibility.NOT_ACCEPTING if audience is Audience.NOBODY else Eligibility.MUST_BE_FOLLOWED
