"""Rejections: what is wrong with one part of an input, one recipient or one file; a refusal contains all of them."""

from dataclasses import dataclass
from enum import Enum


class IssueReason(Enum):
    """Why a part of the input was refused; the names are those of the GraphQL enum."""

    REQUIRED = "required"
    EMPTY = "empty"
    TOO_SHORT = "too_short"
    TOO_LONG = "too_long"
    TOO_MANY = "too_many"
    OUT_OF_RANGE = "out_of_range"
    MALFORMED = "malformed"
    MISMATCH = "mismatch"
    DUPLICATE = "duplicate"
    NOT_SUPPORTED = "not_supported"
    TAKEN = "taken"


class RecipientRejectionReason(Enum):
    """Why a recipient cannot receive a message; a block by the recipient is NOT_ACCEPTING.

    The values are stored with the results of idempotency keys, so they stay as they are.
    """

    NOT_FOUND = "not_found"
    SELF = "self"
    BLOCKED_BY_VIEWER = "blocked_by_viewer"
    NOT_ACCEPTING = "not_accepting_messages"
    MUST_BE_FOLLOWED = "must_be_followed"
    REQUEST_PENDING = "request_pending"
    UNAVAILABLE = "unavailable"


class AttachmentRejectionReason(Enum):
    """Why a file cannot be attached; `is_retryable` if the same file may pass later."""

    NOT_FOUND = "not_found"
    ALREADY_USED = "already_used"
    TYPE_NOT_ALLOWED = "type_not_allowed"
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    UNSAFE = "unsafe"
    STORAGE_FAILED = "storage_failed"
    NOT_READY = "not_ready"
    EXPIRED = "expired"
    CHECKSUM_MISMATCH = "checksum_mismatch"

    @property
    def is_retryable(self) -> bool:
        """Whether waiting is enough: for the storage, or for the end of the upload."""
        return self in {AttachmentRejectionReason.STORAGE_FAILED, AttachmentRejectionReason.NOT_READY}


@dataclass(frozen=True, slots=True)
class Issue:
    """One issue of the input: `path` names the field below `input`, `limit` the limit that it exceeds."""

    path: tuple[str, ...]
    reason: IssueReason
    detail: str
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class RecipientRejection:
    """One recipient refused: `index` counts from 0 in the list as given; `user_id` is None if none was found."""

    index: int
    reason: RecipientRejectionReason
    detail: str
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class AttachmentRejection:
    """One file refused: `index` counts from 0 in the list as given."""

    index: int
    reason: AttachmentRejectionReason
    detail: str
    filename: str | None = None
    limit_bytes: int | None = None
    allowed_mime_types: tuple[str, ...] | None = None

    @property
    def is_retryable(self) -> bool:
        """Whether the same file may pass later."""
        return self.reason.is_retryable
