"""Recipients: which of them cannot receive a message, and the rejection that the sender gets."""

from collections.abc import Sequence

from services.person.policy import Eligibility, Policy
from services.person.user import Person, Reference, not_found
from services.rejection import RecipientRejection, RecipientRejectionReason

Reason = RecipientRejectionReason

_REASONS = {
    Eligibility.SELF: (Reason.SELF, "You cannot write to yourself here."),
    Eligibility.BLOCKED_BY_VIEWER: (Reason.BLOCKED_BY_VIEWER, "You have blocked {name}; unblock them to write."),
    Eligibility.MUST_BE_FOLLOWED: (Reason.MUST_BE_FOLLOWED, "{name} accepts messages only from people they follow."),
    Eligibility.REQUEST_PENDING: (Reason.REQUEST_PENDING, "{name} has not yet answered your request."),
    Eligibility.NOT_ACCEPTING: (Reason.NOT_ACCEPTING, "{name} cannot receive messages at the moment."),
    Eligibility.UNAVAILABLE: (Reason.UNAVAILABLE, "{name} cannot receive messages at the moment."),
}


def rejection_of(
    index: int, reference: Reference, person: Person | None, eligibility: Eligibility | None = None
) -> RecipientRejection | None:
    """The rejection of one recipient, or None; has no side effects, so that it can run twice.

    Without `eligibility`, that of a direct message counts.
    """
    if person is None:
        return RecipientRejection(index, Reason.NOT_FOUND, not_found(reference))
    found = eligibility or person.eligibility
    return None if found.may_send else refusal_of(index, person, found)


def refusal_of(index: int, person: Person, found: Eligibility) -> RecipientRejection:
    """The rejection, with reason and sentence, for this eligibility."""
    reason, detail = _REASONS[found]
    return RecipientRejection(index, reason, detail.format(name=person.row.display_name), person.row.id)


def rejections_of(
    policy: Policy, viewer_id: int, references: Sequence[Reference], people: Sequence[Person | None], *, is_new: bool
) -> list[RecipientRejection]:
    """All rejections, in the order of `references`; `is_new` if the conversation does not exist yet."""
    ids = {person.row.id for person in people if person}
    is_group = len(ids - {viewer_id}) > 1
    found = []
    for index, (reference, person) in enumerate(zip(references, people, strict=True)):
        eligibility = None
        if person is not None and person.row.id == viewer_id and len(ids) > 1:
            detail = "You are always part of the conversation; leave yourself out of the recipients."
            found.append(RecipientRejection(index, Reason.SELF, detail, viewer_id))
            continue
        if person is not None and is_group:
            eligibility = policy.group_eligibility_of(viewer_id, person.relation, is_new=is_new)
        if (rejection := rejection_of(index, reference, person, eligibility)) is not None:
            found.append(rejection)
    return found
