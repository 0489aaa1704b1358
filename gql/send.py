"""Sending: the mutations that send one message to a conversation, or to several people separately."""

from functools import partial
from typing import Annotated

import strawberry

from gql.attachment import AttachmentInput
from gql.conversation import Conversation
from gql.id import Kind, number_of
from gql.loader import loader_of
from gql.message import Message, MessageEdge, MessageType
from gql.node import Info, given
from gql.refusal import (
    AttachmentsRejectedError,
    IdempotencyConflictError,
    InvalidInputError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitedError,
    RecipientRejection,
    RecipientsRejectedError,
)
from gql.scalar import JSON
from gql.user import UserReference
from models.message import MessageKind
from services.error import NotFound
from services.message.draft import Draft
from services.message.send_check import Outcome

UNSET = strawberry.UNSET

_TEXT = "At most 10,000 characters, or the server's own limit; needed unless there is an attachment."
_ATTACHMENTS = "Files to go with it, in this order; at most 10, or the server's own limit."
_TYPE = (
    "What the client believes it to be: checked, and not needed unless the server asks for it. FILE fits every file: "
    "all of them go as files then, to be saved and not shown, without width, height, BlurHash or a thumbnail made here."
)
_KEY = (
    "Makes the send happen once: the same id from the same sender is the same message, for ever. 1 to 128 characters; "
    "a UUIDv7 is a good one."
)
_METADATA = "The application's own data, at most 4 KiB as JSON; kept and given back, not looked at."


@strawberry.input(one_of=True, description="Where a message goes.")
class MessageDestination:
    conversation_id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="A conversation that the viewer is a member of."
    )
    users: list[UserReference] | None = strawberry.field(
        default=UNSET,
        description="One person: the direct conversation. Several: the group of exactly these people and the viewer. "
        "Made if missing. Somebody named twice, in the same way or in another, counts once. Leave the viewer out.",
    )


@strawberry.input(description="A message to send.")
class SendPrivateMessageInput:
    to: MessageDestination = strawberry.field(description="Where it goes.")
    text: str | None = strawberry.field(default=UNSET, description=_TEXT)
    attachments: list[AttachmentInput] = strawberry.field(default_factory=list, description=_ATTACHMENTS)
    type: MessageType | None = strawberry.field(default=UNSET, description=_TYPE)
    reply_to_id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="The message of the same conversation that it answers."
    )
    client_message_id: str | None = strawberry.field(default=UNSET, description=_KEY)
    metadata: JSON | None = strawberry.field(default=UNSET, description=_METADATA)


@strawberry.input(description="A message to send to several people separately.")
class SendPrivateMessageToEachInput:
    recipients: list[UserReference] = strawberry.field(
        description="Who gets it, each in a conversation of their own; somebody named twice gets it once."
    )
    text: str | None = strawberry.field(default=UNSET, description=_TEXT)
    attachments: list[AttachmentInput] = strawberry.field(default_factory=list, description=_ATTACHMENTS)
    type: MessageType | None = strawberry.field(default=UNSET, description=_TYPE)
    client_message_id: str | None = strawberry.field(default=UNSET, description=_KEY)
    metadata: JSON | None = strawberry.field(default=UNSET, description=_METADATA)


@strawberry.type(description="The message is stored, and on its way to its recipients.")
class SendPrivateMessageSuccess:
    message: Message = strawberry.field(description="The message.")
    was_duplicate: bool = strawberry.field(
        description="True when this `clientMessageId` had sent it before, and nothing new was stored."
    )

    @strawberry.field(description="The message as an edge of the conversation's `messages`.")
    def message_edge(self, info: Info) -> MessageEdge:
        """For the caches of Relay and Apollo."""
        viewer, messages = info.context.signed_in(), info.context.services.message
        return MessageEdge(node=self.message, make_cursor=partial(messages.cursor_of, viewer, self.message.view))

    @strawberry.field(description="The conversation with the message in it.")
    async def conversation(self, info: Info) -> Conversation:
        return await loader_of(info).conversation_of(self.message.view.row.id, info)


@strawberry.type(description="What became of one recipient: exactly one of `message` and `rejection` is set.")
class SendOutcome:
    index: int = strawberry.field(description="Their place in the list as it was given, from 0.")
    message: Message | None = strawberry.field(description="The message that they got.")
    rejection: RecipientRejection | None = strawberry.field(description="Why they got none.")


