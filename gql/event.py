"""Events: everything that can happen to a viewer, as types."""

from datetime import datetime
from typing import Annotated

import strawberry

from gql.conversation import Conversation
from gql.delivery import DeliveryStatus
from gql.device import Device, DeviceAdded
from gql.enum import described
from gql.id import Kind, encode
from gql.message import Message
from gql.node import moment_of
from gql.presence import Presence
from gql.scalar import EventCursor
from gql.setting import MessagingSettings
from gql.signal import SessionRevoked, StreamCaughtUp, StreamHeartbeat, StreamReady, StreamReset
from gql.user import User
from models.base import conversation_of
from models.event import Change, EventKind, Receipt, Removal
from services.live.resolved_event import ResolvedEvent
from services.live.signal import (
    PresenceChange,
    Revoked,
    Typing,
)

described(
    Change,
    "MessageChange",
    "What is different about a message.",
    {
        "TEXT": "It was edited.",
        "STATE": "It was deleted for everyone; what is left is a tombstone.",
        "REACTIONS": "Somebody set an emoji, or took one back.",
        "ATTACHMENTS": "Something about its files is known now.",
    },
)
described(
    Removal,
    "MessageRemovalReason",
    "Why a message is gone.",
    {
        "DELETED_FOR_VIEWER": "The viewer deleted it for themselves.",
        "DELETED_SILENTLY": "Its sender deleted it for everyone, within the silent window.",
        "CLEARED": "The viewer cleared the conversation up to this message: all before it are gone as well.",
        "RETENTION": "The server keeps messages only for a time, and it was over.",
    },
)


@strawberry.type(description="A message came, or was sent by the viewer from another device.")
class MessageCreated:
    message: Message = strawberry.field(description="The message as it is now.")
    client_message_id: str | None = strawberry.field(
        description="The `clientMessageId` that it was sent with; null for everybody but its sender."
    )


@strawberry.type(description="Something about a message is different.")
class MessageUpdated:
    message: Message = strawberry.field(description="The message as it is now.")
    changes: list[Change] = strawberry.field(description="What is different.")


@strawberry.type(description="A message is gone, for the viewer or for everyone.")
class MessageRemoved:
    message_id: strawberry.ID = strawberry.field(description="Its id.")
    conversation_id: strawberry.ID = strawberry.field(description="The id of its conversation.")
    removal_reason: Removal = strawberry.field(description="Why.")


@strawberry.type(description="Somebody got or read messages.")
class ReceiptUpdated:
    conversation: Conversation = strawberry.field(description="The conversation as it is now.")
    user: User = strawberry.field(description="Who.")
    status: DeliveryStatus = strawberry.field(description="DELIVERED or READ.")
    up_to: Message = strawberry.field(description="This message, and all before it.")
    at: datetime = strawberry.field(description="When.")


@strawberry.type(description="A conversation began.")
class ConversationCreated:
    conversation: Conversation = strawberry.field(description="The conversation as it is now.")


@strawberry.type(description="Something about a conversation is different: unread messages, preferences, members.")
class ConversationUpdated:
    conversation: Conversation = strawberry.field(description="The conversation as it is now.")


@strawberry.type(description="A conversation is out of the viewer's lists; a new message may bring it back.")
class ConversationRemoved:
    conversation_id: strawberry.ID = strawberry.field(description="Its id.")


@strawberry.type(description="Somebody types, or has stopped. It is never replayed.")
class TypingChanged:
    conversation: Conversation = strawberry.field(description="Where.")
    user: User = strawberry.field(description="Who.")
    is_typing: bool = strawberry.field(description="Whether they type.")
    expires_at: datetime | None = strawberry.field(description="When to stop showing it, unless it comes again.")


@strawberry.type(
    description="Somebody came or went, and shares it with the viewer; nobody else is announced. It is never replayed."
)
class PresenceChanged:
    user: User = strawberry.field(description="Who.")
    presence: Presence | None = strawberry.field(
        description="As it is now; null once, when the viewer may no longer know it."
    )


