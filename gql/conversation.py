"""Conversations: the type as one member sees it, lists of conversations, and the filter of the inbox."""

from datetime import datetime
from enum import Enum
from functools import partial
from typing import Annotated

import strawberry

from gql.attachment import KIND_OF, Attachment, AttachmentConnection, AttachmentEdge
from gql.connection import After, Before, Connection, First, Last, LazyEdge
from gql.enum import described
from gql.id import Kind, encode, number_of
from gql.loader import ConversationNumber, type_of
from gql.message import Message, MessageConnection, MessageEdge
from gql.node import Info, Node, given, moment_of
from gql.participant import Participant, ParticipantConnection, ParticipantEdge
from gql.user import User, UserReference
from models.attachment import AttachmentRow
from models.conversation import ConversationKind
from models.member import FOR_GOOD, RequestState
from services.file.media_type import AttachmentKind
from services.message.conversation import ConversationFilter as ServiceFilter
from services.message.conversation import ConversationView
from services.message.message import MessageView
from services.page import PageRequest
from services.person.policy import Eligibility

UNSET = strawberry.UNSET

described(
    ConversationKind,
    "ConversationType",
    "How a conversation is found again.",
    {
        "DIRECT": "Between two people; there is one for each pair.",
        "GROUP": "Between three or more; there is one for each exact set of people.",
        "SELF": "With oneself, for notes.",
    },
)


@strawberry.enum(description="How a conversation stands that began as a message request.")
class MessageRequestState(Enum):
    """For the requester and the requested user."""

    NONE = strawberry.enum_value("none", description="It began as a conversation.")
    PENDING = strawberry.enum_value(
        "pending",
        description="It waits for an answer; one's own request to one person shows so until it is accepted. A group "
        "waits for the viewer's answer alone; until then only as many messages come as a request may hold.",
    )
    ACCEPTED = strawberry.enum_value("accepted", description="It was accepted, or answered, and is like any other.")
    DECLINED = strawberry.enum_value("declined", description="The viewer declined it. No event tells the sender.")


_REQUEST_STATES = {
    RequestState.NONE: MessageRequestState.NONE,
    RequestState.PENDING: MessageRequestState.PENDING,
    RequestState.ACCEPTED: MessageRequestState.ACCEPTED,
    RequestState.DECLINED: MessageRequestState.DECLINED,
    RequestState.SENT: MessageRequestState.PENDING,
}


