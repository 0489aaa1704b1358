"""The policy: who may write to a person, decided by the same functions before a send and in its transaction.

docs/sources.md describes the systems named beside the rules.
"""

from dataclasses import dataclass
from enum import Enum

from models import user as users
from models.member import UNANSWERED_STATES, RequestState
from models.send import RecipientRow
from models.setting import Audience, OutsideAction
from models.user import UserRow

AnyRow = UserRow | RecipientRow  # both have what decides


class Eligibility(Enum):
    """The outcome of a send to this person; a block by that person is NOT_ACCEPTING, like a closed inbox."""

    ALLOWED = "allowed"
    ALLOWED_AS_REQUEST = "allowed_as_request"
    SELF = "self"
    BLOCKED_BY_VIEWER = "blocked_by_viewer"
    MUST_BE_FOLLOWED = "must_be_followed"
    REQUEST_PENDING = "request_pending"
    NOT_ACCEPTING = "not_accepting"
    UNAVAILABLE = "unavailable"

    @property
    def may_send(self) -> bool:
        """Whether a message would be stored."""
        return self is Eligibility.ALLOWED or self is Eligibility.ALLOWED_AS_REQUEST


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's settings: the defaults for people without a setting of their own, and the widest audience allowed.

    `request_messages` is the maximum number of messages in one person's unanswered requests to another, including
    groups. `for_each_send` checks the audience for every message and not only for the first.
    """

    accept_from: Audience
    from_others: OutsideAction
    add_to_groups: Audience
    widest_audience: Audience
    request_messages: int
    self_conversations: bool
    for_each_send: bool

    def audience(self, setting: int | None, default: Audience) -> Audience:
        """The effective audience of a setting: the default for None, and never wider than the operator allows."""
        return max(default if setting is None else Audience(setting), self.widest_audience)

    def group_audience(self, row_accept_from: int | None, row_add_to_groups: int | None) -> Audience:
        """Who may add a person to a group: never more people than may write to them."""
        groups = self.audience(row_add_to_groups, self.add_to_groups)
        return max(groups, self.audience(row_accept_from, self.accept_from))

    def eligibility_of(self, viewer_id: int, row: AnyRow) -> Eligibility:
        """The outcome of a direct message of the viewer to this person.

        The audience is checked only for the first message (Zulip), unless the operator wants it checked each time: the
        recipient of a message may always answer, and an accepted request counts as an existing conversation.
        """
        if row.id == viewer_id:
            return Eligibility.ALLOWED if self.self_conversations else Eligibility.SELF
        return _behind_blocks(row, self._direct_eligibility_of(row))

    def group_eligibility_of(self, viewer_id: int, row: AnyRow, *, is_new: bool) -> Eligibility:
        """The outcome for this person of a message of the viewer to a group that names them.

        A viewer who cannot write to them directly cannot create a group with them. For a person whose audience does
        not include the viewer, a new group is a request. In an existing group the audience is not checked again.
        """
        if row.id == viewer_id:
            return Eligibility.SELF  # named together with others
        return _behind_blocks(row, self._group_eligibility_of(row, is_new=is_new))

    def group_refusal_of(self, row: AnyRow) -> Eligibility:
        """Why this person gets no more messages of a group that nobody has accepted."""
        return self.request_refusal_of(row) or Eligibility.NOT_ACCEPTING

    def request_refusal_of(self, row: AnyRow) -> Eligibility | None:
        """Why the viewer's requests to this person hold no more messages; None if they do."""
        if row.has_declined:
            return Eligibility.NOT_ACCEPTING
        return Eligibility.REQUEST_PENDING if row.waiting >= self.request_messages else None

    def _direct_eligibility_of(self, row: AnyRow) -> Eligibility:
        """As `eligibility_of`, without considering blocks."""
        if row.request is not None and row.request not in UNANSWERED_STATES:
            return self.exclusion_of(row) or Eligibility.ALLOWED
        if row.request is None and not row.has_declined:
            audience = self.audience(row.accept_from, self.accept_from)
            return self._opening(row, audience)
        return self._request(row)

    def _group_eligibility_of(self, row: AnyRow, *, is_new: bool) -> Eligibility:
        if row.has_declined:  # a direct request of the viewer's, or any group
            return Eligibility.NOT_ACCEPTING
        if not is_new:
            return Eligibility.ALLOWED
        if row.request == RequestState.PENDING:
            return self._request(row)
        return self._opening(row, self.group_audience(row.accept_from, row.add_to_groups))

    def _opening(self, row: AnyRow, audience: Audience) -> Eligibility:
        """The outcome of a first message to a person with this audience."""
        if _includes(audience, row):
            return Eligibility.ALLOWED
        action = self.from_others if row.from_others is None else OutsideAction(row.from_others)
        return self._request(row) if action is OutsideAction.REQUEST else _refusal_of(audience)

    def _request(self, row: AnyRow) -> Eligibility:
        """The outcome of a message that is a request to this person."""
        return self.request_refusal_of(row) or Eligibility.ALLOWED_AS_REQUEST

    def exclusion_of(self, row: AnyRow) -> Eligibility | None:
        """Why a message into an existing conversation is refused, if the audience is checked each time; else None.

        SelfCommunity: the recipient must follow the sender. A person who has accepted the viewer's request, or has sent
        the viewer one, counts as a follower.
        """
        if not self.for_each_send or row.request in {RequestState.ACCEPTED, RequestState.SENT}:
            return None
        audience = self.audience(row.accept_from, self.accept_from)
        return None if _includes(audience, row) else _refusal_of(audience)


def _behind_blocks(row: AnyRow, eligibility: Eligibility) -> Eligibility:
    """Applies blocks and the account's state to `eligibility`, the outcome without them.

    MongoDB chat: a block in either direction refuses. A block by the other person looks like a closed inbox, and does
    not change the reason if the message is refused anyway.
    """
    if row.has_blocked:
        return Eligibility.BLOCKED_BY_VIEWER
    if row.state != users.ACTIVE:
        return Eligibility.UNAVAILABLE
    return Eligibility.NOT_ACCEPTING if row.is_blocked_by and eligibility.may_send else eligibility


def _includes(audience: Audience, row: AnyRow) -> bool:
    """Whether the viewer belongs to the audience of this person."""
    if audience is Audience.FOLLOWED_BY_ME:  # SelfCommunity: the recipient must follow the sender
        return bool(row.is_following)
    if audience is Audience.MUTUAL_FOLLOWS:
        return bool(row.is_following and row.is_followed)
    return audience is Audience.EVERYONE


def _refusal_of(audience: Audience) -> Eligibility:
    return Eligibility.NOT_ACCEPTING if audience is Audience.NOBODY else Eligibility.MUST_BE_FOLLOWED
