"""The root Query."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import strawberry
from strawberry.tools import create_type

from gql.account import Viewer, viewer_of
from gql.api_key import ApiKey
from gql.attachment import Attachment
from gql.connection import After, Before, First, Last
from gql.conversation import Conversation, ConversationConnection, ConversationEdge, ConversationFilter
from gql.device import Device
from gql.id import Kind, decode, number_of
from gql.loader import loader_of
from gql.message import Message, MessageConnection, MessageEdge
from gql.node import Info, Node, given, ms_of
from gql.server_info import server_info
from gql.stream import events
from gql.upload_session import UploadSession
from gql.user import User, UserConnection, UserEdge, UserReference
from services.error import BadRequest
from services.message.conversation import ConversationFilter as ServiceFilter
from services.message.message import SearchFilter
from services.page import PageRequest
from services.viewer import Viewer as ServiceViewer

UNSET = strawberry.UNSET
MAX_NODES = 200


@strawberry.input(description="What a found message must be besides; every condition that is given must hold.")
class MessageSearchFilter:
    conversation_id: strawberry.ID | None = strawberry.field(default=UNSET, description="In this conversation.")
    from_: UserReference | None = strawberry.field(default=UNSET, name="from", description="Written by this person.")
    has_attachment: bool | None = strawberry.field(default=UNSET, description="With files, or without.")
    sent_after: datetime | None = strawberry.field(default=UNSET, description="Sent after this moment.")
    sent_before: datetime | None = strawberry.field(default=UNSET, description="Sent before this moment.")

    def to_filter(self) -> SearchFilter:
        conversation_id, sender = given(self.conversation_id), given(self.from_)
        sent_after, sent_before = given(self.sent_after), given(self.sent_before)
        return SearchFilter(
            conversation_id=None if conversation_id is None else number_of(Kind.CONVERSATION, conversation_id),
            sender=sender.to_reference() if sender else None,
            has_attachment=given(self.has_attachment),
            sent_after=None if sent_after is None else ms_of(sent_after),
            sent_before=None if sent_before is None else ms_of(sent_before),
        )


async def nodes_of(info: Info, ids: list[strawberry.ID]) -> list[Node | None]:
    """The objects of the ids that the viewer may see, in their order; one call for each type."""
    viewer, services = info.context.signed_in(), info.context.services
    named = [decode(id_) for id_ in ids]
    numbers = {kind: {each[1] for each in named if each and each[0] is kind} for kind in Kind}
    numbers[Kind.MESSAGE] |= numbers[Kind.ATTACHMENT]  # a file is found with its message
    finders: dict[Kind, Callable[[ServiceViewer, list[int]], Awaitable[dict[int, Any]]]] = {
        Kind.USER: services.user.find_many,
        Kind.MESSAGE: services.message.find_many,
        Kind.CONVERSATION: services.conversation.find_many,
        Kind.DEVICE: services.device.find_many,
        Kind.API_KEY: services.api_key.find_many,
        Kind.UPLOAD: services.upload.find_many,
    }
    types: dict[Kind, Callable[[Any], Node]] = {
        Kind.USER: User.of,
        Kind.MESSAGE: Message.of,
        Kind.CONVERSATION: Conversation.of,
        Kind.DEVICE: partial(Device.of, viewer_device_id=viewer.device_id),
        Kind.API_KEY: ApiKey.of,
        Kind.UPLOAD: partial(UploadSession.of, context=info.context),
    }
    found = {kind: await find(viewer, list(numbers[kind])) for kind, find in finders.items() if numbers[kind]}

    def build(kind: Kind, number: int, position: int) -> Node | None:
        if kind is Kind.ATTACHMENT:
            message = found[Kind.MESSAGE].get(number)
            files = message.attachments if message is not None else ()
            return Attachment.of(files[position]) if position < len(files) else None
        row = found.get(kind, {}).get(number)
        return None if row is None else types[kind](row)

    return [build(*each) if each else None for each in named]


@strawberry.field(description="Whatever an id names; null when there is no such thing or it is not the viewer's.")
async def node(info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Any id.")]) -> Node | None:
    """Relay's Object Identification."""
    return (await nodes_of(info, [id]))[0]


