"""Refusals as types: the members of a result union other than its success."""

from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry

from gql.enum import described
from gql.scalar import ByteSize
from gql.user import User
from services import rejection as rejections
from services.person.user import Person
from services.rejection import AttachmentRejectionReason, IssueReason, RecipientRejectionReason

if TYPE_CHECKING:
    from gql.message import Message


@strawberry.enum(description="The stable name of a refusal, for programs.")
class UserErrorCode(Enum):
    INVALID_INPUT = strawberry.enum_value("INVALID_INPUT", description="Of InvalidInputError.")
    RECIPIENTS_REJECTED = strawberry.enum_value("RECIPIENTS_REJECTED", description="Of RecipientsRejectedError.")
    ATTACHMENTS_REJECTED = strawberry.enum_value("ATTACHMENTS_REJECTED", description="Of AttachmentsRejectedError.")
    NOT_FOUND = strawberry.enum_value("NOT_FOUND", description="Of NotFoundError.")
    PERMISSION_DENIED = strawberry.enum_value("PERMISSION_DENIED", description="Of PermissionDeniedError.")
    RATE_LIMITED = strawberry.enum_value("RATE_LIMITED", description="Of RateLimitedError.")
    IDEMPOTENCY_CONFLICT = strawberry.enum_value("IDEMPOTENCY_CONFLICT", description="Of IdempotencyConflictError.")
    TOO_LATE = strawberry.enum_value("TOO_LATE", description="Of TooLateError.")
    CONFLICT = strawberry.enum_value("CONFLICT", description="Of ConflictError.")
    ALREADY_EXISTS = strawberry.enum_value("ALREADY_EXISTS", description="Of AlreadyExistsError.")
    INVALID_CREDENTIALS = strawberry.enum_value("INVALID_CREDENTIALS", description="Of InvalidCredentialsError.")


described(
    IssueReason,
    "InputIssueReason",
    "Why a part of the input was refused.",
    {
        "REQUIRED": "It is missing.",
        "EMPTY": "There is nothing visible in it.",
        "TOO_SHORT": "Shorter than `limit`.",
        "TOO_LONG": "Longer than `limit`.",
        "TOO_MANY": "More than `limit`.",
        "OUT_OF_RANGE": "Outside of the range that `detail` names.",
        "MALFORMED": "Not of the form that `detail` names.",
        "MISMATCH": "It contradicts another part of the input.",
        "DUPLICATE": "It was given twice.",
        "NOT_SUPPORTED": "This server does not do that.",
    },
)
described(
    RecipientRejectionReason,
    "RecipientRejectionReason",
    "Why somebody cannot be written to.",
    {
        "NOT_FOUND": "Nobody is named so.",
        "SELF": "It is the viewer.",
        "BLOCKED_BY_VIEWER": "The viewer has blocked them, and can undo that.",
        "NOT_ACCEPTING_MESSAGES": "They do not accept messages from the viewer.",
        "MUST_BE_FOLLOWED": "They accept messages only from people they follow.",
        "REQUEST_PENDING": "They have not yet answered the viewer's message requests, which can hold no more in all.",
        "UNAVAILABLE": "The account is suspended or was deactivated.",
    },
)
described(
    AttachmentRejectionReason,
    "AttachmentRejectionReason",
    "Why a file cannot be attached.",
    {
        "NOT_FOUND": "There is no such file.",
        "ALREADY_USED": "It belongs to a message already.",
        "TYPE_NOT_ALLOWED": "Its content is of a type that is not in `allowedMimeTypes`.",
        "EMPTY": "It has no bytes.",
        "TOO_LARGE": "It has more bytes than `limitBytes`.",
        "UNSAFE": "It is not what it claims to be, or costs too much to open.",
        "STORAGE_FAILED": "The server could not keep it; try again.",
        "NOT_READY": "The upload has not come to its end yet.",
        "EXPIRED": "The upload's time is over, or its bytes are lost; begin again.",
        "CHECKSUM_MISMATCH": "It is not what its SHA-256 says.",
    },
)

_DETAIL = "What is wrong and what would be right, for a person."
_CODE = "The stable name of this refusal."


@strawberry.interface(description="A refusal that a client can expect. Nothing was stored.")
class UserError:
    """Select `... on UserError { detail code }` to be ready for refusals added later."""

    detail: str = strawberry.field(description=_DETAIL)
    code: UserErrorCode = strawberry.field(description=_CODE)


