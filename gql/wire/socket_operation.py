"""One operation of a socket: its messages, and what is known of it while it runs."""

from typing import cast

from graphql import GraphQLError
from strawberry.subscriptions.protocols.graphql_transport_ws.handlers import BaseGraphQLTransportWSHandler, Operation

from gql.context import Context
from gql.wire.body import encode
from gql.wire.frame import SocketAdapter
from gql.wire.live import LiveOperation
from gql.wire.log import OperationLog


class SocketOperation(Operation[Context, None]):
    """One operation of a socket, with its own context; a live one is in a group while it has no task.

    `payload` is what the client sent, until the operation is executed.
    """

    __slots__ = ("_head", "_socket", "context", "line", "live", "payload")

    def __init__(
        self,
        handler: BaseGraphQLTransportWSHandler[Context, None],
        operation_id: str,
        payload: dict[str, object],
        context: Context,
    ) -> None:
        super().__init__(handler, operation_id, "", None, None)
        self.payload: dict[str, object] | None = payload
        self.context = context
        self.line = OperationLog(context)
        self.live: LiveOperation | None = None
        self._socket = cast("SocketAdapter", handler.websocket)
        self._head = encode({"id": operation_id, "type": "next"})[:-1] + b',"payload":'

    async def send(self, payload: bytes) -> None:
        """Send an encoded answer, of the same shape as over HTTP."""
        if not self.completed:
            await self._socket.send_text(self._head, payload, b"}")

    def push(self, payload: bytes) -> bool:
        """As `send`, at once; False if it would have to wait."""
        return self._socket.push_text(self._head, payload, b"}")

    async def send_error(self, message: str, extensions: dict[str, object]) -> None:
        """End the operation with one error."""
        await self.send_initial_errors([GraphQLError(message, extensions=extensions)])
