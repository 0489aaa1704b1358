"""The view: GraphQL over HTTP, from the request line to the response; socket.py serves WebSockets."""

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeVar

from aiohttp import web
from graphql import OperationType

from gql.context import Context
from gql.document.prepared import PreparedOperation
from gql.error import BAD_REQUEST, HttpRefusal, mask_refusal, refusal_of
from gql.wire.answer import Answer, respond
from gql.wire.body import Body, arrived, decode, names_operation, parameters_of
from gql.wire.credentials import ACT_AS, authenticate
from gql.wire.execution import Answers, LiveExecution, Steps, answer, answers_of, refused
from gql.wire.frame import SocketAdapter
from gql.wire.handshake import check_handshake, open_socket, wants_socket
from gql.wire.log import CONTEXT, REMOTE, new_request_id
from gql.wire.negotiation import (
    EVENT_STREAM,
    GRAPHQL_RESPONSE,
    JSON,
    MULTIPART,
    accept_of,
    check_content,
    media_type_for,
    prefers_stream,
    takes_stream,
    wants_page,
)
from gql.wire.operation import (
    GET_OPERATIONS,
    POST_OPERATIONS,
    STREAM_OPERATIONS,
    Operation,
    operation_of,
)
from gql.wire.option import ViewOptions
from gql.wire.origin import Origins
from gql.wire.persisted import Documents, PersistedQueryNotFound, PersistedQueryNotSupported
from gql.wire.preparation import OperationNotAllowed, WrongOperation, prepare
from gql.wire.schema import SottoSchema
from gql.wire.socket import GOING_AWAY, PROTOCOL_NOT_OFFERED, SocketHandler
from gql.wire.socket_registry import SocketRegistry
from gql.wire.sse import EventStream
from gql.wire.upload import MultipartRequest, UploadLimits
from services.error import ServerUnavailable, SottoError

if TYPE_CHECKING:
    from services.service import Services

T = TypeVar("T")

UPLOAD_PATIENCE = 20  # a whole multipart body may take this many times the allowed idle time


