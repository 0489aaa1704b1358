"""Key rings: the public keys of one issuer, fetched from its JWKS (RFC 7517) and cached."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import structlog

from services.cause import causes_of
from services.error import ServerUnavailable

if TYPE_CHECKING:
    from jwt import PyJWK

log = structlog.get_logger("sotto.keys")

Fetch = Callable[[str], Awaitable[bytes]]

FRESH_SECONDS = 600.0  # then the next lookup starts a fetch in the background
RETRY_SECONDS = 30.0  # at most one fetch in this time for unknown `kid`s or after a failure
MAX_STALE_SECONDS = 86_400.0  # how long fetched keys are used while the issuer cannot be reached
MAX_KEYS = 100
RSA_BITS = range(2048, 8193)  # RFC 7518 §3.3 requires 2048; beyond 8192 a check takes milliseconds


class Family(NamedTuple):
    """The kind of key that an algorithm works with (RFC 7518 §6, RFC 8037)."""

    kty: str
    crv: str | None = None


ASYMMETRIC = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), Family("RSA")),
    "ES256": Family("EC", "P-256"),
    "ES384": Family("EC", "P-384"),
    "ES512": Family("EC", "P-521"),
    "EdDSA": Family("OKP", "Ed25519"),
}


class KeyRing:
    """Looks up keys by `kid`; the issuer's response comes over the network and is validated as untrusted input."""

    def __init__(self, url: str, fetch: Fetch, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._keys: dict[str | None, dict[str, Any]] = {}
        self._made: dict[tuple[str | None, str], PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, kid: str | None, algorithm: str) -> "PyJWK | None":
        """The key for an algorithm of `ASYMMETRIC`; None if the issuer has none that fits.

        Without a `kid`, the issuer must have exactly one key. Raises ServerUnavailable while no usable keys are cached.
        """
        age = self._clock() - self._fetched_at
        if age > FRESH_SECONDS or (kid not in self._keys and not self._is_only(kid)):
            fetching = self._refresh()
            if fetching is not None and (age > MAX_STALE_SECONDS or (kid not in self._keys and not self._is_only(kid))):
                await asyncio.shield(fetching)
        if self._clock() - self._fetched_at > MAX_STALE_SECONDS:
            raise ServerUnavailable("The keys of the token's issuer cannot be fetched at the moment.", RETRY_SECONDS)
        found = kid if kid is not None or not self._is_only(kid) else next(iter(self._keys))
        return self._make(found, algorithm)

    def _is_only(self, kid: str | None) -> bool:
        return kid is None and len(self._keys) == 1

    def _refresh(self) -> asyncio.Task[None] | None:
        """The fetch in progress, or a new one; None if the last one is too recent."""
        if self._fetching is None and self._clock() - self._tried_at >= RETRY_SECONDS:
            self._tried_at = self._clock()
            self._fetching = asyncio.create_task(self._load())
        return self._fetching

    async def _load(self) -> None:
        try:
            self._keys = keys_of(await self._fetch(self._url))
            self._made.clear()
            self._fetched_at = self._clock()
        except Exception as error:  # noqa: BLE001 - the keys fetched before stay cached
            log.warning("keys not fetched", keys=len(self._keys), causes=causes_of(error))
        finally:
            self._fetching = None

    def _make(self, kid: str | None, algorithm: str) -> "PyJWK | None":
        data = self._keys.get(kid)
        if data is None or not _fits(data, algorithm):
            return None
        if (kid, algorithm) not in self._made:
            from services.account.jwt import key_of  # noqa: PLC0415 - loaded with the issuers

            key = key_of(data, algorithm)
            if key is None:
                return None
            if data["kty"] == "RSA" and key.key.key_size not in RSA_BITS:
                return None
            self._made[kid, algorithm] = key
        return self._made[kid, algorithm]


def keys_of(content: bytes) -> dict[str | None, dict[str, Any]]:
    """The public signature keys of a JWKS by `kid`; raises ValueError if there is none."""
    document = orjson.loads(content)
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise ValueError("not a JWKS")
    families = {family.kty for family in ASYMMETRIC.values()}
    found: dict[str | None, dict[str, Any]] = {}
    for key in listed:
        if not isinstance(key, dict) or not isinstance(key.get("kty"), str):
            continue  # RFC 7517 §5: ignore each key that is not understood
        if key["kty"] not in families or key.get("use", "sig") != "sig":
            continue
        kid = key.get("kid")
        if (kid is None or isinstance(kid, str)) and "d" not in key:  # a published private key is not trusted
            found[kid] = key
    if not found:
        raise ValueError("a JWKS without a key for signatures")
    return found


def _fits(data: dict[str, Any], algorithm: str) -> bool:
    family = ASYMMETRIC[algorithm]
    if data.get("kty") != family.kty or (family.crv is not None and data.get("crv") != family.crv):
        return False
    return bool(data.get("alg", algorithm) == algorithm)
