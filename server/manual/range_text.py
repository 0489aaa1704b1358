"""The allowed values of a setting as text, derived from its type."""

from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import ByteSize
from pydantic.fields import FieldInfo

from server.setting.field import any_of

# Settings that are checked by a function.
_TEXTS = {
    "host": "a host name or an address",
    "database_url": "`sqlite:///` and a path",
    "storage_url": "`file:///` and a path, or `s3://bucket/prefix`",
    "pubsub_url": "`memory://`",
    "public_url": "an http(s) URL without a user, query or fragment",
    "allowed_origins": "`scheme://host[:port]` or `loopback`, separated by commas",
    "trusted_proxies": "addresses or networks, separated by commas",
    "issuers": "a JSON list of objects",
    "trusted_documents": "a path",
}


def range_text(name: str, info: FieldInfo) -> str:
    """The allowed values; raises KeyError for a type of setting that has no text yet."""
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
    return _TEXTS[name]


def _range_of(metadata: list[Any]) -> str:
    minimum = next((each.gt + 1 for each in metadata if hasattr(each, "gt")), None)
    if minimum is None:
        minimum = next((each.ge for each in metadata if hasattr(each, "ge")), None)
    maximum = next((each.le for each in metadata if hasattr(each, "le")), None)
    if minimum is None:
        raise KeyError("a number without a minimum")
    return f"{minimum:,} or more" if maximum is None else f"{minimum:,} to {maximum:,}"