@strawberry.field(description="Whatever the ids name, in their order; null for each that is not to be seen.")
async def nodes(
    info: Info,
    ids: Annotated[list[strawberry.ID], strawberry.argument(description="Any ids, at most 200.")],
) -> list[Node | None]:
    """A missing id is a null item; it never nulls the list."""
    if len(ids) > MAX_NODES:
        raise BadRequest(f"`ids` holds {len(ids)} ids; at most {MAX_NODES} are allowed.")
    return await nodes_of(info, ids)


@strawberry.field(description="The signed-in person; fails with UNAUTHENTICATED without a token.")
async def viewer(info: Info) -> Viewer:
    return await viewer_of(info, info.context.signed_in())


@strawberry.field(description="A person, named in any way; null when there is nobody so named.")
async def user(info: Info, by: Annotated[UserReference, strawberry.argument(description="Whom.")]) -> User | None:
    person = await info.context.services.user.find(info.context.signed_in(), by.to_reference())
    return None if person is None else User.of(person)


@strawberry.field(description="People whom the viewer may write to, by the beginning of their user names.")
async def messageable_users(
    info: Info,
    search: Annotated[str, strawberry.argument(description="The beginning of a user name, in any case.")],
    first: First = UNSET,
    after: After = UNSET,
) -> UserConnection:
    viewer, users = info.context.signed_in(), info.context.services.user
    page = await users.page_of_messageable(viewer, search, PageRequest(given(first), given(after)))
    cursor_of = partial(users.cursor_of, viewer)
    return UserConnection.of(page, cursor_of, lambda each: UserEdge(cursor=cursor_of(each), node=User.of(each)))


@strawberry.field(description="A conversation of the viewer's; null for any other id.")
async def conversation(
    info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")]
) -> Conversation | None:
    return await loader_of(info).conversation(number_of(Kind.CONVERSATION, id))


@strawberry.field(description="The viewer's conversation with exactly these people; null before its first message.")
async def conversation_with(
    info: Info, users: Annotated[list[UserReference], strawberry.argument(description="All but the viewer.")]
) -> Conversation | None:
    references = [each.to_reference() for each in users]
    found = await info.context.services.conversation.find_with(info.context.signed_in(), references)
    return None if found is None else Conversation.of(found)


@strawberry.field(description="The viewer's conversations, newest activity first.")
async def conversations(
    info: Info,
    filter: Annotated[ConversationFilter | None, strawberry.argument(description="Which; all if left out.")] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> ConversationConnection:
    viewer, conversations = info.context.signed_in(), info.context.services.conversation
    wanted = given(filter)
    service_filter = wanted.to_filter() if wanted else ServiceFilter()
    request = PageRequest(given(first), given(after), given(last), given(before))
    page = await conversations.page_of(viewer, service_filter, request)
    cursor_of = partial(conversations.cursor_of, viewer)
    return ConversationConnection.of(
        page,
        cursor_of,
        lambda view: ConversationEdge(node=Conversation.of(view), make_cursor=partial(cursor_of, view)),
        wanted=service_filter,
    )


@strawberry.field(description="A message that the viewer may see; null for any other id.")
async def message(
    info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")]
) -> Message | None:
    return await loader_of(info).message(number_of(Kind.MESSAGE, id))


@strawberry.field(
    description="The viewer's messages that hold every word, newest first; found within a second of being sent."
)
async def search_messages(
    info: Info,
    query: Annotated[
        str, strawberry.argument(description="Words, without case or accents; the last may be a beginning.")
    ],
    filter: Annotated[
        MessageSearchFilter | None, strawberry.argument(description="What they must be besides.")
    ] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
) -> MessageConnection:
    viewer, messages = info.context.signed_in(), info.context.services.message
    wanted = given(filter)
    service_filter = wanted.to_filter() if wanted else SearchFilter()
    page = await messages.search(viewer, query, service_filter, given(first), given(after))
    cursor_of = partial(messages.found_cursor_of, viewer)
    return MessageConnection.of(
        page, cursor_of, lambda view: MessageEdge(node=Message.of(view), make_cursor=partial(cursor_of, view))
    )


Query = create_type(
    "Query",
    [
        server_info,
        events,
        node,
        nodes,
        viewer,
        user,
        messageable_users,
        conversation,
        conversation_with,
        conversations,
        message,
        search_messages,
    ],
    description="Everything that can be read.",
)
