"""Events: everything that can happen to a viewer, as types."""

from typing import Annotated

import strawberry

from gql.account import Viewer
from gql.conversation import Conversation
from gql.delivery import DeliveryStatus
from gql.device import Device, DeviceAdded
from gql.enum import described
from gql.ephemeral import PresenceChanged, TypingChanged
from gql.id import Kind, encode
from gql.message import Message, MessageEdge, client_message_id_of, message_edge_of
from gql.node import Info
from gql.participant import Participant
from gql.scalar import Moment
from gql.setting import MessagingSettings
from gql.signal import SessionRevoked, StreamCaughtUp, StreamHeartbeat, StreamReady, StreamReset
from gql.user import User
from models.base import conversation_of, seq_of
from models.event import Change, EventKind, Receipt, Removal
from services import viewer as services
from services.live.resolved_event import ResolvedEvent
from services.message.conversation_view import ConversationView
from services.message.message_view import MessageView
from services.message.participant import ParticipantView
from services.message.viewer_view import ViewerView

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
    view: strawberry.Private[MessageView]

    @strawberry.field(description="The message in its current state.")
    def message(self) -> Message:
        return Message(view=self.view)

    @strawberry.field(
        description="The `clientMessageId` that the message was sent with. Null if there was none, and for everyone "
        "except the sender."
    )
    def client_message_id(self) -> str | None:
        return client_message_id_of(self.view)

    @strawberry.field(
        description="The edge of the message in `Conversation.messages`, with the same cursor as there, to append to a "
        "cached list."
    )
    def message_edge(self, info: Info) -> MessageEdge:
        return message_edge_of(self.view, info)


@strawberry.type(description="A message changed: its text, state, reactions or attachments.")
class MessageUpdated:
    message: Message = strawberry.field(description="The message in its current state.")
    changes: list[Change] = strawberry.field(description="The parts of the message that changed, at least one.")


@strawberry.type(description="A message was removed, for the viewer or for everyone.")
class MessageRemoved:
    event: strawberry.Private[ResolvedEvent]

    @strawberry.field(description="The id of the removed message.")
    def message_id(self) -> strawberry.ID:
        return encode(Kind.MESSAGE, self.event.subject_id)

    @strawberry.field(description="The id of the conversation that the message belonged to.")
    def conversation_id(self) -> strawberry.ID:
        return encode(Kind.CONVERSATION, conversation_of(self.event.subject_id))

    @strawberry.field(
        description="The `sequence` of the message. For CLEARED, all messages up to this one were removed."
    )
    def sequence(self) -> int:
        return seq_of(self.event.subject_id)

    @strawberry.field(description="Why the message was removed.")
    def removal_reason(self) -> Removal:
        return Removal(self.event.detail)


@strawberry.type(description="Another participant received or read messages in a conversation.")
class ReceiptUpdated:
    event: strawberry.Private[ResolvedEvent]
    reader: strawberry.Private[ParticipantView]
    view: strawberry.Private[ConversationView]
    message: strawberry.Private[MessageView]

    @strawberry.field(description="The conversation in its current state.")
    def conversation(self) -> Conversation:
        return Conversation(view=self.view)

    @strawberry.field(description="The user who received or read the messages.")
    def user(self) -> User:
        return User(person=self.reader.person)

    @strawberry.field(
        description="The same user as a participant of the conversation, with the positions that the viewer can see."
    )
    def participant(self) -> Participant:
        return Participant(view=self.reader)

    @strawberry.field(description="DELIVERED or READ; never SENT.")
    def status(self) -> DeliveryStatus:
        return DeliveryStatus.READ if self.event.detail == Receipt.READ else DeliveryStatus.DELIVERED

    @strawberry.field(description="The newest message that was received or read. All earlier messages count as well.")
    def up_to(self) -> Message:
        return Message(view=self.message)

    @strawberry.field(description="When the user received or read the messages.")
    def at(self) -> Moment:
        return Moment(self.event.at)


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
    if each.kind is EventKind.CONVERSATION_REMOVED:
        return ConversationRemoved(conversation_id=encode(Kind.CONVERSATION, each.subject_id))
    if each.kind is EventKind.MESSAGE_REMOVED:
        return MessageRemoved(event=each)
    if each.message is not None:
        return _of_message(each, each.message)
    if each.conversation is not None:
        is_new = each.kind is EventKind.CONVERSATION_CREATED
        kind = ConversationCreated if is_new else ConversationUpdated
        return kind(conversation=Conversation(view=each.conversation))
    return _of_viewer(each, viewer) or _of_person(each)


def _of_viewer(each: ResolvedEvent, viewer: services.Viewer) -> "Event | None":
    if each.settings is not None:
        return SettingsChanged(settings=MessagingSettings.of(each.settings))
    if each.device is not None:
        return DeviceAdded(device=Device(row=each.device, viewer_device_id=viewer.device_id))
    if each.kind is EventKind.VIEWER_UPDATED and each.person is not None:
        return ViewerUpdated(viewer=Viewer.of(ViewerView(viewer, each.person)))
    return None


def _of_person(each: ResolvedEvent) -> "Event":
    assert each.person is not None
    user = User(person=each.person)
    if each.kind is EventKind.USER_UPDATED:
        return UserUpdated(user=user)
    return BlocksChanged(user=user, is_blocked=each.kind is EventKind.USER_BLOCKED)


def _of_message(each: ResolvedEvent, message: MessageView) -> "Event":
    if each.kind is EventKind.RECEIPT_UPDATED and each.conversation and each.person:
        reader_id = each.person.row.id
        reader = next(view for view in each.conversation.participants if view.person.row.id == reader_id)
        return ReceiptUpdated(event=each, reader=reader, view=each.conversation, message=message)
    if each.kind is EventKind.MESSAGE_UPDATED:
        changes = [change for change in Change if change & each.detail]
        return MessageUpdated(message=Message(view=message), changes=changes)
    return MessageCreated(view=message)
