"""The policy: who may write to whom, decided by one function for every path, before a send and inside of it."""

from dataclasses import dataclass
from enum import Enum

from models import user as users
from models.member import RequestState
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

    `request_messages` is how many messages a request may hold before it is answered.
    """

    accept_from: Audience = Audience.EVERYONE
    from_others: OutsideAction = OutsideAction.REQUEST
    add_to_groups: Audience = Audience.EVERYONE
    widest_audience: Audience = Audience.EVERYONE
    request_messages: int = 3
    self_conversations: bool = False

    def audience(self, chosen: int | None, default: Audience) -> Audience:
        """What a choice comes to: the default for None, and never wider than the operator allows."""
        return max(default if chosen is None else Audience(chosen), self.widest_audience)

    def eligibility_of(self, viewer_id: int, row: UserRow) -> Eligibility:
        """What a message of the viewer to this person alone would meet.

        The audience is asked for opening only (Zulip): who was written to may always answer, and an accepted request
        is as good as a conversation that was open from the first.
        """
        if row.id == viewer_id:
            return Eligibility.ALLOWED if self.self_conversations else Eligibility.SELF
        if (barrier := _barrier_of(row)) is not None:
            return barrier
        if row.request is not None:
            return self._eligibility_in(row)
        audience = self.audience(row.accept_from, self.accept_from)
        if _includes(audience, row):
            return Eligibility.ALLOWED
        action = self.from_others if row.from_others is None else OutsideAction(row.from_others)
        return Eligibility.ALLOWED_AS_REQUEST if action is OutsideAction.REQUEST else _refusal_of(audience)

    def _eligibility_in(self, row: UserRow) -> Eligibility:
        """Of a message into the direct conversation that there is."""
        if row.request == RequestState.PENDING and (row.direct_seq or 0) < self.request_messages:
            return Eligibility.ALLOWED_AS_REQUEST
        is_open = row.request not in {RequestState.PENDING, RequestState.DECLINED}
        return Eligibility.ALLOWED if is_open else Eligibility.NOT_ACCEPTING

    def group_eligibility_of(self, viewer_id: int, row: UserRow, *, is_new: bool) -> Eligibility:
        """What a message of the viewer to a group with this person meets; the audience is asked for a new one only."""
        if row.id == viewer_id:
            return Eligibility.SELF  # named beside others
        if (barrier := _barrier_of(row)) is not None:
            return barrier
        audience = self.audience(row.add_to_groups, self.add_to_groups)
        return Eligibility.ALLOWED if not is_new or _includes(audience, row) else _refusal_of(audience)


def _barrier_of(row: UserRow) -> Eligibility | None:
    """What stands between two people however their conversation began."""
    if row.has_blocked:
        return Eligibility.BLOCKED_BY_VIEWER
    if row.state != users.ACTIVE:
        return Eligibility.UNAVAILABLE
    return Eligibility.NOT_ACCEPTING if row.is_blocked_by else None  # MongoDB chat: a block in either direction refuses


def _includes(audience: Audience, row: UserRow) -> bool:
    """Whether the viewer belongs to the audience of this person."""
    if audience is Audience.FOLLOWED_BY_ME:  # SelfCommunity: the sender must be followed by the recipient
        return bool(row.is_following)
    if audience is Audience.MUTUAL_FOLLOWS:
        return bool(row.is_following and row.is_followed)
    return audience is Audience.EVERYONE


def _refusal_of(audience: Audience) -> Eligibility:
    return Eligibility.NOT_ACCEPTING if audience is Audience.NOBODY else Eligibility.MUST_BE_FOLLOWED
