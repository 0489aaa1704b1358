"""What the log says of an operation and of a socket: who, which, how long, how it ended; never a word of the client's.

The one thing in it that a client chose is an operation's name, which is cut: a name of a document that was parsed and
validated, so letters, digits and `_`. Aliases, ids of operations on a socket, texts and variables are left out.
"""

import time

import structlog
from aiohttp import web

from gql.context import Context
from gql.id import Kind, encode

log = structlog.get_logger("sotto.graphql")

MAX_NAME_LENGTH = 64

# What a request keeps for its line in the log: its context, and the status of the answer that began. Not the answer
# itself, which knows its request: that would be a cycle for the collector, at each request.
CONTEXT = web.RequestKey("context", Context)
STATUS = web.RequestKey("status", int)
REMOTE = web.RequestKey("remote", str)  # the client's address, as far as it is known

NOBODY = {"request_id": None, "user": None, "operation": None, "kind": None}  # what `describe` says of nothing at all


def describe(context: Context) -> dict[str, object]:
    """Who asks (the global id; null when nobody signed in) and what is executed (null until that is known).

    With `key`, the API key that was used, and `acting`, its owner, where it acts for the user: the audit of keys.
    """
    viewer, name, kind = context.viewer, context.operation_name, context.operation_type
    described: dict[str, object] = {
        "request_id": context.request_id,
        "user": None if viewer is None else encode(Kind.USER, viewer.user_id),
        "operation": None if name is None else name[:MAX_NAME_LENGTH],
        "kind": None if kind is None else kind.value,
    }
    if viewer is not None and viewer.key_id:
        described["key"] = encode(Kind.API_KEY, viewer.key_id)
        if viewer.acting_id:
            described["acting"] = encode(Kind.USER, viewer.acting_id)
    return described


def milliseconds_since(began: float) -> float:
    """From a `time.perf_counter()` until now."""
    return round((time.perf_counter() - began) * 1000, 1)


class OperationLog:
    """The line for the end of one operation on a socket; `outcome` is what ended it.

    `completed`; `refused`, with an error that names what was wrong; `failed`, masked, with a line of its own under the
    same request id; `stopped`, by the client, or because the socket was closed; `disconnected`, nobody heard the rest.
    """

    def __init__(self, context: Context) -> None:
        self.outcome = "stopped"
        self._context = context
        self._began = time.perf_counter()

    def end(self) -> None:
        ms = milliseconds_since(self._began)
        log.info("operation_ended", **describe(self._context), outcome=self.outcome, ms=ms)


class SocketLog:
    """The lines for the two ends of a socket. Operations have its request id, a point, and their number on it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._began = time.perf_counter()
        self._operations = 0
        log.info("socket_opened", request_id=context.request_id)

    def next_request_id(self) -> str:
        """For one more operation."""
        self._operations += 1
        return f"{self._context.request_id}.{self._operations}"

    def end(self, code: int | None) -> None:
        """Write the second one, with the code of the close; 1006 when no goodbye came."""
        fields = describe(self._context)
        log.info(
            "socket_closed",
            request_id=fields["request_id"],
            user=fields["user"],
            code=code,
            operations=self._operations,
            ms=milliseconds_since(self._began),
        )


def log_start(context: Context) -> None:
    """The line for the start of a subscription: it may last for days, over a socket or as a stream of one request."""
    log.info("operation_started", **describe(context))
