"""The headers of every response: security, and CORS (Fetch, "HTTP extensions")."""

from collections.abc import Mapping

from aiohttp import web

from gql.wire.expectation import is_refused
from gql.wire.log import STATUS
from gql.wire.origin import Origins
from server.refusal import HEADERS

_CORS = {
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS, HEAD, PATCH, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Accept, GraphQL-Cost, GraphQL-Require-Preflight, "
    "Tus-Resumable, Upload-Offset, Upload-Checksum",
    "Access-Control-Max-Age": "86400",
}

_EXPOSED = "Retry-After, X-Request-Id, Tus-Resumable, Upload-Offset, Upload-Length, Upload-Expires"
_HSTS = {"Strict-Transport-Security": "max-age=31536000"}  # RFC 6797; only if clients use https


class ResponseHeaders:
    """Adds `HEADERS`, except those that the handler set, and CORS headers to every response, streamed ones included."""

    def __init__(self, public_url: str, origins: Origins) -> None:
        self._always = {**HEADERS, **_HSTS} if public_url.startswith("https://") else HEADERS
        self._origins = origins
        # Also without CORS headers: a cache must not mix them up.
        self._plain = {**self._always, "Vary": "Origin"} if origins else self._always

    def plain(self, request: web.BaseRequest) -> Mapping[str, str] | None:
        """What `add` would add to a response that has no `Vary`; None if more is to be done."""
        return None if "Origin" in request.headers or is_refused(request) else self._plain

    async def add(self, request: web.Request, response: web.StreamResponse) -> None:
        """Called by aiohttp before the head of a response is sent."""
        request[STATUS] = response.status
        response.headers.pop("Server", None)
        if is_refused(request):  # RFC 9110 §10.1.1: the start of the next request is unknown
            response.headers["Connection"] = "close"
            response.force_close()
        for name, value in self._always.items():
            response.headers.setdefault(name, value)
        if self._origins:
            response.headers.add("Vary", "Origin")
        origin = request.headers.get("Origin")
        if origin is None:
            return
        if self._origins.allows(origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED
            if request.method == "OPTIONS":
                response.headers.update(_CORS)
        else:
            self._origins.note(request)
