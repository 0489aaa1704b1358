"""Events: everything that can happen to a viewer, as types."""

from functools import partial
from typing import Annotated

import strawberry

from gql.account import Viewer
from gql.conversation import Conversation
from gql.delivery import DeliveryStatus
from gql.device import Device, DeviceAdded
from gql.enum import described
from gql.id import Kind, encode
from gql.message import Message, MessageEdge
from gql.node import Info
from gql.participant import Participant
from gql.presence import Presence
from gql.scalar import Moment
from gql.setting import MessagingSettings
from gql.signal import SessionRevoked, StreamCaughtUp, StreamHeartbeat, StreamReady, StreamReset
from gql.user import User
from models.base import conversation_of, seq_of
from models.event import Change, EventKind, Receipt, Removal
from services import viewer as services
from services.live.resolved_event import ResolvedEvent
from services.live.signal import (
    PresenceChange,
    Revoked,
    Typing,
)

described(
    Change,
    "MessageChange",
    "What changed in a message.",
    {
        "TEXT": "The text was edited.",
        "STATE": "The message was deleted for everyone; a tombstone remains.",
        "REACTIONS": "A reaction was set or removed.",
        "ATTACHMENTS": "The server finished processing a file: its thumbnail is ready, or could not be made.",
    },
)
described(
    Removal,
    "MessageRemovalReason",
    "Why a message was removed.",
    {
        "DELETED_FOR_VIEWER": "The message was hidden from the viewer only: they deleted it for themselves, or its "
        "sender edited it after they had blocked the sender.",
        "DELETED_SILENTLY": "The sender deleted it for everyone within `silentDeleteWindowSeconds`.",
        "CLEARED": "The viewer cleared the conversation up to this message. All earlier messages are removed too.",
        "RETENTION": "The server's retention period for messages has passed. Reserved; not used yet.",
    },
)


@strawberry.type(
    description="A message was sent in one of the viewer's conversations. The device that sent it gets this event "
    "too: match it by `clientMessageId`, and after `sendPrivateMessageToEach` by conversation as well."
)
class MessageCreated:
    message: Message = strawberry.field(description="The message in its current state.")
    client_message_id: str | None = strawberry.field(
        description="The `clientMessageId` that the message was sent with. Null if there was none, and for everyone "
        "except the sender."
    )

    @strawberry.field(
        description="The edge of the message in `Conversation.messages`, with the same cursor as there, to append to a "
        "cached list."
    )
    def message_edge(self, info: Info) -> MessageEdge:
        messages, viewer, view = info.context.services.message, info.context.signed_in(), self.message.view
        return MessageEdge(node=self.message, make_cursor=partial(messages.cursor_of, viewer, view))


@strawberry.type(description="A message changed: its text, state, reactions or attachments.")
class MessageUpdated:
    message: Message = strawberry.field(description="The message in its current state.")
    changes: list[Change] = strawberry.field(description="The parts of the message that changed, at least one.")


@strawberry.type(description="A message was removed, for the viewer or for everyone.")
class MessageRemoved:
    message_id: strawberry.ID = strawberry.field(description="The id of the removed message.")
    conversation_id: strawberry.ID = strawberry.field(
        description="The id of the conversation that the message belonged to."
    )
    sequence: int = strawberry.field(
        description="The `sequence` of the message. For CLEARED, all messages up to this one were removed."
    )
    removal_reason: Removal = strawberry.field(description="Why the message was removed.")


@strawberry.type(description="Another participant received or read messages in a conversation.")
class ReceiptUpdated:
    conversation: Conversation = strawberry.field(description="The conversation in its current state.")
    user: User = strawberry.field(description="The user who received or read the messages.")
    participant: Participant = strawberry.field(
        description="The same user as a participant of the conversation, with the positions that the viewer can see."
    )
    status: DeliveryStatus = strawberry.field(description="DELIVERED or READ; never SENT.")
    up_to: Message = strawberry.field(
        description="The newest message that was received or read. All earlier messages count as well."
    )
    at: Moment = strawberry.field(description="When the user received or read the messages.")


@strawberry.type(description="A conversation that includes the viewer was created.")
class ConversationCreated:
    conversation: Conversation = strawberry.field(description="The conversation in its current state.")


@strawberry.type(
    description="A conversation changed for the viewer, for example its unread count, preferences, request state or "
    "participants."
)
class ConversationUpdated:
    conversation: Conversation = strawberry.field(description="The conversation in its current state.")


@strawberry.type(description="A conversation was removed from the viewer's lists. A new message can bring it back.")
class ConversationRemoved:
    conversation_id: strawberry.ID = strawberry.field(description="The id of the removed conversation.")


