"""Messages: the type as one member sees it, and lists of messages."""

from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Annotated

import orjson
import strawberry

from gql.attachment import Attachment
from gql.connection import FEW, After, Connection, First, FirstFew, LazyEdge, few_of
from gql.delivery import DeliveryStatus, ReceiptConnection, status_of
from gql.edit import MessageEdit, MessageEditConnection, MessageEditEdge
from gql.id import Kind, encode
from gql.loader import loader_of, type_of
from gql.node import Info, Node, given
from gql.reaction import ReactionGroup
from gql.scalar import JSON, Moment
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


@strawberry.enum(description="The main kind of content of a message, determined by the server.")
class MessageType(Enum):
    """MongoDB chat's types, and Zulip's text."""

    TEXT = strawberry.enum_value("text", description="Text without files.")
    IMAGE = strawberry.enum_value("image", description="Images, with or without text.")
    VIDEO = strawberry.enum_value("video", description="Videos, with or without text.")
    AUDIO = strawberry.enum_value("audio", description="Audio, with or without text.")
    FILE = strawberry.enum_value(
        "file",
        description="Other files, files of different kinds, or any files sent with `type: FILE`; with or without text.",
    )
    SYSTEM = strawberry.enum_value(
        "system",
        description="Written by the server. Users cannot send messages of this type, and this version of the server "
        "writes none.",
    )


@strawberry.enum(description="Whether a message still has content.")
class MessageState(Enum):
    """SelfCommunity's created and hidden."""

    ACTIVE = strawberry.enum_value("active", description="A normal message.")
    DELETED = strawberry.enum_value(
        "deleted", description="Deleted for everyone: a tombstone without text, files or reactions."
    )


