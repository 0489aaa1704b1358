"""The host's tokens: which are taken, and a long table of those that are not; and the people whom they make."""

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from structlog.testing import capture_logs

from models import user as users
from models.api_key import Scope
from models.base import now_ms
from models.event import EventKind
from pubsub.memory import MemoryPubSub
from services.account.credentials import Credentials
from services.account.issuer import Claims, Issuers, IssuerSettings, TokenRefused
from services.error import AccountDeactivated, AccountSuspended, ServerUnavailable, SottoError, Unauthenticated
from services.guard import GuardedDatabase
from services.limit import Limits
from services.revocation import RevocationReason
from services.service import Services
from services.viewer import CredentialKind, Right
from storage.local import LocalStorage
from tests.services.account.test_api_key import key_of
from tests.services.conftest import World, kinds_after
from tests.template import put_tables

Key: TypeAlias = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | bytes
Forge: TypeAlias = Callable[[], str]

HOST, LEGACY, STRICT = "https://host.example", "https://legacy.example", "https://strict.example"
JWKS_URL = HOST + "/jwks.json"
SECRET = b"a secret of the old application, long"
RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
P384 = ec.generate_private_key(ec.SECP384R1())
SMALL = rsa.generate_private_key(65537, 1024)
ENCRYPTING, PRIVATE, PINNED, ATTACKERS = (rsa.generate_private_key(65537, 2048) for _ in range(4))
OCT = b"what a JWKS should never have published"
HASHES = {"256": hashes.SHA256(), "384": hashes.SHA384(), "512": hashes.SHA512()}
HALF, NAN, INFINITE = "adam\ud800", float("nan"), float("inf")
YES, NO = True, False


def b64(content: bytes) -> str:
    """As RFC 7515 writes bytes: base64url without padding."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def number(value: int) -> str:
    """As RFC 7518 writes numbers."""
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def jwk_of(key: Key, **more: Any) -> dict[str, Any]:
    """The public half of a key (RFC 7518 §6, RFC 8037), or the secret."""
    if isinstance(key, bytes):
        return {"kty": "oct", "k": b64(key), **more}
    if isinstance(key, rsa.RSAPrivateKey):
        numbers = key.public_key().public_numbers()
        return {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e), **more}
    if isinstance(key, ec.EllipticCurvePrivateKey):
        size, point = (key.key_size + 7) // 8, key.public_key().public_numbers()
        x, y = (b64(each.to_bytes(size, "big")) for each in (point.x, point.y))
        return {"kty": "EC", "crv": f"P-{key.key_size}", "x": x, "y": y, **more}
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": b64(raw), **more}


JWKS: list[Any] = [
    jwk_of(RSA, kid="rsa"),
    jwk_of(EC, kid="ec", use="sig", alg="ES256"),
    jwk_of(ED, kid="ed"),
    jwk_of(P384, kid="p384"),
    jwk_of(SMALL, kid="small"),
    jwk_of(ENCRYPTING, kid="encrypting", use="enc"),
    jwk_of(PRIVATE, kid="private", d=number(PRIVATE.private_numbers().d)),
    jwk_of(PINNED, kid="pinned", alg="RS512"),
    jwk_of(OCT, kid="oct"),
    "no key at all",
]


def signature_of(content: bytes, key: Key, alg: str) -> bytes:
    """What RFC 7518 §3 asks for; the hash is what the name says, and SHA-256 where it says nothing."""
    if isinstance(key, bytes):
        name = {"384": "sha384", "512": "sha512"}.get(alg[-3:], "sha256")
        return hmac.digest(key, content, name)
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(content)
    algorithm = HASHES.get(alg[-3:], HASHES["256"])
    if isinstance(key, rsa.RSAPrivateKey):
        if alg.startswith("PS"):
            return key.sign(content, padding.PSS(padding.MGF1(algorithm), algorithm.digest_size), algorithm)
        return key.sign(content, padding.PKCS1v15(), algorithm)
    size = (key.key_size + 7) // 8
    return b"".join(each.to_bytes(size, "big") for each in decode_dss_signature(key.sign(content, ec.ECDSA(algorithm))))


def signed(header: object, payload: object, key: Key, alg: str = "RS256") -> str:
    """A token of whatever: bytes stand as they are, anything else is written as JSON."""
    parts = (each if isinstance(each, bytes) else json.dumps(each).encode() for each in (header, payload))
    content = ".".join(b64(part) for part in parts)
    return f"{content}.{b64(signature_of(content.encode(), key, alg))}"


def claims_of(*without: str, **changes: Any) -> dict[str, Any]:
    """Good claims, but for the changes; `iat`, `exp` and `nbf` given as whole numbers below 10 ** 8 count from now."""
    now = int(time.time())
    claims = {"iss": HOST, "aud": "sotto", "sub": "adam", "iat": -60, "exp": 600, **changes}
    for name in ("iat", "exp", "nbf"):
        if type(claims.get(name)) is int and abs(claims[name]) < 10**8:
            claims[name] += now
    return {name: value for name, value in claims.items() if name not in without}


def token(
    *without: str,
    key: Key = RSA,
    alg: str = "RS256",
    header: dict[str, Any] | None = None,
    changes: dict[str, Any] | None = None,
    **more: Any,
) -> str:
    """A good token of the host's, but for the changes; None in the header stands for nothing there."""
    kids = {id(RSA): "rsa", id(EC): "ec", id(ED): "ed"}
    whole = {"alg": alg, "typ": "JWT", "kid": kids.get(id(key)), **(header or {})}
    shown = {name: value for name, value in whole.items() if value is not None}
    return signed(shown, claims_of(*without, **(changes or {}), **more), key, alg)


def legacy(*without: str, key: Key = SECRET, alg: str = "HS256", **changes: Any) -> str:
    """A good token of the issuer with a secret, but for the changes."""
    return token(*without, key=key, alg=alg, **{"iss": LEGACY, **changes})


def changed(good: str, part: int, at: int, bit: int = 1) -> str:
    """The token with one bit of what a part says turned over."""
    parts = good.split(".")
    content = bytearray(base64.urlsafe_b64decode(parts[part] + "=="))
    content[at] ^= bit
    parts[part] = b64(bytes(content))
    return ".".join(parts)


