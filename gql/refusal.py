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


@strawberry.enum(description="The stable code of a refusal, for programs.")
class UserErrorCode(Enum):
    INVALID_INPUT = strawberry.enum_value("INVALID_INPUT", description="The code of InvalidInputError.")
    RECIPIENTS_REJECTED = strawberry.enum_value(
        "RECIPIENTS_REJECTED", description="The code of RecipientsRejectedError."
    )
    ATTACHMENTS_REJECTED = strawberry.enum_value(
        "ATTACHMENTS_REJECTED", description="The code of AttachmentsRejectedError."
    )
    NOT_FOUND = strawberry.enum_value("NOT_FOUND", description="The code of NotFoundError.")
    PERMISSION_DENIED = strawberry.enum_value("PERMISSION_DENIED", description="The code of PermissionDeniedError.")
    RATE_LIMITED = strawberry.enum_value("RATE_LIMITED", description="The code of RateLimitedError.")
    IDEMPOTENCY_CONFLICT = strawberry.enum_value(
        "IDEMPOTENCY_CONFLICT", description="The code of IdempotencyConflictError."
    )
    TOO_LATE = strawberry.enum_value("TOO_LATE", description="The code of TooLateError.")
    CONFLICT = strawberry.enum_value("CONFLICT", description="The code of ConflictError.")
    ALREADY_EXISTS = strawberry.enum_value("ALREADY_EXISTS", description="The code of AlreadyExistsError.")
    INVALID_CREDENTIALS = strawberry.enum_value(
        "INVALID_CREDENTIALS", description="The code of InvalidCredentialsError."
    )


described(
    IssueReason,
    "InputIssueReason",
    "Why a part of the input is invalid.",
    {
        "REQUIRED": "A required value is missing.",
        "EMPTY": "The text has no visible characters, or the list is empty.",
        "TOO_SHORT": "The value is shorter than `limit`.",
        "TOO_LONG": "The value is longer than `limit`.",
        "TOO_MANY": "There are more than `limit` items, for example in a list.",
        "OUT_OF_RANGE": "The value is outside the range stated in `detail`.",
        "MALFORMED": "The value does not have the format stated in `detail`.",
        "MISMATCH": "The value does not fit another part of the input, or the data that it refers to.",
        "DUPLICATE": "The same value was given twice.",
        "NOT_SUPPORTED": "The server does not support this value.",
        "TAKEN": "The value must be unique and is already in use. Reserved: no mutation of this version returns it; "
        "`signUp` returns AlreadyExistsError.",
    },
)
described(
    RecipientRejectionReason,
    "RecipientRejectionReason",
    "Why a user cannot receive a message.",
    {
        "NOT_FOUND": "No such user exists.",
        "SELF": "The user is the viewer.",
        "BLOCKED_BY_VIEWER": "The viewer has blocked this user.",
        "NOT_ACCEPTING": "The user does not accept messages from the viewer.",
        "MUST_BE_FOLLOWED": "The user accepts messages only from users they follow.",
        "REQUEST_PENDING": "The user has not answered the viewer's message requests yet, and these already hold "
        "`maxRequestMessages` messages.",
        "UNAVAILABLE": "The account is suspended or deactivated.",
    },
)
described(
    AttachmentRejectionReason,
    "AttachmentRejectionReason",
    "Why a file cannot be attached.",
    {
        "NOT_FOUND": "No such file or upload exists.",
        "ALREADY_USED": "The upload is already attached to a message.",
        "TYPE_NOT_ALLOWED": "The media type is not in `allowedMimeTypes`.",
        "EMPTY": "The file is empty.",
        "TOO_LARGE": "The file is larger than `limitBytes`, or would exceed the viewer's storage quota.",
        "UNSAFE": "The file is malformed, is not what it claims to be, or would be too expensive to decode.",
        "STORAGE_FAILED": "The server could not store the file. Try again.",
        "NOT_READY": "The upload is not finished yet.",
        "EXPIRED": "The upload has expired or its bytes are lost. Start a new upload.",
        "CHECKSUM_MISMATCH": "The content does not match the given SHA-256.",
    },
)

_DETAIL = "A human-readable explanation: what is wrong and how to fix it."
_CODE = "A stable code for programs."


@strawberry.interface(description="An expected refusal of a mutation. Nothing was stored.")
class UserError:
    """Select `... on UserError { detail code isRetryable }` to be ready for refusals added later."""

    detail: str = strawberry.field(description=_DETAIL)
    code: UserErrorCode = strawberry.field(description=_CODE)
    is_retryable: bool = strawberry.field(
        description="Whether the same call, unchanged, may succeed later. False if the input must change or someone "
        "must act first, for example by accepting a message request."
    )


