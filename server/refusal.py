"""Errors of the HTTP server, as JSON in the shape of a GraphQL error."""

from aiohttp import web

from gql.error import HttpRefusal

# On every response: no content sniffing, no referrer, no framing, no scripts.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


def refuse(refusal: HttpRefusal) -> web.Response:
    """A response with one error, which must not be cached."""
    headers = {**HEADERS, "Cache-Control": "no-store", **refusal.headers}
    return web.json_response(refusal.body(), status=refusal.status, headers=headers)
