"""Conversations: the type as one member sees it."""

from collections.abc import Sequence
from enum import Enum
from functools import partial
from typing import Annotated, cast

import strawberry

from gql.attachment import KIND_OF, AttachmentConnection, FileItem
from gql.connection import FEW, After, Before, First, FirstFew, FirstMessages, Last, few_of
from gql.enum import described
from gql.id import Kind, encode, number_of
from gql.level import level_field
from gql.loader import ConversationNumber, filled, loader_of, shown, type_of
from gql.message import Message, MessageConnection, message_pages_of
from gql.node import Info, Node, given
from gql.part import message_parts
from gql.participant import Participant, ParticipantConnection
from gql.scalar import Moment
from gql.selection import selection_of
from gql.user import User
from models.conversation import ConversationKind
from models.inbox import Folder
from models.member import FOR_GOOD, RequestState
from services.file.media_type import AttachmentKind
from services.message.conversation_view import ConversationView
from services.message.message_page import MessagePageRequest
from services.message.participant import ticks_of
from services.page import PageRequest
from services.part import MISSING
from services.person.policy import Eligibility

UNSET = strawberry.UNSET
described(
    ConversationKind,
    "ConversationType",
    "The kind of a conversation, by its participants.",
    {
        "DIRECT": "Between two users. Each pair has at most one.",
        "GROUP": "Between three or more users when it was created. Each exact set of users has at most one; when "
        "someone leaves, the set becomes smaller and the type stays.",
        "SELF": "The viewer's conversation with themselves, for notes.",
    },
)

described(
    Folder,
    "ConversationFolder",
    "A folder of the viewer's conversations. Message requests that the viewer has declined are in none of them.",
    {
        "INBOX": "Conversations that are neither archived nor message requests waiting for the viewer's answer. "
        "Includes the viewer's own requests to others.",
        "ARCHIVE": "Archived conversations, except message requests waiting for the viewer's answer.",
        "REQUESTS": "Message requests from others that are waiting for the viewer's answer.",
        "ALL": "INBOX, ARCHIVE and REQUESTS together.",
    },
)


@strawberry.enum(description="The state of a message request, as the viewer sees it.")
class MessageRequestState(Enum):
    """For the requester and the requested user."""

    NONE = strawberry.enum_value("none", description="The conversation did not start as a message request.")
    PENDING = strawberry.enum_value(
        "pending",
        description="The request is waiting for an answer: the viewer's, or the other user's if the viewer sent it in "
        "a direct conversation. In a group it is always the viewer's own answer, and until then they get at most "
        "`maxRequestMessages` of its messages.",
    )
    ACCEPTED = strawberry.enum_value(
        "accepted",
        description="The request was accepted, with `acceptMessageRequest` or by a reply. The conversation is now a "
        "normal one.",
    )
    DECLINED = strawberry.enum_value(
        "declined",
        description="The viewer declined the request. The sender gets no event. But unless the two already have an "
        "accepted direct conversation, the sender's direct messages and `messageEligibility` then show NOT_ACCEPTING.",
    )


_REQUEST_STATES = {
    RequestState.NONE: MessageRequestState.NONE,
    RequestState.PENDING: MessageRequestState.PENDING,
    RequestState.ACCEPTED: MessageRequestState.ACCEPTED,
    RequestState.DECLINED: MessageRequestState.DECLINED,
    RequestState.SENT: MessageRequestState.PENDING,
}


