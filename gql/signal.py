"""Signals: the types for what a stream of events says about itself."""

import strawberry

from gql.enum import described
from gql.scalar import EventCursor
from services.live.signal import CaughtUp, Heartbeat, Ready, Reset, ResetReason
from services.revocation import RevocationReason

described(
    ResetReason,
    "StreamResetReason",
    "Why the stream could not resume, so that the client must reload its data.",
    {
        "CURSOR_EXPIRED": "The server no longer stores the events after the cursor.",
        "CURSOR_INVALID": "The cursor is malformed or belongs to another user.",
        "TOO_MANY_EVENTS": "The client missed more than 10,000 events, which is more than the server replays.",
    },
)
described(
    RevocationReason,
    "SessionRevocationReason",
    "Why a session ended.",
    {
        "SIGNED_OUT": "The viewer signed out.",
        "TOKEN_EXPIRED": "The session token expired.",
        "TOKEN_REVOKED": "The session or API key was revoked by a change of password, by its owner or by the operator.",
        "DEVICE_REVOKED": "The device was revoked.",
        "ACCOUNT_SUSPENDED": "The account was suspended.",
        "ACCOUNT_DEACTIVATED": "The account was deactivated.",
    },
)


@strawberry.type(
    description="The first event of a stream without `after`: live events follow, and nothing earlier is replayed."
)
class StreamReady:
    cursor: EventCursor = strawberry.field(description="The position at which the stream starts.")


@strawberry.type(description="Everything since `after` has been replayed; live events follow.")
class StreamCaughtUp:
    replayed: int = strawberry.field(description="The number of events that were replayed.")


@strawberry.type(
    description="The stream could not resume from `after`. Reload the data; live events continue on this stream."
)
class StreamReset:
    reset_reason: ResetReason = strawberry.field(description="Why the stream could not resume.")
    cursor: EventCursor = strawberry.field(description="The position from which this stream continues.")


@strawberry.type(description="The stream is alive. Sent at least every 30 seconds.")
class StreamHeartbeat:
    cursor: EventCursor = strawberry.field(description="Store this cursor in place of the previous one.")


@strawberry.type(description="The session was ended. This is the last event of the stream.")
class SessionRevoked:
    revocation_reason: RevocationReason = strawberry.field(description="Why the session ended.")


def of_stream(
    signal: Ready | CaughtUp | Reset | Heartbeat, cursor: EventCursor
) -> StreamReady | StreamCaughtUp | StreamReset | StreamHeartbeat:
    if isinstance(signal, Ready):
        return StreamReady(cursor=cursor)
    if isinstance(signal, CaughtUp):
        return StreamCaughtUp(replayed=signal.replayed)
    if isinstance(signal, Reset):
        return StreamReset(reset_reason=signal.reason, cursor=cursor)
    return StreamHeartbeat(cursor=cursor)
