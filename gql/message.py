"""Messages: the type as one member sees it, and lists of messages."""

from collections.abc import Sequence
from enum import Enum
from functools import partial
from typing import TYPE_CHECKING, Annotated

import orjson
import strawberry

from gql.attachment import Attachment
from gql.connection import FEW, After, Connection, Edge, First, FirstFew, cursor_field, few_of, page_info_field
from gql.delivery import DeliveryStatus, ReceiptConnection, members_of, receipts_of, recipients_of, status_of
from gql.edit import MessageEditConnection
from gql.id import Kind, encode
from gql.level import level_field
from gql.loader import filled, loader_of, shown, type_of
from gql.node import Info, Node, given
from gql.part import message_parts, reactor_detail
from gql.reaction import ReactionGroup
from gql.scalar import JSON, Moment
from gql.selection import selection_of
from gql.user import User
from models.base import seq_of
from models.event import Receipt
from models.message import MessageKind
from services.error import SottoError
from services.message.conversation_view import ConversationView
from services.message.message_page import MessagePageRequest
from services.message.message_view import MessageView
from services.page import Page, PageRequest
from services.part import MISSING

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


_TYPES = {int(kind): MessageType[kind.name] for kind in MessageKind}


@strawberry.type(description="A private message. Only the participants of its conversation can see it.")
class Message(Node):
    """Shows a MessageView: a row with its sender and its files."""

    view: strawberry.Private[MessageView]

    def global_id(self) -> strawberry.ID:
        return encode(Kind.MESSAGE, self.view.row.id)

    @strawberry.field(
        description="The position of the message in its conversation: 1, 2, 3 … No number is reused; deleted messages "
        "can leave gaps."
    )
    def sequence(self) -> int:
        return seq_of(self.view.row.id)

    @strawberry.field(description="The user who sent the message. Null if their account was erased.")
    def sender(self) -> User | None:
        sender = self.view.sender
        return None if sender is None else User(person=sender)

    @strawberry.field(description="The main kind of content, determined by the server.")
    def type(self) -> MessageType:
        return _TYPES[self.view.row.kind]

    @strawberry.field(
        description="The current text, exactly as it was sent. Null if the message has only files or was deleted."
    )
    def text(self) -> str | None:
        return self.view.row.body

    @strawberry.field(description="The files of the message, in the sender's order.")
    def attachments(self) -> list[Attachment]:
        return [Attachment(row=row) for row in self.view.attachments]

    @strawberry.field(description="When the server accepted the message.")
    def created_at(self) -> Moment:
        return Moment(self.view.row.created_at)

    @strawberry.field(
        description="When the message was last edited or deleted, otherwise `createdAt`. Reactions and receipts do "
        "not change it."
    )
    def updated_at(self) -> Moment:
        row = self.view.row
        return Moment(max(row.created_at, row.edited_at or 0, row.deleted_at or 0))

    @strawberry.field(description="When the text was last edited. Null if it was never edited.")
    def edited_at(self) -> Moment | None:
        edited_at = self.view.row.edited_at
        return None if edited_at is None else Moment(edited_at)

    @strawberry.field(description="When the message was deleted for everyone. Null if it was not deleted.")
    def deleted_at(self) -> Moment | None:
        deleted_at = self.view.row.deleted_at
        return None if deleted_at is None else Moment(deleted_at)

    @strawberry.field(description="Whether the message is a normal message or a tombstone.")
    def state(self) -> MessageState:
        return MessageState.ACTIVE if self.view.row.deleted_at is None else MessageState.DELETED

    @strawberry.field(description="The version of the text: 1 as sent, increased by 1 with each edit.")
    def revision(self) -> int:
        return self.view.row.revision

    @strawberry.field(
        description="The `clientMessageId` that the message was sent with. Null if there was none, and for everyone "
        "except the sender."
    )
    def client_message_id(self) -> str | None:
        return client_message_id_of(self.view)

    @strawberry.field(description="The application's own data, exactly as it was sent. Null if there is none.")
    def metadata(self) -> JSON | None:
        metadata = self.view.row.metadata
        return None if metadata is None else JSON(orjson.loads(metadata))

    @level_field(description="The conversation that the message belongs to.")
    async def conversation(
        parents: Sequence["Message"], info: Info
    ) -> Sequence[Annotated["Conversation", strawberry.lazy("gql.conversation")] | Exception]:
        return await loader_of(info).conversations_of([message.view.row.id for message in parents], info)

    @level_field(description="The participants of the conversation except the sender, in no particular order.")
    async def recipients(parents: Sequence["Message"], info: Info, first: FirstFew = FEW) -> Sequence[list[User]]:
        recipients = await recipients_of([message.view for message in parents], info)
        return [[User(person=each.person) for each in few_of(some, first)] for some in recipients]

    @level_field(
        description="The message that this one replies to. Null if it is not a reply, or if the viewer can no longer "
        "see that message."
    )
    async def reply_to(
        parents: Sequence["Message"], info: Info
    ) -> Sequence[Annotated["Message", strawberry.lazy("gql.message")] | Exception | None]:
        views = [message.view for message in parents]
        ids = [view.row.reply_to_id if view.reply_to is MISSING else None for view in views]
        loaded = await loader_of(info).messages.each(ids, message_parts(selection_of(info)))
        return shown(filled([view.reply_to for view in views], loaded))

    @level_field(
        description="The reactions, grouped by emoji, oldest emoji first. Reactions of users whom the viewer has "
        "blocked are left out."
    )
    async def reactions(parents: Sequence["Message"], info: Info) -> Sequence[list[ReactionGroup]]:
        views = [message.view for message in parents]
        ids = [view.row.id if view.reactions is MISSING else None for view in views]
        loaded = await loader_of(info).reactions(ids, reactor_detail(selection_of(info)))
        groups = filled([view.reactions for view in views], loaded)
        return [[ReactionGroup(view=each) for each in some or ()] for some in groups]

    @strawberry.field(
        description="All versions of the text, oldest first, ending with the current one. Empty after the message was "
        "deleted for everyone."
    )
    async def edits(self, info: Info, first: First = UNSET, after: After = UNSET) -> MessageEditConnection:
        viewer, edits = info.context.signed_in(), info.context.services.edit
        page = await edits.page_of(viewer, self.view.row.id, PageRequest(given(first), given(after)))
        return MessageEditConnection(page=page, cursor_of=partial(edits.cursor_of, viewer))

    @level_field(
        description="How far the message has reached its recipients. Users who do not share receipts with the viewer "
        "do not count; SENT if nobody does."
    )
    async def delivery_status(parents: Sequence["Message"], info: Info) -> Sequence[DeliveryStatus]:
        recipients = await recipients_of([message.view for message in parents], info)
        return [status_of(some, seq_of(message.view.row.id)) for message, some in zip(parents, recipients, strict=True)]

    @level_field(description="The users who have received the message, among those who share receipts with the viewer.")
    async def delivered_to(
        parents: Sequence["Message"], info: Info, first: First = UNSET, after: After = UNSET
    ) -> Sequence[ReceiptConnection]:
        return await receipts_of(
            [message.view for message in parents], info, Receipt.DELIVERED, PageRequest(given(first), given(after))
        )

    @level_field(description="The users who have read the message, among those who share receipts with the viewer.")
    async def seen_by(
        parents: Sequence["Message"], info: Info, first: First = UNSET, after: After = UNSET
    ) -> Sequence[ReceiptConnection]:
        return await receipts_of(
            [message.view for message in parents], info, Receipt.READ, PageRequest(given(first), given(after))
        )

    @level_field(description="Whether the viewer can edit this message now.")
    async def viewer_can_edit(parents: Sequence["Message"], info: Info) -> Sequence[bool | Exception]:
        """Reads the conversations of the viewer's own messages that are new enough."""
        window = info.context.services.limits.edit_window_seconds
        views = [message.view for message in parents]
        is_open = [view.is_own and view.is_within(window) for view in views]
        found = await members_of([view for view, open_ in zip(views, is_open, strict=True) if open_], info)
        reachable = iter(
            each if isinstance(each, Exception) else each is not None and each.is_reachable for each in found
        )
        return [next(reachable) if open_ else False for open_ in is_open]

    @strawberry.field(description="Whether the viewer can delete this message for everyone now.")
    def viewer_can_delete_for_everyone(self, info: Info) -> bool:
        window = info.context.services.limits.delete_for_everyone_window_seconds
        return self.view.is_own and self.view.is_within(window)

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