@strawberry.type(
    description="Each recipient got a message or a reason; where all were rejected it is this type too, `sentCount` 0."
)
class SendPrivateMessageToEachSuccess:
    outcomes: list[SendOutcome] = strawberry.field(description="One for each recipient, in their order.")
    sent_count: int = strawberry.field(
        description="How many messages there are, from 0; somebody named twice gets one."
    )


SendPrivateMessageResult = Annotated[
    SendPrivateMessageSuccess
    | InvalidInputError
    | RecipientsRejectedError
    | AttachmentsRejectedError
    | NotFoundError
    | PermissionDeniedError
    | RateLimitedError
    | IdempotencyConflictError,
    strawberry.union("SendPrivateMessageResult", description="What becomes of `sendPrivateMessage`."),
]
SendPrivateMessageToEachResult = Annotated[
    SendPrivateMessageToEachSuccess
    | InvalidInputError
    | AttachmentsRejectedError
    | PermissionDeniedError
    | RateLimitedError
    | IdempotencyConflictError,
    strawberry.union("SendPrivateMessageToEachResult", description="What becomes of `sendPrivateMessageToEach`."),
]


@strawberry.mutation(
    description="Sends one message, with its files, to one person, to a group, or into a conversation. All "
    "recipients and files pass, or nothing is stored and every offender is named."
)
async def send_private_message(
    info: Info, input: Annotated[SendPrivateMessageInput, strawberry.argument(description="The message.")]
) -> SendPrivateMessageResult:
    viewer, services = info.context.signed_in(), info.context.services
    sent = await services.send.send(viewer, _draft_of(input))
    if sent.view is None:
        raise NotFound("The message was sent, but you can no longer see it.")
    return SendPrivateMessageSuccess(message=Message.of(sent.view), was_duplicate=sent.was_duplicate)


@strawberry.mutation(
    description="Sends the same message to several people separately; each gets it or has an outcome of their own."
)
async def send_private_message_to_each(
    info: Info, input: Annotated[SendPrivateMessageToEachInput, strawberry.argument(description="The message.")]
) -> SendPrivateMessageToEachResult:
    viewer, services = info.context.signed_in(), info.context.services
    type_ = given(input.type)
    draft = Draft(
        text=given(input.text),
        files=[each.to_file() for each in input.attachments],
        users=[each.to_reference() for each in input.recipients],
        expected_kind=_kind_of(type_),
        is_system_expected=type_ is MessageType.SYSTEM,
        client_message_id=given(input.client_message_id),
        metadata=given(input.metadata),
    )
    return await _outcomes_of(info, await services.send.send_to_each(viewer, draft))


def _draft_of(input: SendPrivateMessageInput) -> Draft:
    users, conversation_id = given(input.to.users), given(input.to.conversation_id)
    type_, reply_to_id = given(input.type), given(input.reply_to_id)
    return Draft(
        text=given(input.text),
        files=[each.to_file() for each in input.attachments],
        users=None if users is None else [each.to_reference() for each in users],
        conversation_id=None if conversation_id is None else number_of(Kind.CONVERSATION, conversation_id),
        reply_to_id=None if reply_to_id is None else number_of(Kind.MESSAGE, reply_to_id),
        expected_kind=_kind_of(type_),
        is_system_expected=type_ is MessageType.SYSTEM,
        client_message_id=given(input.client_message_id),
        metadata=given(input.metadata),
    )


def _kind_of(type_: MessageType | None) -> MessageKind | None:
    return None if type_ is None or type_ is MessageType.SYSTEM else MessageKind[type_.name]


async def _outcomes_of(info: Info, outcomes: list[Outcome]) -> SendPrivateMessageToEachSuccess:
    viewer, services = info.context.signed_in(), info.context.services
    ids = {each.message_id for each in outcomes if each.message_id is not None}
    views = await services.message.find_many(viewer, ids)
    rejected = [each.rejection.user_id for each in outcomes if each.rejection and each.rejection.user_id is not None]
    people = await services.user.find_many(viewer, rejected)
    return SendPrivateMessageToEachSuccess(
        outcomes=[
            SendOutcome(
                index=each.index,
                message=Message.of(views[each.message_id]) if each.message_id in views else None,
                rejection=RecipientRejection.of(each.rejection, people) if each.rejection else None,
            )
            for each in outcomes
        ],
        sent_count=len(ids),
    )
