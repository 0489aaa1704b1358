"""Refusals outside of GraphQL, in its shape all the same: one error with a code, as JSON."""

from collections.abc import Mapping

from aiohttp import web

# What an answer of ours has wherever it comes from: no guessing, no telling, no frame, nothing that runs.
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
    """The answer; caches keep none of it."""
    body = {"errors": [{"message": message, "extensions": {"code": code, **(extensions or {})}}]}
    return web.json_response(body, status=status, headers={**HEADERS, "Cache-Control": "no-store", **(headers or {})})
