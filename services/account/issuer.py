"""Issuers: host applications whose JWTs (RFC 7519) identify people, each verified as RFC 8725 recommends."""

import base64
import binascii
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from services.account.key_ring import ASYMMETRIC, Fetch, KeyRing
from services.error import Unauthenticated
from services.text import is_blank

SYMMETRIC = ("HS256", "HS384", "HS512")
MAX_TOKEN_BYTES = 8192
MAX_SUBJECT_LENGTH = 255
# For clocks that are ahead of the server's; it does not extend `exp`. A sign-out reaches as far into the future:
# otherwise a token from such a clock would stay valid after it.
LEEWAY_SECONDS = 30
MAX_SECONDS = 2**40  # later times are refused: PyJWT accepts an exp of 10 ** 30
_EXPIRED = "exp: the token has expired"
_REFUSED = "This server does not accept the token: get a new one from your application."


@dataclass(frozen=True, slots=True)
class IssuerSettings:
    """One host application. Either `jwks_url` or `secret` is set: symmetric and asymmetric keys are never mixed.

    The external id of a user is `prefix` and the token's `sub`: no two issuers may share a prefix.
    """

    issuer: str
    audience: tuple[str, ...]
    jwks_url: str = ""
    secret: str = field(default="", repr=False)
    algorithms: tuple[str, ...] = ()
    prefix: str = ""
    max_life_seconds: int = 86_400
    username_claim: str = "preferred_username"
    name_claim: str = "name"


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a verified token; times in ms since 1970."""

    external_id: str
    issued_at: int
    expires_at: int
    username: str | None
    display_name: str | None


class TokenRefused(Unauthenticated):
    """A refused token; `cause` is for the log and contains nothing of the token except names of claims."""

    def __init__(self, reason: str, issuer: IssuerSettings | None = None) -> None:
        super().__init__(_REFUSED)
        self.cause = reason
        self.issuer = issuer.issuer if issuer else None


class Issuers:
    """The issuers the operator trusts. Verifying a signature takes 30 to 130 µs, once per token and half minute."""

    def __init__(self, known: Sequence[IssuerSettings], fetch: Fetch | None = None) -> None:
        self._known = {each.issuer: each for each in known}
        self._rings = {each.issuer: KeyRing(each.jwks_url, fetch or _fetch_nothing) for each in known if each.jwks_url}
        if known:  # most servers have none
            import services.account.jwt  # noqa: F401, PLC0415 - now, before the event loop would wait for it

    @property
    def are_known(self) -> bool:
        """Whether any issuer is configured."""
        return bool(self._known)

    async def verify(self, token: str) -> Claims:
        """Verifies a token; raises TokenRefused, with the same sentence for every cause, and ServerUnavailable without
        keys.

        Headers that choose the key (`jku`, `x5u`, `jwk`, `x5c`) are not read, and `crit` is refused.
        """
        header, issuer = self._look(token)
        algorithm = header["alg"]
        key: Any = issuer.secret
        if issuer.jwks_url:
            key = await self._rings[issuer.issuer].find(header.get("kid"), algorithm)
            if key is None:
                raise TokenRefused("kid: the issuer serves no key of this id that fits `alg`", issuer)
        from services.account.jwt import NotVerified, verified  # noqa: PLC0415 - loaded by `__init__`

        try:
            claims = verified(
                token,
                key,
                algorithm,
                issuer=issuer.issuer,
                audience=issuer.audience,
                leeway_seconds=LEEWAY_SECONDS,
            )
        except NotVerified as error:
            raise TokenRefused(str(error), issuer) from None
        return _claims_of(claims, issuer)

    def _look(self, token: str) -> tuple[dict[str, Any], IssuerSettings]:
        """The header and the issuer of an unverified token, with which to verify it."""
        if len(token) > MAX_TOKEN_BYTES:
            raise TokenRefused(f"the token is longer than {MAX_TOKEN_BYTES} bytes")
        parts = token.split(".")
        header, payload = (_object_of(part) for part in parts[:2]) if len(parts) == 3 else (None, None)
        if header is None or payload is None:
            raise TokenRefused("this is no JWT: three parts in base64url, the first two of them JSON objects")
        name = payload.get("iss")
        issuer = self._known.get(name) if isinstance(name, str) else None
        if issuer is None:
            raise TokenRefused("iss: no issuer of the settings has this name")
        if header.get("alg") not in _algorithms_of(issuer):
            raise TokenRefused(f"alg: this issuer's tokens are taken with {', '.join(_algorithms_of(issuer))}", issuer)
        if "crit" in header:
            raise TokenRefused("crit: no extension is understood here", issuer)
        if not isinstance(header.get("kid"), str | None):
            raise TokenRefused("kid: must be a string", issuer)
        return header, issuer


async def _fetch_nothing(_url: str) -> bytes:
    raise OSError("nobody fetches keys here")


def _algorithms_of(issuer: IssuerSettings) -> Sequence[str]:
    return issuer.algorithms or (("HS256",) if issuer.secret else tuple(ASYMMETRIC))


def _object_of(part: str) -> dict[str, Any] | None:
    try:
        found = orjson.loads(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _claims_of(claims: dict[str, Any], issuer: IssuerSettings) -> Claims:
    """Checks what PyJWT does not: times are numbers, the life is limited, `sub` can be displayed and stored."""
    issued_at, expires_at, subject = claims["iat"], claims["exp"], claims["sub"]
    for name, moment in (("iat", issued_at), ("exp", expires_at)):
        if not _is_number(moment) or not 0 <= moment < MAX_SECONDS:
            raise TokenRefused(f"{name}: must be a number of seconds since 1970", issuer)
    if expires_at <= time.time():
        raise TokenRefused(_EXPIRED, issuer)
    if not 0 < expires_at - issued_at <= issuer.max_life_seconds:
        most = issuer.max_life_seconds
        raise TokenRefused(f"exp: must come after iat, and at most {most} seconds (`max_life_seconds`)", issuer)
    if (
        not isinstance(subject, str)
        or not 0 < len(subject) <= MAX_SUBJECT_LENGTH
        or not subject.isprintable()
        or is_blank(subject)
    ):
        raise TokenRefused(f"sub: must be printable text of 1 to {MAX_SUBJECT_LENGTH} characters", issuer)
    return Claims(
        external_id=issuer.prefix + subject,
        issued_at=int(issued_at * 1000),
        expires_at=int(expires_at * 1000),
        username=_text_of(claims, issuer.username_claim),
        display_name=_text_of(claims, issuer.name_claim),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _text_of(claims: dict[str, Any], name: str) -> str | None:
    value = claims.get(name)
    return value if isinstance(value, str) else None
