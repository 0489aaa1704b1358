"""The Content-Type of a request (RFC 9110 §8.3), parsed in one pass.

aiohttp and Strawberry use email parsers, whose time grows with the square of the length: 8 kB of semicolons block the
event loop for a second.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from aiohttp import web

MAX_LENGTH = 1_000  # the longest one in use, with a boundary of 70 characters, has 110

_TYPE = re.compile(r"[ \t]*([\w!#$&^.+-]+/[\w!#$&^.+-]+)[ \t]*", re.ASCII)
_PARAMETER = re.compile(r""";[ \t]*(?:([\w!#$%&'+.^`|~-]+)=("(?:[^"\\]|\\.)*"|[^\s;"]*)[ \t]*)?""", re.ASCII)


class ContentType(NamedTuple):
    """A media type in lower case, empty if it cannot be parsed, and its parameters."""

    media_type: str
    parameters: Mapping[str, str]


NONE = ContentType("", {})


def content_type_of(request: web.BaseRequest) -> ContentType:
    """Parse the only Content-Type header; empty if there are several or it is malformed."""
    values = request.headers.getall("Content-Type", ())
    return parse(values[0]) if len(values) == 1 else NONE


def parse(value: str) -> ContentType:
    """Parse a header value; a repeated parameter makes it malformed."""
    return _parse(value) if len(value) <= MAX_LENGTH else NONE


@lru_cache(maxsize=256)
def _parse(value: str) -> ContentType:
    match = _TYPE.match(value)
    if match is None:
        return NONE
    media_type, parameters = match[1].lower(), dict[str, str]()
    while match.end() < len(value):
        match = _PARAMETER.match(value, match.end())
        if match is None:
            return NONE
        name = (match[1] or "").lower()
        if name in parameters:
            return NONE
        if name:
            parameters[name] = _unquoted(match[2])
    return ContentType(media_type, parameters)


def _unquoted(value: str) -> str:
    """A quoted string without its quotes (RFC 9110 §5.6.4)."""
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value
