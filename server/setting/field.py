"""The types of settings: how each value is parsed and checked, and the error messages."""

import ipaddress
from enum import Enum
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, parse_qs, urlsplit

from pydantic import AfterValidator, BeforeValidator, ByteSize, Field

from models.setting import Audience, OutsideAction
from server.setting.issuer import Issuer, check_prefixes, issuers_of
from services.limit import DeviceTrust

LOOPBACK_ORIGINS = "loopback"  # any page served from this machine; see gql/wire/origin.py

DAY_SECONDS = 24 * 60 * 60


def _split(text: str) -> SplitResult:
    """Split a URL. Raises ValueError with our own message, because the library's may repeat a password."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        raise ValueError("is not a URL") from None
    return parts


def _check_scheme(text: str, known: str, example: str) -> None:
    if text and (scheme := _split(text).scheme) != known:
        found = f"the scheme {scheme!r}" if scheme else "no scheme"
        raise ValueError(f"only {known} URLs are supported, such as {example}; found {found}")


def _split_list(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def any_of(options: list[str]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    return options[0] if len(options) == 1 else f"{', '.join(options[:-1])} or {options[-1]}"


def _member_of(kind: type[Enum]) -> BeforeValidator:
    """A validator that takes a member of the enum by its name, in any case."""

    def find(value: object) -> object:
        member = value if isinstance(value, kind) else kind.__members__.get(str(value).upper())
        if member is None:
            raise ValueError(f"should be {any_of([repr(name.lower()) for name in kind.__members__])}")
        return member

    return BeforeValidator(find)


def _check_database_url(text: str) -> str:
    _check_scheme(text, "sqlite", "sqlite:///data/sotto.db")
    parts = _split(text)
    if text and (parts.netloc or parts.query or parts.fragment or parts.path in {"", "/", "/:memory:"}):
        raise ValueError("a sqlite URL needs three slashes and the path of a file, as in sqlite:///data/sotto.db")
    return text


def _check_storage_url(text: str) -> str:
    parts = _split(text)
    if parts.scheme == "s3":
        if not parts.hostname or "@" in parts.netloc or set(parse_qs(parts.query)) - {"endpoint", "region"}:
            raise ValueError(
                "an S3 URL names a bucket, as in s3://bucket/prefix?region=eu-central-1, and an `endpoint` if the "
                "server is not Amazon's; credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            )
        return text
    _check_scheme(text, "file", "file:///srv/sotto/files or s3://bucket/prefix")
    if text and (parts.netloc or parts.query or parts.fragment or not parts.path.startswith("/")):
        raise ValueError("a file URL needs three slashes and an absolute path, as in file:///srv/sotto/files")
    return text


def _check_pubsub_url(text: str) -> str:
    _check_scheme(text, "memory", "memory://")
    return text


def _check_public_url(text: str) -> str:
    parts = _split(text)
    is_web = parts.scheme in {"http", "https"} and parts.hostname
    if text and (not is_web or "@" in parts.netloc or parts.query or parts.fragment):
        raise ValueError(
            "must be an http or https URL without a user, query or fragment, as in https://chat.example.org"
        )
    return text.rstrip("/")


def _check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        if origin.lower() == LOOPBACK_ORIGINS:
            continue
        parts = _split(origin)
        is_web = parts.scheme in {"http", "https"} and parts.hostname
        if not is_web or "@" in parts.netloc or parts.path or parts.query or parts.fragment:
            raise ValueError("each must be scheme://host[:port] and nothing else, as in https://chat.example.org")
    return tuple(origin.lower() for origin in origins)  # browsers send Origin in lower case (RFC 6454, section 4)


def _check_proxies(networks: tuple[str, ...]) -> tuple[str, ...]:
    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError:
            raise ValueError("each must be an address or a network, as in 10.0.0.0/8 or ::1") from None
    return networks


def _check_manifest(value: object) -> object:
    """Refuses an empty path: with it every document would be executed, which the operator surely did not intend."""
    if value is not None and (not value or not str(value).strip()):
        raise ValueError("must be the path of a manifest; remove the setting to execute every document")
    return value


Bytes = Annotated[ByteSize, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]
Rate = Annotated[int, Field(ge=0)]
Seconds = Annotated[
    int, Field(gt=0, le=36_500 * DAY_SECONDS)
]  # at most a century, so that sums of times never overflow
Window = Annotated[int, Field(ge=0, le=36_500 * DAY_SECONDS)]
AudienceName = Annotated[Audience, _member_of(Audience)]
ManifestPath = Annotated[Path | None, BeforeValidator(_check_manifest)]
OutsideActionName = Annotated[OutsideAction, _member_of(OutsideAction)]
DeviceTrustName = Annotated[DeviceTrust, _member_of(DeviceTrust)]
Networks = Annotated[tuple[str, ...], BeforeValidator(_split_list), AfterValidator(_check_proxies)]
Issuers = Annotated[tuple[Issuer, ...], BeforeValidator(issuers_of), AfterValidator(check_prefixes)]
Origins = Annotated[tuple[str, ...], BeforeValidator(_split_list), AfterValidator(_check_origins)]
DatabaseUrl = Annotated[str, AfterValidator(_check_database_url)]
StorageUrl = Annotated[str, AfterValidator(_check_storage_url)]
PubSubUrl = Annotated[str, AfterValidator(_check_pubsub_url)]
PublicUrl = Annotated[str, AfterValidator(_check_public_url)]