@strawberry.type(description="One problem with the input.")
class InputIssue:
    path: list[str] = strawberry.field(
        description='The path of the invalid value below `input`, for example `["to", "users"]`.'
    )
    reason: IssueReason = strawberry.field(description="The kind of problem.")
    detail: str = strawberry.field(description=_DETAIL)
    limit: int | None = strawberry.field(
        description="The limit that the value breaks, in the unit that `detail` names. Null if the reason involves no "
        "limit."
    )

    @classmethod
    def of(cls, issue: rejections.Issue) -> "InputIssue":
        return cls(path=list(issue.path), reason=issue.reason, detail=issue.detail, limit=issue.limit)


@strawberry.type(
    description="The input is invalid. `issues` lists every problem that can be found without reading stored data."
)
class InvalidInputError(UserError):
    """See services.error.InvalidInput."""

    issues: list[InputIssue] = strawberry.field(description="Every problem found, at least one.")


@strawberry.type(description="A recipient who cannot receive the message, and why.")
class RecipientRejection:
    index: int = strawberry.field(
        description="The position of the user in the given list, starting at 0. For an existing conversation, go by "
        "`user` instead."
    )
    reason: RecipientRejectionReason = strawberry.field(description="Why the recipient was rejected.")
    user: User | None = strawberry.field(description="The rejected user. Null for NOT_FOUND.")
    detail: str = strawberry.field(description=_DETAIL)

    @classmethod
    def of(cls, rejection: rejections.RecipientRejection, people: dict[int, Person]) -> "RecipientRejection":
        """The type for a rejection, with the people that were loaded for all of them."""
        person = people.get(rejection.user_id or 0)
        return cls(
            index=rejection.index,
            reason=rejection.reason,
            user=User(person=person) if person else None,
            detail=rejection.detail,
        )


@strawberry.type(
    description="At least one recipient cannot receive the message, so nothing was sent. Never retryable: someone must "
    "change something first."
)
class RecipientsRejectedError(UserError):
    """See services.error.RecipientsRejected."""

    recipient_rejections: list[RecipientRejection] = strawberry.field(
        description="Every rejected recipient, at least one."
    )


@strawberry.type(description="A file that cannot be attached, and why.")
class AttachmentRejection:
    index: int = strawberry.field(
        description="The position of the file in the list of attachments, starting at 0. Always 0 for `createUpload` "
        "and `completeUpload`."
    )
    reason: AttachmentRejectionReason = strawberry.field(description="Why the file was rejected.")
    filename: str | None = strawberry.field(
        description="The file name, without a path or control characters. Null if it is not known."
    )
    limit_bytes: ByteSize | None = strawberry.field(
        description="For TOO_LARGE, the maximum number of bytes that would be accepted. Null for other reasons."
    )
    allowed_mime_types: list[str] | None = strawberry.field(
        description="For TYPE_NOT_ALLOWED, the accepted media types. Null for other reasons, and for an upload that "
        "had already failed."
    )
    is_retryable: bool = strawberry.field(
        description="Whether the same file may be accepted later: true for STORAGE_FAILED and NOT_READY."
    )
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


@strawberry.type(
    description="At least one file cannot be attached, so nothing was stored. Retryable if every rejection is."
)
class AttachmentsRejectedError(UserError):
    """See services.error.AttachmentsRejected."""

    attachment_rejections: list[AttachmentRejection] = strawberry.field(
        description="Every rejected file, at least one."
    )


@strawberry.type(description="The object does not exist or the viewer cannot see it; the server does not say which.")
class NotFoundError(UserError):
    """See services.error.NotFound."""


@strawberry.type(description="The viewer is not allowed to do this.")
class PermissionDeniedError(UserError):
    """See services.error.PermissionDenied."""


@strawberry.type(description="Too many calls in a short time, or too many uploads at once.")
class RateLimitedError(UserError):
    """See services.error.RateLimited."""

    retry_after_seconds: float = strawberry.field(
        description="The number of seconds to wait before the same call can succeed."
    )


@strawberry.type(
    description="The `clientMessageId` was already used for a different message, or by the other send mutation."
)
class IdempotencyConflictError(UserError):
    """See services.error.IdempotencyConflict."""

    existing_message: Annotated["Message", strawberry.lazy("gql.message")] | None = strawberry.field(
        description="The message that was first sent with this `clientMessageId`. Null if the viewer can no longer see "
        "it."
    )


@strawberry.type(description="A value that must be unique is already in use.")
class AlreadyExistsError(UserError):
    """See services.error.AlreadyExists."""


@strawberry.type(description="The username or the password is wrong; the server does not say which.")
class InvalidCredentialsError(UserError):
    """See services.error.InvalidCredentials."""


@strawberry.type(description="The time limit for this action has passed.")
class TooLateError(UserError):
    """See services.error.TooLate."""

    window_seconds: int = strawberry.field(
        description="The number of seconds after sending during which this action is possible."
    )


@strawberry.type(description="The object is not in the state that the call expects. Load it again.")
class ConflictError(UserError):
    """See services.error.Conflict."""
