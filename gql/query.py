"""The root Query."""

from functools import partial
from typing import Annotated

import strawberry
from strawberry.tools import create_type

from gql.account import Viewer, viewer_of
from gql.connection import After, First
from gql.conversation import Conversation
from gql.id import Kind, number_of
from gql.inbox import conversations
from gql.loader import loader_of
from gql.lookup import node, nodes
from gql.message import Message
from gql.node import Info, given
from gql.part import conversation_parts, message_parts
from gql.search import search_messages
from gql.selection import selection_of
from gql.server_info import server_info
from gql.stream import events
from gql.user import User, UserConnection, UserReference
from services.page import PageRequest

UNSET = strawberry.UNSET


@strawberry.field(description="The signed-in user. Fails with UNAUTHENTICATED without a token.")
async def viewer(info: Info) -> Viewer:
    return await viewer_of(info, info.context.signed_in(), selection_of(info))


@strawberry.field(description="A user by id, username, email address or external id. Null if there is no such user.")
async def user(
    info: Info, by: Annotated[UserReference, strawberry.argument(description="The user to look up.")]
) -> User | None:
    person = await info.context.services.user.find(info.context.signed_in(), by.to_reference())
    return None if person is None else User(person=person)


@strawberry.field(
    description="Users to whom the viewer can write, found by the beginning of their username, in alphabetical order. "
    "Null only if an error occurs."
)
async def messageable_users(
    info: Info,
    search: Annotated[
        str, strawberry.argument(description="The beginning of a username, at least one character, ignoring case.")
    ],
    first: First = UNSET,
    after: After = UNSET,
) -> UserConnection | None:
    viewer, users = info.context.signed_in(), info.context.services.user
    page = await users.page_of_messageable(viewer, search, PageRequest(given(first), given(after)))
    return UserConnection(page=page, cursor_of=partial(users.cursor_of, viewer), person_of=lambda person: person)


@strawberry.field(
    description="The conversation with this id. Null if it does not exist or the viewer does not participate in it."
)
async def conversation(
    info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The id of the conversation.")]
) -> Conversation | None:
    [view] = await loader_of(info).conversations([number_of(Kind.CONVERSATION, id)], conversation_parts(info))
    return None if view is None else Conversation(view=view)


@strawberry.field(
    description="The viewer's conversation with exactly these users. Null before its first message, and if any of the "
    "users does not exist."
)
async def conversation_with(
    info: Info,
    users: Annotated[
        list[UserReference], strawberry.argument(description="The other participants; the viewer is always included.")
    ],
) -> Conversation | None:
    references = [each.to_reference() for each in users]
    parts = conversation_parts(info)
    found = await info.context.services.conversation.find_with(info.context.signed_in(), references, parts)
    return None if found is None else Conversation(view=found)


@strawberry.field(description="The message with this id. Null if it does not exist or the viewer cannot see it.")
async def message(
    info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="The id of the message.")]
) -> Message | None:
    [view] = await loader_of(info).messages([number_of(Kind.MESSAGE, id)], message_parts(selection_of(info)))
    return None if view is None else Message(view=view)


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
    description="The entry points for reading data.",
)
