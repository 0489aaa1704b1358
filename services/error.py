"""The errors of services: an expected refusal is data for the client, any other error ends the request.

SottoError
├── Refusal                  a typed member of a mutation's result union
│   ├── InvalidInput         issues: every one of them
│   ├── RecipientsRejected   rejections: every one of them
│   ├── AttachmentsRejected  rejections: every one of them
│   ├── NotFound             also for what the viewer may not see
│   ├── PermissionDenied
│   ├── RateLimited          retry_after_seconds
│   ├── IdempotencyConflict  existing_message_id
│   ├── TooLate              window_seconds
│   ├── Conflict
│   ├── AlreadyExists
│   └── InvalidCredentials
└── RequestError             a top-level GraphQL error with `extensions.code`
    ├── Unauthenticated      UNAUTHENTICATED; HTTP 401, WebSocket 4401
    ├── AccountSuspended     ACCOUNT_SUSPENDED; HTTP 403, WebSocket 4403
    ├── AccountDeactivated   ACCOUNT_DEACTIVATED; HTTP 403, WebSocket 4403
    ├── DeviceUntrusted      DEVICE_UNTRUSTED; HTTP 403, WebSocket 4403
    ├── Forbidden            PERMISSION_DENIED; HTTP 403, WebSocket 4403
    ├── ActAsNotFound        ACT_AS_NOT_FOUND
    ├── BadRequest           BAD_REQUEST
    ├── CursorInvalid        CURSOR_INVALID
    ├── CursorExpired        CURSOR_EXPIRED
    ├── StorageFull          STORAGE_FULL
    └── ServerUnavailable    UNAVAILABLE; retry_after_seconds
        └── OutcomeUnclear   UNAVAILABLE: the only one after which something may have been stored

Each has a sentence for a person (`detail`): what is wrong, what would be right. A chained cause is only for the log.
"""

from collections.abc import Sequence

from services.rejection import AttachmentRejection, Issue, RecipientRejection
from services.revocation import RevocationReason


class SottoError(Exception):
    """Everything that a service refuses; `code` is stable, `detail` is for a person.

    `http_status`, and `close_code` of a WebSocket, are for an error that ends a whole request or connection. The same
    call may succeed after `retry_after_seconds`, unless that is None.
    """

    code = "INTERNAL"
    http_status = 400
    close_code = 4400
    retry_after_seconds: float | None = None

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class Refusal(SottoError):
    """An expected refusal: nothing was stored, and the mutation answers with the type of the same name.

    `is_retryable`: waiting is enough, and the same call may succeed later. It is false where the input must change, or
    a person must do something first.
    """

    is_retryable = False


class InvalidInput(Refusal):
    """The input breaks a rule."""

    code = "INVALID_INPUT"

    def __init__(self, issues: Sequence[Issue]) -> None:
        super().__init__(" ".join(issue.detail for issue in issues))
        self.issues = tuple(issues)


class RecipientsRejected(Refusal):
    """At least one recipient cannot receive the message; nothing was sent to anybody."""

    code = "RECIPIENTS_REJECTED"

    def __init__(self, rejections: Sequence[RecipientRejection]) -> None:
        super().__init__(" ".join(rejection.detail for rejection in rejections))
        self.rejections = tuple(rejections)


class AttachmentsRejected(Refusal):
    """At least one file cannot be attached; none was stored. Retryable if all rejections are."""

    code = "ATTACHMENTS_REJECTED"

    def __init__(self, rejections: Sequence[AttachmentRejection]) -> None:
        super().__init__(" ".join(rejection.detail for rejection in rejections))
        self.rejections = tuple(rejections)
        self.is_retryable = all(rejection.is_retryable for rejection in rejections)


class NotFound(Refusal):
    """It does not exist, or the viewer may not see it: the error is the same in both cases."""

    code = "NOT_FOUND"


class PermissionDenied(Refusal):
    """The viewer can see it, but this action is not allowed."""

    code = "PERMISSION_DENIED"
    http_status = 403
    close_code = 4403