def with_signature(good: str, signature: bytes) -> str:
    """The token with another signature."""
    return f"{good.rpartition('.')[0]}.{b64(signature)}"


def public_of(encoding: Encoding, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> bytes:
    """The RSA key's public half, as anybody can write it."""
    return RSA.public_key().public_bytes(encoding, form)


def token_of(length: int) -> str:
    """A good token that is this long, filled up with a claim that nobody reads."""
    room = (length - len(legacy())) * 3 // 4
    for more in range(room - 30, room + 30):
        for typ in ("JWT", "JWT ", "JWT  "):
            found = legacy(header={"typ": typ}, fill="x" * more)
            if len(found) == length:
                return found
    raise AssertionError("no such length")


def der_signature() -> str:
    """ECDSA as X.509 writes it, not as RFC 7518 §3.4 does."""
    good = token(key=EC, alg="ES256")
    return with_signature(good, EC.sign(good.rpartition(".")[0].encode(), ec.ECDSA(hashes.SHA256())))


def respelled() -> str:
    """The same signature with other unused bits at its end: a second spelling of one token."""
    good = token(key=ED, alg="EdDSA")  # 64 bytes: four unused bits
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return good[:-1] + letters[letters.index(good[-1]) + 1]


def twice_named() -> str:
    """The issuer twice, the wrong one last."""
    payload = json.dumps(claims_of())[:-1] + f', "iss": "{LEGACY}"}}'
    return signed({"alg": "RS256", "kid": "rsa"}, payload.encode(), RSA)


def payload_of(raw: str) -> str:
    """Well signed, with a payload as it stands."""
    return signed({"alg": "RS256", "kid": "rsa"}, raw.encode(), RSA)


def inside(raw: str) -> str:
    """Well signed, with one more claim as it stands."""
    return payload_of(json.dumps(claims_of())[:-1] + f', "more": {raw}}}')


def cases(name: str, forge: Callable[[Any], str], *values: Any) -> dict[str, Forge]:
    """One for each value, named after it."""
    return {f"{name} {value!r:.40}": partial(forge, value) for value in values}


FORGED: dict[str, Forge] = {
    **cases("alg", lambda alg: with_signature(token(alg=alg), b""), "none", "None", "NONE", "nOnE", ""),
    "alg none for the secret's issuer": lambda: with_signature(legacy(alg="none"), b""),
    "alg none, and a good signature": lambda: token(alg="none"),
    "no alg": lambda: token(header={"alg": None}),
    "alg null": lambda: signed({"alg": None, "kid": "rsa"}, claims_of(), RSA),
    "alg a list": lambda: token(header={"alg": ["RS256"]}),
    "alg an object": lambda: token(header={"alg": {"RS256": 1}}),
    "alg a number": lambda: token(header={"alg": 256}),
    "alg in small letters": lambda: token(header={"alg": "rs256"}),
    "alg of a later curve": lambda: token(key=EC, alg="ES256K"),
    "HS256 by the public key's PEM": lambda: token(key=public_of(Encoding.PEM), alg="HS256", header={"kid": "rsa"}),
    "HS256 by the PEM without its last newline": lambda: token(
        key=public_of(Encoding.PEM).strip(), alg="HS256", header={"kid": "rsa"}
    ),
    "HS256 by the public key's DER": lambda: token(key=public_of(Encoding.DER), alg="HS256", header={"kid": "rsa"}),
    "HS256 by the public key's PKCS1": lambda: token(
        key=public_of(Encoding.PEM, PublicFormat.PKCS1), alg="HS256", header={"kid": "rsa"}
    ),
    "HS256 by the JWK's text": lambda: token(key=json.dumps(JWKS[0]).encode(), alg="HS256", header={"kid": "rsa"}),
    "HS256 by nothing": lambda: token(key=b"", alg="HS256"),
    "HS256 by the other issuer's secret": lambda: token(key=SECRET, alg="HS256"),
    "RS256 for the secret's issuer": lambda: legacy(key=RSA, alg="RS256"),
    "ES256 for the secret's issuer": lambda: legacy(key=EC, alg="ES256"),
    "EdDSA for the secret's issuer": lambda: legacy(key=ED, alg="EdDSA"),
    "HS384 for the secret's issuer, which has HS256": lambda: legacy(alg="HS384"),
    "another secret": lambda: legacy(key=b"another secret of the old application"),
    "an empty secret": lambda: legacy(key=b""),
    "RS384 for who has RS256 alone": lambda: token(iss=STRICT, alg="RS384", exp=200),
    "an attacker's key": lambda: token(key=ATTACKERS, header={"kid": "rsa"}),
    "PS256 by RS256's padding": lambda: token(alg="RS256", header={"alg": "PS256"}),
    "RS256 by PS256's padding": lambda: token(alg="PS256", header={"alg": "RS256"}),
    "no signature": lambda: with_signature(token(), b""),
    "half a signature": lambda: token()[:-100],
    "a signature and a byte": lambda: token() + "AAAA",
    "an ES256 signature of zeros": lambda: with_signature(token(key=EC, alg="ES256"), bytes(64)),
    "an ES256 signature in DER": der_signature,
    "an EdDSA signature of zeros": lambda: with_signature(token(key=ED, alg="EdDSA"), bytes(64)),
    "the same signature, spelled otherwise": respelled,
    "a changed bit in the header": lambda: changed(token(header={"more": "y"}), 0, -3),
    "a changed bit in the payload": lambda: changed(token(), 1, -3),
    **cases("a changed bit in the signature of RS256, at", lambda at: changed(token(), 2, at), 0, 15, -1),
    **cases("a changed bit in that of ES256, at", lambda at: changed(token(key=EC, alg="ES256"), 2, at), 0, 15, -1),
    **cases("a changed bit in that of EdDSA, at", lambda at: changed(token(key=ED, alg="EdDSA"), 2, at), 0, 15, -1),
    **cases("a changed bit in that of HS256, at", lambda at: changed(legacy(), 2, at), 0, 15, -1),
}

KEYS: dict[str, Forge] = {
    "jwk of the attacker's": lambda: token(key=ATTACKERS, header={"jwk": jwk_of(ATTACKERS)}),
    "jwk of the attacker's with a known kid": lambda: token(
        key=ATTACKERS, header={"jwk": jwk_of(ATTACKERS, kid="rsa"), "kid": "rsa"}
    ),
    "jku of the attacker's": lambda: token(key=ATTACKERS, header={"jku": "https://attacker.example/", "kid": "mine"}),
    "x5u of the attacker's": lambda: token(key=ATTACKERS, header={"x5u": "https://attacker.example/", "kid": "mine"}),
    "x5c of the attacker's": lambda: token(
        key=ATTACKERS,
        header={
            "x5c": [
                base64.b64encode(
                    ATTACKERS.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
                ).decode()
            ],
            "kid": "rsa",
        },
    ),
    **cases(
        "crit", lambda crit: token(header={"crit": crit, "exp": 1, "b64": True}), ["exp"], ["b64"], [], "exp", 0
    ),
    "crit null": lambda: signed({"alg": "RS256", "kid": "rsa", "crit": None}, claims_of(), RSA),
    "b64 false": lambda: token(header={"b64": False}),
    **cases(
        "kid", lambda kid: token(header={"kid": kid}),
        7, YES, 1.5, ["rsa"], {"rsa": 1}, "", "unknown", "RSA", "rsa ", "rsa\x00", "../rsa", "/dev/null",
        "../../../etc/passwd", "rsa/../rsa", "rsa' OR '1'='1", "| true", "k" * 5000,
    ),
    "kid null": lambda: signed({"alg": "RS256", "kid": None}, claims_of(), RSA),
    "no kid where there are several keys": lambda: signed({"alg": "RS256"}, claims_of(), RSA),
    "kid of another key of another kind": lambda: token(header={"kid": "ec"}),
    "kid of another key of its kind": lambda: token(header={"kid": "pinned"}, alg="RS512"),
    "an RSA key of 1024 bits": lambda: token(key=SMALL, header={"kid": "small"}),
    "a key for encryption": lambda: token(key=ENCRYPTING, header={"kid": "encrypting"}),
    "a private key that was published": lambda: token(key=PRIVATE, header={"kid": "private"}),
    "a secret that was published": lambda: token(key=OCT, alg="HS256", header={"kid": "oct"}),
    "RS256 by the name of a secret": lambda: token(header={"kid": "oct"}),
    "another alg than the JWK's": lambda: token(key=PINNED, header={"kid": "pinned"}),
    "ES256 by a P-384 key": lambda: token(key=P384, alg="ES256", header={"kid": "p384"}),
    "ES384 by a P-256 key": lambda: token(key=EC, alg="ES384"),
    "EdDSA by an EC key's name": lambda: token(key=ED, alg="EdDSA", header={"kid": "ec"}),
}  # fmt: skip

CLAIMS: dict[str, Forge] = {
    **cases("without", token, "iss", "aud", "sub", "iat", "exp"),
    **cases("null as", lambda name: token(changes={name: None}), "iss", "aud", "sub", "iat", "exp", "nbf"),
    **cases(
        "iss", lambda iss: token(iss=iss),
        "https://attacker.example", HOST + "/", HOST.upper(), "", [HOST], {"a": HOST}, 1, LEGACY,
    ),
    "the secret's token in the host's name": lambda: legacy(iss=HOST),
    "an issuer twice": twice_named,
    **cases(
        "aud", lambda aud: token(aud=aud),
        "other", "", "SOTTO", "sotto ", [], ["other"], ["sotto", 1], [["sotto"]], {"sotto": 1}, 1, YES,
    ),
    **cases(
        "exp", lambda exp: token(exp=exp),
        -1, 0, -29, 10**30, 10**300, 1e30, "4102444800", NAN, INFINITE, YES, NO, -(10**12), [], {}, "", "soon",
    ),
    "exp of 5000 digits": lambda: payload_of(json.dumps(claims_of("exp"))[:-1] + f', "exp": 1{"0" * 5000}}}'),
    "exp as a string of digits in good time": lambda: token(exp=str(int(time.time()) + 600)),
    **cases("iat", lambda iat: token(iat=iat), 3600, 36, 600, 10**30, NAN, YES, -(10**12), [], "yesterday"),
    "iat in the future, and exp after it": lambda: token(iat=3600, exp=7200),
    "iat as a string of digits in good time": lambda: token(iat=str(int(time.time()) - 60)),
    "iat after exp": lambda: token(iat=20, exp=10),
    "iat as exp": lambda: token(iat=10, exp=10),
    "a life of a second too much": lambda: token(iat=-60, exp=86_400 - 60 + 1),
    "a life too long for its issuer": lambda: token(iss=STRICT, iat=-60, exp=300 - 60 + 1),
    **cases("nbf", lambda nbf: token(nbf=nbf), 36, 3600, 10**30, [], {}, "soon", INFINITE),
    **cases(
        "sub", lambda sub: token(sub=sub),
        "ad\0am", "adam\n", "\tadam", "\u202emada", "ad\u200bam", HALF, "a\u2028b", "adam\x7f", "", 7, ["adam"],
        {"adam": 1}, YES,
    ),
    "sub of 256 characters": lambda: token(sub="a" * 256),
    "sub of 10 kB": lambda: token(sub="a" * 10_000),
    "jti a number": lambda: token(jti=7),
    "a name with half a character": lambda: token(name=HALF),
}  # fmt: skip

MALFORMED: dict[str, Forge] = {
    "nothing": lambda: "",
    "dots": lambda: "..",
    "1 part": lambda: token().partition(".")[0],
    "2 parts": lambda: token().rpartition(".")[0],
    "4 parts": lambda: token() + ".AAAA",
    "4 parts, the last empty": lambda: token() + ".",
    "5 parts": lambda: ".".join(["AAAA"] * 5),
    "an empty header": lambda: "." + token().partition(".")[2],
    "an empty payload": lambda: payload_of(""),
    "a byte too many": lambda: token_of(8193),
    "ten thousand dots": lambda: "." * 10_000,
    "a megabyte": lambda: "a" * 1_000_000,
    "no base64 in the header": lambda: "!" + token(),
    "no base64 in the payload": lambda: token().replace(".", ".!!!!", 1),
    "no base64 in the signature": lambda: token()[:-4] + "!!!!",
    "a space before": lambda: " " + token(),
    "a newline behind": lambda: token() + "\n",
    "a newline within": lambda: token().replace(".", ".\n", 1),
    "base64 of another alphabet": lambda: token().replace("-", "+").replace("_", "/"),
    "padding without need": lambda: token() + "====",
    "a letter outside ASCII": lambda: token() + "é",
    "half a character": lambda: token() + "\ud800",
    "half a character in the header": lambda: "\ud800" + token(),
    "NUL": lambda: token() + "\0",
    **cases("payload", payload_of, "[]", '"adam"', "1", "null", "true", "{", "{}", "not JSON", '{"iss":}', "[" * 3000),
    **cases(
        "header",
        lambda raw: signed(raw.encode(), claims_of(), RSA),
        "[]",
        '"RS256"',
        "1",
        "null",
        "{",
        "{}",
        "not JSON",
        '{"alg":"RS256",}',
        "[" * 3000,
    ),
    "a payload in UTF-16": lambda: signed(
        {"alg": "RS256", "kid": "rsa"}, json.dumps(claims_of()).encode("utf-16"), RSA
    ),
    "a payload that is no UTF-8": lambda: signed({"alg": "RS256", "kid": "rsa"}, b'{"iss":"\xff"}', RSA),
    "lists in lists": lambda: inside("[" * 1100 + "]" * 1100),
    "NaN in another claim": lambda: inside("NaN"),
    "a session of ours": lambda: "sot_" + "A" * 43,
}
REFUSED = {**FORGED, **KEYS, **CLAIMS, **MALFORMED}


class Served:
    """What the host serves under URLs, in memory."""

    def __init__(self) -> None:
        self.content = json.dumps({"keys": JWKS}).encode()
        self.urls: list[str] = []

    async def __call__(self, url: str) -> bytes:
        self.urls.append(url)
        return self.content


def settings() -> list[IssuerSettings]:
    """One with keys, one with a secret, and one that takes less than the first."""
    return [
        IssuerSettings(HOST, ("sotto", "sotto-dev"), jwks_url=JWKS_URL, prefix="host:"),
        IssuerSettings(
            LEGACY, ("sotto",), secret=SECRET.decode(), prefix="legacy:", username_claim="login", name_claim="label"
        ),
        IssuerSettings(
            STRICT, ("sotto",), jwks_url=JWKS_URL, algorithms=("RS256",), prefix="strict:", max_life_seconds=300
        ),
    ]


@pytest.fixture
def served() -> Served:
    """The host's keys, and which URLs were asked for."""
    return Served()


@pytest.fixture
def issuers(served: Served) -> Issuers:
    """The three of `settings`."""
    return Issuers(settings(), served)


@pytest.fixture
async def host(tmp_path: Path, served: Served) -> AsyncIterator[World]:
    """Those of one test."""
    async with host_in(tmp_path, served) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def same_host(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """Those of all tests that only refuse."""
    async with host_in(tmp_path_factory.mktemp("host"), Served()) as found:
        yield found


@asynccontextmanager
async def host_in(tmp_path: Path, served: Served) -> AsyncIterator[World]:
    """Services that take the tokens of the three issuers."""
    database, storage = (
        GuardedDatabase(put_tables(tmp_path / "sotto.db"), MemoryPubSub()),
        LocalStorage(tmp_path / "files"),
    )
    services = await Services.open(
        database, storage, Limits(send_rate_per_minute=0), settings(), served
    )  # fmt: skip
    yield World(services, tmp_path)
    await services.close()


async def row_of(world: World, external_id: str) -> users.CredentialStatusRow:
    """The user behind an external id."""
    row = await world.services.database.read(
        lambda tx: tx.first(users.CREDENTIAL_STATUS_BY_EXTERNAL_ID, key=external_id)
    )
    assert row is not None
    return row


def pass_a_minute(world: World) -> None:
    """For the rate of renames, and for the cache of credentials."""
    authenticator = world.services.authenticator
    authenticator._fresh.clear()
    renames = authenticator._host_users._renames
    clock = renames._clock
    renames._clock = lambda: clock() + 60


@pytest.mark.parametrize("name", REFUSED)
async def test_a_token_that_is_not_good_is_refused(issuers: Issuers, served: Served, name: str) -> None:
    """One error with one sentence for whatever is wrong, and no URL is asked but the issuer's (RFC 8725)."""
    with pytest.raises(Unauthenticated) as refused:
        await issuers.verify(REFUSED[name]())

    assert refused.value.detail == ("This server does not accept the token: get a new one from your application.")
    assert set(served.urls) <= {JWKS_URL}
    assert isinstance(refused.value, TokenRefused)
    assert refused.value.cause
    assert not [part for part in REFUSED[name]().split(".") if len(part) > 8 and part in refused.value.cause]


REASONS: dict[str, Forge] = {
    "this is no JWT: three parts in base64url, the first two of them JSON objects": lambda: "a.b.c",
    "the token is longer than 8192 bytes": lambda: "a" * 8193,
    "iss: no issuer of the settings has this name": partial(token, iss="https://other.example"),
    "alg: this issuer's tokens are taken with HS256": partial(legacy, key=SECRET * 3, alg="HS512"),
    "crit: no extension is understood here": partial(legacy, header={"crit": ["exp"]}),
    "kid: must be a string": partial(token, header={"kid": 7}),
    "kid: the issuer serves no key of this id that fits `alg`": partial(token, header={"kid": "unknown"}),
    "signature: it was made with another key, or the token was changed": partial(legacy, key=SECRET + b"!"),
    "exp: the token has expired": partial(legacy, exp=int(time.time()) - 5),
    "exp: is missing": partial(legacy, "exp"),
    "sub: is missing": partial(legacy, "sub"),
    "sub: must be text": partial(legacy, sub=7),
    "sub: must be printable text of 1 to 255 characters": partial(legacy, sub=" "),
    "aud: names none of the issuer's `audience`": partial(legacy, aud="another"),
    "aud: is missing": partial(legacy, "aud"),
    "iat: lies more than 30 seconds in the future; compare the clocks": partial(legacy, iat=int(time.time()) + 600),
    "nbf: lies more than 30 seconds in the future; compare the clocks": partial(legacy, nbf=int(time.time()) + 600),
    "exp: must come after iat, and at most 86400 seconds (`max_life_seconds`)": partial(
        legacy, exp=int(time.time()) + 90_000
    ),
}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("reason", REASONS)
async def test_the_log_says_why_a_token_is_refused(same_host: World, reason: str) -> None:
    """Which claim or key, and of which issuer, where one of the settings is named; nothing else of the token."""
    refused = REASONS[reason]()
    with capture_logs() as lines, pytest.raises(Unauthenticated):
        await same_host.services.authenticator.authenticate(Credentials(refused))

    [line] = [line for line in lines if line["event"] == "token refused"]
    is_nameless = reason.startswith(("this ", "the token is longer", "iss: "))
    assert (line["reason"], line["log_level"]) == (reason, "info")
    assert line["issuer"] in ([None] if is_nameless else [HOST, LEGACY])
    assert set(line) == {"event", "log_level", "reason", "issuer"}


@pytest.mark.parametrize(
    ("key", "alg"),
    [
        *((RSA, each) for each in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
        *((EC, "ES256"), (P384, "ES384"), (ED, "EdDSA"), (PINNED, "RS512")),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
async def test_a_good_token_of_each_algorithm_passes(issuers: Issuers, key: Key, alg: str) -> None:
    """With the issuer's prefix before the subject, and times in ms."""
    now = int(time.time())
    kids = {id(P384): "p384", id(PINNED): "pinned"}
    header = {"kid": kids[id(key)]} if id(key) in kids else {}

    claims = await issuers.verify(
        token(
            key=key, alg=alg, header=header, iat=now - 5, exp=now + 7, preferred_username="adam_1", name="Adam"
        )
    )  # fmt: skip

    assert claims == Claims("host:adam", (now - 5) * 1000, (now + 7) * 1000, "adam_1", "Adam")


async def test_a_good_token_by_a_secret_passes(issuers: Issuers, served: Served) -> None:
    """Its issuer has claims of other names; the names of the others are not read, and no key is fetched."""
    now = int(time.time())

    claims = await issuers.verify(
        legacy(iat=now - 5, exp=now + 7, login="adam_1", label="Adam", preferred_username="other", name="Other")
    )

    assert claims == Claims("legacy:adam", (now - 5) * 1000, (now + 7) * 1000, "adam_1", "Adam")
    assert served.urls == []


GOOD: dict[str, Forge] = {
    "the second audience": lambda: token(aud="sotto-dev"),
    "a list with the audience": lambda: token(aud=["other", "sotto"]),
    "a whole life": lambda: token(iat=-60, exp=86_400 - 60),
    "a whole life of its issuer": lambda: token(iss=STRICT, sub="adam", iat=-60, exp=300 - 60),
    "a clock that is ahead": lambda: token(iat=20, nbf=20),
    "nbf in the past": lambda: token(nbf=-1),
    "headers that would choose the key": lambda: token(
        header={"jwk": jwk_of(ATTACKERS), "jku": "https://attacker.example/", "x5u": "https://attacker.example/"}
    ),
    "headers without a meaning": lambda: token(header={"typ": "at+jwt", "cty": "JWT", "zip": "DEF"}),
    "no kid where a secret is": legacy,
    "any kid where a secret is": lambda: legacy(header={"kid": "../any"}),
    "as many bytes as may be": lambda: token_of(8192),
}


@pytest.mark.parametrize("name", GOOD)
async def test_a_token_at_the_edge_passes(issuers: Issuers, served: Served, name: str) -> None:
    """What is allowed is taken to the last second and byte; headers that would choose the key are not read."""
    claims = await issuers.verify(GOOD[name]())

    assert claims.external_id.rpartition(":")[2] == "adam"
    assert (claims.username, claims.display_name) == (None, None)
    assert set(served.urls) <= {JWKS_URL}


@pytest.mark.parametrize("subject", ["a", "a" * 255, "Ådam", "auth0|5f7c", "ns:adam", "아담", "😀"])
async def test_a_subject_is_kept_as_it_is(issuers: Issuers, subject: str) -> None:
    """Whatever can be shown, up to 255 characters."""
    claims = await issuers.verify(token(sub=subject))

    assert claims.external_id == "host:" + subject


async def test_times_may_have_fractions(issuers: Issuers) -> None:
    """RFC 7519 §2 has NumericDate as a number of seconds, not a whole one."""
    now = int(time.time())

    claims = await issuers.verify(token(iat=now - 5.5, exp=now + 7.25))

    assert (claims.issued_at, claims.expires_at) == (now * 1000 - 5_500, now * 1000 + 7_250)


@pytest.mark.parametrize("value", [7, True, None, ["adam"], {"a": 1}])
async def test_a_name_that_is_no_text_is_none(issuers: Issuers, value: object) -> None:
    """A courtesy of the host's, not a credential: it is left out, and the token is good."""
    claims = await issuers.verify(token(preferred_username=value, name=value))

    assert (claims.username, claims.display_name) == (None, None)


async def test_a_token_without_a_kid_is_checked_with_the_only_key(issuers: Issuers, served: Served) -> None:
    """As hosts with one key do; with the one alone."""
    served.content = json.dumps({"keys": [jwk_of(RSA)]}).encode()
    bare = {"alg": "RS256"}

    claims = await issuers.verify(signed(bare, claims_of(), RSA))

    assert claims.external_id == "host:adam"
    with pytest.raises(Unauthenticated):
        await issuers.verify(signed(bare, claims_of(), ATTACKERS))
    with pytest.raises(Unauthenticated):
        await issuers.verify(token(header={"kid": "rsa"}))


async def test_without_keys_nothing_is_said_about_a_token() -> None:
    """Come back later, not go away: but only to who names an issuer of ours."""

    async def fail(url: str) -> bytes:
        raise OSError(url)

    issuers = Issuers(settings(), fail)

    with pytest.raises(ServerUnavailable):
        await issuers.verify(token())
    with pytest.raises(Unauthenticated):
        await issuers.verify(token(iss="https://attacker.example"))
    assert (await issuers.verify(legacy())).external_id == "legacy:adam"


async def test_an_issuer_whose_keys_nobody_fetches_is_unavailable() -> None:
    """`verify` promises Unauthenticated and ServerUnavailable, and `fetch` may be left out."""
    with pytest.raises(ServerUnavailable):
        await Issuers(settings()).verify(token())


@pytest.mark.parametrize(
    "changes",
    [{"exp": 10**30}, {"exp": 1e300}, {"iat": -(10**12)}, {"iat": YES}, {"iat": -1.5 * 10**9 - 10**9}],
    ids=str,
)
async def test_a_time_that_is_none_is_refused_however_long_a_life_may_be(changes: dict[str, Any]) -> None:
    """The bound of a life is the operator's; what a time is, is not."""
    patient = IssuerSettings(LEGACY, ("sotto",), secret=SECRET.decode(), max_life_seconds=10**31)

    with pytest.raises(Unauthenticated):
        await Issuers([patient]).verify(legacy(changes=changes))


@pytest.mark.parametrize(("alg", "size"), [("HS256", 32), ("HS384", 48), ("HS512", 64)])
async def test_a_secret_is_as_long_as_the_hash(alg: str, size: int) -> None:
    """RFC 7518 §3.2: with a byte less nothing is taken, for it could be found out from one token."""
    long, short = (
        Issuers([IssuerSettings(LEGACY, ("sotto",), secret="s" * count, algorithms=(alg,))])
        for count in (size, size - 1)
    )

    assert (await long.verify(legacy(key=b"s" * size, alg=alg))).external_id == "adam"
    with pytest.raises(Unauthenticated):
        await short.verify(legacy(key=b"s" * (size - 1), alg=alg))


async def test_no_issuer_takes_no_token() -> None:
    """The default."""
    with pytest.raises(Unauthenticated):
        await Issuers([]).verify(legacy())


async def test_a_good_token_makes_a_user_on_first_sight(host: World) -> None:
    """Named as the token says; the viewer may do what the host vouches for, and not touch an account of ours."""
    shown, now = token(preferred_username="Adam.1", name="Adam Smith", iat=-60), int(time.time())
    viewer = await host.authenticate(shown)

    row = await row_of(host, "host:adam")
    assert viewer is not None
    assert (row.id, row.username, row.display_name, row.state) == (viewer.user_id, "Adam.1", "Adam Smith", users.ACTIVE)
    assert viewer.kind is CredentialKind.TOKEN
    assert viewer.rights == Right.ALL & ~Right.ACCOUNT
    assert viewer.session == hashlib.sha256(shown.encode()).digest()
    assert abs(viewer.expires_at - (now + 600) * 1000) <= 1000
    assert viewer.expires_at - viewer.issued_at == 660_000
    assert (await host.stored())[0]["user"] == 1


@pytest.mark.parametrize("ways", [["same", "same"], ["one", "two"], [str(each) for each in range(50)]], ids=len)
async def test_first_requests_at_once_make_one_user(host: World, ways: list[str]) -> None:
    """With one token or several: an application opens its page and its socket together."""
    tokens = [token(preferred_username="adam", jti=way) for way in ways]

    viewers = await asyncio.gather(*(host.authenticate(each) for each in tokens))

    assert len({viewer.user_id for viewer in viewers if viewer is not None}) == 1
    assert None not in viewers
    assert (await host.stored())[0]["user"] == 1
    assert (await row_of(host, "host:adam")).username == "adam"


async def test_the_same_subject_of_two_issuers_is_two_people(host: World) -> None:
    """Their prefixes tell them apart."""
    viewers = [await host.authenticate(each) for each in (token(), legacy(), token(iss=STRICT, exp=200))]

    assert len({viewer.user_id for viewer in viewers if viewer is not None}) == 3
    assert (await row_of(host, "legacy:adam")).id != (await row_of(host, "host:adam")).id


@pytest.mark.parametrize(
    "username", ["taken", "TAKEN", "al", "a b", "ädam", "a" * 33, "", "adam\n", "a/b", None, 7, ["adam"]]
)
async def test_a_user_name_that_cannot_be_had_is_drawn(host: World, username: object) -> None:
    """Taken without regard to case, or no username here: the person comes in all the same."""
    taken = await host.person("taken")

    viewer = await host.authenticate(token(preferred_username=username, name="Adam"))

    row = await row_of(host, "host:adam")
    prefix, drawn = row.username[:5], row.username[5:]
    assert viewer is not None
    assert viewer.user_id != taken.user_id
    assert (prefix, len(drawn), row.display_name) == ("user-", 12, "Adam")
    assert int(drawn, 16) >= 0


async def test_who_has_no_name_is_shown_by_the_user_name(host: World) -> None:
    """Nobody is shown as nothing."""
    await host.authenticate(token(preferred_username="adam"))
    await host.authenticate(token(sub="eve"))

    eve = await row_of(host, "host:eve")
    assert (await row_of(host, "host:adam")).display_name == "adam"
    assert eve.display_name == eve.username


async def test_the_display_name_follows_the_claim(host: World) -> None:
    """The username does not: others have written it down."""
    await host.authenticate(token(preferred_username="adam", name="Adam", iat=-90))
    await host.authenticate(token(preferred_username="other", name="Adam Smith"))

    row = await row_of(host, "host:adam")
    assert (row.username, row.display_name) == ("adam", "Adam Smith")
    assert (await host.stored())[0]["user"] == 1


async def test_a_new_display_name_is_told_to_the_user_and_to_those_who_share_a_conversation(host: World) -> None:
    """Once; the same name again appends nothing, and strangers hear nothing."""
    adam = await host.authenticate(token(preferred_username="adam", name="Adam", iat=-90))
    assert adam is not None
    bob, carol = await host.people("bob", "carol")
    await host.send(bob, "adam")
    stream = host.services.stream
    after = {each.user_id: stream.cursor_of(each, await stream.position(each)) for each in (adam, bob, carol)}
    for _ in range(2):
        await host.authenticate(token(preferred_username="adam", name="Adam Smith"))
    heard = [(await stream.page_after(each, after[each.user_id], None)).items for each in (adam, bob, carol)]

    assert [[(each.kind, each.person and each.person.row.display_name) for each in items] for items in heard] == [
        [(EventKind.VIEWER_UPDATED, "Adam Smith")],
        [(EventKind.USER_UPDATED, "Adam Smith")],
        [],
    ]


async def test_an_api_key_hears_of_its_owners_new_name(host: World) -> None:
    """It is shown the profile, but nothing of devices and keys."""
    adam = await host.authenticate(token(preferred_username="adam", name="Adam", iat=-90))
    assert adam is not None
    bot = await host.authenticate(await key_of(host, adam, Scope.READ_MESSAGES))
    assert bot is not None
    before = await host.services.stream.position(bot)
    await key_of(host, adam, Scope.READ_MESSAGES)
    await host.authenticate(token(preferred_username="adam", name="Adam Smith"))

    assert await kinds_after(host, bot, before) == ["VIEWER_UPDATED"]


@pytest.mark.parametrize(
    "first",
    [
        "Adam",
        None,
    ],
)
async def test_an_older_token_does_not_bring_an_older_name_back(host: World, first: str | None) -> None:
    """Another device may hold one for as long as it lives; whether the younger one made the user or renamed them."""
    if first:
        await host.authenticate(token(name=first, iat=-60))
    await host.authenticate(token(name="Adam Smith", iat=-30))

    await host.authenticate(token(name="Adam", iat=-50))

    assert (await row_of(host, "host:adam")).display_name == "Adam Smith"


async def test_two_tokens_of_the_same_moment_do_not_rename_back_and_forth(host: World) -> None:
    """The first one sets the name. A rename appends up to 1,001 events, in the path of authentication."""
    bob = await host.person("bob")
    now = int(time.time())
    await host.authenticate(token(preferred_username="adam", name="Adam", iat=now - 90))
    await host.send(bob, "adam")
    before = await host.services.stream.position(bob)
    for name in ("Eve", "Adam", "Eve", "Adam"):
        await host.authenticate(token(name=name, iat=now, jti=secrets.token_hex(4)))
        pass_a_minute(host)

    assert (await row_of(host, "host:adam")).display_name == "Eve"
    assert await kinds_after(host, bob, before) == ["USER_UPDATED"]


async def test_tokens_with_ever_other_names_rename_once_a_minute(host: World) -> None:
    """Each newer than the last. The name of the newest is set when its token is checked after the minute."""
    bob = await host.person("bob")
    now = int(time.time())
    await host.authenticate(token(preferred_username="adam", name="Adam", iat=now - 90))
    await host.send(bob, "adam")
    before = await host.services.stream.position(bob)
    for second in range(30):
        newest = token(name=f"Adam {second}", iat=now - 50 + second)
        await host.authenticate(newest)
    first_name = (await row_of(host, "host:adam")).display_name
    pass_a_minute(host)
    await host.authenticate(newest)

    assert (first_name, (await row_of(host, "host:adam")).display_name) == ("Adam 0", "Adam 29")
    assert await kinds_after(host, bob, before) == ["USER_UPDATED"] * 2


@pytest.mark.parametrize("name", [None, "", "  ", "\u200b", "a\nb", "\u202emada", "a\0b", "a" * 65, 7, ["Adam"]])
async def test_a_display_name_that_cannot_be_shown_changes_nothing(host: World, name: object) -> None:
    """The token is good all the same; what is shown stays."""
    await host.authenticate(token(preferred_username="adam", name="Adam"))

    viewer = await host.authenticate(token(name=name))

    row = await row_of(host, "host:adam")
    assert viewer is not None
    assert (row.id, row.display_name) == (viewer.user_id, "Adam")


async def test_a_refused_token_makes_no_user(host: World) -> None:
    """None of the whole table stores anything."""
    before = await host.stored()

    for name, forge in REFUSED.items():
        with pytest.raises(Unauthenticated):
            pytest.fail(f"{name}: {await host.authenticate(forge())}")

    assert await host.stored() == before
    assert before[0]["user"] == 0


@pytest.mark.parametrize(
    ("state", "error"), [(users.SUSPENDED, AccountSuspended), (users.DEACTIVATED, AccountDeactivated)]
)
async def test_who_may_not_come_in_does_not_by_a_token(host: World, state: int, error: type[Exception]) -> None:
    """Neither with the token that was taken before, nor with another one."""
    shown = token(preferred_username="adam")
    await host.authenticate(shown)
    await host.services.account.set_state("adam", state)

    for each in (shown, token(jti="another")):
        with pytest.raises(error):
            await host.authenticate(each)
    assert (await host.stored())[0]["user"] == 1


@pytest.mark.parametrize(("way", "error"), [("suspended", AccountSuspended), ("signed out", Unauthenticated)])
async def test_a_refused_token_does_not_change_the_display_name(host: World, way: str, error: type[SottoError]) -> None:
    """Others would see a name that somebody gave who may not come in, or that a stolen token still says."""
    viewer = await host.authenticate(token(preferred_username="adam", name="Adam"))
    assert viewer is not None
    if way == "suspended":
        await host.services.account.set_state("adam", users.SUSPENDED)
    else:
        await host.services.account.sign_out(viewer, everywhere=True)

    with pytest.raises(error):
        await host.authenticate(token(name="Mallory"))

    assert (await row_of(host, "host:adam")).display_name == "Adam"


async def test_the_session_of_a_restored_person_is_valid_again(host: World) -> None:
    """A suspension keeps tokens for the day when it ends."""
    shown = token(preferred_username="adam")
    before = await host.authenticate(shown)
    await host.services.account.set_state("adam", users.SUSPENDED)
    await host.services.account.set_state("adam", users.ACTIVE)

    assert await host.authenticate(shown) == before


async def test_signing_out_everywhere_ends_the_tokens_issued_before(
    host: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that were seen and those that were not, and those of a clock 30 s ahead; nobody else's; no later one."""
    seen, unseen, ahead, eves = token(iat=-90), token(iat=-61), token(iat=-35), token(sub="eve", iat=-90)
    viewer, eve = await host.authenticate(seen), await host.authenticate(eves)
    assert viewer is not None
    monkeypatch.setattr("services.account.account.now_ms", lambda: now_ms() - 60_000)

    await host.services.account.sign_out(viewer, everywhere=True)

    for each in (seen, unseen, ahead):
        with pytest.raises(Unauthenticated) as refused:
            await host.authenticate(each)
        assert refused.value.reason is RevocationReason.SIGNED_OUT
    with pytest.raises(Unauthenticated):
        await host.services.authenticator.check_live(viewer)
    later = await host.authenticate(token(iat=-25))
    assert later is not None
    assert later.user_id == viewer.user_id
    assert await host.authenticate(eves) == eve


async def test_signing_out_everywhere_ends_the_token_that_asked_for_it(host: World) -> None:
    """Also where the host's clock is ahead, within the leeway that it is given."""
    shown = token(iat=20)
    viewer = await host.authenticate(shown)
    assert viewer is not None
    await host.services.account.sign_out(viewer, everywhere=True)

    with pytest.raises(Unauthenticated):
        await host.authenticate(shown)


async def test_a_token_ends_with_its_time_though_it_is_remembered(
    host: World, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """In the cache too; a stream asks by `check_live`."""
    shown = token(exp=20)
    viewer = await host.authenticate(shown)
    assert viewer is not None
    assert await host.services.authenticator.check_live(viewer) == viewer.expires_at
    later = now_ms() + 21_000
    for module in ("account.authentication", "credential_status"):
        monkeypatch.setattr(f"services.{module}.now_ms", lambda: later)

    for call in (host.authenticate(shown), host.services.authenticator.check_live(viewer)):
        with pytest.raises(Unauthenticated) as refused:
            await call
        assert refused.value.reason is RevocationReason.TOKEN_EXPIRED


STRANGE_TYPES: tuple[Any, ...] = ([], {})


@pytest.mark.parametrize(
    "strange",
    [
        {"kty": "new", "kid": "new"},
        {"kid": "new"},
        {"kty": "RSA", "kid": 7},
        {"kty": "RSA", "kid": "new", "use": ["sig"]},
        7,
        None,
        *({"kty": kty, "kid": "new"} for kty in STRANGE_TYPES),
    ],
    ids=str,
)
async def test_a_strange_key_does_not_spoil_the_others(issuers: Issuers, served: Served, strange: object) -> None:
    """RFC 7517 §5: what is not understood is ignored, key by key."""
    served.content = json.dumps({"keys": [strange, *JWKS]}).encode()

    assert (await issuers.verify(token())).external_id == "host:adam"


EC_PUBLIC, RSA_PUBLIC = jwk_of(EC), jwk_of(RSA)


@pytest.mark.parametrize(
    ("alg", "broken"),
    [
        ("RS256", {"kty": "RSA"}),
        ("RS256", RSA_PUBLIC | {"n": 7}),
        ("RS256", RSA_PUBLIC | {"n": ""}),
        ("RS256", RSA_PUBLIC | {"n": "é"}),
        ("RS256", RSA_PUBLIC | {"n": number(1 << 8200 | 1)}),
        ("RS256", RSA_PUBLIC | {"e": None}),
        ("RS256", RSA_PUBLIC | {"e": ""}),
        ("RS256", RSA_PUBLIC | {"e": "AQ"}),
        ("RS256", RSA_PUBLIC | {"e": "AAAA"}),
        ("RS256", RSA_PUBLIC | {"e": RSA_PUBLIC["n"]}),
        ("RS256", RSA_PUBLIC | {"alg": ["RS256"]}),
        ("ES256", {"kty": "EC", "crv": "P-256"}),
        ("ES256", EC_PUBLIC | {"x": EC_PUBLIC["y"]}),
        ("ES256", EC_PUBLIC | {"x": 7}),
        ("ES256", EC_PUBLIC | {"y": "AA"}),
        ("ES256", EC_PUBLIC | {"x": b64(bytes(32)), "y": b64(bytes(32))}),
        ("ES256", EC_PUBLIC | {"crv": ["P-256"]}),
        ("ES256", EC_PUBLIC | {"crv": "secp256k1"}),
        ("EdDSA", {"kty": "OKP", "crv": "Ed25519"}),
        ("EdDSA", {"kty": "OKP", "crv": "Ed25519", "x": b64(bytes(31))}),
        ("EdDSA", {"kty": "OKP", "crv": "Ed25519", "x": 7}),
        ("EdDSA", {"kty": "OKP", "crv": "Ed448", "x": b64(bytes(57))}),
        ("EdDSA", {"kty": "OKP", "crv": "X25519", "x": jwk_of(ED)["x"]}),
    ],
)
async def test_a_broken_key_checks_nothing(issuers: Issuers, served: Served, alg: str, broken: dict[str, Any]) -> None:
    """What names it is refused, as what names none; the others serve."""
    served.content = json.dumps({"keys": [*JWKS, broken | {"kid": "broken"}]}).encode()
    keys: dict[str, Key] = {"RS256": RSA, "ES256": EC, "EdDSA": ED}
    key = keys[alg]

    with pytest.raises(Unauthenticated):
        await issuers.verify(token(key=key, alg=alg, header={"kid": "broken"}))
    assert (await issuers.verify(token(key=key, alg=alg))).external_id == "host:adam"


async def test_whom_the_operator_made_is_found_by_the_external_id(host: World) -> None:
    """No second user is made for them, and the username stays."""
    made = await host.person("adam", external_id="host:adam")

    viewer = await host.authenticate(token(preferred_username="other"))

    assert viewer is not None
    assert viewer.user_id == made.user_id
    assert (await row_of(host, "host:adam")).username == "adam"
    assert (await host.stored())[0]["user"] == 1
