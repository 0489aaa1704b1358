"""Revocations: why a session ended."""

from enum import Enum, auto


class RevocationReason(Enum):
    """The names are those of the GraphQL enum."""

    SIGNED_OUT = auto()
    TOKEN_EXPIRED = auto()
    TOKEN_REVOKED = auto()
    DEVICE_REVOKED = auto()
    ACCOUNT_SUSPENDED = auto()
    ACCOUNT_DEACTIVATED = auto()
