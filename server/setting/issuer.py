"""Settings for host applications whose tokens are accepted, and test tokens in their name."""

import ipaddress
import time
from typing import Annotated
from urllib.parse import urlsplit

import orjson
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

from services.account.issuer import SYMMETRIC, IssuerSettings
from services.account.key_ring import ASYMMETRIC

MIN_SECRET_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}  # RFC 7518 §3.2: at least as long as the hash


def _tuple_of(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Texts = Annotated[tuple[str, ...], BeforeValidator(_tuple_of)]


class Issuer(BaseModel):
    """One host application; see `services.account.issuer.IssuerSettings`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    issuer: str = Field(min_length=1, max_length=500)
    audience: Texts = Field(min_length=1)
    jwks_url: str = ""
    secret: SecretStr = SecretStr("")
    algorithms: Texts = ()
    prefix: str = Field("", max_length=64)
    max_life_seconds: int = Field(86_400, gt=0, le=366 * 86_400)
    username_claim: str = "preferred_username"
    name_claim: str = "name"

    @model_validator(mode="after")
    def _check(self) -> "Issuer":
        secret = self.secret.get_secret_value()
        if bool(self.jwks_url) == bool(secret):
            raise ValueError(
                "set either `jwks_url` or `secret`, not both: symmetric and asymmetric keys are never mixed"
            )
        allowed = SYMMETRIC if secret else tuple(ASYMMETRIC)
        if unknown := [each for each in self.algorithms if each not in allowed]:
            raise ValueError(
                f"`algorithms` contains {unknown[0][:20]!r}; with these keys it can contain {', '.join(allowed)}"
            )
        least = max(MIN_SECRET_BYTES[each] for each in self.algorithms or ("HS256",)) if secret else 0
        if len(secret.encode()) < least:
            raise ValueError(f"`secret` must have at least {least} bytes")
        if self.jwks_url and not _is_safe(self.jwks_url):
            raise ValueError("`jwks_url` must be an https URL, or an http URL of this machine")
        return self

    def to_service(self) -> IssuerSettings:
        values = self.model_dump(exclude={"secret"})
        return IssuerSettings(**values, secret=self.secret.get_secret_value())


def issuers_of(value: object) -> object:
    """Parses the JSON that the environment gives; a single object counts as a list of one."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except ValueError:
            raise ValueError("must be a JSON list of objects; docs/authentication.md shows one") from None
    return (value,) if isinstance(value, dict) else value


def check_prefixes(issuers: tuple[Issuer, ...]) -> tuple[Issuer, ...]:
    """Raises ValueError if two issuers could name the same user."""
    for one in issuers:
        for other in issuers:
            if one is not other and one.issuer == other.issuer:
                raise ValueError("each `issuer` can be listed only once")
            if one is not other and one.prefix.startswith(other.prefix):
                raise ValueError(
                    "several issuers need a `prefix` each that no other `prefix` starts with: it keeps their users "
                    "apart"
                )
    return issuers


def token_for(issuer: Issuer, subject: str, life_seconds: int, name: str | None) -> str:
    """A token like one from the host application; the issuer must have a secret."""
    now = int(time.time())
    claims: dict[str, object] = {
        "iss": issuer.issuer,
        "aud": issuer.audience[0],
        "sub": subject,
        "iat": now,
        "exp": now + life_seconds,
        issuer.username_claim: subject,
    }
    if name is not None:
        claims[issuer.name_claim] = name
    algorithm = issuer.algorithms[0] if issuer.algorithms else "HS256"
    import jwt  # noqa: PLC0415 - no start of a server needs it, and it takes 30 ms to load

    return jwt.encode(claims, issuer.secret.get_secret_value(), algorithm=algorithm)


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    try:
        is_here = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_here = False
    return parts.scheme == "http" and is_here
