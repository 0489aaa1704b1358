"""Handlers: turn a service's refusal into a member of a mutation's result; called for every exception."""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

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
from services import error as refusals

RefusalT = TypeVar("RefusalT", bound=refusals.Refusal)
ErrorT = TypeVar("ErrorT", bound=UserError)


class RefusalHandler(strawberry.ExceptionHandler[RefusalT, ErrorT], Generic[RefusalT, ErrorT]):
    """Shows one class of refusals as one type; without a function for it, only its code and sentence."""

    def __init__(
        self,
        exception_type: type[RefusalT],
        error_type: type[ErrorT],
        show: Callable[[RefusalT, Info], ErrorT | Awaitable[ErrorT]] | None = None,
    ) -> None:
        self.exception_type = exception_type
        self.error_type = error_type
        self._show = show

    def handle(self, exception: RefusalT, *, field: StrawberryField, info: Info) -> ErrorT | Awaitable[ErrorT]:
        if self._show is not None:
            return self._show(exception, info)
        return self.error_type(detail=exception.detail, code=UserErrorCode(exception.code))


def _invalid_input(refusal: refusals.InvalidInput, _info: Info) -> InvalidInputError:
    return InvalidInputError(
        detail=refusal.detail,
        code=UserErrorCode(refusal.code),
        issues=[InputIssue.of(each) for each in refusal.issues],
    )


async def _recipients_rejected(refusal: refusals.RecipientsRejected, info: Info) -> RecipientsRejectedError:
    """One statement for all recipients."""
    ids = [each.user_id for each in refusal.rejections if each.user_id is not None]
    people = await info.context.services.user.find_many(info.context.signed_in(), ids)
    return RecipientsRejectedError(
        detail=refusal.detail,
        code=UserErrorCode(refusal.code),
        recipient_rejections=[RecipientRejection.of(each, people) for each in refusal.rejections],
    )


def _attachments_rejected(refusal: refusals.AttachmentsRejected, _info: Info) -> AttachmentsRejectedError:
    return AttachmentsRejectedError(
        detail=refusal.detail,
        code=UserErrorCode(refusal.code),
        attachment_rejections=[AttachmentRejection.of(each) for each in refusal.rejections],
    )


def _rate_limited(refusal: refusals.RateLimited, _info: Info) -> RateLimitedError:
    return RateLimitedError(
        detail=refusal.detail, code=UserErrorCode(refusal.code), retry_after_seconds=refusal.retry_after_seconds
    )


async def _idempotency_conflict(refusal: refusals.IdempotencyConflict, info: Info) -> IdempotencyConflictError:
    id_ = refusal.existing_message_id
    return IdempotencyConflictError(
        detail=refusal.detail,
        code=UserErrorCode(refusal.code),
        existing_message=None if id_ is None else await loader_of(info).message(id_),
    )


def _too_late(refusal: refusals.TooLate, _info: Info) -> TooLateError:
    return TooLateError(detail=refusal.detail, code=UserErrorCode(refusal.code), window_seconds=refusal.window_seconds)


HANDLERS: list[strawberry.ExceptionHandler[Any, Any]] = [
    RefusalHandler(refusals.InvalidInput, InvalidInputError, _invalid_input),
    RefusalHandler(refusals.RecipientsRejected, RecipientsRejectedError, _recipients_rejected),
    RefusalHandler(refusals.AttachmentsRejected, AttachmentsRejectedError, _attachments_rejected),
    RefusalHandler(refusals.RateLimited, RateLimitedError, _rate_limited),
    RefusalHandler(refusals.IdempotencyConflict, IdempotencyConflictError, _idempotency_conflict),
    RefusalHandler(refusals.TooLate, TooLateError, _too_late),
    RefusalHandler(refusals.Conflict, ConflictError),
    RefusalHandler(refusals.NotFound, NotFoundError),
    RefusalHandler(refusals.PermissionDenied, PermissionDeniedError),
    RefusalHandler(refusals.AlreadyExists, AlreadyExistsError),
    RefusalHandler(refusals.InvalidCredentials, InvalidCredentialsError),
]
