"""The connection: what is no good HTTP gets an answer of our shape, and nobody holds a socket open for nothing."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage, InvalidHeader, LineTooLong

from gql.error import mask
from server.refusal import refuse

log = structlog.get_logger("sotto.http")

HEAD_SECONDS = 10.0  # from the connection to the end of the first request's head
KEEP_ALIVE_SECONDS = 75.0  # between two requests, and so for the head of every later one

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Connection(web.RequestHandler):
    """aiohttp's protocol, but for what it answers and logs when a request is none.

    aiohttp answers in plain text, and writes the client's bytes and a traceback to the log.
    """

    __slots__ = ("_head_timer",)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for a request; a connection that brings none in time is closed (RFC 9110 §15.5.9 allows it)."""
        super().connection_made(transport)
        self._head_timer = asyncio.get_running_loop().call_later(HEAD_SECONDS, self._close_if_silent)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Forget the timer."""
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
        message: str | None = None,  # noqa: ARG002 -- it quotes the client
    ) -> web.StreamResponse:
        """One JSON error with a code, and the end of the connection: where the next request begins is not known."""
        request_id = secrets.token_hex(8)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR and exc is not None:
            text, _error_id = mask(exc, request_id)
            code = "INTERNAL"
        else:
            status, text = _reason_of(exc)
            code = "BAD_REQUEST"
            log.info("malformed_request", kind=type(exc).__name__, status=status, request_id=request_id)
        if request.writer.output_size > 0:
            raise ConnectionError("The answer has begun already.")
        response = refuse(status, code, text, {"X-Request-Id": request_id, "Server": "sotto"})
        response.force_close()
        return response


def _reason_of(error: BaseException | None) -> tuple[int, str]:
    """Status and sentence for what the parser of HTTP did not understand."""
    if isinstance(error, LineTooLong):
        return 431, "The request line or a header is too long."  # RFC 6585 §5
    if isinstance(error, BadHttpMessage) and "Too many headers" in str(error.args):
        return 431, "The request has too many headers."
    if isinstance(error, InvalidHeader):
        return 400, "A header of the request is malformed."
    return 400, "This is not a well-formed HTTP/1.1 request."


class Server(web.Server):
    """Makes a `Connection` for each socket; refusals that aiohttp raises outside of the middlewares get our shape."""

    def __init__(self, handler: Handler, router: web.UrlDispatcher, **options: Any) -> None:
        super().__init__(_with_our_refusals(handler, router), **options)

    def __call__(self) -> Connection:
        """Called by asyncio for every socket that it accepts."""
        return Connection(self, loop=asyncio.get_running_loop(), **self._kwargs)


def _with_our_refusals(handler: Handler, router: web.UrlDispatcher) -> Handler:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        try:
            if "Expect" in request.headers and isinstance(request, web.Request):
                await _check_address(request, router)
            return await handler(request)
        except web.HTTPException as error:
            if error.status < HTTPStatus.BAD_REQUEST:
                raise
            sentence = "Of `Expect`, only 100-continue is known." if error.status == 417 else error.reason
            code = "NOT_FOUND" if error.status == HTTPStatus.NOT_FOUND else "BAD_REQUEST"
            headers = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
            response = refuse(error.status, code, sentence, {"Server": "sotto", **headers})
            if error.status != HTTPStatus.EXPECTATION_FAILED:
                response.force_close()
            return response

    return handle


async def _check_address(request: web.Request, router: web.UrlDispatcher) -> None:
    """Raise 404 or 405 before aiohttp asks for a body that nobody will read."""
    found = await router.resolve(request)
    if found.http_exception is not None and request.headers["Expect"].lower() == "100-continue":
        raise found.http_exception


class Runner(web.AppRunner):
    """Runs the application behind our `Server`."""

    def __init__(self, app: web.Application, **options: Any) -> None:
        super().__init__(app, access_log=None, keepalive_timeout=KEEP_ALIVE_SECONDS, **options)

    async def _make_server(self) -> Server:
        stock = await super()._make_server()
        return Server(
            stock.request_handler,
            self.app.router,
            request_factory=stock.request_factory,
            handler_cancellation=stock.handler_cancellation,
            **stock._kwargs,  # noqa: SLF001 -- aiohttp has no other place to say which protocol serves
        )
