"""Errors of the HTTP server, as JSON in the shape of a GraphQL error."""

from collections.abc import Mapping

from aiohttp import web

# On every response: no content sniffing, no referrer, no framing, no scripts.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


def refuse(
    status: int,
    code: str,
    message: str,
    headers: Mapping[str, str] | None = None,
    extensions: Mapping[str, object] | None = None,
) -> web.Response:
    """A response with one error, which must not be cached."""
    body = {"errors": [{"message": message, "extensions": {"code": code, **(extensions or {})}}]}
    return web.json_response(body, status=status, headers={**HEADERS, "Cache-Control": "no-store", **(headers or {})})
