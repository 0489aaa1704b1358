"""Handlers: turn a service's refusal into a member of a mutation's result; called for every exception."""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import strawberry
from strawberry.types.field import StrawberryField

from gql.loader import loader_of, shown
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
from services.message.part import ALL_OF_MESSAGE

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
        return _shown(self.error_type, exception)


def _shown(error_type: type[ErrorT], refusal: refusals.Refusal, **fields: Any) -> ErrorT:
    """The type with what all refusals have, and these fields of its own."""
    code = UserErrorCode(refusal.code)
    return error_type(detail=refusal.detail, code=code, is_retryable=refusal.is_retryable, **fields)


def _invalid_input(refusal: refusals.InvalidInput, _info: Info) -> InvalidInputError:
    return _shown(InvalidInputError, refusal, issues=[InputIssue.of(each) for each in refusal.issues])


async def _recipients_rejected(refusal: refusals.RecipientsRejected, info: Info) -> RecipientsRejectedError:
    """One statement for all recipients."""
    ids = [each.user_id for each in refusal.rejections if each.user_id is not None]
    people = await info.context.services.user.find_many(info.context.signed_in(), ids)
    rejections = [RecipientRejection.of(each, people) for each in refusal.rejections]
    return _shown(RecipientsRejectedError, refusal, recipient_rejections=rejections)


def _attachments_rejected(refusal: refusals.AttachmentsRejected, _info: Info) -> AttachmentsRejectedError:
    rejections = [AttachmentRejection.of(each) for each in refusal.rejections]
    return _shown(AttachmentsRejectedError, refusal, attachment_rejections=rejections)


def _rate_limited(refusal: refusals.RateLimited, _info: Info) -> RateLimitedError:
    return _shown(RateLimitedError, refusal, retry_after_seconds=refusal.retry_after_seconds)


async def _idempotency_conflict(refusal: refusals.IdempotencyConflict, info: Info) -> IdempotencyConflictError:
    id_ = refusal.existing_message_id
    [message] = [None] if id_ is None else shown(await loader_of(info).messages([id_], ALL_OF_MESSAGE))
    return _shown(IdempotencyConflictError, refusal, existing_message=message)


def _too_late(refusal: refusals.TooLate, _info: Info) -> TooLateError:
    return _shown(TooLateError, refusal, window_seconds=refusal.window_seconds)


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
