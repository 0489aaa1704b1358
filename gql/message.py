"""Messages: the type as one member sees it, and lists of messages."""

from datetime import datetime
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Annotated

import orjson
import strawberry

from gql.attachment import Attachment
from gql.connection import After, Connection, First, LazyEdge, page_info_of
from gql.delivery import DeliveryStatus, ReceiptConnection, status_of
from gql.edit import MessageEdit, MessageEditConnection, MessageEditEdge
from gql.id import Kind, encode
from gql.loader import loader_of, type_of
from gql.node import Info, Node, given, moment_of
from gql.reaction import ReactionGroup
from gql.scalar import JSON
from gql.user import User
from models.base import conversation_of, seq_of
from models.event import Receipt
from models.message import MessageKind
from services.message.message import MessageView
from services.message.participant import ParticipantView
from services.page import PageRequest

if TYPE_CHECKING:
    from gql.conversation import Conversation

UNSET = strawberry.UNSET


@strawberry.enum(description="What a message is in the main; the server tells it from the content.")
class MessageType(Enum):
    """MongoDB chat's types, and Zulip's text."""

    TEXT = strawberry.enum_value("text", description="Text without a file.")
    IMAGE = strawberry.enum_value("image", description="Pictures, and perhaps text.")
    VIDEO = strawberry.enum_value("video", description="Videos, and perhaps text.")
    AUDIO = strawberry.enum_value("audio", description="Sound, and perhaps text.")
    FILE = strawberry.enum_value(
        "file", description="Other files, files of several kinds or sent as files, and perhaps text."
    )
    SYSTEM = strawberry.enum_value("system", description="Written by the server; nobody can send one.")


@strawberry.enum(description="What has become of a message.")
class MessageState(Enum):
    """SelfCommunity's created and hidden."""

    ACTIVE = strawberry.enum_value("active", description="It stands.")
    DELETED = strawberry.enum_value("deleted", description="Deleted for everyone: no text, no files, no reactions.")


