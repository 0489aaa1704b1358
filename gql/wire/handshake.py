"""The handshake: which requests become sockets, and how the others are refused (RFC 6455 §4.2)."""

import binascii
from base64 import b64decode
from typing import TYPE_CHECKING, TypeGuard

from aiohttp import HttpVersion11, web
from strawberry.aiohttp.views import GraphQLView
from strawberry.http.websocket_origin import is_same_origin
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from gql.context import Context
from gql.error import BAD_REQUEST, HttpRefusal
from gql.wire.frame import SocketResponse
from gql.wire.log import STATUS
from gql.wire.origin import Origins

if TYPE_CHECKING:
    from gql.wire.view import ViewOptions

GOODBYE_SECONDS = 5.0  # how long a socket waits for the other side to say goodbye
_PROTOCOL = "Sec-WebSocket-Protocol"


def wants_socket(request: web.Request) -> bool:
    """Whether this asks for a socket: a GET of HTTP/1.1. Elsewhere RFC 9110 §7.8 lets us ignore the header, or must."""
    upgrade = request.headers.get("Upgrade", "").strip().lower()
    return upgrade == "websocket" and request.method == "GET" and request.version >= HttpVersion11


class HandshakeView(GraphQLView[Context, None]):
    """Checks handshakes before Strawberry does: its refusals, and aiohttp's, write what the client sent to the log."""

    options: "ViewOptions"
    origins: Origins

    def check_handshake(self, request: web.Request) -> None:
        """Raise the HttpRefusal of a handshake that RFC 6455 §4.2.1 does not allow, or a page's of a foreign origin."""
        if request.headers.getall("Sec-WebSocket-Version", []) != ["13"]:
            # RFC 6455 §4.4 and RFC 9110 §15.5.22: the answer names the version, and the protocol to upgrade to.
            how = {"Sec-WebSocket-Version": "13", "Upgrade": "websocket", "Connection": "Upgrade"}
            raise HttpRefusal(426, BAD_REQUEST, "Send `Sec-WebSocket-Version: 13`.", how)
        if not _are_sixteen_bytes(request.headers.getall("Sec-WebSocket-Key", [])):
            raise HttpRefusal(400, BAD_REQUEST, "Send one `Sec-WebSocket-Key`: 16 bytes in base64.")
        if "upgrade" not in _listed(request, "Connection"):
            raise HttpRefusal(400, BAD_REQUEST, "Send `Connection: Upgrade`.")
        if not self._is_origin_welcome(request):
            raise HttpRefusal(403, "CSRF_BLOCKED", "Pages of this origin may not connect; see `SOTTO_ALLOWED_ORIGINS`.")

    def is_websocket_request(self, request: web.Request) -> TypeGuard[web.Request]:
        """Whether it asks for a socket, and may have it."""
        if not wants_socket(request):
            return False
        try:
            self.check_handshake(request)
        except HttpRefusal:
            return False
        return True

    async def pick_websocket_subprotocol(self, request: web.Request) -> str | None:
        """The one protocol that is spoken here, if the client offers it."""
        offered = _listed(request, _PROTOCOL)
        return GRAPHQL_TRANSPORT_WS_PROTOCOL if GRAPHQL_TRANSPORT_WS_PROTOCOL in offered else None

    async def create_websocket_response(self, request: web.Request, subprotocol: str | None) -> web.WebSocketResponse:
        """Answer 101. No compression: it costs 100 KiB for every idle socket (design §5)."""
        response = SocketResponse(
            protocols=[subprotocol] if subprotocol else [],
            heartbeat=self.options.heartbeat_seconds,
            autoping=False,  # or a burst of pings would be answered in one go
            compress=False,
            max_msg_size=self.options.max_frame_bytes,
            timeout=GOODBYE_SECONDS,
            writer_limit=0,  # after each frame wait until the transport takes more
        )
        headers = request.headers.copy()
        headers.popall(_PROTOCOL, None)
        if subprotocol:
            headers[_PROTOCOL] = subprotocol
        await response.prepare(request.clone(headers=headers))  # aiohttp would look at the first line, and log it
        request[STATUS] = response.status
        return response

    def _is_origin_welcome(self, request: web.Request) -> bool:
        """Only browsers send it, and always; there it guards against pages that use a person's reach (CSRF)."""
        origins = request.headers.getall("Origin", [])
        if len(origins) != 1:
            return not origins
        if request.headers.get("Sec-Fetch-Site") == "same-origin" or is_same_origin(origins[0], request.host):
            return True
        return self.origins.allows(origins[0])


def _are_sixteen_bytes(keys: list[str]) -> bool:
    try:
        return len(keys) == 1 and len(b64decode(keys[0], validate=True)) == 16
    except (binascii.Error, ValueError):  # what is not ASCII is only a ValueError
        return False


def _listed(request: web.Request, header: str) -> list[str]:
    """The members of a list, which may stand on several lines (RFC 9110 §5.3)."""
    members = ",".join(request.headers.getall(header, [])).split(",")
    return [each.strip().lower() if header == "Connection" else each.strip() for each in members]
