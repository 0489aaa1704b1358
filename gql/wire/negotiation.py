"""Content negotiation: the media type that the client wants, and the one that it sent (GraphQL over HTTP, draft)."""

from functools import lru_cache
from typing import Final

from aiohttp import web

from gql.error import BAD_REQUEST, HttpRefusal
from gql.wire.content import content_type_of

JSON: Final = "application/json"
GRAPHQL_RESPONSE: Final = "application/graphql-response+json"
HTML: Final = "text/html"
EVENT_STREAM: Final = "text/event-stream"
MULTIPART: Final = "multipart/form-data"

MAX_ACCEPT_LENGTH = 1_000  # three times what browsers send; the rest is not read

_UTF_8 = ("utf-8", "utf8")


@lru_cache(maxsize=256)
def media_type_for(accept: str) -> str | None:
    """The media type of the response; None if neither is acceptable (406).

    `application/json` for an empty `Accept` and for `*/*`; if both are wanted equally,
    `application/graphql-response+json` if it is named.
    """
    if not accept.strip():
        return JSON  # GraphQL over HTTP, "Legacy watershed": servers may assume application/json
    choices = []
    for media_type in (JSON, GRAPHQL_RESPONSE):
        quality, precision = _quality_of(media_type, accept)
        if quality > 0:
            is_favourite = media_type == (GRAPHQL_RESPONSE if precision == 2 else JSON)
            choices.append((quality, precision, is_favourite, media_type))
    return max(choices)[-1] if choices else None


@lru_cache(maxsize=256)
def takes_stream(accept: str) -> bool:
    """Whether a subscription may be streamed as Server-Sent Events: only if the type is named, at any weight."""
    quality, precision = _quality_of(EVENT_STREAM, accept)
    return precision == 2 and quality > 0


@lru_cache(maxsize=256)
def prefers_stream(accept: str) -> bool:
    """Whether to stream every response: the type is named, and JSON is wanted less or not at all.

    Clients such as urql list `text/event-stream` after JSON on every request, and expect JSON then.
    """
    others = max(_quality_of(media_type, accept)[0] for media_type in (JSON, GRAPHQL_RESPONSE))
    return takes_stream(accept) and _quality_of(EVENT_STREAM, accept)[0] > others


@lru_cache(maxsize=256)
def wants_page(accept: str) -> bool:
    """Whether a browser asks: it names `text/html`, at least as much as JSON; `*/*` alone (curl) is no browser."""
    quality, precision = _quality_of(HTML, accept)
    return precision == 2 and quality > 0 and quality >= max(_quality_of(JSON, accept)[0], 0)


def _quality_of(media_type: str, accept: str) -> tuple[float, int]:
    """The weight of this type, 0 to 1, and its precision: 2 by name, 1 as `application/*`, 0 as `*/*`.

    The most precise range decides (RFC 9110 §12.5.1); (0, -1) if none matches. Malformed ranges are ignored.
    """
    ranges = {media_type: 2, media_type.split("/", maxsplit=1)[0] + "/*": 1, "*/*": 0}
    best = (0.0, -1)
    for element in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in element.split(";"))
        precision = ranges.get(name, -1)
        if precision > best[1]:
            weight = next((piece[2:] for piece in parameters if piece.startswith("q=")), "1")
            try:
                best = (min(1.0, float(weight)), precision)
            except ValueError:
                continue
    return best


def accept_of(request: web.BaseRequest) -> str:
    """The `Accept` header, or its beginning; several headers form one list (RFC 9110 §5.3)."""
    return ",".join(request.headers.getall("Accept", ()))[:MAX_ACCEPT_LENGTH]


def check_content(request: web.BaseRequest) -> str:
    """The media type of the body, `application/json` or `multipart/form-data`; raises HttpRefusal 415 for others.

    The whole type is compared: a substring test would accept `application/jsonx`, and forms that a foreign page may
    send without a preflight.
    """
    headers = request.headers
    encoding = headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise _unsupported("Send the body without Content-Encoding: compressed bodies are not accepted.")
    if len(headers.getall("Content-Type", ())) != 1:
        raise _unsupported("Send one Content-Type header: application/json, or multipart/form-data for files.")
    media_type, parameters = content_type_of(request)
    if media_type not in (JSON, MULTIPART):
        raise _unsupported("The Content-Type must be application/json, or multipart/form-data for files.")
    if media_type == JSON and parameters.get("charset", "utf-8").lower() not in _UTF_8:
        raise _unsupported("JSON is UTF-8 (RFC 8259 §8.1): send no charset, or charset=utf-8.")
    return media_type


def _unsupported(message: str) -> HttpRefusal:
    # RFC 9110 §15.5.16: Accept in a 415 lists the accepted types.
    return HttpRefusal(415, BAD_REQUEST, message, {"Accept": f"{JSON}, {MULTIPART}", "Accept-Encoding": "identity"})