@strawberry.type(description="A private message. Only the members of its conversation can see it.")
class Message(Node):
    sequence: int = strawberry.field(description="Its place in the conversation: 1, 2, 3 …; no number comes twice.")
    sender: User | None = strawberry.field(description="Who wrote it; null once the account was erased.")
    type: MessageType = strawberry.field(description="What it mainly is.")
    text: str | None = strawberry.field(
        description="What was written, character by character as it was sent; null when it is only files."
    )
    attachments: list[Attachment] = strawberry.field(description="Its files, in the order of the sender.")
    created_at: datetime = strawberry.field(description="When the server accepted it.")
    updated_at: datetime = strawberry.field(description="When it was edited or deleted last; else `createdAt`.")
    edited_at: datetime | None = strawberry.field(description="When its text was last changed; null if never.")
    deleted_at: datetime | None = strawberry.field(description="When it was deleted for everyone; null if it was not.")
    state: MessageState = strawberry.field(description="Whether there is still something to show.")
    revision: int = strawberry.field(description="1 as it was sent, one more with each edit.")
    client_message_id: str | None = strawberry.field(
        description="The `clientMessageId` that it was sent with; null for everybody but its sender."
    )
    metadata: JSON | None = strawberry.field(description="The application's own data; null where there is none.")
    view: strawberry.Private[MessageView]

    @classmethod
    def of(cls, view: MessageView) -> "Message":
        row = view.row
        created_at = moment_of(row.created_at)
        return cls(
            id=encode(Kind.MESSAGE, row.id),
            sequence=seq_of(row.id),
            sender=User.of(view.sender) if view.sender else None,
            type=MessageType[MessageKind(row.kind).name],
            text=row.body,
            attachments=[Attachment.of(each) for each in view.attachments],
            created_at=created_at,
            updated_at=moment_of(max(row.created_at, row.edited_at or 0, row.deleted_at or 0)),
            edited_at=None if row.edited_at is None else moment_of(row.edited_at),
            deleted_at=None if row.deleted_at is None else moment_of(row.deleted_at),
            state=MessageState.ACTIVE if row.deleted_at is None else MessageState.DELETED,
            revision=row.revision,
            client_message_id=row.client_message_id if view.is_own else None,
            metadata=None if row.metadata is None else JSON(orjson.loads(row.metadata)),
            view=view,
        )

    @strawberry.field(description="The conversation that it belongs to.")
    async def conversation(self, info: Info) -> Annotated["Conversation", strawberry.lazy("gql.conversation")]:
        return await loader_of(info).conversation_of(self.view.row.id, info)

    @strawberry.field(description="All members of the conversation but the sender, in no particular order.")
    async def recipients(self, info: Info) -> list[User]:
        return [User.of(each.person) for each in await self._recipients(info)]

    @strawberry.field(
        description="The message that this one answers; null for none, and where the viewer can no longer see it."
    )
    async def reply_to(self, info: Info) -> Annotated["Message", strawberry.lazy("gql.message")] | None:
        reply_to_id = self.view.row.reply_to_id
        return None if reply_to_id is None else await loader_of(info).message(reply_to_id)

    @strawberry.field(description="The reactions, the oldest emoji first; without those of people the viewer blocked.")
    async def reactions(self, info: Info) -> list[ReactionGroup]:
        return await loader_of(info).reactions(self.view.row.id)

    @strawberry.field(description="Every text it has had, oldest first, the one that stands last; none once deleted.")
    async def edits(self, info: Info, first: First = UNSET, after: After = UNSET) -> MessageEditConnection:
        viewer, edits = info.context.signed_in(), info.context.services.edit
        page = await edits.page_of(viewer, self.view.row.id, PageRequest(given(first), given(after)))
        cursor_of = partial(edits.cursor_of, viewer)
        edges = [MessageEditEdge(cursor=cursor_of(row), node=MessageEdit.of(row)) for row in page.items]
        return MessageEditConnection(edges=edges, page_info=page_info_of(page, cursor_of))

    @strawberry.field(
        description="How far it has come to all others; people who keep their receipts private do not count."
    )
    async def delivery_status(self, info: Info) -> DeliveryStatus:
        return status_of(await self._recipients(info), seq_of(self.view.row.id))

    @strawberry.field(description="Whom it has reached, as far as they let the viewer know.")
    async def delivered_to(self, info: Info, first: First = UNSET, after: After = UNSET) -> ReceiptConnection:
        id_ = self.view.row.id
        found = [each for each in await self._recipients(info) if (each.delivered_seq or 0) >= seq_of(id_)]
        return ReceiptConnection.of(info, id_, Receipt.DELIVERED, found, PageRequest(given(first), given(after)))

    @strawberry.field(description="Who has read it, as far as they let the viewer know.")
    async def seen_by(self, info: Info, first: First = UNSET, after: After = UNSET) -> ReceiptConnection:
        id_ = self.view.row.id
        found = [each for each in await self._recipients(info) if (each.read_seq or 0) >= seq_of(id_)]
        return ReceiptConnection.of(info, id_, Receipt.READ, found, PageRequest(given(first), given(after)))

    @strawberry.field(description="Whether `editMessage` would pass now, for a text that is allowed.")
    async def viewer_can_edit(self, info: Info) -> bool:
        window = info.context.services.limits.edit_window_seconds
        if not self.view.is_own or not self.view.is_within(window):
            return False
        found = await loader_of(info).conversation(conversation_of(self.view.row.id))
        return found is not None and found.view.is_reachable

    @strawberry.field(description="Whether `deleteMessage` FOR_EVERYONE would pass now.")
    def viewer_can_delete_for_everyone(self, info: Info) -> bool:
        window = info.context.services.limits.delete_for_everyone_window_seconds
        return self.view.is_own and self.view.is_within(window)

    async def _recipients(self, info: Info) -> list[ParticipantView]:
        """All members except the sender."""
        found = await loader_of(info).conversation(conversation_of(self.view.row.id))
        sender_id = self.view.row.sender_id
        return [each for each in found.view.participants if each.person.row.id != sender_id] if found else []

    @strawberry.field(description="One line for a list: the text without line breaks, or what the files are.")
    def preview(
        self,
        max_length: Annotated[
            int | None,
            strawberry.argument(description="At most so many characters, 1 to 1,000; a longer text ends in `…`."),
        ] = 120,
    ) -> str:
        return self.view.preview(max_length)


@strawberry.type(description="A message in a list.")
class MessageEdge(LazyEdge[Message]):
    node: Message = strawberry.field(description="The message.")


@strawberry.type(description="A list of messages.")
class MessageConnection(Connection[MessageEdge, Message]):
    edges: list[MessageEdge] = strawberry.field(description="The messages with their cursors.")
    nodes: list[Message] = strawberry.field(description="The messages without their cursors.")


type_of.register(MessageView, Message.of)
