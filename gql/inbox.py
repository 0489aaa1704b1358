"""The inbox: the root field of the viewer's conversations, its folders and its filter."""

from functools import partial
from typing import Annotated

import strawberry

from gql.connection import After, Before, Connection, Edge, FirstOrLast, Last, cursor_field, page_info_field
from gql.conversation import Conversation
from gql.node import Info, given
from gql.part import conversation_parts
from gql.selection import selection_of
from gql.user import UserReference
from models.conversation import ConversationKind
from models.inbox import Folder
from services.message.conversation_view import ConversationView
from services.message.inbox import ConversationFilter as ServiceFilter
from services.page import PageRequest
from services.part import NotLoaded

UNSET = strawberry.UNSET


@strawberry.type(description="An edge of a list of conversations.")
class ConversationEdge(Edge[ConversationView]):
    @strawberry.field(description="The conversation of this edge.")
    def node(self) -> Conversation:
        return Conversation(view=self.view)

    cursor = cursor_field()


@strawberry.type(description="A page of the viewer's conversations.")
class ConversationConnection(Connection[ConversationView]):
    @strawberry.field(description="The edges of this page, with cursors.")
    def edges(self) -> list[ConversationEdge]:
        return [ConversationEdge(view=view, cursor_of=self.cursor_of) for view in self.page.items]

    @strawberry.field(description="The conversations of this page.")
    def nodes(self) -> list[Conversation]:
        return [Conversation(view=view) for view in self.page.items]

    page_info = page_info_field()

    @strawberry.field(description="The total number of conversations that match the filter, across all pages.")
    async def total_count(self) -> int:
        """Counted with the page: asynchronous for the estimate of costs."""
        if self.page.total is None:
            raise NotLoaded("The conversations were not counted.")
        return self.page.total


@strawberry.input(description="Conditions for a list of conversations, all of which must hold.")
class ConversationFilter:
    folder: Folder | None = strawberry.field(
        default=Folder.INBOX, description="Only conversations in this folder. INBOX if omitted or null."
    )
    type: ConversationKind | None = strawberry.field(
        default=UNSET, description="Only conversations of this type. Any type if omitted or null."
    )
    is_unread: bool | None = strawberry.field(
        default=UNSET,
        description="Only conversations with this value of `isUnread`. Both if omitted or null.",
    )
    is_pinned: bool | None = strawberry.field(
        default=UNSET,
        description="Only conversations with this value of `isPinned`. Both if omitted or null.",
    )
    participant: UserReference | None = strawberry.field(
        default=UNSET,
        description="Only conversations in which this user participates; none if there is no such user. No effect if "
        "omitted or null.",
    )

    search: str | None = strawberry.field(
        default=UNSET,
        description="Only conversations whose other participants match: every word must begin a word of some "
        "participant's display name or username, ignoring case and accents. At most 200 characters, with at least one "
        "letter or digit; words after the eighth are ignored. No effect if omitted or null.",
    )

    def to_filter(self) -> ServiceFilter:
        folder, participant = given(self.folder), given(self.participant)
        return ServiceFilter(
            folder=Folder.INBOX if folder is None else folder,
            kind=given(self.type),
            is_unread=given(self.is_unread),
            is_pinned=given(self.is_pinned),
            participant=participant.to_reference() if participant else None,
            search=given(self.search),
        )


@strawberry.field(description="The viewer's conversations, most recent activity first. Null only if an error occurs.")
async def conversations(
    info: Info,
    filter: Annotated[
        ConversationFilter | None,
        strawberry.argument(description="Which conversations to return. Those in the folder INBOX if omitted or null."),
    ] = UNSET,
    first: FirstOrLast = UNSET,
    after: After = UNSET,
    last: Last = UNSET,
    before: Before = UNSET,
) -> ConversationConnection | None:
    viewer, conversations = info.context.signed_in(), info.context.services.conversation
    wanted = given(filter)
    service_filter = wanted.to_filter() if wanted else ServiceFilter()
    request = PageRequest(given(first), given(after), given(last), given(before))
    selection = selection_of(info)
    parts = conversation_parts(info, selection.items)
    with_total = "totalCount" in selection.names
    page = await conversations.page_of(viewer, service_filter, request, parts, with_total=with_total)
    return ConversationConnection(page=page, cursor_of=partial(conversations.cursor_of, viewer))
