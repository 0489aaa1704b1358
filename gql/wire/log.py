"""What the log says about an operation and a socket: who, which, how long, how it ended; never a client's text.

The only exception is the operation's name, which is cut: it comes from a parsed and validated document, so it holds
only letters, digits and `_`. Aliases, ids of operations on a socket, texts and variables are left out.
"""

import random
import time

import structlog
from aiohttp import web

from gql.context import Context
from gql.id import Kind, encode

log = structlog.get_logger("sotto.graphql")

MAX_NAME_LENGTH = 64

# What a request stores for its log line: its context, and the status of the response that began.
# Not the answer: it refers to the request, and each request would make a reference cycle.
CONTEXT = web.RequestKey("context", Context)
STATUS = web.RequestKey("status", int)
REMOTE = web.RequestKey("remote", str)  # the client's address, as far as it is known

_numbers = random.Random()  # noqa: S311 -- tells requests apart, and keeps no secret

NOBODY = {"request_id": None, "user": None, "operation": None, "kind": None}  # `describe` of nothing


def new_request_id() -> str:
    """The id of a request, for its log lines and `X-Request-Id`: 16 hexadecimal digits."""
    return f"{_numbers.getrandbits(64):016x}"


def describe(context: Context) -> dict[str, object]:
    """Who asks (the global id; null if anonymous) and what is executed (null until that is known).

    With `key`, the API key used, and `acting`, its owner, if the key acts for another user: the audit of keys.
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
    """Since a value of `time.perf_counter()`."""
    return round((time.perf_counter() - began) * 1000, 1)


class OperationLog:
    """The log line at the end of one operation on a socket.

    `outcome` is `completed`; `refused`, with an error that says what was wrong; `failed`, masked, with a line of its
    own under the same request id; `stopped`, by the client or because the socket was closed; or `disconnected`, if the
    client did not receive all of the answer.
    """

    def __init__(self, context: Context) -> None:
        self.outcome = "stopped"
        self._context = context
        self._began = time.perf_counter()

    def end(self) -> None:
        ms = milliseconds_since(self._began)
        log.info("operation_ended", **describe(self._context), outcome=self.outcome, ms=ms)


class SocketLog:
    """The log lines for the start and the end of a socket. Ids of operations: `<id of the socket>.<n>`."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._began = time.perf_counter()
        self._operations = 0
        log.info("socket_opened", request_id=context.request_id)

    def next_request_id(self) -> str:
        """The request id of one more operation."""
        self._operations += 1
        return f"{self._context.request_id}.{self._operations}"

    def end(self, code: int | None) -> None:
        """Logs the end; 1006 if the client sent no Close."""
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
    """Log the start of a subscription, which may last for days, over a socket or as a stream."""
    log.info("operation_started", **describe(context))