@strawberry.type(description="Someone started or stopped typing. Never replayed.")
class TypingChanged:
    conversation: Conversation = strawberry.field(description="The conversation in which the user is typing.")
    user: User = strawberry.field(description="The user who started or stopped typing.")
    is_typing: bool = strawberry.field(description="Whether the user is typing.")
    expires_at: Moment | None = strawberry.field(
        description="When to stop showing the indicator, unless another event arrives first. Null if `isTyping` is "
        "false."
    )


@strawberry.type(
    description="Someone who shares their presence with the viewer came online or went offline. Never replayed."
)
class PresenceChanged:
    user: User = strawberry.field(description="The user whose presence changed.")
    presence: Presence | None = strawberry.field(
        description="The user's presence now. Null once, when the viewer can no longer see it."
    )


@strawberry.type(description="The viewer blocked or unblocked a user.")
class BlocksChanged:
    user: User = strawberry.field(description="The user in their current state.")
    is_blocked: bool = strawberry.field(
        description="True if the viewer blocked the user, false if they unblocked them."
    )


@strawberry.type(description="The viewer's messaging settings changed.")
class SettingsChanged:
    settings: MessagingSettings = strawberry.field(description="All settings after the change.")


@strawberry.type(
    description="A user changed for the viewer: their name or account state, whether they follow the viewer, or "
    "whether the viewer follows or has muted them."
)
class UserUpdated:
    user: User = strawberry.field(description="The user in their current state.")


@strawberry.type(
    description="Something about the viewer changed that has no event of its own, such as their devices, API keys or "
    "name."
)
class ViewerUpdated:
    viewer: Viewer = strawberry.field(description="The viewer in their current state.")


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
    | UserUpdated
    | ViewerUpdated
    | DeviceAdded
    | SessionRevoked,
    strawberry.union(
        "Event",
        description="Something that concerns the viewer. Later versions may add types: ignore types that you do not "
        "know.",
    ),
]


def event_of(each: ResolvedEvent, viewer: services.Viewer) -> "Event":
    if each.kind in {EventKind.MESSAGE_REMOVED, EventKind.CONVERSATION_REMOVED}:
        return _removal_of(each)
    if each.message is not None:
        return _of_message(each, Message.of(each.message))
    if each.conversation is not None:
        is_new = each.kind is EventKind.CONVERSATION_CREATED
        return (ConversationCreated if is_new else ConversationUpdated)(conversation=Conversation.of(each.conversation))
    return _of_viewer(each, viewer) or _of_person(each)


def _of_viewer(each: ResolvedEvent, viewer: services.Viewer) -> "Event | None":
    if each.settings is not None:
        return SettingsChanged(settings=MessagingSettings.of(each.settings))
    if each.device is not None:
        return DeviceAdded(device=Device.of(each.device, viewer.device_id))
    if each.kind is EventKind.VIEWER_UPDATED and each.person is not None:
        return ViewerUpdated(viewer=Viewer.of(viewer, each.person))
    return None


def _of_person(each: ResolvedEvent) -> "Event":
    assert each.person is not None
    if each.kind is EventKind.USER_UPDATED:
        return UserUpdated(user=User.of(each.person))
    return BlocksChanged(user=User.of(each.person), is_blocked=each.kind is EventKind.USER_BLOCKED)


def _removal_of(each: ResolvedEvent) -> "Event":
    if each.kind is EventKind.CONVERSATION_REMOVED:
        return ConversationRemoved(conversation_id=encode(Kind.CONVERSATION, each.subject_id))
    return MessageRemoved(
        message_id=encode(Kind.MESSAGE, each.subject_id),
        conversation_id=encode(Kind.CONVERSATION, conversation_of(each.subject_id)),
        sequence=seq_of(each.subject_id),
        removal_reason=Removal(each.detail),
    )


def _of_message(each: ResolvedEvent, message: Message) -> "Event":
    if each.kind is EventKind.RECEIPT_UPDATED and each.conversation and each.person:
        reader_id = each.person.row.id
        reader = next(view for view in each.conversation.participants if view.person.row.id == reader_id)
        return ReceiptUpdated(
            conversation=Conversation.of(each.conversation),
            user=User.of(each.person),
            participant=Participant.of(reader),
            status=DeliveryStatus.READ if each.detail == Receipt.READ else DeliveryStatus.DELIVERED,
            up_to=message,
            at=Moment(each.at),
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
            expires_at=None if signal.until is None else Moment(signal.until),
        )
    if isinstance(signal, PresenceChange):
        presence = None if signal.presence is None else Presence.of(signal.presence)
        return PresenceChanged(user=User.of(signal.person), presence=presence)
    return SessionRevoked(revocation_reason=signal.reason)