class RateLimited(Refusal):
    """Too many calls; the same call succeeds after `retry_after_seconds`."""

    code = "RATE_LIMITED"
    http_status = 429
    close_code = 1013
    is_retryable = True
    retry_after_seconds: float

    def __init__(self, detail: str, retry_after_seconds: float) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class IdempotencyConflict(Refusal):
    """The `clientMessageId` was used before for other content."""

    code = "IDEMPOTENCY_CONFLICT"

    def __init__(self, detail: str, existing_message_id: int | None = None) -> None:
        super().__init__(detail)
        self.existing_message_id = existing_message_id


class TooLate(Refusal):
    """The time window for this action on the message has ended."""

    code = "TOO_LATE"

    def __init__(self, detail: str, window_seconds: int) -> None:
        super().__init__(detail)
        self.window_seconds = window_seconds


class Conflict(Refusal):
    """The thing is no longer in the state that the call expects."""

    code = "CONFLICT"


class AlreadyExists(Refusal):
    """A unique name is taken."""

    code = "ALREADY_EXISTS"


class InvalidCredentials(Refusal):
    """The name or the password is wrong: never which of them."""

    code = "INVALID_CREDENTIALS"


class RequestError(SottoError):
    """Ends the operation with a top-level error; `reason` is why the session has ended, if it has."""

    code = "BAD_REQUEST"
    reason = RevocationReason.TOKEN_REVOKED


class Unauthenticated(RequestError):
    """There is no token, or it is not valid."""

    code = "UNAUTHENTICATED"
    http_status = 401
    close_code = 4401

    def __init__(self, detail: str, reason: RevocationReason = RevocationReason.TOKEN_REVOKED) -> None:
        super().__init__(detail)
        self.reason = reason


class AccountSuspended(RequestError):
    """The token is valid, but its account is suspended."""

    code = "ACCOUNT_SUSPENDED"
    http_status = 403
    close_code = 4403
    reason = RevocationReason.ACCOUNT_SUSPENDED


class AccountDeactivated(RequestError):
    """The token is valid, but its account was deactivated."""

    code = "ACCOUNT_DEACTIVATED"
    http_status = 403
    close_code = 4403
    reason = RevocationReason.ACCOUNT_DEACTIVATED


class DeviceUntrusted(RequestError):
    """The session is valid, but its device is not trusted yet: it can only see its viewer and sign out."""

    code = "DEVICE_UNTRUSTED"
    http_status = 403
    close_code = 4403


class Forbidden(RequestError):
    """The credential is valid, but may not be used in this way; PermissionDenied ends only one operation."""

    code = "PERMISSION_DENIED"
    http_status = 403
    close_code = 4403


class ActAsNotFound(RequestError):
    """`X-Act-As` is well-formed, but names nobody (OSSN: an unknown user is refused with its own reason)."""

    code = "ACT_AS_NOT_FOUND"


class BadRequest(RequestError):
    """An argument of a query breaks a rule, e.g. `first: 0`."""


class CursorInvalid(RequestError):
    """The cursor was changed, or belongs to somebody else."""

    code = "CURSOR_INVALID"


class CursorExpired(RequestError):
    """The server no longer has the events after this cursor: load the data again, then use a new cursor."""

    code = "CURSOR_EXPIRED"


class StorageFull(RequestError):
    """The disk is full: nothing was stored; reading still works."""

    code = "STORAGE_FULL"
    http_status = 507
    close_code = 1013


class ServerUnavailable(RequestError):
    """The server is too busy or stopping: nothing was stored; try again with the same `clientMessageId`."""

    code = "UNAVAILABLE"
    http_status = 503
    close_code = 1013
    retry_after_seconds: float

    def __init__(self, detail: str, retry_after_seconds: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class OutcomeUnclear(ServerUnavailable):
    """The disk failed during the COMMIT: a second call with the same `clientMessageId` stores it if needed.

    The bytes of the call are not deleted: rows that refer to them may be recovered after a crash.
    """
