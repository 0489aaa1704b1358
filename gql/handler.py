"""How a service's refusal becomes a member of a mutation's result; Strawberry calls these for whatever is raised."""

from typing import Any

import strawberry
from strawberry.types.field import StrawberryField

from gql.loader import loader_of
from gql.node import Info
from gql.refusal import (
    AlreadyExistsError,
    AttachmentRejection,
    AttachmentsRejectedError,
    ConflictError,
    IdempotencyConflictError,
    InputIssue,
    InvalidCredentialsError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    RecipientRejection,
    RecipientsRejectedError,
    TooLateError,
    UserError,
    UserErrorCode,
)
from gql.scalar import ByteSize
from services import error as refusals


class InvalidInputHandler(strawberry.ExceptionHandler[refusals.InvalidInput, InvalidInputError]):
    """All issues."""

    def handle(self, exception: refusals.InvalidInput, *, field: StrawberryField, info: Info) -> InvalidInputError:
        """See ExceptionHandler."""
        issues = [
            InputIssue(path=list(issue.path), reason=issue.reason, detail=issue.detail, limit=issue.limit)
            for issue in exception.issues
        ]
        return InvalidInputError(detail=exception.detail, code=UserErrorCode.INVALID_INPUT, issues=issues)


class RecipientsRejectedHandler(strawberry.ExceptionHandler[refusals.RecipientsRejected, RecipientsRejectedError]):
    """All offenders, with the people that they are."""

    async def handle(
        self,
        exception: refusals.RecipientsRejected,
        *,
        field: StrawberryField,
        info: Info,
    ) -> RecipientsRejectedError:
        """One statement for all of them."""
        ids = [each.user_id for each in exception.rejections if each.user_id is not None]
        people = await info.context.services.user.find_many(info.context.signed_in(), ids)
        rejections = [RecipientRejection.of(each, people) for each in exception.rejections]
        return RecipientsRejectedError(
            detail=exception.detail, code=UserErrorCode.RECIPIENTS_REJECTED, recipient_rejections=rejections
        )


class AttachmentsRejectedHandler(strawberry.ExceptionHandler[refusals.AttachmentsRejected, AttachmentsRejectedError]):
    """All offenders."""

    def handle(
        self,
        exception: refusals.AttachmentsRejected,
        *,
        field: StrawberryField,
        info: Info,
    ) -> AttachmentsRejectedError:
        """See ExceptionHandler."""
        rejections = [
            AttachmentRejection(
                index=each.index,
                reason=each.reason,
                filename=each.filename,
                limit_bytes=None if each.limit_bytes is None else ByteSize(each.limit_bytes),
                allowed_mime_types=None if each.allowed_mime_types is None else list(each.allowed_mime_types),
                is_retryable=each.is_retryable,
                detail=each.detail,
            )
            for each in exception.rejections
        ]
        return AttachmentsRejectedError(
            detail=exception.detail, code=UserErrorCode.ATTACHMENTS_REJECTED, attachment_rejections=rejections
        )


class RateLimitedHandler(strawberry.ExceptionHandler[refusals.RateLimited, RateLimitedError]):
    """With the time to wait."""

    def handle(self, exception: refusals.RateLimited, *, field: StrawberryField, info: Info) -> RateLimitedError:
        """See ExceptionHandler."""
        return RateLimitedError(
            detail=exception.detail,
            code=UserErrorCode.RATE_LIMITED,
            retry_after_seconds=exception.retry_after_seconds,
        )


class IdempotencyConflictHandler(strawberry.ExceptionHandler[refusals.IdempotencyConflict, IdempotencyConflictError]):
    """With the message that came first."""

    async def handle(
        self,
        exception: refusals.IdempotencyConflict,
        *,
        field: StrawberryField,
        info: Info,
    ) -> IdempotencyConflictError:
        """See ExceptionHandler."""
        existing = exception.existing_message_id
        message = None if existing is None else await loader_of(info).message(existing)
        return IdempotencyConflictError(
            detail=exception.detail, code=UserErrorCode.IDEMPOTENCY_CONFLICT, existing_message=message
        )


class TooLateHandler(strawberry.ExceptionHandler[refusals.TooLate, TooLateError]):
    """With the window that is over."""

    def handle(self, exception: refusals.TooLate, *, field: StrawberryField, info: Info) -> TooLateError:
        """See ExceptionHandler."""
        return TooLateError(
            detail=exception.detail, code=UserErrorCode.TOO_LATE, window_seconds=exception.window_seconds
        )


class PlainHandler(strawberry.ExceptionHandler):  # type: ignore[type-arg]
    """For a refusal that has a sentence and a code, and nothing else."""

    def __init__(self, exception_type: type[refusals.Refusal], error_type: type[UserError]) -> None:
        self.exception_type = exception_type
        self.error_type = error_type

    def handle(self, exception: refusals.Refusal, *, field: StrawberryField, info: Info) -> UserError:
        """See ExceptionHandler."""
        return self.error_type(detail=exception.detail, code=UserErrorCode(exception.code))


HANDLERS: list[strawberry.ExceptionHandler[Any, Any]] = [
    InvalidInputHandler(),
    RecipientsRejectedHandler(),
    AttachmentsRejectedHandler(),
    RateLimitedHandler(),
    IdempotencyConflictHandler(),
    TooLateHandler(),
    PlainHandler(refusals.Conflict, ConflictError),
    PlainHandler(refusals.NotFound, NotFoundError),
    PlainHandler(refusals.PermissionDenied, PermissionDeniedError),
    PlainHandler(refusals.AlreadyExists, AlreadyExistsError),
    PlainHandler(refusals.InvalidCredentials, InvalidCredentialsError),
]
