"""Sending: the mutations that send one message to a conversation, or to several people separately."""

from collections.abc import Sequence
from typing import Annotated

import strawberry

from gql.attachment import AttachmentInput
from gql.conversation import Conversation
from gql.id import Kind, number_of
from gql.level import level_field
from gql.loader import loader_of
from gql.message import Message, MessageEdge, MessageType, message_edge_of
from gql.node import Info, given
from gql.part import message_parts, sent_parts
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
from gql.result import viewer_field
from gql.scalar import JSON
from gql.selection import selection_of
from gql.user import UserReference
from models.message import MessageKind
from services.error import NotFound
from services.message.draft import Draft
from services.message.idempotency import Outcome

UNSET = strawberry.UNSET

_TEXT = (
    "The text: at most `ServerLimits.maxTextLength` characters (code points). Can be omitted or null if there are "
    "attachments, unless the server always requires text."
)
_ATTACHMENTS = "The files of the message, in this order: at most `ServerLimits.maxAttachments`."
_TYPE = (
    "The expected type, checked against the content. FILE matches every file and sends all of them as plain files, "
    "without dimensions, BlurHash or thumbnail. Not checked if omitted or null, which some servers refuse."
)
_KEY = (
    "Makes the send idempotent: a repeated call with the same id from the same sender returns the first result, "
    "without a time limit. The id is shared by `sendPrivateMessage` and `sendPrivateMessageToEach`, which gives it "
    "to every message it sends. 1 to 128 characters, for example a UUIDv7. If omitted or null, a repeated send "
    "creates a new message."
)
_METADATA = (
    "The application's own data, stored and returned unchanged: at most `ServerLimits.maxMetadataBytes` as "
    "JSON. None if omitted or null."
)


@strawberry.input(one_of=True, description="Where to send a message: exactly one of these fields.")
class MessageDestination:
    conversation_id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="The id of one of the viewer's conversations."
    )
    users: list[UserReference] | None = strawberry.field(
        default=UNSET,
        description="The recipients, without the viewer, at most `ServerLimits.maxRecipients`. One user: the direct "
        "conversation. Several: the group of exactly these users and the viewer. The conversation is created if it "
        "does not exist. A user named twice counts once.",
    )


@strawberry.input(description="The message to send, and its destination.")
class SendPrivateMessageInput:
    to: MessageDestination = strawberry.field(description="The conversation or the users to send it to.")
    text: str | None = strawberry.field(default=UNSET, description=_TEXT)
    attachments: list[AttachmentInput] = strawberry.field(default_factory=list, description=_ATTACHMENTS)
    type: MessageType | None = strawberry.field(default=UNSET, description=_TYPE)
    reply_to_id: strawberry.ID | None = strawberry.field(
        default=UNSET,
        description="The id of a message in the same conversation that this one replies to. Not a reply if omitted or "
        "null.",
    )
    client_message_id: str | None = strawberry.field(default=UNSET, description=_KEY)
    metadata: JSON | None = strawberry.field(default=UNSET, description=_METADATA)


@strawberry.input(description="The message to send, and its recipients.")
class SendPrivateMessageToEachInput:
    recipients: list[UserReference] = strawberry.field(
        description="The recipients, at most `ServerLimits.maxRecipients`. Each gets the message in the direct "
        "conversation with the viewer. A user named twice gets it once."
    )
    text: str | None = strawberry.field(default=UNSET, description=_TEXT)
    attachments: list[AttachmentInput] = strawberry.field(default_factory=list, description=_ATTACHMENTS)
    type: MessageType | None = strawberry.field(default=UNSET, description=_TYPE)
    client_message_id: str | None = strawberry.field(default=UNSET, description=_KEY)
    metadata: JSON | None = strawberry.field(default=UNSET, description=_METADATA)


@strawberry.type(description="The message was stored and is being delivered.")
class SendPrivateMessageSuccess:
    message: Message = strawberry.field(description="The message that was sent.")
    was_duplicate: bool = strawberry.field(
        description="Whether an earlier call with this `clientMessageId` already sent the message, so that nothing new "
        "was stored."
    )

    @strawberry.field(
        description="The edge of the message in `Conversation.messages`, with the same cursor as there, to append to a "
        "cached list."
    )
    def message_edge(self, info: Info) -> MessageEdge:
        """For the caches of Relay and Apollo."""
        return message_edge_of(self.message.view, info)

    @level_field(description="The conversation after the send.")
    async def conversation(
        parents: Sequence["SendPrivateMessageSuccess"], info: Info
    ) -> Sequence[Conversation | Exception]:
        return await loader_of(info).conversations_of([sent.message.view.row.id for sent in parents], info)

    viewer = viewer_field()