def client_message_id_of(view: MessageView) -> str | None:
    """The `clientMessageId` of a message, which only its sender sees."""
    return view.row.client_message_id if view.is_own else None


@strawberry.type(description="An edge of a list of messages.")
class MessageEdge(Edge[MessageView]):
    @strawberry.field(description="The message of this edge.")
    def node(self) -> Message:
        return Message(view=self.view)

    cursor = cursor_field()


@strawberry.type(description="A page of messages.")
class MessageConnection(Connection[MessageView]):
    @strawberry.field(description="The edges of this page, with cursors.")
    def edges(self) -> list[MessageEdge]:
        return [MessageEdge(view=view, cursor_of=self.cursor_of) for view in self.page.items]

    @strawberry.field(description="The messages of this page.")
    def nodes(self) -> list[Message]:
        return [Message(view=view) for view in self.page.items]

    page_info = page_info_field()


def message_edge_of(view: MessageView, info: Info) -> MessageEdge:
    """The edge of a message in the list of its conversation."""
    messages, viewer = info.context.services.message, info.context.signed_in()
    return MessageEdge(view=view, cursor_of=partial(messages.cursor_of, viewer))


async def message_pages_of(
    conversations: Sequence[ConversationView], info: Info, wanted: MessagePageRequest
) -> list[MessageConnection | Exception]:
    """The same page of each conversation; reads those that were not loaded with it."""
    viewer, messages = info.context.signed_in(), info.context.services.message
    found: dict[int, Page[MessageView] | SottoError] = {
        view.row.id: view.page.result for view in conversations if view.page is not None and view.page.wanted == wanted
    }
    missing = list({view.row.id for view in conversations} - found.keys())
    if missing:
        found |= await messages.pages_of(viewer, missing, wanted, message_parts(selection_of(info).items))
    cursor_of = partial(messages.cursor_of, viewer)
    pages = [found[view.row.id] for view in conversations]
    return [MessageConnection(page=page, cursor_of=cursor_of) if isinstance(page, Page) else page for page in pages]


type_of.register(MessageView, lambda view: Message(view=view))
