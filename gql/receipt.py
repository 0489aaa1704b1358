"""Receipts: the mutations that mark conversations as delivered, read or unread."""

from typing import Annotated

import strawberry

from gql.account import Viewer, viewer_of
from gql.conversation import Conversation
from gql.id import Kind, number_of
from gql.node import Info, given
from gql.part import conversation_after
from gql.refusal import NotFoundError, RateLimitedError
from gql.result import viewer_field
from gql.selection import selection_of

UNSET = strawberry.UNSET


@strawberry.input(description="The messages that have reached the viewer's device.")
class AcknowledgeDeliveryInput:
    conversation_id: strawberry.ID = strawberry.field(description="The id of the conversation.")
    up_to_message_id: strawberry.ID = strawberry.field(
        description="The id of the newest message received. All earlier messages count as received too."
    )


@strawberry.type(
    description="The position was recorded. The senders can see it if the viewer shares delivery receipts."
)
class AcknowledgeDeliverySuccess:
    conversation: Conversation = strawberry.field(description="The conversation after the change.")


@strawberry.input(description="The messages that the viewer has read.")
class MarkConversationReadInput:
    conversation_id: strawberry.ID = strawberry.field(description="The id of the conversation.")
    up_to_message_id: strawberry.ID | None = strawberry.field(
        default=UNSET,
        description="The id of the newest message to mark as read. All earlier messages are marked too. All messages "
        "if omitted or null.",
    )


@strawberry.type(
    description="The messages are marked as read. The position only moves forward, so a late call changes nothing."
)
class MarkConversationReadSuccess:
    conversation: Conversation = strawberry.field(description="The conversation after the change.")
    unread_message_count: int = strawberry.field(
        description="The number of unread messages in all conversations except message requests, after the change."
    )
    viewer = viewer_field()


@strawberry.input(description="The conversation to mark as unread.")
class MarkConversationUnreadInput:
    conversation_id: strawberry.ID = strawberry.field(description="The id of the conversation.")
    from_message_id: strawberry.ID | None = strawberry.field(
        default=UNSET,
        description="The id of the oldest message to count as unread again. All later messages count too. If omitted "
        "or null, `isUnread` becomes true and `unreadCount` does not change.",
    )


@strawberry.type(
    description="The conversation is marked as unread for the viewer. The read receipts that others see do not change."
)
class MarkConversationUnreadSuccess:
    conversation: Conversation = strawberry.field(
        description="The conversation after the change, with `isUnread` true unless it has no messages."
    )
    viewer = viewer_field()


@strawberry.input(description="Which conversations to mark as read.")
class MarkAllConversationsReadInput:
    include_archived: bool = strawberry.field(
        default=False, description="Whether to mark archived conversations too. Message requests are never marked."
    )


@strawberry.type(
    description="The conversations are now read, up to the newest message that each had at the time of the call."
)
class MarkAllConversationsReadSuccess:
    viewer: Viewer = strawberry.field(description="The viewer, with their unread counts after the change.")
    changed_count: int = strawberry.field(
        description="The number of conversations that had unread messages or were marked as unread."
    )


AcknowledgeDeliveryResult = Annotated[
    AcknowledgeDeliverySuccess | NotFoundError,
    strawberry.union("AcknowledgeDeliveryResult", description="The result of `acknowledgeDelivery`."),
]
MarkConversationReadResult = Annotated[
    MarkConversationReadSuccess | NotFoundError,
    strawberry.union("MarkConversationReadResult", description="The result of `markConversationRead`."),
]
MarkAllConversationsReadResult = Annotated[
    MarkAllConversationsReadSuccess | RateLimitedError,
    strawberry.union("MarkAllConversationsReadResult", description="The result of `markAllConversationsRead`."),
]
MarkConversationUnreadResult = Annotated[
    MarkConversationUnreadSuccess | NotFoundError,
    strawberry.union("MarkConversationUnreadResult", description="The result of `markConversationUnread`."),
]


@strawberry.mutation(description="Confirms that messages have reached the viewer's device.")
async def acknowledge_delivery(
    info: Info,
    input: Annotated[AcknowledgeDeliveryInput, strawberry.argument(description="The input of `acknowledgeDelivery`.")],
) -> AcknowledgeDeliveryResult:
    conversation = number_of(Kind.CONVERSATION, input.conversation_id)
    up_to = number_of(Kind.MESSAGE, input.up_to_message_id)
    viewer, receipts = info.context.signed_in(), info.context.services.receipt
    marked = await receipts.acknowledge(viewer, conversation, up_to, conversation_after(info))
    return AcknowledgeDeliverySuccess(conversation=Conversation(view=marked.conversation))


@strawberry.mutation(description="Marks a conversation as read up to a message.")
async def mark_conversation_read(
    info: Info,
    input: Annotated[
        MarkConversationReadInput, strawberry.argument(description="The input of `markConversationRead`.")
    ],
) -> MarkConversationReadResult:
    conversation = number_of(Kind.CONVERSATION, input.conversation_id)
    up_to = _message_number(input.up_to_message_id)
    viewer, receipts = info.context.signed_in(), info.context.services.receipt
    marked = await receipts.mark_read(viewer, conversation, up_to, conversation_after(info))
    return MarkConversationReadSuccess(
        conversation=Conversation(view=marked.conversation), unread_message_count=marked.unread_messages
    )


@strawberry.mutation(
    description="Marks all of the viewer's conversations as read, up to their newest messages, with the same events as "
    "`markConversationRead`. Works in batches: if it fails midway, the earlier batches stay read, and another call "
    "marks the rest."
)
async def mark_all_conversations_read(
    info: Info,
    input: Annotated[
        MarkAllConversationsReadInput, strawberry.argument(description="The input of `markAllConversationsRead`.")
    ],
) -> MarkAllConversationsReadResult:
    viewer, receipts = info.context.signed_in(), info.context.services.receipt
    changed = await receipts.mark_all_read(viewer, include_archived=input.include_archived)
    shown = await viewer_of(info, viewer, selection_of(info).below("viewer"))
    return MarkAllConversationsReadSuccess(viewer=shown, changed_count=changed)


@strawberry.mutation(
    description="Marks a conversation as unread for the viewer. The other participants do not see this."
)
async def mark_conversation_unread(
    info: Info,
    input: Annotated[
        MarkConversationUnreadInput, strawberry.argument(description="The input of `markConversationUnread`.")
    ],
) -> MarkConversationUnreadResult:
    conversation = number_of(Kind.CONVERSATION, input.conversation_id)
    from_ = _message_number(input.from_message_id)
    viewer, receipts = info.context.signed_in(), info.context.services.receipt
    marked = await receipts.mark_unread(viewer, conversation, from_, conversation_after(info))
    return MarkConversationUnreadSuccess(conversation=Conversation(view=marked.conversation))


def _message_number(id_: strawberry.ID | None) -> int | None:
    found = given(id_)
    return None if found is None else number_of(Kind.MESSAGE, found)