@strawberry.type(description="A conversation as the viewer has it. Only its members can see it.")
class Conversation(Node):
    type: ConversationKind = strawberry.field(description="Whether it is with one, with several, or with oneself.")
    other_participants: list[Participant] = strawberry.field(description="All members but the viewer.")
    last_message: Message | None = strawberry.field(description="The newest message; null while there is none to see.")
    created_at: datetime = strawberry.field(description="When it was made, with its first message.")
    last_activity_at: datetime = strawberry.field(description="When its newest message was sent.")
    unread_count: int = strawberry.field(
        description="How many messages of others came since the viewer read or wrote; deleted ones do not count."
    )
    is_unread: bool = strawberry.field(
        description="Whether `unreadCount` is above 0, or the viewer has marked it as unread."
    )
    is_archived: bool = strawberry.field(description="Whether the viewer has put it away.")
    is_pinned: bool = strawberry.field(description="Whether the viewer wants it at the top.")
    is_muted: bool = strawberry.field(description="Whether the viewer gets no notifications for it now.")
    muted_until: datetime | None = strawberry.field(
        description="When the mute ends; null while it is not muted, and where it is muted for good."
    )
    request_state: MessageRequestState = strawberry.field(description="NONE, unless it began as a message request.")
    requested_by: User | None = strawberry.field(
        description="Who asked the viewer: the sender of the first message, of a group who made it. It stays after "
        "the viewer has answered, and when that person leaves the group; null where the viewer was not asked."
    )
    viewer_can_send: bool = strawberry.field(description="Whether a message of the viewer would be accepted now.")
    send_restriction: Eligibility | None = strawberry.field(
        description="What stands in the way of a message; null where `viewerCanSend`."
    )
    view: strawberry.Private[ConversationView]

    @classmethod
    def of(cls, view: ConversationView) -> "Conversation":
        row, restriction = view.row, view.send_restriction
        return cls(
            id=encode(Kind.CONVERSATION, row.id),
            type=ConversationKind(row.kind),
            other_participants=[Participant.of(each) for each in view.others],
            last_message=Message.of(view.last_message) if view.last_message else None,
            created_at=moment_of(row.created_at),
            last_activity_at=moment_of(row.activity),
            unread_count=row.unread,
            is_unread=view.is_unread,
            is_archived=bool(row.is_archived),
            is_pinned=bool(row.is_pinned),
            is_muted=view.muted_until is not None,
            muted_until=None if view.muted_until in {None, FOR_GOOD} else moment_of(view.muted_until or 0),
            request_state=_REQUEST_STATES[RequestState(row.request_state)],
            requested_by=User.of(view.requested_by) if view.requested_by else None,
            viewer_can_send=restriction is None,
            send_restriction=restriction,
            view=view,
        )

    @classmethod
    def named(cls, view: ConversationNumber) -> "Conversation":
        """A conversation of which only the id is known, for clients that select nothing else."""
        conversation = cls.__new__(cls)
        conversation.id = encode(Kind.CONVERSATION, view.number)
        return conversation

    @strawberry.field(description="The members, the viewer among them.")
    def participants(self, info: Info, first: First = UNSET, after: After = UNSET) -> ParticipantConnection:
        """Reads nothing: the members were loaded with the conversation."""
        viewer = info.context.signed_in()
        conversations = info.context.services.conversation
        page = conversations.page_of_members(viewer, self.view.participants, PageRequest(given(first), given(after)))
        cursor_of = partial(conversations.participant_cursor_of, viewer)
        return ParticipantConnection.of(
            page,
            cursor_of,
            lambda each: ParticipantEdge(cursor=cursor_of(each), node=Participant.of(each)),
            total_count=len(self.view.participants),
        )

    @strawberry.field(
        description="The messages, oldest first. The newest 50 when no argument is given; `last` with `before` pages "
        "back into the past."
    )
    async def messages(
        self,
        info: Info,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
        around: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="The id of a message to have in the middle; goes with a size alone."),
        ] = UNSET,
    ) -> MessageConnection:
        """Reads the database once for each conversation of a level."""
        viewer = info.context.signed_in()
        messages = info.context.services.message
        request = PageRequest(given(first), given(after), given(last), given(before))
        middle = None if given(around) is None else number_of(Kind.MESSAGE, around or "")
        page = await messages.page_of(viewer, self.view.row.id, request, middle)
        cursor_of = partial(messages.cursor_of, viewer)
        return MessageConnection.of(
            page, cursor_of, lambda view: MessageEdge(node=Message.of(view), make_cursor=partial(cursor_of, view))
        )

    @strawberry.field(description="Who types here now, the viewer left out.")
    def typing_users(self, info: Info) -> list[User]:
        """Reads nothing: typing signals are in memory."""
        return [User.of(person) for person in info.context.services.presence.typing_in(self.view)]

    @strawberry.field(description="The files of its messages, newest first.")
    async def attachments(
        self,
        info: Info,
        kinds: Annotated[
            list[AttachmentKind] | None, strawberry.argument(description="Only files of these kinds; all if left out.")
        ] = UNSET,
        first: First = UNSET,
        after: After = UNSET,
    ) -> AttachmentConnection:
        """Reads the database once for each conversation of a level."""
        viewer = info.context.signed_in()
        conversations = info.context.services.conversation
        wanted = given(kinds)
        numbers = None if wanted is None else [number for number, kind in KIND_OF.items() if kind in wanted]
        request = PageRequest(given(first), given(after))
        page = await conversations.page_of_attachments(viewer, self.view.row.id, numbers, request)

        def cursor_of(item: tuple[AttachmentRow, MessageView]) -> str:
            return conversations.attachment_cursor_of(viewer, item[0])

        return AttachmentConnection.of(
            page,
            cursor_of,
            lambda item: AttachmentEdge(
                cursor=cursor_of(item), node=Attachment.of(item[0]), message=Message.of(item[1])
            ),
        )


@strawberry.type(description="A conversation in a list.")
class ConversationEdge(LazyEdge[Conversation]):
    node: Conversation = strawberry.field(description="The conversation.")


@strawberry.type(description="The viewer's conversations.")
class ConversationConnection(Connection[ConversationEdge, Conversation]):
    edges: list[ConversationEdge] = strawberry.field(description="The conversations with their cursors.")
    nodes: list[Conversation] = strawberry.field(description="The conversations without their cursors.")
    wanted: strawberry.Private[ServiceFilter]

    @strawberry.field(description="How many there are in all, under the same filter.")
    async def total_count(self, info: Info) -> int:
        return await info.context.services.conversation.count(info.context.signed_in(), self.wanted)


@strawberry.input(description="Which conversations; every condition that is given must hold.")
class ConversationFilter:
    type: ConversationKind | None = strawberry.field(default=UNSET, description="Only those of this type.")
    unread_only: bool | None = strawberry.field(default=False, description="Only those with `isUnread`.")
    archived: bool | None = strawberry.field(default=False, description="Those put away, instead of the others.")
    requests: bool | None = strawberry.field(
        default=False, description="The message requests that wait for the viewer's answer, instead of the others."
    )
    participant: UserReference | None = strawberry.field(default=UNSET, description="Only those with this member.")

    def to_filter(self) -> ServiceFilter:
        participant = given(self.participant)
        return ServiceFilter(
            kind=given(self.type),
            unread_only=bool(self.unread_only),
            archived=bool(self.archived),
            requests=bool(self.requests),
            participant=participant.to_reference() if participant else None,
        )


type_of.register(ConversationView, Conversation.of)
type_of.register(ConversationNumber, Conversation.named)
