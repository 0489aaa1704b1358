"""The handshake: which requests become sockets, and how others are refused (RFC 6455 §4.2)."""

import binascii
from base64 import b64decode

from aiohttp import HttpVersion11, web
from multidict import CIMultiDict, CIMultiDictProxy
from strawberry.http.websocket_origin import is_same_origin
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from gql.error import BAD_REQUEST, HttpRefusal
from gql.wire.frame import SocketResponse
from gql.wire.log import STATUS
from gql.wire.option import ViewOptions
from gql.wire.origin import Origins

GOODBYE_SECONDS = 5.0  # for the client to answer our Close
_PROTOCOL = "Sec-WebSocket-Protocol"
_NONE: CIMultiDictProxy[str] = CIMultiDictProxy(CIMultiDict())


def wants_socket(request: web.Request) -> bool:
    """Whether the request asks for a socket: a GET of HTTP/1.1. Otherwise RFC 9110 §7.8 says to ignore the header."""
    if request.method != "GET" or request.version < HttpVersion11:
        return False
    return request.headers.get("Upgrade", "").strip().lower() == "websocket"


def check_handshake(request: web.Request, origins: Origins) -> None:
    """Raise HttpRefusal for a handshake that RFC 6455 §4.2.1 forbids, or from a page of a foreign origin.

    Strawberry and aiohttp check it too, but log what the client sent.
    """
    if request.headers.getall("Sec-WebSocket-Version", []) != ["13"]:
        # RFC 6455 §4.4 and RFC 9110 §15.5.22: the response names the version and the protocol to upgrade to.
        how = {"Sec-WebSocket-Version": "13", "Upgrade": "websocket", "Connection": "Upgrade"}
        raise HttpRefusal(426, BAD_REQUEST, "Send `Sec-WebSocket-Version: 13`.", how)
    if not _are_sixteen_bytes(request.headers.getall("Sec-WebSocket-Key", [])):
        raise HttpRefusal(400, BAD_REQUEST, "Send one `Sec-WebSocket-Key`: 16 bytes in base64.")
    if "upgrade" not in _listed(request, "Connection"):
        raise HttpRefusal(400, BAD_REQUEST, "Send `Connection: Upgrade`.")
    if not _is_origin_welcome(request, origins):
        raise HttpRefusal(403, "CSRF_BLOCKED", "Pages of this origin may not connect; see `SOTTO_ALLOWED_ORIGINS`.")


async def open_socket(request: web.Request, options: ViewOptions) -> SocketResponse:
    """Answer 101; `ws_protocol` is None if the client does not offer graphql-transport-ws.

    No compression: it costs 100 KiB per idle socket (docs/decisions/websocket.md).
    """
    offered = _listed(request, _PROTOCOL)
    subprotocol = GRAPHQL_TRANSPORT_WS_PROTOCOL if GRAPHQL_TRANSPORT_WS_PROTOCOL in offered else None
    response = SocketResponse(
        protocols=[subprotocol] if subprotocol else [],
        heartbeat=options.heartbeat_seconds,
        autoping=False,  # otherwise aiohttp would answer a burst of pings in one go
        compress=False,
        max_msg_size=options.max_frame_bytes,
        timeout=GOODBYE_SECONDS,
        writer_limit=0,  # after each frame wait until the transport accepts more
    )
    if request.headers.getall(_PROTOCOL, []) != ([subprotocol] if subprotocol else []):
        headers = request.headers.copy()
        headers.popall(_PROTOCOL, None)
        if subprotocol:
            headers[_PROTOCOL] = subprotocol
        request = request.clone(headers=headers)  # aiohttp would read the first header line, and log it
    await response.prepare(request)
    request[STATUS] = response.status
    _forget_headers(request, response)
    return response


def _forget_headers(request: web.Request, response: SocketResponse) -> None:
    """Free 3 KiB for each socket: nothing reads the headers of the handshake again, and a socket is open for days."""
    response.headers.clear()
    request._message = request._message._replace(headers=_NONE, raw_headers=())  # noqa: SLF001 -- aiohttp has no way
    request._headers = _NONE  # noqa: SLF001


def _is_origin_welcome(request: web.Request, origins: Origins) -> bool:
    """Guards against pages that use the viewer's network (CSRF); only browsers send Origin, and always do."""
    named = request.headers.getall("Origin", [])
    if len(named) != 1:
        return not named
    if request.headers.get("Sec-Fetch-Site") == "same-origin" or is_same_origin(named[0], request.host):
        return True
    return origins.allows(named[0])


def _are_sixteen_bytes(keys: list[str]) -> bool:
    try:
        return len(keys) == 1 and len(b64decode(keys[0], validate=True)) == 16
    except (binascii.Error, ValueError):  # a key that is not ASCII raises a plain ValueError
        return False


def _listed(request: web.Request, header: str) -> list[str]:
    """The members of a list header, which may span several lines (RFC 9110 §5.3)."""
    members = ",".join(request.headers.getall(header, [])).split(",")
    return [each.strip().lower() if header == "Connection" else each.strip() for each in members]
