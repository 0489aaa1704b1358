"""Signals: the types for what a stream of events says about itself."""

import strawberry

from gql.enum import described
from gql.scalar import EventCursor
from services.live.signal import CaughtUp, Heartbeat, Ready, Reset, ResetReason
from services.revocation import RevocationReason

described(
    ResetReason,
    "StreamResetReason",
    "Why the client has to load anew.",
    {
        "CURSOR_EXPIRED": "The server no longer holds the events after the cursor.",
        "CURSOR_INVALID": "The cursor is not one of this viewer's.",
        "TOO_MANY_EVENTS": "More was missed than is worth replaying.",
    },
)
described(
    RevocationReason,
    "SessionRevocationReason",
    "Why a session ended.",
    {
        "SIGNED_OUT": "It was signed out.",
        "TOKEN_EXPIRED": "Its time was over.",
        "TOKEN_REVOKED": "It was revoked: by another password, by the key's owner, or by the operator.",
        "DEVICE_REVOKED": "Its device was revoked.",
        "ACCOUNT_SUSPENDED": "The account was suspended.",
        "ACCOUNT_DEACTIVATED": "The account was deactivated.",
    },
)


@strawberry.type(description="A stream without a cursor begins; nothing from before will come.")
class StreamReady:
    cursor: EventCursor = strawberry.field(description="Where it begins.")


@strawberry.type(description="All that was missed has come; from here on it is live.")
class StreamCaughtUp:
    replayed: int = strawberry.field(description="How many events were replayed.")


@strawberry.type(description="The cursor leads nowhere. Load anew; this stream goes on.")
class StreamReset:
    reset_reason: ResetReason = strawberry.field(description="Why.")
    cursor: EventCursor = strawberry.field(description="Where this stream goes on.")


@strawberry.type(description="Nothing has happened that the viewer sees; the stream lives.")
class StreamHeartbeat:
    cursor: EventCursor = strawberry.field(description="Where to go on; what was before need not be held.")


@strawberry.type(description="The session has ended, and this stream with it.")
class SessionRevoked:
    revocation_reason: RevocationReason = strawberry.field(description="Why.")


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