_INDEX = "The position of the recipient in `recipients`, starting at 0."


@strawberry.type(description="A recipient who got the message.")
class SentOutcome:
    index: int = strawberry.field(description=_INDEX)
    message: Message = strawberry.field(
        description="The recipient's message. If a user was named twice, both outcomes have the same message."
    )


@strawberry.type(description="A recipient who did not get the message. The other recipients still get theirs.")
class RejectedOutcome:
    index: int = strawberry.field(description=_INDEX)
    rejection: RecipientRejection = strawberry.field(description="Why the recipient was rejected.")


SendOutcome = Annotated[
    SentOutcome | RejectedOutcome,
    strawberry.union("SendOutcome", description="The result for one recipient of `sendPrivateMessageToEach`."),
]


@strawberry.type(
    description="Each recipient has their own outcome. This is the result even if all recipients were rejected; "
    "`sentCount` is then 0."
)
class SendPrivateMessageToEachSuccess:
    outcomes: list[SendOutcome] = strawberry.field(
        description="One outcome for each recipient, in the order of `recipients`. A repeated call with the same "
        "`clientMessageId` leaves out messages that the viewer can no longer see, so match outcomes by `index`."
    )
    sent_count: int = strawberry.field(description="The number of messages sent. A user named twice gets one.")


SendPrivateMessageResult = Annotated[
    SendPrivateMessageSuccess
    | InvalidInputError
    | RecipientsRejectedError
    | AttachmentsRejectedError
    | NotFoundError
    | PermissionDeniedError
    | RateLimitedError
    | IdempotencyConflictError,
    strawberry.union("SendPrivateMessageResult", description="The result of `sendPrivateMessage`."),
]
SendPrivateMessageToEachResult = Annotated[
    SendPrivateMessageToEachSuccess
    | InvalidInputError
    | AttachmentsRejectedError
    | PermissionDeniedError
    | RateLimitedError
    | IdempotencyConflictError,
    strawberry.union("SendPrivateMessageToEachResult", description="The result of `sendPrivateMessageToEach`."),
]


@strawberry.mutation(
    description="Sends a message, with or without files, to one user, a group or a conversation. If any recipient or "
    "file is rejected, nothing is stored and the error lists every rejection."
)
async def send_private_message(
    info: Info,
    input: Annotated[SendPrivateMessageInput, strawberry.argument(description="The input of `sendPrivateMessage`.")],
) -> SendPrivateMessageResult:
    viewer, services = info.context.signed_in(), info.context.services
    sent = await services.send.send(viewer, _draft_of(input), sent_parts(selection_of(info)))
    if sent.view is None:
        raise NotFound("The message was sent, but you can no longer see it.")
    return SendPrivateMessageSuccess(message=Message(view=sent.view), was_duplicate=sent.was_duplicate)


@strawberry.mutation(
    description="Sends the same message to several users, each in their direct conversation with the viewer. A "
    "rejected recipient does not stop the others from getting it."
)
async def send_private_message_to_each(
    info: Info,
    input: Annotated[
        SendPrivateMessageToEachInput, strawberry.argument(description="The input of `sendPrivateMessageToEach`.")
    ],
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
    parts = message_parts(selection_of(info).below("outcomes").below("message"))
    return await _outcomes_of(info, await services.send.send_to_each(viewer, draft, parts))


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
    """One statement for all rejected people."""
    rejected = [each.rejection.user_id for each in outcomes if each.rejection and each.rejection.user_id is not None]
    people = await info.context.services.user.find_many(info.context.signed_in(), rejected) if rejected else {}
    shown: list[SentOutcome | RejectedOutcome] = []
    for each in outcomes:
        if each.rejection is not None:
            shown.append(RejectedOutcome(index=each.index, rejection=RecipientRejection.of(each.rejection, people)))
        elif each.view is not None:
            shown.append(SentOutcome(index=each.index, message=Message(view=each.view)))
    sent = {each.message_id for each in outcomes if each.message_id is not None}
    return SendPrivateMessageToEachSuccess(outcomes=shown, sent_count=len(sent))