class View:
    """The handler of `/graphql`: HTTP, and the upgrade to sockets."""

    def __init__(self, schema: SottoSchema, services: "Services", options: ViewOptions | None = None) -> None:
        self.schema = schema
        self.services = services
        self.options = options = options or ViewOptions()
        self.origins = Origins(options.allowed_origins)
        self.documents = Documents(
            schema.limits,
            is_automatic=options.persisted_queries,
            trusted=options.trusted_documents,
        )
        self.sockets = SocketRegistry(services.authenticator, options.max_sockets_per_user)
        self._running: set[asyncio.Task[Any]] = set()
        self._streams: set[asyncio.Task[Any]] = set()
        self._is_draining = False
        self._upload_limits = UploadLimits(
            operations_bytes=options.max_json_bytes,
            request_bytes=options.max_inline_request_bytes,
            files=options.max_attachments,
            idle_seconds=options.body_timeout_seconds,
            total_seconds=options.body_timeout_seconds * UPLOAD_PATIENCE,
        )

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Answer any request; every error has GraphQL's shape, a code, and the requested media type."""
        context, accept, task = self.context_of(request), accept_of(request), asyncio.current_task()
        media_type = media_type_for(accept)
        assert task is not None
        try:
            if not wants_socket(request):
                self._running.add(task)
                return await self._answer(request, context, accept, media_type)
            self._check_socket(request)
        except HttpRefusal as error:
            refusal = error
        except (PersistedQueryNotFound, PersistedQueryNotSupported) as error:
            # As Apollo's server: to clients of application/json, a request for the document is not a failure.
            refusal = refusal_of(error, 200 if media_type == JSON else None)
        except SottoError as error:
            refusal = refusal_of(error)
        except Exception as error:  # noqa: BLE001 -- masked, and whole in the log
            refusal = mask_refusal(error, context.request_id)
        else:
            return await self._serve_socket(request, context)
        finally:
            self._running.discard(task)
        return respond(refusal.body(), media_type or JSON, context, refusal.status, refusal.headers)

    async def _answer(
        self, request: web.Request, context: Context, accept: str, media_type: str | None
    ) -> web.StreamResponse:
        """1 method and types; 2 the viewer; 3 the operation: URL, JSON or parts; 4 execution; 5 the response."""
        if request.method not in ("GET", "POST"):
            raise HttpRefusal(405, BAD_REQUEST, "GraphQL is served by GET and POST.", {"Allow": "GET, POST"})
        if request.method == "GET" and wants_page(accept) and (self.options.page or not names_operation(request)):
            return await self._page(request)
        if media_type is None and not takes_stream(accept):
            raise HttpRefusal(406, BAD_REQUEST, f"Accept {GRAPHQL_RESPONSE}, {JSON} or {EVENT_STREAM}.")
        await authenticate(context)
        if request.method == "GET":
            operation = operation_of(parameters_of(request))
        elif check_content(request) == MULTIPART:
            return await self._outlive(self._respond_to_parts(request, context, accept), context)
        else:
            text = arrived(request, self.options.max_json_bytes)
            if text is None:
                body = Body(request, self.options.max_json_bytes, idle_seconds=self.options.body_timeout_seconds)
                text = await body.read_all()
            operation = operation_of(decode(text))
        return await self._respond(request, operation, context, accept)

    async def _respond_to_parts(self, request: web.Request, context: Context, accept: str) -> web.StreamResponse:
        """Respond to a multipart request; discards files that no message attached."""
        multipart = MultipartRequest(context, self._upload_limits, self.documents.resolve)
        try:
            return await self._respond(request, await multipart.receive(request), context, accept)
        finally:
            await multipart.discard()

    async def _respond(
        self, request: web.Request, operation: Operation, context: Context, accept: str
    ) -> web.StreamResponse:
        """Execute, and answer with one body or a stream; a mutation finishes even if the client leaves."""
        allowed = GET_OPERATIONS if request.method == "GET" else POST_OPERATIONS
        if takes_stream(accept):
            allowed |= STREAM_OPERATIONS
        operation = self.documents.resolve(operation, context)
        try:
            prepared = await prepare(self.schema, operation, context, allowed)
        except OperationNotAllowed as error:
            raise _refusal_of_kind(error) from None
        except WrongOperation as error:
            if not prefers_stream(accept):
                raise
            prepared = refused(error)
        if context.is_subscription or prefers_stream(accept):
            answers = await answers_of(self.schema, prepared, operation, context)
            work: Coroutine[Any, Any, web.StreamResponse] = self._stream(request, context, answers)
        else:
            work = self._respond_once(prepared, operation, context, media_type_for(accept) or JSON)
        return await (self._outlive(work, context) if context.is_mutation else work)

    async def _respond_once(
        self, prepared: PreparedOperation | Answer, operation: Operation, context: Context, media_type: str
    ) -> web.Response:
        found = await answer(self.schema, prepared, operation, context)
        return respond(found.body(), media_type, context, found.status(media_type))

    async def _stream(
        self, request: web.Request, context: Context, answers: Answers | LiveExecution
    ) -> web.StreamResponse:
        """Stream Server-Sent Events until the operation ends, the client leaves or the server stops."""
        options, task = self.options, asyncio.current_task()
        stream = EventStream(
            request,
            context,
            heartbeat_seconds=options.heartbeat_seconds,
            send_seconds=options.send_timeout_seconds,
        )
        assert task is not None
        if context.is_subscription:
            self._streams.add(task)
        try:
            if isinstance(answers, LiveExecution):
                return await stream.follow(answers)
            async with aclosing(Steps(answers)) as steps:
                return await stream.answer(steps)
        finally:
            self._streams.discard(task)

    def _check_socket(self, request: web.Request) -> None:
        check_handshake(request, self.origins)
        if self._is_draining:
            raise ServerUnavailable("The server is stopping: connect again.")

    async def _serve_socket(self, request: web.Request, context: Context) -> web.WebSocketResponse:
        """Open a socket, and serve it until one side closes; without our protocol it is closed at once."""
        response = await open_socket(request, self.options)
        socket = SocketAdapter(request, response, self.options.send_timeout_seconds)
        if response.ws_protocol is None:
            await socket.close(PROTOCOL_NOT_OFFERED, "Subprotocol not acceptable")
        else:
            await SocketHandler(
                socket, context, self.schema, self.documents.resolve, self.sockets, self.keep, self.options
            ).handle()
        return response

    async def _outlive(self, work: Coroutine[Any, Any, T], context: Context) -> T:
        """Await the work; if the client leaves, a mutation still finishes, anything else is cancelled."""
        task = asyncio.create_task(work)
        self.keep(task)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if context.is_mutation:
                task.add_done_callback(_report)
            else:
                task.cancel()
                await asyncio.wait([task])  # until its files are discarded
            raise

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Keep a reference to a task that nobody may await any more; `drain` waits for it."""
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def drain(self, seconds: float = 3.0) -> None:
        """Refuse new sockets, close open ones with 1001, end streams, and let other work finish within this time."""
        self._is_draining = True
        for stream in self._streams:
            stream.cancel()
        closing = self.sockets.close(GOING_AWAY, "The server is stopping: connect again.")
        pending = {asyncio.ensure_future(closing), *self._running}
        await asyncio.wait(pending, timeout=seconds)

    async def _page(self, request: web.Request) -> web.StreamResponse:
        """The page for browsers, also for a link with an operation: they show it, and run it only on request."""
        if self.options.page is None:
            raise HttpRefusal(404, BAD_REQUEST, "This server shows no explorer; send GraphQL and accept JSON.")
        return await self.options.page(request)

    def context_of(self, request: web.Request) -> Context:
        """The context of a request before the viewer is known."""
        headers = request.headers
        context = request[CONTEXT] = Context(
            services=self.services,
            viewer=None,
            request_id=new_request_id(),
            remote=request.get(REMOTE) or request.remote or "",
            device_name=headers.get("User-Agent", "")[:200] or None,
            base_url=self.options.public_url.rstrip("/") or f"{request.scheme}://{request.host}",
            authorization=", ".join(headers.getall("Authorization", ())) or None,
            act_as=", ".join(headers.getall(ACT_AS)) if ACT_AS in headers else None,
            is_from_page="Origin" in headers,
            wants_cost="GraphQL-Cost" in headers and headers["GraphQL-Cost"].strip().lower() == "report",
        )
        return context


def _report(task: asyncio.Task[Any]) -> None:
    """Report the exception of a task that nobody awaits; a ConnectionError says only that the client has left."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, ConnectionError):
        task.get_loop().call_exception_handler({"message": "A mutation failed", "exception": error, "task": task})


def _refusal_of_kind(error: OperationNotAllowed) -> HttpRefusal:
    """405 for a mutation by GET: it must not be executed (GraphQL over HTTP, "GET"); 400 for a subscription."""
    if error.kind is OperationType.MUTATION:
        return HttpRefusal(405, BAD_REQUEST, "Mutations are served by POST.", {"Allow": "POST"})
    message = "Subscribe at this address by WebSocket (graphql-transport-ws), or accept text/event-stream."
    return HttpRefusal(400, BAD_REQUEST, message)
