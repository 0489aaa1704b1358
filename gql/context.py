"""The context: who asks, from where, and with which services; resolvers reach it as `info.context`."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from strawberry.types.graphql import OperationType

from models.event import Position
from services.account.credentials import Credentials
from services.error import Unauthenticated
from services.viewer import Viewer

if TYPE_CHECKING:
    from services.service import Services

HOW_TO_SIGN_IN = (
    "send the header `Authorization: Bearer <token>`, or on a WebSocket the connection_init payload "
    '{"authorization": "Bearer <token>"}'
)


@dataclass(slots=True)
class Context:
    """One per HTTP request; on a WebSocket one per operation, because loaders go stale with their operation.

    `viewer` is None for an anonymous request: resolvers decide whether that is enough. `remote` is the client's
    address as the server trusts it. `authorization` and `act_as` are headers as they came, `is_from_page` whether a
    browser named the page that asks, `credentials` what was found in them or in `connection_params`; no secret ever
    appears in a repr. `base_url` is what paths of this server are appended to;
    `event_position` is where the viewer's log ended before the operation began, where it asks for that.
    `operation_type` and `operation_name` are known once `prepared` is set: the document is good, execution begins.
    `estimated` is what the operation was expected to cost, `charged` what of that was counted against its rate, `spent`
    what it has cost; `wants_cost` is whether the client wants to be told. `taken` is the room that an event of a live
    stream takes while it is executed (see `services.capacity`).
    """

    services: "Services"
    viewer: Viewer | None
    request_id: str
    remote: str
    device_name: str | None = None
    loader: object | None = None
    base_url: str = ""
    event_position: Position | None = None
    operation_type: OperationType | None = None
    operation_name: str | None = None
    estimated: int | None = None
    charged: float = 0.0
    taken: float = 0.0
    spent: int | None = None
    wants_cost: bool = False
    prepared: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    authorization: str | None = field(default=None, repr=False)
    act_as: str | None = None
    is_from_page: bool = False
    connection_params: dict[str, object] | None = field(default=None, repr=False)
    credentials: Credentials | None = field(default=None, repr=False)

    @property
    def is_mutation(self) -> bool:
        """Whether a mutation is being executed: it runs to its end, whatever becomes of the client."""
        return self.operation_type is OperationType.MUTATION

    @property
    def is_subscription(self) -> bool:
        return self.operation_type is OperationType.SUBSCRIPTION

    def signed_in(self) -> Viewer:
        """The viewer; raises Unauthenticated, whose sentence says what to send."""
        if self.viewer is None:
            raise Unauthenticated(f"Sign in first, then {HOW_TO_SIGN_IN}.")
        return self.viewer

    def for_operation(self) -> "Context":
        """A fresh context for one operation on this socket: the same viewer, no loaders yet."""
        return replace(
            self,
            loader=None,
            event_position=None,
            operation_type=None,
            operation_name=None,
            estimated=None,
            charged=0.0,
            taken=0.0,
            spent=None,
            prepared=asyncio.Event(),
        )