@strawberry.type(description="A private message. Only the participants of its conversation can see it.")
class Message(Node):
    sequence: int = strawberry.field(
        description="The position of the message in its conversation: 1, 2, 3 … No number is reused; deleted messages "
        "can leave gaps."
    )
    sender: User | None = strawberry.field(
        description="The user who sent the message. Null if their account was erased."
    )
    type: MessageType = strawberry.field(description="The main kind of content, determined by the server.")
    text: str | None = strawberry.field(
        description="The current text, exactly as it was sent. Null if the message has only files or was deleted."
    )
    attachments: list[Attachment] = strawberry.field(description="The files of the message, in the sender's order.")
    created_at: Moment = strawberry.field(description="When the server accepted the message.")
    updated_at: Moment = strawberry.field(
        description="When the message was last edited or deleted, otherwise `createdAt`. Reactions and receipts do "
        "not change it."
    )
    edited_at: Moment | None = strawberry.field(
        description="When the text was last edited. Null if it was never edited."
    )
    deleted_at: Moment | None = strawberry.field(
        description="When the message was deleted for everyone. Null if it was not deleted."
    )
    state: MessageState = strawberry.field(description="Whether the message is a normal message or a tombstone.")
    revision: int = strawberry.field(description="The version of the text: 1 as sent, increased by 1 with each edit.")
    client_message_id: str | None = strawberry.field(
        description="The `clientMessageId` that the message was sent with. Null if there was none, and for everyone "
        "except the sender."
    )
    metadata: JSON | None = strawberry.field(
        description="The application's own data, exactly as it was sent. Null if there is none."
    )
    view: strawberry.Private[MessageView]

    @classmethod
    def of(cls, view: MessageView) -> "Message":
        row = view.row
        created_at = Moment(row.created_at)
        return cls(
            id=encode(Kind.MESSAGE, row.id),
            sequence=seq_of(row.id),
            sender=User.of(view.sender) if view.sender else None,
            type=MessageType[MessageKind(row.kind).name],
            text=row.body,
            attachments=[Attachment.of(each) for each in view.attachments],
            created_at=created_at,
            updated_at=Moment(max(row.created_at, row.edited_at or 0, row.deleted_at or 0)),
            edited_at=None if row.edited_at is None else Moment(row.edited_at),
            deleted_at=None if row.deleted_at is None else Moment(row.deleted_at),
            state=MessageState.ACTIVE if row.deleted_at is None else MessageState.DELETED,
            revision=row.revision,
            client_message_id=row.client_message_id if view.is_own else None,
            metadata=None if row.metadata is None else JSON(orjson.loads(row.metadata)),
            view=view,
        )

    @strawberry.field(description="The conversation that the message belongs to.")
    async def conversation(self, info: Info) -> Annotated["Conversation", strawberry.lazy("gql.conversation")]:
        return await loader_of(info).conversation_of(self.view.row.id, info)

    @strawberry.field(description="The participants of the conversation except the sender, in no particular order.")
    async def recipients(self, info: Info, first: FirstFew = FEW) -> list[User]:
        return [User.of(each.person) for each in few_of(await self._recipients(info), first)]

    @strawberry.field(
        description="The message that this one replies to. Null if it is not a reply, or if the viewer can no longer "
        "see that message."
    )
    async def reply_to(self, info: Info) -> Annotated["Message", strawberry.lazy("gql.message")] | None:
        reply_to_id = self.view.row.reply_to_id
        return None if reply_to_id is None else await loader_of(info).message(reply_to_id)

    @strawberry.field(
        description="The reactions, grouped by emoji, oldest emoji first. Reactions of users whom the viewer has "
        "blocked are left out."
    )
    async def reactions(self, info: Info) -> list[ReactionGroup]:
        return await loader_of(info).reactions(self.view.row.id)

    @strawberry.field(
        description="All versions of the text, oldest first, ending with the current one. Empty after the message was "
        "deleted for everyone."
    )
    async def edits(self, info: Info, first: First = UNSET, after: After = UNSET) -> MessageEditConnection:
        viewer, edits = info.context.signed_in(), info.context.services.edit
        page = await edits.page_of(viewer, self.view.row.id, PageRequest(given(first), given(after)))
        cursor_of = partial(edits.cursor_of, viewer)
        return MessageEditConnection.of(
            page, cursor_of, lambda row: MessageEditEdge(cursor=cursor_of(row), node=MessageEdit.of(row))
        )

    @strawberry.field(
        description="How far the message has reached its recipients. Users who do not share receipts with the viewer "
        "do not count; SENT if nobody does."
    )
    async def delivery_status(self, info: Info) -> DeliveryStatus:
        return status_of(await self._recipients(info), seq_of(self.view.row.id))

    @strawberry.field(
        description="The users who have received the message, among those who share receipts with the viewer."
    )
    async def delivered_to(self, info: Info, first: First = UNSET, after: After = UNSET) -> ReceiptConnection:
        id_ = self.view.row.id
        found = [each for each in await self._recipients(info) if (each.delivered_seq or 0) >= seq_of(id_)]
        return ReceiptConnection.of(info, id_, Receipt.DELIVERED, found, PageRequest(given(first), given(after)))

    @strawberry.field(
        description="The users who have read the message, among those who share receipts with the viewer."
    )
    async def seen_by(self, info: Info, first: First = UNSET, after: After = UNSET) -> ReceiptConnection:
        id_ = self.view.row.id
        found = [each for each in await self._recipients(info) if (each.read_seq or 0) >= seq_of(id_)]
        return ReceiptConnection.of(info, id_, Receipt.READ, found, PageRequest(given(first), given(after)))

    @strawberry.field(description="Whether the viewer can edit this message now.")
    async def viewer_can_edit(self, info: Info) -> bool:
        window = info.context.services.limits.edit_window_seconds
        if not self.view.is_own or not self.view.is_within(window):
            return False
        found = await loader_of(info).conversation(conversation_of(self.view.row.id))
        return found is not None and found.view.is_reachable

    @strawberry.field(description="Whether the viewer can delete this message for everyone now.")
    def viewer_can_delete_for_everyone(self, info: Info) -> bool:
        window = info.context.services.limits.delete_for_everyone_window_seconds
        return self.view.is_own and self.view.is_within(window)

    async def _recipients(self, info: Info) -> list[ParticipantView]:
        """All members except the sender."""
        found = await loader_of(info).conversation(conversation_of(self.view.row.id))
        sender_id = self.view.row.sender_id
        return [each for each in found.view.participants if each.person.row.id != sender_id] if found else []

    @strawberry.field(
        description="One line for lists: the text without line breaks, or the file names if there is no text."
    )
    def preview(
        self,
        max_length: Annotated[
            int | None,
            strawberry.argument(
                description="The maximum number of characters: 1 to 1,000. A longer text is cut and ends in `…`. 120 "
                "if omitted or null."
            ),
        ] = 120,
    ) -> str:
        return self.view.preview(max_length)


@strawberry.type(description="An edge of a list of messages.")
class MessageEdge(LazyEdge[Message]):
    node: Message = strawberry.field(description="The message of this edge.")


@strawberry.type(description="A page of messages.")
class MessageConnection(Connection[MessageEdge, Message]):
    edges: list[MessageEdge] = strawberry.field(description="The edges of this page, with cursors.")
    nodes: list[Message] = strawberry.field(description="The messages of this page.")


type_of.register(MessageView, Message.of)
