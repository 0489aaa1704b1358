"""Recipients: which of them cannot receive a message, and the rejection that the sender gets."""

from collections.abc import Sequence

from models.send import RecipientRow
from services.person.policy import Eligibility, Policy
from services.person.user import Reference, not_found
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
    index: int, reference: Reference, row: RecipientRow | None, found: Eligibility | None
) -> RecipientRejection | None:
    """The rejection of one recipient, or None; `found` is None for nobody. Has no side effects, so it can run twice."""
    if row is None or found is None:
        return RecipientRejection(index, Reason.NOT_FOUND, not_found(reference))
    return None if found.may_send else refusal_of(index, row, found)


def refusal_of(index: int, row: RecipientRow, found: Eligibility) -> RecipientRejection:
    """The rejection, with reason and sentence, for this eligibility."""
    reason, detail = _REASONS[found]
    return RecipientRejection(index, reason, detail.format(name=row.display_name), row.id)


def rejections_of(
    policy: Policy,
    viewer_id: int,
    references: Sequence[Reference],
    rows: Sequence[RecipientRow | None],
    *,
    is_new: bool,
) -> list[RecipientRejection]:
    """All rejections, in the order of `references`; `is_new` if they are a group that does not exist yet."""
    ids = {row.id for row in rows if row}
    is_group = len(ids - {viewer_id}) > 1
    found = []
    for index, (reference, row) in enumerate(zip(references, rows, strict=True)):
        eligibility = None
        if row is not None and row.id == viewer_id and len(ids) > 1:
            detail = "You are always part of the conversation; leave yourself out of the recipients."
            found.append(RecipientRejection(index, Reason.SELF, detail, viewer_id))
            continue
        if row is not None and is_group:
            eligibility = policy.group_eligibility_of(viewer_id, row, is_new=is_new)
        elif row is not None:
            eligibility = policy.eligibility_of(viewer_id, row)
        if (rejection := rejection_of(index, reference, row, eligibility)) is not None:
            found.append(rejection)
    return found