@strawberry.type(description="A conversation as the viewer sees it. Only its participants can see it.")
class Conversation(Node):
    """Shows a ConversationView: a row with its members and its newest message."""

    view: strawberry.Private[ConversationView]

    @classmethod
    def named(cls, number: ConversationNumber) -> "Conversation":
        """A conversation of which only the id is known, for clients that select nothing else."""
        return cls(view=cast("ConversationView", number))

    def global_id(self) -> strawberry.ID:
        return encode(Kind.CONVERSATION, self.view.row.id)

    @strawberry.field(description="Whether the conversation is direct, a group or notes to self.")
    def type(self) -> ConversationKind:
        return ConversationKind(self.view.row.kind)

    @strawberry.field(description="The newest message that the viewer can see. Null if there is none.")
    def last_message(self) -> Message | None:
        view = self.view.last_message
        return None if view is None else Message(view=view)

    @strawberry.field(description="When the conversation was created by its first message.")
    def created_at(self) -> Moment:
        return Moment(self.view.row.created_at)

    @strawberry.field(description="When the newest message was sent. Lists of conversations are sorted by it.")
    def last_activity_at(self) -> Moment:
        return Moment(self.view.row.activity)

    @strawberry.field(
        description="The number of messages from others since the viewer last read or sent one. Deleted messages do "
        "not count."
    )
    def unread_count(self) -> int:
        return self.view.row.unread

    @strawberry.field(
        description="Whether `unreadCount` is above 0 or the viewer has marked the conversation as unread."
    )
    def is_unread(self) -> bool:
        return self.view.is_unread

    @strawberry.field(
        description="The folder that lists the conversation: INBOX, ARCHIVE or REQUESTS, never ALL. Null if no folder "
        "does: the viewer has cleared it or declined the request, or all of its messages were deleted without a trace."
    )
    def folder(self) -> Folder | None:
        return self.view.folder

    @strawberry.field(description="Whether the viewer has archived the conversation.")
    def is_archived(self) -> bool:
        return bool(self.view.row.is_archived)

    @strawberry.field(
        description="Whether the viewer has pinned the conversation. Does not change the order of "
        "`Query.conversations`."
    )
    def is_pinned(self) -> bool:
        return bool(self.view.row.is_pinned)

    @strawberry.field(
        description="Whether the viewer has muted the conversation: clients should not notify them of its messages."
    )
    def is_muted(self) -> bool:
        return self.view.muted_until is not None

    @strawberry.field(description="When the mute ends. Null if the conversation is not muted, or is muted permanently.")
    def muted_until(self) -> Moment | None:
        until = self.view.muted_until
        return None if until is None or until == FOR_GOOD else Moment(until)

    @strawberry.field(description="The state of the message request; NONE if the conversation did not start as one.")
    def request_state(self) -> MessageRequestState:
        return _REQUEST_STATES[RequestState(self.view.row.request_state)]

    @strawberry.field(
        description="The user who sent the viewer the message request: the sender of the first message, or the creator "
        "of the group. Stays set after the viewer answers, and after that user leaves the group. Null if the viewer "
        "received no request, or if the account was erased."
    )
    def requested_by(self) -> User | None:
        person = self.view.requested_by
        return None if person is None else User(person=person)

    @strawberry.field(description="Whether a message from the viewer would be accepted now.")
    def viewer_can_send(self) -> bool:
        return self.view.send_restriction is None

    @strawberry.field(description="Why the viewer cannot send a message. Null if `viewerCanSend` is true.")
    def send_restriction(self) -> Eligibility | None:
        return self.view.send_restriction

    @strawberry.field(description="The viewer as a participant, with the newest messages they have received and read.")
    def viewer_participant(self) -> Participant:
        view, viewer_id = self.view, self.view.viewer_id
        return Participant(view=next(each for each in view.participants if each.row.user_id == viewer_id))

    @level_field(
        description="The oldest message that `unreadCount` counts: pass its id as `around` to open the conversation "
        "there. Null if `unreadCount` is 0, even if the viewer has marked the conversation as unread."
    )
    async def first_unread_message(
        parents: Sequence["Conversation"], info: Info
    ) -> Sequence[Message | Exception | None]:
        """Reads nothing if nothing is unread, and otherwise once for all conversations of a level."""
        views = [conversation.view for conversation in parents]
        numbers = [view.row.id if view.row.unread and view.first_unread is MISSING else None for view in views]
        loaded = await loader_of(info).oldest_unread.each(numbers, message_parts(selection_of(info)))
        return shown(filled([view.first_unread for view in views], loaded))

    @strawberry.field(
        description="The viewer's messages up to this `sequence` have the `deliveryStatus` DELIVERED or READ, later "
        "ones SENT; 0 if none do. Can decrease when privacy settings change or a message is deleted."
    )
    def delivered_to_all_sequence(self) -> int:
        return min(ticks_of(self.view.others).delivered_seq, self.view.row.last_seq)

    @strawberry.field(
        description="The viewer's messages up to this `sequence` have the `deliveryStatus` READ; 0 if none do. Never "
        "greater than `deliveredToAllSequence`."
    )
    def read_by_all_sequence(self) -> int:
        return min(ticks_of(self.view.others).read_seq, self.view.row.last_seq)

    @strawberry.field(
        description="Whether a message request is waiting for the viewer's answer, so that `acceptMessageRequest` and "
        "`declineMessageRequest` would succeed. False for the sender of the request, who also sees `requestState` "
        "PENDING."
    )
    def viewer_can_answer_request(self) -> bool:
        return self.view.row.request_state == RequestState.PENDING

    @strawberry.field(
        description="The participants except the viewer, for example to show their names in a list. Use `participants` "
        "to page through all of them."
    )
    def other_participants(self, first: FirstFew = FEW) -> list[Participant]:
        """Reads nothing: the members were loaded with the conversation."""
        return [Participant(view=each) for each in few_of(self.view.others, first)]

    @strawberry.field(description="The participants, including the viewer.")
    def participants(self, info: Info, first: First = UNSET, after: After = UNSET) -> ParticipantConnection:
        """Reads nothing: the members were loaded with the conversation."""
        viewer = info.context.signed_in()
        conversations = info.context.services.conversation
        page = conversations.page_of_members(viewer, self.view.participants, PageRequest(given(first), given(after)))
        cursor_of = partial(conversations.participant_cursor_of, viewer)
        return ParticipantConnection(page=page, cursor_of=cursor_of, count=len(self.view.participants))

    @level_field(
        description="The messages, oldest first. Returns the newest 50 without arguments; use `last` with `before` to "
        "page back."
    )
    async def messages(
        parents: Sequence["Conversation"],
        info: Info,
        first: FirstMessages = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
        around: Annotated[
            strawberry.ID | None,
            strawberry.argument(
                description="Return a page with the message of this id in the middle. `first` or `last` sets its size; "
                "cursors cannot be combined with it. No effect if omitted or null."
            ),
        ] = UNSET,
    ) -> Sequence[MessageConnection | Exception]:
        """Reads the pages that were not loaded with their conversations."""
        middle = None if given(around) is None else number_of(Kind.MESSAGE, around or "")
        wanted = MessagePageRequest(PageRequest(given(first), given(after), given(last), given(before)), middle)
        return await message_pages_of([conversation.view for conversation in parents], info, wanted)

    @strawberry.field(description="The users who are typing now, except the viewer.")
    def typing_users(self, info: Info) -> list[User]:
        """Reads nothing: typing signals are in memory."""
        return [User(person=person) for person in info.context.services.presence.typing_in(self.view)]

    @strawberry.field(description="The files of the conversation's messages, newest first.")
    async def attachments(
        self,
        info: Info,
        kinds: Annotated[
            list[AttachmentKind] | None,
            strawberry.argument(description="Only files of these kinds. All kinds if omitted or null."),
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
        parts = message_parts(selection_of(info).below("edges").below("message"))
        page = await conversations.page_of_attachments(viewer, self.view.row.id, numbers, request, parts)

        def cursor_of(item: FileItem) -> str:
            return conversations.attachment_cursor_of(viewer, item[0])

        return AttachmentConnection(page=page, cursor_of=cursor_of)


type_of.register(ConversationView, lambda view: Conversation(view=view))
type_of.register(ConversationNumber, Conversation.named)
