"""Streams of events: pages of the log for a plain query, and the resolvers of both subscriptions."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any, cast

import strawberry

from gql.envelope import EventEnvelope, envelope_of
from gql.id import Kind, number_of
from gql.live import LiveSource
from gql.message import Message
from gql.node import Info, given
from gql.part import event_parts, message_parts
from gql.scalar import EventCursor
from gql.selection import selection_of
from services.error import BadRequest, NotFound
from services.live.live_stream import LiveStream
from services.live.resolved_event import ResolvedEvent
from services.live.signal import Signal

UNSET = strawberry.UNSET
MAX_CONVERSATIONS = 200


@strawberry.type(description="A page of the viewer's events.")
class EventPage:
    nodes: list[EventEnvelope] = strawberry.field(description="The events of this page, oldest first.")
    end_cursor: EventCursor = strawberry.field(
        description="Pass it as `after` to request the next page. Valid even if `nodes` is empty."
    )
    has_more: bool = strawberry.field(description="Whether more events are available now.")


@strawberry.type(description="A new message and its cursor in the viewer's stream.")
class PrivateMessageReceived:
    cursor: EventCursor = strawberry.field(
        description="Pass it as `after` when you subscribe again: no message is missed or repeated."
    )
    message: Message = strawberry.field(description="The message in its current state.")
    is_replay: bool = strawberry.field(description="Whether the message was sent before this subscription began.")


@strawberry.field(
    description="The viewer's events after a cursor, from the same log as the subscriptions, for jobs and for clients "
    "without WebSockets. Fails with CURSOR_EXPIRED if the server no longer stores them. Null only if an error occurs."
)
async def events(
    info: Info,
    after: Annotated[
        EventCursor,
        strawberry.argument(
            description="Return events after this cursor, from `viewer.eventCursor` or an earlier page."
        ),
    ],
    first: Annotated[
        int | None, strawberry.argument(description="Return the first n events: 1 to 200, 50 if omitted or null.")
    ] = UNSET,
) -> EventPage | None:
    viewer, stream = info.context.signed_in(), info.context.services.stream
    parts = event_parts(selection_of(info).below("nodes"))
    page = await stream.page_after(viewer, after, given(first), parts)
    nodes = [envelope_of(each) for each in page.items]
    return EventPage(
        nodes=nodes, end_cursor=EventCursor(stream.cursor_of(viewer, page.position)), has_more=page.has_more
    )


@strawberry.subscription(
    description="New messages in all of the viewer's conversations, in order, without gaps or repeats. Includes the "
    "viewer's own messages, from every device. An expired cursor fails with CURSOR_EXPIRED."
)
async def private_message_received(
    info: Info,
    after: Annotated[
        EventCursor | None,
        strawberry.argument(
            description="Deliver the messages after this cursor first, then live ones. Only live ones if omitted or "
            "null."
        ),
    ] = UNSET,
    conversation_id: Annotated[
        strawberry.ID | None,
        strawberry.argument(
            description="Only messages in this conversation. An id that the viewer cannot see ends the subscription "
            "with NOT_FOUND. All conversations if omitted or null."
        ),
    ] = UNSET,
) -> AsyncGenerator[PrivateMessageReceived, None]:
    context, services = info.context, info.context.services  # and not `info`, which has much that is used once
    parts = message_parts(selection_of(info).below("message"))

    async def find_stream() -> LiveStream:
        viewer, number = context.signed_in(), None
        if (id_ := given(conversation_id)) is not None:
            number = number_of(Kind.CONVERSATION, id_)
            if await services.conversation.find(viewer, number) is None:
                raise NotFound("There is no such conversation.")
        return services.stream.message_stream(viewer, number, parts)

    def object_of(signal: Signal, is_replay: bool) -> PrivateMessageReceived:
        assert isinstance(signal, ResolvedEvent)
        assert signal.message is not None
        cursor = EventCursor(services.stream.cursor_of(context.signed_in(), signal.position))
        return PrivateMessageReceived(cursor=cursor, message=Message(view=signal.message), is_replay=is_replay)

    return _as_generator(LiveSource(find_stream, given(after), object_of))


@strawberry.subscription(
    name="events",
    description="Everything that concerns the viewer, in order, without gaps or repeats. If it cannot resume from the "
    "cursor, it sends StreamReset and continues live.",
)
async def live_events(
    info: Info,
    after: Annotated[
        EventCursor | None,
        strawberry.argument(
            description="Deliver the events after this cursor first, then live ones. Only live ones if omitted or null."
        ),
    ] = UNSET,
    conversation_ids: Annotated[
        list[strawberry.ID] | None,
        strawberry.argument(
            description="Only events of these conversations, at most 200, and events that belong to no conversation. "
            "An id that the viewer cannot see ends the subscription with NOT_FOUND. All events if omitted or null."
        ),
    ] = UNSET,
    include_ephemeral: Annotated[
        bool | None,
        strawberry.argument(description="Whether to deliver typing and presence events. True if omitted or null."),
    ] = True,
) -> AsyncGenerator[EventEnvelope, None]:
    context, parts = info.context, event_parts(selection_of(info))

    async def find_stream() -> LiveStream:
        viewer, ids = context.signed_in(), given(conversation_ids)
        if ids is not None and len(ids) > MAX_CONVERSATIONS:
            raise BadRequest(f"`conversationIds` holds {len(ids)} ids; at most {MAX_CONVERSATIONS} are allowed.")
        numbers = None if ids is None else [number_of(Kind.CONVERSATION, id_) for id_ in ids]
        with_ephemeral = include_ephemeral is not False
        stream = context.services.stream
        return await stream.event_stream(viewer, numbers, parts, with_ephemeral=with_ephemeral)

    return _as_generator(LiveSource(find_stream, given(after), lambda signal, _is_replay: envelope_of(signal)))


def _as_generator(source: LiveSource) -> AsyncGenerator[Any, None]:
    """Strawberry reads the type of a subscription's events from a generator; what comes is the source."""
    return cast("AsyncGenerator[Any, None]", source)
