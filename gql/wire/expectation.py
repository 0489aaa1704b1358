"""Expect: 100-continue (RFC 9110 §10.1.1): ask the client for the body only when it is about to be read."""

from aiohttp import web

_WAITS = web.RequestKey("waits", bool)


async def postpone(request: web.Request) -> None:
    """The `expect_handler` of routes that call `accept_body` before they read the body; raises 417 for others."""
    if request.headers.get("Expect", "").lower() != "100-continue":
        raise web.HTTPExpectationFailed
    request[_WAITS] = True


async def accept_body(request: web.BaseRequest) -> None:
    """Ask a waiting client for the body, once: all checks of the headers are done."""
    if is_refused(request):
        del request[_WAITS]
        if request.version == (1, 1):
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0  # nothing of the response has been sent


def is_refused(request: web.BaseRequest) -> bool:
    """Whether a client still waits for `100 Continue`: its body is not wanted and will not arrive."""
    # The header first: a look-up of what a request does not store raises and catches a KeyError.
    return "Expect" in request.headers and bool(request.get(_WAITS))
