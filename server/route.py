"""The direct route: requests for one path reach their handler without aiohttp's router, middlewares and signals."""

from collections.abc import Awaitable, Callable

from aiohttp import HttpVersion11, web

from gql.wire.reply import Reply
from server.header import ResponseHeaders

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_METHODS = frozenset({"GET", "POST"})


class DirectRoute:
    """Takes requests by GET and POST for exactly this path; the router has the same route for all others.

    `handler` does what the middlewares do for other routes. A request with `Expect` needs the router, which has the
    route's own way to answer it.
    """

    def __init__(
        self, app: web.Application, route: web.AbstractRoute, handler: Handler, headers: ResponseHeaders
    ) -> None:
        assert route.resource is not None
        self._path = route.resource.canonical
        self._handler = handler
        self._headers = headers
        self._match = web.UrlMappingMatchInfo({}, route)  # the same for all: the path has no variable part
        self._match.add_app(app)
        self._match.freeze()

    def takes(self, request: web.BaseRequest) -> bool:
        """Whether `__call__` may be called with this request."""
        return request.raw_path == self._path and request.method in _METHODS and "Expect" not in request.headers

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Handle the request; what is written at once needs none of aiohttp's steps for responses."""
        request._match_info = self._match  # noqa: SLF001 -- as the router does; the signal of streams needs it
        response = await self._handler(request)
        if isinstance(response, Reply) and request.keep_alive and request.version == HttpVersion11:
            response.write_with(self._headers.plain(request))
        return response