@strawberry.type(description="The viewer blocked or unblocked somebody.")
class BlocksChanged:
    user: User = strawberry.field(description="The person as they are now.")
    is_blocked: bool = strawberry.field(description="Whether it was a block or its end.")


@strawberry.type(description="The viewer's settings are different.")
class SettingsChanged:
    settings: MessagingSettings = strawberry.field(description="The settings as they are now.")


Event = Annotated[
    StreamReady
    | StreamCaughtUp
    | StreamReset
    | StreamHeartbeat
    | MessageCreated
    | MessageUpdated
    | MessageRemoved
    | ReceiptUpdated
    | ConversationCreated
    | ConversationUpdated
    | ConversationRemoved
    | TypingChanged
    | PresenceChanged
    | BlocksChanged
    | SettingsChanged
    | DeviceAdded
    | SessionRevoked,
    strawberry.union("Event", description="Something that concerns the viewer. More kinds will come: expect others."),
]


@strawberry.type(description="An event and its place in the viewer's stream.")
class EventEnvelope:
    cursor: EventCursor | None = strawberry.field(description="Where to go on after this event.")
    at: datetime = strawberry.field(description="When it happened.")
    event: Event = strawberry.field(description="What happened.")


def event_of(each: ResolvedEvent, viewer_device_id: int) -> "Event":
    if each.kind in {EventKind.MESSAGE_REMOVED, EventKind.CONVERSATION_REMOVED}:
        return _removal_of(each)
    if each.settings is not None:
        return SettingsChanged(settings=MessagingSettings.of(each.settings))
    if each.message is not None:
        return _of_message(each, Message.of(each.message))
    if each.conversation is not None:
        is_new = each.kind is EventKind.CONVERSATION_CREATED
        return (ConversationCreated if is_new else ConversationUpdated)(conversation=Conversation.of(each.conversation))
    if each.device is not None:
        return DeviceAdded(device=Device.of(each.device, viewer_device_id))
    assert each.person is not None
    return BlocksChanged(user=User.of(each.person), is_blocked=each.kind is EventKind.USER_BLOCKED)


def _removal_of(each: ResolvedEvent) -> "Event":
    if each.kind is EventKind.CONVERSATION_REMOVED:
        return ConversationRemoved(conversation_id=encode(Kind.CONVERSATION, each.subject_id))
    return MessageRemoved(
        message_id=encode(Kind.MESSAGE, each.subject_id),
        conversation_id=encode(Kind.CONVERSATION, conversation_of(each.subject_id)),
        removal_reason=Removal(each.detail),
    )


def _of_message(each: ResolvedEvent, message: Message) -> "Event":
    if each.kind is EventKind.RECEIPT_UPDATED and each.conversation and each.person:
        return ReceiptUpdated(
            conversation=Conversation.of(each.conversation),
            user=User.of(each.person),
            status=DeliveryStatus.READ if each.detail == Receipt.READ else DeliveryStatus.DELIVERED,
            up_to=message,
            at=moment_of(each.at),
        )
    if each.kind is EventKind.MESSAGE_UPDATED:
        return MessageUpdated(message=message, changes=[change for change in Change if change & each.detail])
    return MessageCreated(message=message, client_message_id=message.client_message_id)


def ephemeral_event_of(signal: Typing | PresenceChange | Revoked) -> "Event":
    """The type for an event that is not in the log and so has no cursor."""
    if isinstance(signal, Typing):
        return TypingChanged(
            conversation=Conversation.of(signal.conversation),
            user=User.of(signal.person),
            is_typing=signal.until is not None,
            expires_at=None if signal.until is None else moment_of(signal.until),
        )
    if isinstance(signal, PresenceChange):
        presence = None if signal.presence is None else Presence.of(signal.presence)
        return PresenceChanged(user=User.of(signal.person), presence=presence)
    return SessionRevoked(revocation_reason=signal.reason)
