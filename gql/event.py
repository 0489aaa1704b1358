"""Events: the viewer's log over a plain query, and new messages live."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated

import strawberry

from gql.conversation import Conversation
from gql.id import Kind, number_of
from gql.message import Message
from gql.node import Info, given, moment_of
from gql.scalar import EventCursor
from gql.user import User
from models.event import EventKind
from services.error import NotFound
from services.stream import Occurrence

UNSET = strawberry.UNSET


@strawberry.type(description="A message came, or was sent by the viewer from another device.")
class MessageCreated:
    """About a message."""

    message: Message = strawberry.field(description="The message as it is now.")
    client_message_id: str | None = strawberry.field(
        description="The `clientMessageId` that it was sent with; null for everybody but its sender."
    )


@strawberry.type(description="A conversation began.")
class ConversationCreated:
    """About a conversation."""

    conversation: Conversation = strawberry.field(description="The conversation as it is now.")


@strawberry.type(description="The viewer blocked or unblocked somebody.")
class BlocksChanged:
    """About a person."""

    user: User = strawberry.field(description="The person as they are now.")
    is_blocked: bool = strawberry.field(description="Whether it was a block or its end.")


Event = Annotated[
    MessageCreated | ConversationCreated | BlocksChanged,
    strawberry.union("Event", description="Something that concerns the viewer. More kinds will come: expect others."),
]


@strawberry.type(description="An event and its place in the viewer's stream.")
class EventEnvelope:
    """Built from an Occurrence."""

    cursor: EventCursor | None = strawberry.field(description="Where to go on after this event.")
    at: datetime = strawberry.field(description="When it happened.")
    event: Event = strawberry.field(description="What happened.")


@strawberry.type(description="A stretch of the viewer's events.")
class EventPage:
    """For jobs, and for clients without sockets."""

    nodes: list[EventEnvelope] = strawberry.field(description="The events, oldest first.")
    end_cursor: EventCursor = strawberry.field(description="Where to go on; good also when `nodes` is empty.")
    has_more: bool = strawberry.field(description="Whether there are more already.")


@strawberry.type(description="A new message on its way to a subscriber.")
class PrivateMessageReceived:
    """Built from a Delivery."""

    cursor: EventCursor = strawberry.field(description="Subscribe again with `after` this: nothing is missed or twice.")
    message: Message = strawberry.field(description="The message, its files included.")
    is_replay: bool = strawberry.field(description="Whether it was sent before this subscription began.")


async def events(
    info: Info,
    after: Annotated[EventCursor, strawberry.argument(description="From `viewer.eventCursor`, or where one left off.")],
    first: Annotated[int | None, strawberry.argument(description="At most so many: 1 to 200, 50 if left out.")] = UNSET,
) -> EventPage:
    """One page of the log."""
    viewer, stream = info.context.signed_in(), info.context.services.stream
    page = await stream.page_after(viewer, after, given(first))
    nodes = [
        EventEnvelope(
            cursor=EventCursor(stream.cursor_of(viewer, each.n)), at=moment_of(each.at), event=_event_of(each)
        )
        for each in page.items
    ]
    return EventPage(nodes=nodes, end_cursor=EventCursor(stream.cursor_of(viewer, page.n)), has_more=page.has_more)


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
    """Delivers until the client leaves or the session ends."""
    viewer, services = info.context.signed_in(), info.context.services
    number = None
    if (id_ := given(conversation_id)) is not None:
        number = number_of(Kind.CONVERSATION, id_)
        if await services.conversation.find(viewer, number) is None:
            raise NotFound("There is no such conversation.")
    async with aclosing(services.stream.messages(viewer, given(after), number)) as deliveries:
        async for each in deliveries:
            cursor = EventCursor(services.stream.cursor_of(viewer, each.n))
            yield PrivateMessageReceived(cursor=cursor, message=Message.of(each.message), is_replay=each.is_replay)


def _event_of(each: Occurrence) -> MessageCreated | ConversationCreated | BlocksChanged:
    if each.message is not None:
        message = Message.of(each.message)
        return MessageCreated(message=message, client_message_id=message.client_message_id)
    if each.conversation is not None:
        return ConversationCreated(conversation=Conversation.of(each.conversation))
    assert each.person is not None
    return BlocksChanged(user=User.of(each.person), is_blocked=each.kind is EventKind.USER_BLOCKED)
