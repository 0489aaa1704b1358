"""HTTP connections: malformed requests get JSON errors, and idle connections are closed."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage, InvalidHeader, LineTooLong

from gql.error import BAD_REQUEST, INTERNAL, HttpRefusal, mask
from server.refusal import refuse
from server.route import DirectRoute
from services.error import NotFound

log = structlog.get_logger("sotto.http")

HEAD_SECONDS = 10.0  # for the header section of the first request, from the start of the connection
KEEP_ALIVE_SECONDS = 75.0  # idle time between requests, including the header section of the next one

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Connection(web.RequestHandler):
    """aiohttp's protocol with our own response and log entry for malformed requests.

    aiohttp answers in plain text, and logs the client's bytes and a traceback.
    """

    __slots__ = ("_head_timer",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Starts a timer that closes the connection if no request arrives in time (RFC 9110 §15.5.9)."""
        super().connection_made(transport)
        self._head_timer = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._close_if_silent)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._head_timer.cancel()
        super().connection_lost(exc)

    def _close_if_silent(self) -> None:
        if self._request_count == 0:
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 -- quotes the client
    ) -> web.StreamResponse:
        """Responds with a JSON error and closes the connection: the start of the next request is unknown."""
        request_id = secrets.token_hex(8)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR and exc is not None:
            text, _error_id = mask(exc, request_id)
            code = INTERNAL
        else:
            status, text = _reason_of(exc)
            code = BAD_REQUEST
            log.info("malformed_request", kind=type(exc).__name__, status=status, request_id=request_id)
        if request.writer.output_size > 0:
            raise ConnectionError("The response has already been started.")
        response = refuse(HttpRefusal(status, code, text, {"X-Request-Id": request_id, "Server": "sotto"}))
        response.force_close()
        return response


def _reason_of(error: BaseException | None) -> tuple[int, str]:
    """Status and message for an error of the HTTP parser."""
    if isinstance(error, LineTooLong):
        return 431, "The request line or a header is too long."  # RFC 6585 §5
    if isinstance(error, BadHttpMessage) and "Too many headers" in str(error.args):
        return 431, "The request has too many headers."
    if isinstance(error, InvalidHeader):
        return 400, "A request header is malformed."
    return 400, "The request is not well-formed HTTP/1.1."


class Server(web.Server):
    """Uses `Connection` for every socket, and turns errors that aiohttp raises outside the middlewares into JSON."""

    def __init__(self, handler: Handler, router: web.UrlDispatcher, direct: DirectRoute, **options: Any) -> None:
        super().__init__(_with_json_errors(handler, router, direct), **options)

    def __call__(self) -> Connection:
        return Connection(self, loop=asyncio.get_running_loop(), **self._kwargs)


def _with_json_errors(handler: Handler, router: web.UrlDispatcher, direct: DirectRoute) -> Handler:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        try:
            if direct.takes(request) and isinstance(request, web.Request):
                return await direct(request)
            if "Expect" in request.headers and isinstance(request, web.Request):
                await _check_address(request, router)
            return await handler(request)
        except web.HTTPException as error:
            if error.status < HTTPStatus.BAD_REQUEST:
                raise
            sentence = "The only supported value of `Expect` is 100-continue." if error.status == 417 else error.reason
            code = NotFound.code if error.status == HTTPStatus.NOT_FOUND else BAD_REQUEST
            headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
            response = refuse(HttpRefusal(error.status, code, sentence, {"Server": "sotto", **headers}))
            if error.status != HTTPStatus.EXPECTATION_FAILED:
                response.force_close()
            return response

    return handle


async def _check_address(request: web.Request, router: web.UrlDispatcher) -> None:
    """Raises 404 or 405 before aiohttp asks the client for a body that nothing will read."""
    found = await router.resolve(request)
    if found.http_exception is not None and request.headers["Expect"].lower() == "100-continue":
        raise found.http_exception


class Runner(web.AppRunner):
    """Runs the application with our `Server`."""

    def __init__(self, app: web.Application, direct: DirectRoute, **options: Any) -> None:
        super().__init__(app, access_log=None, keepalive_timeout=KEEP_ALIVE_SECONDS, **options)
        self._direct = direct

    async def _make_server(self) -> Server:
        stock = await super()._make_server()
        return Server(
            stock.request_handler,
            self.app.router,
            self._direct,
            request_factory=stock.request_factory,
            handler_cancellation=stock.handler_cancellation,
            **stock._kwargs,  # noqa: SLF001 -- aiohttp has no public way to choose the protocol
        )
