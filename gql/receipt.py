"""Receipts: the mutations that mark a conversation as delivered, read or unread."""

from typing import Annotated

import strawberry

from gql.conversation import Conversation
from gql.id import Kind, number_of
from gql.node import Info, given
from gql.refusal import NotFoundError

UNSET = strawberry.UNSET


@strawberry.input(description="What has reached the viewer.")
class AcknowledgeDeliveryInput:
    conversation_id: strawberry.ID = strawberry.field(description="The id of the conversation.")
    up_to_message_id: strawberry.ID = strawberry.field(description="This message, and all before it.")


@strawberry.type(description="The senders may know.")
class AcknowledgeDeliverySuccess:
    conversation: Conversation = strawberry.field(description="The conversation as it is now.")


@strawberry.input(description="What the viewer has read.")
class MarkConversationReadInput:
    conversation_id: strawberry.ID = strawberry.field(description="The id of the conversation.")
    up_to_message_id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="This message, and all before it; up to the newest if left out."
    )


@strawberry.type(description="It is read; the mark only goes forward, so a late one changes nothing.")
class MarkConversationReadSuccess:
    conversation: Conversation = strawberry.field(description="The conversation as it is now.")
    unread_message_count: int = strawberry.field(description="How many messages wait in all conversations.")


@strawberry.input(description="What the viewer wants to come back to.")
class MarkConversationUnreadInput:
    conversation_id: strawberry.ID = strawberry.field(description="The id of the conversation.")
    from_message_id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="This message, and all after it; if left out, the conversation gets a mark alone."
    )


@strawberry.type(description="It is unread, to the viewer alone: what others were told stays.")
class MarkConversationUnreadSuccess:
    conversation: Conversation = strawberry.field(description="The conversation, with `isUnread` true.")


AcknowledgeDeliveryResult = Annotated[
    AcknowledgeDeliverySuccess | NotFoundError,
    strawberry.union("AcknowledgeDeliveryResult", description="What becomes of `acknowledgeDelivery`."),
]
MarkConversationReadResult = Annotated[
    MarkConversationReadSuccess | NotFoundError,
    strawberry.union("MarkConversationReadResult", description="What becomes of `markConversationRead`."),
]
MarkConversationUnreadResult = Annotated[
    MarkConversationUnreadSuccess | NotFoundError,
    strawberry.union("MarkConversationUnreadResult", description="What becomes of `markConversationUnread`."),
]


@strawberry.mutation(description="Says that messages have reached the viewer's device.")
async def acknowledge_delivery(
    info: Info, input: Annotated[AcknowledgeDeliveryInput, strawberry.argument(description="Up to where.")]
) -> AcknowledgeDeliveryResult:
    conversation = number_of(Kind.CONVERSATION, input.conversation_id)
    up_to = number_of(Kind.MESSAGE, input.up_to_message_id)
    marked = await info.context.services.receipt.acknowledge(info.context.signed_in(), conversation, up_to)
    return AcknowledgeDeliverySuccess(conversation=Conversation.of(marked.conversation))


@strawberry.mutation(description="Says that the viewer has read up to a message.")
async def mark_conversation_read(
    info: Info, input: Annotated[MarkConversationReadInput, strawberry.argument(description="Up to where.")]
) -> MarkConversationReadResult:
    conversation = number_of(Kind.CONVERSATION, input.conversation_id)
    up_to = _message_number(input.up_to_message_id)
    marked = await info.context.services.receipt.mark_read(info.context.signed_in(), conversation, up_to)
    return MarkConversationReadSuccess(
        conversation=Conversation.of(marked.conversation), unread_message_count=marked.unread_messages
    )


@strawberry.mutation(description="Marks a conversation to come back to; nobody else notices.")
async def mark_conversation_unread(
    info: Info, input: Annotated[MarkConversationUnreadInput, strawberry.argument(description="From where.")]
) -> MarkConversationUnreadResult:
    conversation = number_of(Kind.CONVERSATION, input.conversation_id)
    from_ = _message_number(input.from_message_id)
    marked = await info.context.services.receipt.mark_unread(info.context.signed_in(), conversation, from_)
    return MarkConversationUnreadSuccess(conversation=Conversation.of(marked.conversation))


def _message_number(id_: strawberry.ID | None) -> int | None:
    found = given(id_)
    return None if found is None else number_of(Kind.MESSAGE, found)
