"""Envelopes: an event with its cursor, and what a client's cache needs beside it."""

from collections.abc import Sequence

import strawberry

from gql.account import Viewer
from gql.conversation import Conversation
from gql.ephemeral import ephemeral_event_of
from gql.event import Event, event_of
from gql.level import level_field
from gql.loader import ConversationNumber, loader_of, shown
from gql.node import Info
from gql.part import conversation_parts, viewer_parts
from gql.scalar import EventCursor, Moment
from gql.selection import selection_of
from gql.signal import of_stream
from models.base import now_ms
from services.live.resolved_event import ResolvedEvent
from services.live.signal import CaughtUp, Heartbeat, PresenceChange, Ready, Reset, Revoked, Signal, Typing
from services.message.conversation_view import ConversationView


@strawberry.type(description="An event with its cursor in the viewer's stream.")
class EventEnvelope:
    """Shows a signal; `event` fails alone, so that the cursor survives an error."""

    signal: strawberry.Private[Signal]
    now: strawberry.Private[int]

    @strawberry.field(
        description="Pass it as `after` to resume after this event. Null for typing and presence events, which are "
        "never replayed, and for SessionRevoked, which is the last event."
    )
    def cursor(self, info: Info) -> EventCursor | None:
        signal = self.signal
        return None if isinstance(signal, Typing | PresenceChange | Revoked) else _cursor_of(signal, info)

    @strawberry.field(description="When the event happened.")
    def at(self) -> Moment:
        return Moment(self.signal.at if isinstance(self.signal, ResolvedEvent) else self.now)

    @strawberry.field(
        description="What happened. Null only if one of its fields fails with an error. The cursor stays valid: reload "
        "the data that you show, then continue from it."
    )
    def event(self, info: Info) -> Event | None:
        signal = self.signal
        if isinstance(signal, Typing | PresenceChange | Revoked):
            return ephemeral_event_of(signal)
        if isinstance(signal, ResolvedEvent):
            return event_of(signal, info.context.signed_in())
        return of_stream(signal, _cursor_of(signal, info))

    @level_field(
        description="The viewer, read after the change, so that cached counters stay correct. Null for SessionRevoked, "
        "because the session has ended; otherwise null only if an error occurs."
    )
    async def viewer(parents: Sequence["EventEnvelope"], info: Info) -> Sequence[Viewer | None]:
        """One read for each selected field and its arguments, however many envelopes a page has."""
        signals = [envelope.signal for envelope in parents]
        if all(isinstance(signal, Revoked) for signal in signals):
            return [None] * len(signals)
        viewer = await loader_of(info).viewer(viewer_parts(selection_of(info)))
        return [None if isinstance(signal, Revoked) else viewer for signal in signals]

    @level_field(
        description="The conversation that the event is about, read after the change. Null if it is about none, or "
        "about one that the viewer can no longer see; otherwise null only if an error occurs."
    )
    async def conversation(parents: Sequence["EventEnvelope"], info: Info) -> Sequence[Conversation | Exception | None]:
        """The one that was loaded with the event, or all of a page at once; not read if only the id is selected."""
        is_only_id = selection_of(info).is_only_id
        known = [_conversation_in(envelope.signal, is_only_id=is_only_id) for envelope in parents]
        missing = [
            envelope.signal.conversation_id if view is None and isinstance(envelope.signal, ResolvedEvent) else None
            for envelope, view in zip(parents, known, strict=True)
        ]
        loaded = await loader_of(info).conversations.each(missing, conversation_parts(info))
        return shown(view or found for view, found in zip(known, loaded, strict=True))


def _conversation_in(signal: Signal, *, is_only_id: bool) -> ConversationView | ConversationNumber | None:
    """What need not be loaded of the conversation that a signal is about."""
    if isinstance(signal, Typing):
        return signal.conversation
    if not isinstance(signal, ResolvedEvent) or signal.conversation_id is None:
        return None
    if signal.conversation is None and signal.message is not None and is_only_id:
        return ConversationNumber(signal.conversation_id)
    return signal.conversation


def _cursor_of(signal: ResolvedEvent | Ready | CaughtUp | Reset | Heartbeat, info: Info) -> EventCursor:
    return EventCursor(info.context.services.stream.cursor_of(info.context.signed_in(), signal.position))


def envelope_of(signal: Signal) -> EventEnvelope:
    """The event as it is shown now."""
    return EventEnvelope(signal=signal, now=now_ms())
