"""Bounds: what values a setting takes, in words, from the type that checks it."""

from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import ByteSize
from pydantic.fields import FieldInfo

from server.setting.field import any_of

# Settings that a function checks; the others are known by their types.
_WORDS = {
    "host": "a name or an address",
    "database_url": "`sqlite:///` and a path",
    "storage_url": "`file:///` and a path, or `s3://bucket/prefix`",
    "pubsub_url": "`memory://`",
    "public_url": "an http(s) URL without user, query or fragment",
    "allowed_origins": "`scheme://host[:port]` or `loopback`, separated by commas",
    "trusted_proxies": "addresses or networks, separated by commas",
    "issuers": "a JSON list of objects",
}


def bounds_of(name: str, info: FieldInfo) -> str:
    """What may be given; raises KeyError for a kind of setting that has no words yet."""
    kind = info.annotation
    if kind is bool:
        return "`true` or `false`"
    if get_origin(kind) is Literal:
        return any_of([f"`{each}`" for each in get_args(kind)])
    if isinstance(kind, type) and issubclass(kind, Enum):
        return any_of([f"`{name.lower()}`" for name in kind.__members__])
    if kind in (int, ByteSize):
        return _range_of(info.metadata)
    if kind is Path:
        return "a path"
    return _WORDS[name]


def _range_of(metadata: list[Any]) -> str:
    least = next((each.gt + 1 for each in metadata if hasattr(each, "gt")), None)
    if least is None:
        least = next((each.ge for each in metadata if hasattr(each, "ge")), None)
    most = next((each.le for each in metadata if hasattr(each, "le")), None)
    if least is None:
        raise KeyError("a number without a lower bound")
    return f"{least:,} or more" if most is None else f"{least:,} to {most:,}"
