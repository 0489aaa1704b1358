"""The context: the viewer, the client and the services; resolvers access it as `info.context`."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from graphql import OperationType
from strawberry.dataloader import DataLoader

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
    """One per HTTP request; on a WebSocket one per operation, because its loaders must not outlive the operation.

    `viewer` is None for an anonymous request: resolvers decide whether they allow it. `remote` is the client's address
    as determined by the server. `authorization` and `act_as` are headers as received, `is_from_page` is whether a
    browser named the page that sent the request, `credentials` were found in the headers or in `connection_params`; no
    secret ever appears in a repr. `base_url` is the prefix of this server's paths; `event_position` is the end of the
    viewer's log before the operation, if the operation requests it. `operation_type` and `operation_name` are set
    once the operation is prepared: the document is valid, execution begins. `estimated` is the expected cost of the
    operation, `charged` the part counted against its rate, `spent` the actual cost; `wants_cost` is whether the
    response includes the cost. `on_prepared` is called once the operation is prepared. `taken` is the capacity used by
    an event of a live stream during its execution (see `services.capacity`). `levels` are the level fields that are
    about to be loaded (see gql/level.py).
    """

    services: "Services"
    viewer: Viewer | None
    request_id: str
    remote: str
    device_name: str | None = None
    loader: object | None = None
    levels: dict[Hashable, DataLoader[Any, Any]] = field(default_factory=dict, repr=False)
    base_url: str = ""
    event_position: Position | None = None
    operation_type: OperationType | None = None
    operation_name: str | None = None
    estimated: int | None = None
    charged: float = 0.0
    taken: float = 0.0
    spent: int | None = None
    wants_cost: bool = False
    on_prepared: Callable[[], None] | None = field(default=None, repr=False)
    authorization: str | None = field(default=None, repr=False)
    act_as: str | None = None
    is_from_page: bool = False
    connection_params: dict[str, object] | None = field(default=None, repr=False)
    credentials: Credentials | None = field(default=None, repr=False)

    @property
    def is_mutation(self) -> bool:
        """Whether a mutation is being executed: it finishes even if the client leaves."""
        return self.operation_type is OperationType.MUTATION

    @property
    def is_subscription(self) -> bool:
        return self.operation_type is OperationType.SUBSCRIPTION

    def signed_in(self) -> Viewer:
        """The viewer; raises Unauthenticated, with a sentence that says what to send."""
        if self.viewer is None:
            raise Unauthenticated(f"Sign in first, then {HOW_TO_SIGN_IN}.")
        return self.viewer

    def for_operation(self) -> "Context":
        """A new context for one operation on this socket: the same viewer, no loaders yet."""
        return replace(
            self,
            loader=None,
            levels={},
            event_position=None,
            operation_type=None,
            operation_name=None,
            estimated=None,
            charged=0.0,
            taken=0.0,
            spent=None,
            on_prepared=None,
        )

    def for_event(self) -> "Context":
        """A new context for the events that streams share: the operation is the same."""
        return replace(self, loader=None, event_position=None, charged=0.0, taken=0.0, spent=None, on_prepared=None)
