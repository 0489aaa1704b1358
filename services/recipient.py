"""Recipients: who of those addressed cannot be written to, and what the sender is told."""

from collections.abc import Sequence

from services.error import RecipientRejection, RecipientRejectionReason
from services.user import Eligibility, Person, Reference, ReferenceKind

Reason = RecipientRejectionReason

_REASONS = {
    Eligibility.SELF: (Reason.SELF, "You cannot write to yourself here."),
    Eligibility.BLOCKED_BY_VIEWER: (Reason.BLOCKED_BY_VIEWER, "You have blocked {name}; unblock them to write."),
    Eligibility.NOT_ACCEPTING: (Reason.NOT_ACCEPTING_MESSAGES, "{name} does not accept messages from you."),
    Eligibility.UNAVAILABLE: (Reason.UNAVAILABLE, "{name} cannot receive messages at the moment."),
}
_WAYS = {
    ReferenceKind.ID: "has the id",
    ReferenceKind.USERNAME: "has the user name",
    ReferenceKind.EMAIL: "can be found by the e-mail address",
    ReferenceKind.EXTERNAL_ID: "has the external id",
}


def rejection_of(
    viewer_id: int, index: int, reference: Reference, person: Person | None, *, is_alone: bool = True
) -> RecipientRejection | None:
    """What stands in the way of one recipient; a plain function without effects, so that it can run twice."""
    if person is None:
        return RecipientRejection(index, Reason.NOT_FOUND, not_found(reference))
    if person.row.id == viewer_id and not is_alone:
        detail = "You are part of the conversation anyway; leave yourself out of the recipients."
        return RecipientRejection(index, Reason.SELF, detail, person.row.id)
    if person.eligibility is Eligibility.ALLOWED:
        return None
    reason, detail = _REASONS[person.eligibility]
    return RecipientRejection(index, reason, detail.format(name=person.row.display_name), person.row.id)


def rejections_of(
    viewer_id: int, references: Sequence[Reference], people: Sequence[Person | None]
) -> list[RecipientRejection]:
    """Every offender, in the order in which they were named."""
    is_alone = len({person.row.id for person in people if person}) == 1
    found = (
        rejection_of(viewer_id, index, reference, person, is_alone=is_alone)
        for index, (reference, person) in enumerate(zip(references, people, strict=True))
    )
    return [rejection for rejection in found if rejection]


def not_found(reference: Reference) -> str:
    """Names the wrong recipient (Zulip: `Invalid email '…'`), cut to a readable length."""
    return f"Nobody {_WAYS[reference.kind]} '{reference.text[:64]}'."
