"""One operation of a socket: its messages, and what is known of it while it runs."""

from typing import Any, Protocol, cast

from graphql import GraphQLError
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import Operation

from gql.context import Context
from gql.wire.body import encode
from gql.wire.frame import SocketAdapter
from gql.wire.live import LiveOperation
from gql.wire.log import OperationLog


class Handler(Protocol):
    """What an operation needs of its socket's handler."""

    websocket: SocketAdapter

    def start(self, operation: "SocketOperation") -> None:
        """Runs it in a task."""
        ...


class SocketOperation(Operation[Context, None]):
    """One operation of a socket, with its own context; a live one is in a group while it has no task.

    `payload` is what the client sent, until the operation is executed.
    """

    __slots__ = ("_handler", "_head", "context", "line", "live", "payload")

    def __init__(self, handler: Handler, operation_id: str, payload: dict[str, object], context: Context) -> None:
        super().__init__(cast("Any", handler), operation_id, "", None, None)
        self.payload: dict[str, object] | None = payload
        self.context = context
        self.line = OperationLog(context)
        self.live: LiveOperation | None = None
        self._handler = handler
        self._head = encode({"id": operation_id, "type": "next"})[:-1] + b',"payload":'

    async def send(self, payload: bytes) -> None:
        """Send an encoded answer, of the same shape as over HTTP."""
        if not self.completed:
            await self._handler.websocket.send_text(self._head, payload, b"}")

    def push(self, payload: bytes) -> bool:
        """As `send`, at once; False if it would have to wait."""
        return self._handler.websocket.push_text(self._head, payload, b"}")

    def resume(self) -> None:
        """Run again, alone; see `gql.wire.live.Channel`."""
        self._handler.start(self)

    async def send_error(self, message: str, extensions: dict[str, object]) -> None:
        """End the operation with one error."""
        await self.send_initial_errors([GraphQLError(message, extensions=extensions)])
