"""Key rings: how often an issuer is asked for its keys, and what serves meanwhile."""

import asyncio
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.utils import base64url_encode

from services.account.key_ring import FRESH_SECONDS, MAX_KEYS, MAX_STALE_SECONDS, RETRY_SECONDS, KeyRing, keys_of
from services.error import ServerUnavailable

URL = "https://host.example/jwks.json"
RAW = [ed25519.Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw) for _ in range(2)]
OLD, NEW = (base64url_encode(each).decode() for each in RAW)


def key(kid: str | None, x: str = OLD, **more: Any) -> dict[str, Any]:
    """A public key as an issuer publishes it."""
    named = {} if kid is None else {"kid": kid}
    return {"kty": "OKP", "crv": "Ed25519", "x": x, **named, **more}


def jwks(*keys: object) -> bytes:
    """What an issuer serves."""
    return orjson.dumps({"keys": keys})


class Host:
    """An issuer without a network, and a clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.content: bytes | Exception = jwks(key("a"))
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.urls: list[str] = []

    def clock(self) -> float:
        """Seconds."""
        return self.now

    async def fetch(self, url: str) -> bytes:
        """Answers, or fails, as soon as `is_open`."""
        self.urls.append(url)
        await self.is_open.wait()
        if isinstance(self.content, Exception):
            raise self.content
        return self.content

    @property
    def fetches(self) -> int:
        """How often it was asked."""
        return len(self.urls)


@pytest.fixture
def host() -> Host:
    """One that serves a key named `a`."""
    return Host()


@pytest.fixture
def ring(host: Host) -> KeyRing:
    """Nothing was fetched yet."""
    return KeyRing(URL, host.fetch, host.clock)


@pytest.fixture
async def full(host: Host, ring: KeyRing) -> KeyRing:
    """The ring, with the key in it and one fetch behind it."""
    assert await x_of(ring, "a") == OLD
    return ring


async def x_of(ring: KeyRing, kid: str | None) -> str | None:
    """The key that is found, as it was published."""
    found = await ring.find(kid, "EdDSA")
    return None if found is None else found._jwk_data["x"]


async def settle() -> None:
    """Whatever is ready to run has run."""
    for _ in range(10):
        await asyncio.sleep(0)


BAD = {
    "no JSON": b"<html>",
    "half of it": jwks(key("b"))[:-2],
    "nothing": b"",
    "no UTF-8": b'{"keys": ["\xff"]}',
    "a list": orjson.dumps([key("b")]),
    "null": b"null",
    "no keys": b"{}",
    "keys null": b'{"keys": null}',
    "keys an object": b'{"keys": {"b": {}}}',
    "an empty list": jwks(),
    "101 keys": jwks(*(key(str(each)) for each in range(101))),
    "keys that are no objects": jwks("b", 7, None, []),
    "a key without a type": jwks({"kid": "b"}),
    "a key of an unknown type": jwks(key("b", kty="AKP")),
    "a type that is a list": jwks(key("b", kty=["OKP"])),
    "a secret": jwks({"kty": "oct", "k": OLD, "kid": "b"}),
    "a key for encryption": jwks(key("b", use="enc")),
    "a private key": jwks(key("b", d=NEW)),
    "a kid that is a number": jwks(key("b") | {"kid": 7}),
    "lists in lists": b"[" * 100_000,
}


async def test_the_keys_are_fetched_when_they_are_first_asked_for(host: Host, ring: KeyRing) -> None:
    """Not before: a server starts without its issuers."""
    assert host.fetches == 0

    assert await x_of(ring, "a") == OLD
    assert await x_of(ring, "a") == OLD
    assert host.urls == [URL]


async def test_an_unknown_kid_fetches_once_in_thirty_seconds(host: Host, full: KeyRing) -> None:
    """Anybody can name one: an issuer is not asked at the speed of its attackers."""
    for seconds, fetches in ((0, 1), (29.9, 1), (0.1, 2), (0, 2), (29.9, 2), (0.1, 3)):
        host.now += seconds
        for kid in ("b", "c", ""):
            assert await x_of(full, kid) is None
        assert host.fetches == fetches

    assert RETRY_SECONDS == 30
    assert await x_of(full, "a") == OLD


async def test_a_key_that_is_new_is_found_at_once(host: Host, full: KeyRing) -> None:
    """Issuers rotate their keys: the first token by a new one fetches it, and the old one is gone with the answer."""
    host.now += 30
    host.content = jwks(key("b", NEW))

    assert await x_of(full, "b") == NEW
    assert await x_of(full, "a") is None
    assert host.fetches == 2


async def test_a_key_that_was_replaced_under_its_kid_is_used(host: Host, full: KeyRing) -> None:
    """What was made of the old one is forgotten with it."""
    host.now += 30
    host.content = jwks(key("a", NEW), key("b"))
    await x_of(full, "b")

    assert await x_of(full, "a") == NEW


async def test_keys_of_ten_minutes_are_not_fetched_again(host: Host, full: KeyRing) -> None:
    """They are fresh to the last second."""
    host.now += 600
    assert await x_of(full, "a") == OLD
    await settle()

    assert (host.fetches, FRESH_SECONDS) == (1, 600)


async def test_older_keys_are_fetched_beside_whatever_goes_on(host: Host, full: KeyRing) -> None:
    """Nobody waits: the old ones serve until the answer is there."""
    host.now += 600.1
    host.content = jwks(key("a", NEW))
    host.is_open.clear()

    for _ in range(3):
        assert await asyncio.wait_for(x_of(full, "a"), 1) == OLD
        await settle()
    assert host.fetches == 2
    host.is_open.set()
    await settle()
    assert await x_of(full, "a") == NEW
    assert host.fetches == 2


async def test_who_names_no_key_does_not_wait_for_older_keys_either(host: Host, full: KeyRing) -> None:
    """The only key is as good for a token without a `kid` as for one with it."""
    assert await x_of(full, None) == OLD
    host.now += 600.1
    host.is_open.clear()
    try:
        assert await asyncio.wait_for(x_of(full, None), 0.1) == OLD
    finally:
        host.is_open.set()
        await settle()


async def test_fifty_at_once_make_one_fetch(host: Host, ring: KeyRing) -> None:
    """The first waits for it, and the others with it."""
    host.is_open.clear()
    looking = [asyncio.create_task(x_of(ring, "a")) for _ in range(50)]
    await settle()
    host.is_open.set()

    assert await asyncio.gather(*looking) == [OLD] * 50
    assert host.fetches == 1


async def test_a_fetch_that_takes_long_is_not_doubled(host: Host, ring: KeyRing) -> None:
    """Whoever comes meanwhile waits for the one that is under way, however long ago it began."""
    host.is_open.clear()
    first = asyncio.create_task(x_of(ring, "a"))
    await settle()
    host.now += 31
    second = asyncio.create_task(x_of(ring, "a"))
    await settle()
    host.is_open.set()

    assert [await first, await second] == [OLD, OLD]
    assert host.fetches == 1


async def test_who_goes_away_does_not_end_the_fetch_of_the_others(host: Host, ring: KeyRing) -> None:
    """A client that hangs up is cancelled alone."""
    host.is_open.clear()
    looking = [asyncio.create_task(x_of(ring, "a")) for _ in range(3)]
    await settle()
    looking[0].cancel()
    await settle()
    host.is_open.set()
    found = await asyncio.gather(*looking, return_exceptions=True)

    assert isinstance(found[0], asyncio.CancelledError)
    assert found[1:] == [OLD, OLD]
    assert host.fetches == 1


@pytest.mark.parametrize("error", [OSError("down"), TimeoutError(), ValueError("bad"), RuntimeError("bug")], ids=repr)
async def test_without_any_keys_the_server_is_unavailable(host: Host, ring: KeyRing, error: Exception) -> None:
    """Not Unauthenticated: the token may be good. For half a minute the issuer is left alone."""
    host.content = error
    for _ in range(3):
        with pytest.raises(ServerUnavailable) as refused:
            await ring.find("a", "EdDSA")
        assert refused.value.retry_after_seconds == 30
    assert host.fetches == 1

    host.now += 29.9
    with pytest.raises(ServerUnavailable):
        await ring.find("a", "EdDSA")
    assert host.fetches == 1
    host.now += 0.1
    host.content = jwks(key("a"))
    assert await x_of(ring, "a") == OLD
    assert host.fetches == 2


async def test_fifty_at_once_are_unavailable_by_one_fetch(host: Host, ring: KeyRing) -> None:
    """A failure is shared as well."""
    host.content = OSError("down")

    found = await asyncio.gather(*(x_of(ring, "a") for _ in range(50)), return_exceptions=True)

    assert {type(each) for each in found} == {ServerUnavailable}
    assert host.fetches == 1


async def test_the_last_good_keys_serve_for_a_day(host: Host, full: KeyRing) -> None:
    """While the issuer cannot be reached; a second longer and nobody knows whether they are still its keys."""
    host.content = OSError("down")
    for _ in range(24):
        host.now += 3600
        assert await x_of(full, "a") == OLD
        await settle()
    assert (host.fetches, MAX_STALE_SECONDS) == (25, 86_400)
    assert await x_of(full, "a") == OLD

    host.now += 1
    for _ in range(3):
        with pytest.raises(ServerUnavailable):
            await full.find("a", "EdDSA")
    assert host.fetches == 25
    host.now += 30
    host.content = jwks(key("a", NEW))
    assert await x_of(full, "a") == NEW
    assert host.fetches == 26


async def test_keys_that_were_not_asked_for_in_a_day_are_fetched_before_they_serve(host: Host, full: KeyRing) -> None:
    """Whoever comes after a long silence waits for them."""
    host.now += 86_401
    host.content = jwks(key("a", NEW))

    assert await x_of(full, "a") == NEW


async def test_an_unknown_kid_is_nobodys_while_the_issuer_is_down(host: Host, full: KeyRing) -> None:
    """There are good keys, and it is none of them."""
    host.now += 30
    host.content = OSError("down")

    assert await x_of(full, "b") is None
    assert await x_of(full, "a") == OLD
    assert host.fetches == 2


@pytest.mark.parametrize("name", BAD)
async def test_an_answer_that_is_no_good_keeps_the_last_good_keys(host: Host, full: KeyRing, name: str) -> None:
    """A half-written file on the issuer's side locks nobody out; it is asked again after half a minute."""
    host.now += 30
    host.content = BAD[name]

    assert await x_of(full, "b") is None
    assert await x_of(full, "a") == OLD
    host.now += 29.9
    assert await x_of(full, "b") is None
    assert host.fetches == 2
    host.now += 0.1
    host.content = jwks(key("b", NEW))
    assert await x_of(full, "b") == NEW


