"""The socket: graphql-transport-ws (the protocol of the npm package graphql-ws), hardened.

A message that breaks the protocol closes the socket with the protocol's code. An error in one operation ends that
operation with an `error` message, and the others continue.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from datetime import timedelta
from typing import Any, cast

from strawberry.http.exceptions import NonJsonMessageReceived, NonTextMessageReceived, WebSocketDisconnected
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import Operation as BaseOperation

from gql.context import Context
from gql.error import BAD_REQUEST, INTERNAL, extensions_of, mask
from gql.wire.body import encode
from gql.wire.credentials import authenticate_socket, refresh
from gql.wire.execution import Answers, LiveExecution, execute
from gql.wire.frame import ENDED, HalfCharacter, ProtocolError, SocketAdapter, check_message
from gql.wire.live import LiveOperation
from gql.wire.log import SocketLog
from gql.wire.operation import SOCKET_OPERATIONS, Resolve, operation_of
from gql.wire.option import ViewOptions
from gql.wire.schema import SottoSchema
from gql.wire.socket_operation import SocketOperation
from gql.wire.socket_registry import SocketRegistry
from services.error import RequestError, ServerUnavailable, SottoError

GOING_AWAY = 1001  # RFC 6455 §7.4.1
INTERNAL_ERROR = 1011
PROTOCOL_NOT_OFFERED = 4406  # as in the npm package graphql-ws
FAREWELL_SECONDS = 0.5  # for the streams of an ended session to send their last event


class SocketHandler(BaseGraphQLTransportWSHandler[Context, None]):
    """One socket: reads its messages in order, and runs its operations concurrently."""

    websocket: SocketAdapter  # type: ignore[assignment]  # Strawberry's can iterate, which keeps the last message

    def __init__(
        self,
        websocket: SocketAdapter,
        context: Context,
        schema: SottoSchema,
        resolve: Resolve,
        registry: SocketRegistry,
        keep: Callable[[asyncio.Task[Any]], None],
        options: ViewOptions,
    ) -> None:
        super().__init__(
            view=cast("Any", None),  # used only by methods that are overridden here
            websocket=cast("Any", websocket),
            context=context,
            root_value=None,
            schema=schema,
            connection_init_wait_timeout=timedelta(),  # the registry has the time-out
            max_subscriptions_per_connection=options.max_operations_per_socket,
        )
        self._schema = schema
        self._resolve = resolve
        self._registry = registry
        self._keep = keep
        self._outliving: set[asyncio.Task[None]] | None = None  # mutations that nobody waits for
        self._log = SocketLog(self.context)
        self._seat: object = None
        self.silent_until = time.monotonic() + options.connection_init_seconds
        self.expires_at = float("inf")  # end of the session, in ms since 1970
        self.checked_at = time.monotonic()
        self.is_ending = False

    async def handle(self) -> None:
        """Serve until one side closes; a bug closes with 1011 and never breaks the connection.

        As Strawberry's, but it has no task for the time-out, and keeps no message: the next one may come days later.
        """
        self._registry.add(self)
        try:
            while (message := await self.websocket.receive()) is not ENDED:
                await self.handle_message(message)
                del message
        except NonTextMessageReceived:
            await self.handle_invalid_message("WebSocket message type must be text")
        except NonJsonMessageReceived:
            await self.handle_invalid_message("WebSocket message must be valid JSON")
        except WebSocketDisconnected:
            pass
        except Exception as error:  # noqa: BLE001 -- masked, and whole in the log
            mask(error, self.context.request_id)
            await self.websocket.close(INTERNAL_ERROR, "Internal error")
        finally:
            try:
                await self.shutdown()
            finally:
                self._registry.remove(self, self._seat)
                self._log.end(self.websocket.close_code)
                await self.websocket.hang_up()

    async def end_silence(self) -> None:
        """Close the socket of a client that has sent no connection_init in time."""
        self.connection_timed_out = True
        await self.websocket.close(4408, "Connection initialisation timeout")

    async def shutdown(self) -> None:
        """Stop all operations and wait for them, except mutations: cancelling the wait would cancel those."""
        for operation_id, operation in list(self.operations.items()):
            if cast("SocketOperation", operation).context.is_mutation:
                await self.cleanup_operation(operation_id)
        await super().shutdown()

    async def handle_message(self, message: object) -> None:
        """Check the shape of a message, then handle it."""
        actions: dict[str, Callable[[dict[str, Any]], Awaitable[None]]] = {
            "connection_init": self._on_connection_init,
            "ping": self._on_ping,
            "subscribe": self._on_subscribe,
            "complete": self._on_complete,
        }
        try:
            checked = check_message(message)
        except ProtocolError as error:
            await self.handle_invalid_message(str(error))
            return
        if checked["type"] in actions:  # a pong needs no answer
            await actions[checked["type"]](checked)

    async def _on_connection_init(self, message: dict[str, Any]) -> None:
        if self.connection_timed_out:
            return
        if self.connection_init_received:
            await self.websocket.close(4429, "Too many initialisation requests")
            return
        self.connection_init_received = True
        self._registry.hear(self)
        self.context.connection_params = message.get("payload") or {}
        try:
            await authenticate_socket(self.context)
            self._seat = self._registry.take_seat(self.context.viewer, self.context.remote)
        except SottoError as error:
            await self._refuse(error)
            return
        finally:
            self.context.connection_params = None  # the credentials are in the context now
        if self.context.viewer is not None:
            self.expires_at = self.context.viewer.expires_at
        await self.send_message({"type": "connection_ack"})
        self.connection_acknowledged = True

    async def end_session(self, error: RequestError) -> None:
        """Close the socket of an ended session, after its live streams have sent their last event."""
        self.is_ending = True
        operations = [cast("SocketOperation", each) for each in self.operations.values()]
        for operation in operations:
            if operation.live is not None:
                operation.live.unpark()
        streams = [each.task for each in operations if each.context.is_subscription and each.task is not None]
        if streams:
            await asyncio.wait(streams, timeout=FAREWELL_SECONDS)
        await self._refuse(error)

    async def _refuse(self, error: SottoError) -> None:
        """Close the socket with the error's code and sentence."""
        await self.websocket.close(error.close_code, error.detail)

    async def _on_ping(self, message: dict[str, Any]) -> None:
        pong = {"type": "pong", "payload": message["payload"]} if "payload" in message else {"type": "pong"}
        await self.websocket.send_json(pong)

    async def _on_complete(self, message: dict[str, Any]) -> None:
        await self.cleanup_operation(message["id"])

    async def _on_subscribe(self, message: dict[str, Any]) -> None:
        """Start an operation: 1 protocol rules; 2 the limit; 3 check the session; 4 a task."""
        operation_id = message["id"]
        if not self.connection_acknowledged:
            await self.websocket.close(4401, "Unauthorized")
            return
        if operation_id in self.operations:
            await self.websocket.close(4409, f"Subscriber for {operation_id} already exists")
            return
        context = self.context.for_operation()
        context.request_id = self._log.next_request_id()
        operation = SocketOperation(self, operation_id, message["payload"], context)
        limit = self.max_subscriptions_per_connection or 0
        if isinstance(message["payload"], HalfCharacter):
            await operation.send_error("A string ends in the middle of a character.", {"code": BAD_REQUEST})
        elif len(self.operations) + len(self._outliving or ()) >= limit:
            await operation.send_error(f"One socket runs {limit} operations at once.", {"code": "RATE_LIMITED"})
        elif await self._is_welcome(operation):
            self.operations[operation_id] = operation
            self.start(operation)

    def start(self, operation: SocketOperation) -> None:
        """Run an operation in a task: from its beginning, or a live one from where it has left its group."""
        operation.task = asyncio.create_task(self.run_operation(operation))
        operation.task.add_done_callback(self._task_done)
        self._keep(operation.task)

    async def _is_welcome(self, operation: SocketOperation) -> bool:
        """Check the session: an ended one closes the socket; a busy server refuses only this operation."""
        try:
            await refresh(operation.context)
        except ServerUnavailable as error:
            await operation.send_error(error.detail, extensions_of(error))
        except SottoError as error:
            await self._refuse(error)
        else:
            return True
        return False

    async def run_operation(self, operation: BaseOperation[Context, None]) -> None:
        """Execute an operation and send its results; its errors end only this operation. A live one may be parked."""
        assert isinstance(operation, SocketOperation)
        is_parked, line = False, operation.line
        try:
            is_parked = await self._send_results(operation)
        except WebSocketDisconnected:
            line.outcome = "disconnected"
        except SottoError as error:
            line.outcome = "refused"
            await self._send_last(operation, error.detail, extensions_of(error))
        except Exception as error:  # noqa: BLE001 -- masked, and whole in the log
            line.outcome = "failed"
            message, error_id = mask(error, operation.context.request_id)
            await self._send_last(operation, message, {"code": INTERNAL, "errorId": error_id})
        finally:
            if is_parked:
                operation.task = None
            else:
                await self._end(operation)

    async def _end(self, operation: SocketOperation) -> None:
        if self.operations.get(operation.id) is operation:
            del self.operations[operation.id]
        operation.line.end()
        if operation.live is not None:
            live, operation.live = operation.live, None  # each has the other: freed now, and not by the collector
            await live.close()

    async def _send_results(self, operation: SocketOperation) -> bool:
        """Send the results; True if a live operation is in a group now, and False at the end."""
        if operation.live is None:
            assert operation.payload is not None
            request, operation.payload = operation_of(operation.payload), None
            found = await execute(self._schema, self._resolve, request, operation.context, SOCKET_OPERATIONS)
            if not isinstance(found, LiveExecution):
                await self._send_answers(operation, found)
                return False
            operation.live = LiveOperation(found, operation.context, operation)
        await operation.live.follow()
        if operation.live.is_parked:
            return True
        await self._complete(operation)
        return False

    async def _send_answers(self, operation: SocketOperation, answers: Answers) -> None:
        async with aclosing(answers):
            async for answer in answers:
                if answer.is_refused:
                    await operation.send_initial_errors(answer.errors)
                    operation.line.outcome = "refused"
                    return
                await operation.send(encode(answer.body()))
        await self._complete(operation)

    async def _complete(self, operation: SocketOperation) -> None:
        await operation.send_operation_message({"id": operation.id, "type": "complete"})
        operation.line.outcome = "completed"

    async def _send_last(self, operation: SocketOperation, message: str, extensions: dict[str, object]) -> None:
        with suppress(WebSocketDisconnected):
            await operation.send_error(message, extensions)

    def forget_id(self, id: str) -> None:
        """Make the id free again."""
        self.operations.pop(id, None)

    async def cleanup_operation(self, operation_id: str) -> None:
        """Stop an operation that the client completed; a mutation is finished although nobody gets the answer."""
        operation = cast("SocketOperation | None", self.operations.pop(operation_id, None))
        if operation is None:
            return
        if operation.task is None:
            await self._end(operation)
            return
        if not operation.context.is_mutation:
            operation.task.cancel()
            return
        operation.completed = True  # it sends nothing from here on
        self._outliving = self._outliving or set()
        self._outliving.add(operation.task)
        operation.task.add_done_callback(self._outliving.discard)
