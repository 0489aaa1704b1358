"""Message search: the root field, its filter, and results with their excerpts."""

from datetime import datetime
from functools import partial
from typing import Annotated, TypeAlias

import strawberry

from gql.connection import After, Connection, Edge, First, cursor_field, page_info_field
from gql.id import Kind, number_of
from gql.loader import Once
from gql.message import Message
from gql.node import Info, given
from gql.part import message_parts
from gql.scalar import ms_of
from gql.selection import selection_of
from gql.user import UserReference
from services.message.excerpt import TextSpan as ServiceSpan
from services.message.message import SearchFilter
from services.message.message_view import MessageView

UNSET = strawberry.UNSET
Excerpts: TypeAlias = Once[dict[int, list[ServiceSpan]]]  # of all messages of a page, by id


@strawberry.type(description="A part of an excerpt that either matches the search or does not.")
class TextSpan:
    text: str = strawberry.field(description="The plain text of this part, never markup.")
    is_match: bool = strawberry.field(description="Whether this part matches the search, for example to highlight it.")


@strawberry.type(description="An edge of a list of search results: a message with an excerpt.")
class MessageSearchEdge(Edge[MessageView]):
    excerpts: strawberry.Private[Excerpts]

    @strawberry.field(description="The message that was found.")
    def node(self) -> Message:
        return Message(view=self.view)

    cursor = cursor_field()

    @strawberry.field(
        description="The part of `text` where the words were found: up to 200 characters, or the whole text if it is "
        "not longer. Join the spans in order; they include `…` where the text is cut. A match is marked as it was "
        "searched for: the whole word, or only its beginning. Words and emoji are never cut, except words too long for "
        "the excerpt. The first 500,000 characters of text on a page are searched for the words; messages after them "
        "show the beginning of `text`, without matches."
    )
    async def excerpt(self) -> list[TextSpan]:
        """Finds the excerpts of all edges of the page in one call."""
        spans = (await self.excerpts.get()).get(self.view.row.id, [])
        return [TextSpan(text=span.text, is_match=span.is_match) for span in spans]


@strawberry.type(description="A page of search results, newest message first.")
class MessageSearchConnection(Connection[MessageView]):
    excerpts: strawberry.Private[Excerpts]

    @strawberry.field(description="The edges of this page, with cursors and excerpts.")
    def edges(self) -> list[MessageSearchEdge]:
        cursor_of, excerpts = self.cursor_of, self.excerpts
        return [MessageSearchEdge(view=view, cursor_of=cursor_of, excerpts=excerpts) for view in self.page.items]

    @strawberry.field(description="The messages of this page.")
    def nodes(self) -> list[Message]:
        return [Message(view=view) for view in self.page.items]

    page_info = page_info_field()


@strawberry.input(description="Further conditions for search results, all of which must hold.")
class MessageSearchFilter:
    conversation_id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="Only messages in this conversation. All conversations if omitted or null."
    )
    sender: UserReference | None = strawberry.field(
        default=UNSET,
        description="Only messages from this user; none if there is no such user. From anyone if omitted or null.",
    )
    has_attachment: bool | None = strawberry.field(
        default=UNSET, description="Only messages with files (true) or without (false). Both if omitted or null."
    )
    sent_after: datetime | None = strawberry.field(
        default=UNSET, description="Only messages sent after this time, exclusive. No limit if omitted or null."
    )
    sent_before: datetime | None = strawberry.field(
        default=UNSET, description="Only messages sent before this time, exclusive. No limit if omitted or null."
    )

    def to_filter(self) -> SearchFilter:
        conversation_id, sender = given(self.conversation_id), given(self.sender)
        sent_after, sent_before = given(self.sent_after), given(self.sent_before)
        return SearchFilter(
            conversation_id=None if conversation_id is None else number_of(Kind.CONVERSATION, conversation_id),
            sender=sender.to_reference() if sender else None,
            has_attachment=given(self.has_attachment),
            sent_after=None if sent_after is None else ms_of(sent_after),
            sent_before=None if sent_before is None else ms_of(sent_before),
        )


@strawberry.field(
    description="The viewer's messages whose text contains every word of the query, newest first. A message can be "
    "found about a second after it is sent. Files are not searched. Null only if an error occurs."
)
async def search_messages(
    info: Info,
    query: Annotated[
        str,
        strawberry.argument(
            description="The words to find, ignoring case and accents. The last one can be the beginning of a word "
            "if it has at least two characters. At least one letter or digit is required; only the first 1,000 "
            "characters and 32 words are used."
        ),
    ],
    filter: Annotated[
        MessageSearchFilter | None,
        strawberry.argument(description="Further conditions for the messages. None if omitted or null."),
    ] = UNSET,
    first: First = UNSET,
    after: After = UNSET,
) -> MessageSearchConnection | None:
    viewer, messages = info.context.signed_in(), info.context.services.message
    wanted = given(filter)
    service_filter = wanted.to_filter() if wanted else SearchFilter()
    parts = message_parts(selection_of(info).items)
    page = await messages.search(viewer, query, service_filter, given(first), given(after), parts)
    cursor_of = partial(messages.found_cursor_of, viewer)
    excerpts = Once(partial(messages.excerpts, viewer, query, page.items))
    return MessageSearchConnection(page=page, cursor_of=cursor_of, excerpts=excerpts)
