"""The options of the view, set by the operator."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from gql.document.trusted import TrustedDocuments


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """`allowed_origins` are the foreign origins whose pages may open a WebSocket, and `LOOPBACK`.

    `trusted_documents` are the only ones executed, unless it is None; `persisted_queries` means nothing then.
    """

    max_json_bytes: int = 256 * 1024
    max_inline_request_bytes: int = 32 * 1024 * 1024
    max_attachments: int = 10
    body_timeout_seconds: float = 30.0
    allowed_origins: tuple[str, ...] = ()
    heartbeat_seconds: float = 20.0
    connection_init_seconds: float = 10.0
    max_operations_per_socket: int = 20
    max_sockets_per_user: int = 50
    max_frame_bytes: int = 1024 * 1024
    send_timeout_seconds: float = 30.0
    page: Callable[[web.Request], Awaitable[web.StreamResponse]] | None = None  # the page that browsers get, if any
    persisted_queries: bool = True
    trusted_documents: TrustedDocuments | None = None
    public_url: str = ""  # the public address of this server; taken from the request if unknown