@pytest.mark.parametrize("name", BAD)
async def test_an_answer_that_is_no_good_is_as_none(host: Host, ring: KeyRing, name: str) -> None:
    """Without keys from before, the server is unavailable."""
    host.content = BAD[name]

    with pytest.raises(ServerUnavailable):
        await ring.find("b", "EdDSA")


async def test_a_hundred_keys_are_taken() -> None:
    """The bound is inclusive."""
    assert len(keys_of(jwks(*(key(str(each)) for each in range(MAX_KEYS))))) == 100


async def test_without_a_kid_the_only_key_is_meant(host: Host, ring: KeyRing) -> None:
    """Of several, none."""
    host.content = jwks(key("a"), key("secret", kty="oct"))
    assert await x_of(ring, None) == OLD

    host.now += 700
    host.content = jwks(key("a"), key("b"))
    await x_of(ring, "a")
    await settle()
    assert await x_of(ring, None) is None


async def test_a_key_without_a_kid_has_no_name(host: Host, ring: KeyRing) -> None:
    """It is found by tokens without a `kid` alone."""
    host.content = jwks(key(None, NEW))

    assert await x_of(ring, None) == NEW
    assert await x_of(ring, "a") is None


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "ES384", "PS512"])
async def test_a_key_of_another_kind_is_not_found(full: KeyRing, algorithm: str) -> None:
    """The algorithm decides which keys there are."""
    assert await full.find("a", algorithm) is None


