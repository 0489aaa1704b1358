"""Streams of events: pages of the log for a plain query, and the resolvers of both subscriptions."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Annotated

import strawberry

from gql.charge import reserved
from gql.event import EventEnvelope, ephemeral_event_of, event_of
from gql.id import Kind, number_of
from gql.message import Message
from gql.node import Info, given, moment_of
from gql.scalar import EventCursor
from gql.signal import of_stream
from services.error import BadRequest, NotFound
from services.live.resolved_event import ResolvedEvent
from services.live.signal import PresenceChange, Revoked, Signal, Typing
from services.live.stream import StreamService
from services.viewer import Viewer

UNSET = strawberry.UNSET
MAX_CONVERSATIONS = 200


@strawberry.type(description="A stretch of the viewer's events.")
class EventPage:
    nodes: list[EventEnvelope] = strawberry.field(description="The events, oldest first.")
    end_cursor: EventCursor = strawberry.field(description="Where to go on; good also when `nodes` is empty.")
    has_more: bool = strawberry.field(description="Whether there are more already.")


@strawberry.type(description="A new message on its way to a subscriber.")
class PrivateMessageReceived:
    cursor: EventCursor = strawberry.field(description="Subscribe again with `after` this: nothing is missed or twice.")
    message: Message = strawberry.field(description="The message, its files included.")
    is_replay: bool = strawberry.field(description="Whether it was sent before this subscription began.")


@strawberry.field(
    description="What happened since a cursor: the log behind the subscriptions, for jobs and for clients without "
    "sockets. Fails with CURSOR_EXPIRED when the server no longer holds it."
)
async def events(
    info: Info,
    after: Annotated[EventCursor, strawberry.argument(description="From `viewer.eventCursor`, or where one left off.")],
    first: Annotated[int | None, strawberry.argument(description="At most so many: 1 to 200, 50 if left out.")] = UNSET,
) -> EventPage:
    viewer, stream = info.context.signed_in(), info.context.services.stream
    page = await stream.page_after(viewer, after, given(first))
    nodes = [_envelope_of(viewer, stream, each) for each in page.items]
    return EventPage(
        nodes=nodes, end_cursor=EventCursor(stream.cursor_of(viewer, page.position)), has_more=page.has_more
    )


@strawberry.subscription(
    description="New messages of all the viewer's conversations, their own from other devices included; in order, "
    "none missing, none twice. A cursor that the server no longer holds fails with CURSOR_EXPIRED."
)
async def private_message_received(
    info: Info,
    after: Annotated[
        EventCursor | None,
        strawberry.argument(description="First all messages since this cursor, then live; only live if left out."),
    ] = UNSET,
    conversation_id: Annotated[
        strawberry.ID | None, strawberry.argument(description="Only messages of this conversation.")
    ] = UNSET,
) -> AsyncGenerator[PrivateMessageReceived, None]:
    viewer, services = info.context.signed_in(), info.context.services
    number = None
    if (id_ := given(conversation_id)) is not None:
        number = number_of(Kind.CONVERSATION, id_)
        if await services.conversation.find(viewer, number) is None:
            raise NotFound("There is no such conversation.")
    async with aclosing(reserved(services.stream.messages(viewer, given(after), number), info.context)) as deliveries:
        async for each in deliveries:
            cursor = EventCursor(services.stream.cursor_of(viewer, each.position))
            yield PrivateMessageReceived(cursor=cursor, message=Message.of(each.message), is_replay=each.is_replay)


@strawberry.subscription(
    name="events",
    description="Everything that concerns the viewer, in order, none missing, none twice. A cursor that leads "
    "nowhere is answered by a StreamReset, and the stream goes on.",
)
async def live_events(
    info: Info,
    after: Annotated[
        EventCursor | None,
        strawberry.argument(description="First everything since this cursor, then live; only live if left out."),
    ] = UNSET,
    conversation_ids: Annotated[
        list[strawberry.ID] | None,
        strawberry.argument(description="Only what is about these conversations, or about none; at most 200."),
    ] = UNSET,
    include_ephemeral: Annotated[
        bool | None, strawberry.argument(description="Whether typing and presence come as well.")
    ] = True,
) -> AsyncGenerator[EventEnvelope, None]:
    viewer, stream = info.context.signed_in(), info.context.services.stream
    ids = given(conversation_ids)
    if ids is not None and len(ids) > MAX_CONVERSATIONS:
        raise BadRequest(f"`conversationIds` holds {len(ids)} ids; at most {MAX_CONVERSATIONS} are allowed.")
    numbers = None if ids is None else [number_of(Kind.CONVERSATION, id_) for id_ in ids]
    with_ephemeral = include_ephemeral is not False
    events_ = stream.events(viewer, given(after), numbers, with_ephemeral=with_ephemeral)
    async with aclosing(reserved(events_, info.context)) as signals:
        async for signal in signals:
            yield _envelope_of(viewer, stream, signal)


def _envelope_of(viewer: Viewer, stream: StreamService, signal: Signal) -> EventEnvelope:
    """The event with its cursor; an ephemeral one has none."""
    now = datetime.now(UTC)
    if isinstance(signal, Typing | PresenceChange | Revoked):
        return EventEnvelope(cursor=None, at=now, event=ephemeral_event_of(signal))
    cursor = EventCursor(stream.cursor_of(viewer, signal.position))
    if isinstance(signal, ResolvedEvent):
        return EventEnvelope(cursor=cursor, at=moment_of(signal.at), event=event_of(signal, viewer.device_id))
    return EventEnvelope(cursor=cursor, at=now, event=of_stream(signal, cursor))
