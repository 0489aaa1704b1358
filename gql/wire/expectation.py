"""Expect: 100-continue (RFC 9110 §10.1.1): the client is asked for the body when somebody reads it, and not before."""

from aiohttp import web

_WAITS = web.RequestKey("waits", bool)


async def postpone(request: web.Request) -> None:
    """The `expect_handler` of routes whose bodies are read after `accept_body`; raises 417 for anything else."""
    if request.headers.get("Expect", "").lower() != "100-continue":
        raise web.HTTPExpectationFailed
    request[_WAITS] = True


async def accept_body(request: web.BaseRequest) -> None:
    """Ask for the body, once, of a client that waits to be asked: whatever its headers decide has been decided."""
    if request.get(_WAITS):
        del request[_WAITS]
        if request.version == (1, 1):
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # nothing of the answer itself has been sent


def is_refused(request: web.BaseRequest) -> bool:
    """Whether a client still waits to be asked: its body is not wanted, and will not come."""
    return bool(request.get(_WAITS))
