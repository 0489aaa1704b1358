"""Envelopes: an event with its cursor, and what a client's cache needs beside it."""

from collections.abc import Callable
from functools import partial
from typing import cast

import strawberry

from gql.account import Viewer
from gql.conversation import Conversation
from gql.event import Event, ephemeral_event_of, event_of
from gql.loader import ConversationNumber, loader_of, type_of
from gql.node import Info
from gql.scalar import EventCursor, Moment
from gql.selection import selection_of
from gql.signal import of_stream
from models.base import now_ms
from services import viewer as services
from services.live.resolved_event import ResolvedEvent
from services.live.signal import PresenceChange, Revoked, Signal, Typing
from services.live.stream import StreamService


@strawberry.type(description="An event with its cursor in the viewer's stream.")
class EventEnvelope:
    cursor: EventCursor | None = strawberry.field(
        description="Pass it as `after` to resume after this event. Null for typing and presence events, which are "
        "never replayed, and for SessionRevoked, which is the last event."
    )
    at: Moment = strawberry.field(description="When the event happened.")
    make_event: strawberry.Private[Callable[[], Event]]
    signal: strawberry.Private[Signal]

    @strawberry.field(
        description="What happened. Null only if one of its fields fails with an error. The cursor stays valid: reload "
        "the data that you show, then continue from it."
    )
    def event(self) -> Event | None:
        """Built here, so that the cursor survives an error."""
        return self.make_event()

    @strawberry.field(
        description="The viewer, read after the change, so that cached counters stay correct. Null for SessionRevoked, "
        "because the session has ended; otherwise null only if an error occurs."
    )
    async def viewer(self, info: Info) -> Viewer | None:
        """One read for each selected field and its arguments, however many envelopes a page has."""
        return None if isinstance(self.signal, Revoked) else await loader_of(info).viewer()

    @strawberry.field(
        description="The conversation that the event is about, read after the change. Null if it is about none, or "
        "about one that the viewer can no longer see; otherwise null only if an error occurs."
    )
    async def conversation(self, info: Info) -> Conversation | None:
        """The one that was loaded with the event, or all of a page at once; not read if only the id is selected."""
        signal = self.signal
        if isinstance(signal, Typing):
            return Conversation.of(signal.conversation)
        if not isinstance(signal, ResolvedEvent) or signal.conversation_id is None:
            return None
        if signal.conversation is not None:
            return Conversation.of(signal.conversation)
        if signal.message is not None and selection_of(info).is_only_id:
            return cast("Conversation", type_of(ConversationNumber(signal.conversation_id)))
        return await loader_of(info).conversation(signal.conversation_id)


def envelope_of(viewer: services.Viewer, stream: StreamService, signal: Signal) -> EventEnvelope:
    """The event with its cursor; an ephemeral one has none."""
    now = Moment(now_ms())
    if isinstance(signal, Typing | PresenceChange | Revoked):
        return EventEnvelope(cursor=None, at=now, make_event=partial(ephemeral_event_of, signal), signal=signal)
    cursor = EventCursor(stream.cursor_of(viewer, signal.position))
    if isinstance(signal, ResolvedEvent):
        make_event = partial(event_of, signal, viewer)
        return EventEnvelope(cursor=cursor, at=Moment(signal.at), make_event=make_event, signal=signal)
    return EventEnvelope(cursor=cursor, at=now, make_event=partial(of_stream, signal, cursor), signal=signal)