@strawberry.type(description="One thing wrong with the input.")
class InputIssue:
    path: list[str] = strawberry.field(description='Where, below `input`: `["to", "users"]`.')
    reason: IssueReason = strawberry.field(description="What kind of thing.")
    detail: str = strawberry.field(description=_DETAIL)
    limit: int | None = strawberry.field(description="The bound that was broken, in the unit that `detail` names.")

    @classmethod
    def of(cls, issue: rejections.Issue) -> "InputIssue":
        return cls(path=list(issue.path), reason=issue.reason, detail=issue.detail, limit=issue.limit)


@strawberry.type(description="The input breaks rules; all that can be told without reading are listed.")
class InvalidInputError(UserError):
    """See services.error.InvalidInput."""

    issues: list[InputIssue] = strawberry.field(description="Everything that is wrong, at least one thing.")


@strawberry.type(description="One person who cannot be written to.")
class RecipientRejection:
    index: int = strawberry.field(description="Their place in the list as it was given, from 0.")
    reason: RecipientRejectionReason = strawberry.field(description="Why.")
    user: User | None = strawberry.field(description="Who it is; null for NOT_FOUND.")
    detail: str = strawberry.field(description=_DETAIL)

    @classmethod
    def of(cls, rejection: rejections.RecipientRejection, people: dict[int, Person]) -> "RecipientRejection":
        """The type for a rejection, with the people that were loaded for all of them."""
        person = people.get(rejection.user_id or 0)
        return cls(
            index=rejection.index,
            reason=rejection.reason,
            user=User.of(person) if person else None,
            detail=rejection.detail,
        )


@strawberry.type(description="Recipients who cannot be written to; nobody was.")
class RecipientsRejectedError(UserError):
    """See services.error.RecipientsRejected."""

    recipient_rejections: list[RecipientRejection] = strawberry.field(description="Every one of them.")


@strawberry.type(description="One file that cannot be attached.")
class AttachmentRejection:
    index: int = strawberry.field(description="Its place in the list as it was given, from 0.")
    reason: AttachmentRejectionReason = strawberry.field(description="Why.")
    filename: str | None = strawberry.field(description="Its cleaned name.")
    limit_bytes: ByteSize | None = strawberry.field(description="For TOO_LARGE: the most bytes a file may have.")
    allowed_mime_types: list[str] | None = strawberry.field(description="For TYPE_NOT_ALLOWED: what is accepted.")
    is_retryable: bool = strawberry.field(description="Whether the same file may pass later.")
    detail: str = strawberry.field(description=_DETAIL)

    @classmethod
    def of(cls, rejection: rejections.AttachmentRejection) -> "AttachmentRejection":
        limit_bytes, allowed = rejection.limit_bytes, rejection.allowed_mime_types
        return cls(
            index=rejection.index,
            reason=rejection.reason,
            filename=rejection.filename,
            limit_bytes=None if limit_bytes is None else ByteSize(limit_bytes),
            allowed_mime_types=None if allowed is None else list(allowed),
            is_retryable=rejection.is_retryable,
            detail=rejection.detail,
        )


@strawberry.type(description="Files that cannot be attached; none was kept.")
class AttachmentsRejectedError(UserError):
    """See services.error.AttachmentsRejected."""

    attachment_rejections: list[AttachmentRejection] = strawberry.field(description="Every one of them.")


@strawberry.type(description="There is no such thing, or the viewer may not see it: the same answer for both.")
class NotFoundError(UserError):
    """See services.error.NotFound."""


@strawberry.type(description="The viewer may not do this.")
class PermissionDeniedError(UserError):
    """See services.error.PermissionDenied."""


@strawberry.type(description="Too often.")
class RateLimitedError(UserError):
    """See services.error.RateLimited."""

    retry_after_seconds: float = strawberry.field(description="After this time the same call passes.")


@strawberry.type(description="The `clientMessageId` stands for another message already.")
class IdempotencyConflictError(UserError):
    """See services.error.IdempotencyConflict."""

    existing_message: Annotated["Message", strawberry.lazy("gql.message")] | None = strawberry.field(
        description="The message that it stands for; null where the viewer can no longer see it."
    )


@strawberry.type(description="A unique name is taken.")
class AlreadyExistsError(UserError):
    """See services.error.AlreadyExists."""


@strawberry.type(description="The user name or the password is wrong; never which of them.")
class InvalidCredentialsError(UserError):
    """See services.error.InvalidCredentials."""


@strawberry.type(description="The time for this is over.")
class TooLateError(UserError):
    """See services.error.TooLate."""

    window_seconds: int = strawberry.field(description="How long after it was sent a message allows this.")


@strawberry.type(description="The thing is no longer as the client believes; load it again.")
class ConflictError(UserError):
    """See services.error.Conflict."""
