"""The context: who asks, from where, and with which services; resolvers reach it as `info.context`."""

import asyncio
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from strawberry.types.graphql import OperationType

from services.error import Unauthenticated
from services.viewer import Viewer

if TYPE_CHECKING:
    from services.service import Services

HOW_TO_SIGN_IN = (
    "send the header `Authorization: Bearer <token>`, or on a WebSocket the connection_init payload "
    '{"authorization": "Bearer <token>"}'
)

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*) *", re.ASCII | re.IGNORECASE)  # RFC 6750 §2.1: b64token


def token_of(authorization: str | None) -> str | None:
    """The bearer token in an `Authorization` header; None without one, and Unauthenticated for any other scheme."""
    if authorization is None:
        return None
    match = _BEARER.fullmatch(authorization)
    if match is None:
        raise Unauthenticated(f"The credentials cannot be read: {HOW_TO_SIGN_IN}.")
    return match[1]


@dataclass(slots=True)
class Context:
    """One per HTTP request; on a WebSocket one per operation, because loaders go stale with their operation.

    `viewer` is None for an anonymous request: resolvers decide whether that is enough. `remote` is the client's
    address as the server trusts it. `authorization` is the value of the header as it came, `token` what was found in
    it or in `connection_params`; they never appear in a repr. `base_url` is what paths of this server are appended to;
    `event_position` is where the viewer's log ended before the operation began, where it asks for that.
    `operation_type` and `operation_name` are known once `prepared` is set: the document is good, execution begins.
    """

    services: "Services"
    viewer: Viewer | None
    request_id: str
    remote: str
    device_name: str | None = None
    loader: object | None = None
    base_url: str = ""
    event_position: int | None = None
    operation_type: OperationType | None = None
    operation_name: str | None = None
    prepared: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    authorization: str | None = field(default=None, repr=False)
    connection_params: dict[str, object] | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)

    @property
    def is_mutation(self) -> bool:
        """Whether a mutation is being executed: it runs to its end, whatever becomes of the client."""
        return self.operation_type is OperationType.MUTATION

    @property
    def is_subscription(self) -> bool:
        """Whether a subscription is being executed."""
        return self.operation_type is OperationType.SUBSCRIPTION

    def signed_in(self) -> Viewer:
        """The viewer; raises Unauthenticated, whose sentence says what to send."""
        if self.viewer is None:
            raise Unauthenticated(f"Sign in first, then {HOW_TO_SIGN_IN}.")
        return self.viewer

    def for_operation(self) -> "Context":
        """A fresh context for one operation on this socket: the same viewer, no loaders yet."""
        return replace(
            self, loader=None, event_position=None, operation_type=None, operation_name=None, prepared=asyncio.Event()
        )
