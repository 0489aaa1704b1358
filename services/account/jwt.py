"""JWTs (RFC 7519), verified with PyJWT, which takes 30 ms to load: import this module only where there are issuers."""

from collections.abc import Sequence
from typing import Any

import jwt
from jwt import PyJWK
from jwt.exceptions import (
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAudienceError,
    InvalidIssuedAtError,
    InvalidIssuerError,
    InvalidKeyError,
    InvalidSignatureError,
    InvalidSubjectError,
    MissingRequiredClaimError,
    PyJWTError,
)

REQUIRED = ["exp", "iat", "sub", "aud", "iss"]
_REASONS: Sequence[tuple[type[PyJWTError], str]] = (
    (InvalidSignatureError, "signature: it was made with another key, or the token was changed"),
    (ExpiredSignatureError, "exp: the token has expired"),
    (InvalidAudienceError, "aud: names none of the issuer's `audience`"),
    (InvalidIssuerError, "iss: is not the issuer"),
    (InvalidIssuedAtError, "iat: must be a number of seconds since 1970"),
    (InvalidSubjectError, "sub: must be text"),
    (InvalidKeyError, "key: the issuer's key is too weak for `alg`, or of another kind"),
)


class NotVerified(Exception):
    """A token that is not good; the text is the cause, in fixed words."""


def verified(
    token: str, key: PyJWK | str, algorithm: str, *, issuer: str, audience: Sequence[str], leeway_seconds: int
) -> dict[str, Any]:
    """The claims of a token with this signature, issuer and audience, at this time; raises NotVerified."""
    options: Any = {"require": REQUIRED, "enforce_minimum_key_length": True}
    try:
        return jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=list(audience),
            issuer=issuer,
            leeway=leeway_seconds,
            options=options,
        )
    except (PyJWTError, ValueError, TypeError, OverflowError) as error:
        raise NotVerified(_reason_of(error, leeway_seconds)) from None


def key_of(data: dict[str, Any], algorithm: str) -> PyJWK | None:
    """The key of a JWK (RFC 7517); None if it is broken."""
    try:
        return PyJWK(data, algorithm=algorithm)
    except (PyJWTError, ValueError, TypeError, KeyError):
        return None


def _reason_of(error: Exception, leeway_seconds: int) -> str:
    """The cause of a PyJWT error, in fixed words: PyJWT's own message may quote the token."""
    if isinstance(error, MissingRequiredClaimError):
        return f"{error.claim}: is missing"
    if isinstance(error, ImmatureSignatureError):
        claim = "iat" if "iat" in str(error) else "nbf"
        return f"{claim}: lies more than {leeway_seconds} seconds in the future; compare the clocks"
    return next((words for kind, words in _REASONS if isinstance(error, kind)), "the token is malformed")