@pytest.mark.parametrize(
    ("algorithm", "crv", "size", "is_found"),
    [
        ("EdDSA", "Ed448", 57, False), ("EdDSA", "X25519", 32, False), ("EdDSA", "Ed25519", 32, True),
        ("ES256", "P-384", 48, False), ("ES384", "P-384", 48, True), ("ES256", "secp256k1", 32, False),
    ],
)  # fmt: skip
async def test_an_algorithm_has_one_curve(
    host: Host, ring: KeyRing, algorithm: str, crv: str, size: int, is_found: bool
) -> None:
    """RFC 7518 §3.4 and RFC 8725 §3.2: also where the library would take another one."""
    curve = {"P-384": ec.SECP384R1(), "secp256k1": ec.SECP256K1()}.get(crv)
    if curve is None:
        host.content = jwks(key("a", base64url_encode(RAW[0].ljust(size, b"k")).decode(), crv=crv))
    else:
        point = ec.generate_private_key(curve).public_key().public_numbers()
        x, y = (base64url_encode(each.to_bytes(size, "big")).decode() for each in (point.x, point.y))
        host.content = jwks({"kty": "EC", "crv": crv, "x": x, "y": y, "kid": "a"})

    assert (await ring.find("a", algorithm) is not None) == is_found


@pytest.mark.parametrize(
    ("bits", "is_found"), [(1024, False), (2047, False), (2048, True), (8192, True), (8193, False)]
)
async def test_an_rsa_key_has_2048_to_8192_bits(host: Host, ring: KeyRing, bits: int, is_found: bool) -> None:
    """RFC 7518 §3.3 asks for the first; the last keeps a check below milliseconds."""
    n = (1 << bits - 1 | 1).to_bytes((bits + 7) // 8, "big")
    host.content = jwks({"kty": "RSA", "n": base64url_encode(n).decode(), "e": "AQAB", "kid": "a"})

    assert (await ring.find("a", "RS256") is not None) == is_found


async def test_what_was_made_of_a_key_is_made_once(full: KeyRing) -> None:
    """Reading one takes as long as checking a signature."""
    first = await full.find("a", "EdDSA")

    assert await full.find("a", "EdDSA") is first
