"""A member's preferences for a conversation: mute, archive, pin; and clearing or leaving it."""

from datetime import datetime
from typing import Annotated

import strawberry

from gql.conversation import Conversation
from gql.id import Kind, number_of
from gql.node import Info, given, ms_of
from gql.refusal import InvalidInputError, NotFoundError, PermissionDeniedError
from services.message.preference import PreferenceChange

UNSET = strawberry.UNSET


@strawberry.input(description="What is to be different; what is left out, or null, stays.")
class SetConversationPreferencesInput:
    conversation_id: strawberry.ID = strawberry.field(description="The id of the conversation.")
    is_muted: bool | None = strawberry.field(default=UNSET, description="True mutes, for good unless `mutedUntil`.")
    muted_until: datetime | None = strawberry.field(default=UNSET, description="Mutes until then; in the future.")
    is_archived: bool | None = strawberry.field(
        default=UNSET, description="True puts it away until its next message, or for longer while it is muted."
    )
    is_pinned: bool | None = strawberry.field(default=UNSET, description="Whether it is to stand at the top.")


@strawberry.type(description="The preferences hold, on all of the viewer's devices.")
class SetConversationPreferencesSuccess:
    conversation: Conversation = strawberry.field(description="The conversation as it is now.")


@strawberry.input(description="What to clear.")
class ClearConversationInput:
    conversation_id: strawberry.ID = strawberry.field(description="The id of the conversation.")
    up_to_message_id: strawberry.ID | None = strawberry.field(
        default=UNSET, description="This message, and all before it; the whole conversation if left out."
    )


@strawberry.type(description="It is empty for the viewer; the others keep everything.")
class ClearConversationSuccess:
    conversation: Conversation = strawberry.field(description="The conversation; its next message brings it back.")


@strawberry.input(description="Which group to leave.")
class LeaveConversationInput:
    conversation_id: strawberry.ID = strawberry.field(description="The id of the group.")


@strawberry.type(description="The viewer is no member any more, and sees nothing of it.")
class LeaveConversationSuccess:
    conversation_id: strawberry.ID = strawberry.field(description="The id of the group.")


SetConversationPreferencesResult = Annotated[
    SetConversationPreferencesSuccess | InvalidInputError | NotFoundError,
    strawberry.union("SetConversationPreferencesResult", description="What becomes of `setConversationPreferences`."),
]
ClearConversationResult = Annotated[
    ClearConversationSuccess | NotFoundError,
    strawberry.union("ClearConversationResult", description="What becomes of `clearConversation`."),
]
LeaveConversationResult = Annotated[
    LeaveConversationSuccess | NotFoundError | PermissionDeniedError,
    strawberry.union("LeaveConversationResult", description="What becomes of `leaveConversation`."),
]


@strawberry.mutation(description="Mutes, archives or pins a conversation for the viewer.")
async def set_conversation_preferences(
    info: Info, input: Annotated[SetConversationPreferencesInput, strawberry.argument(description="The choices.")]
) -> SetConversationPreferencesResult:
    until = given(input.muted_until)
    change = PreferenceChange(
        is_muted=given(input.is_muted),
        muted_until=None if until is None else ms_of(until),
        is_archived=given(input.is_archived),
        is_pinned=given(input.is_pinned),
    )
    number = number_of(Kind.CONVERSATION, input.conversation_id)
    view = await info.context.services.preference.prefer(info.context.signed_in(), number, change)
    return SetConversationPreferencesSuccess(conversation=Conversation.of(view))


@strawberry.mutation(description="Empties a conversation for the viewer alone.")
async def clear_conversation(
    info: Info, input: Annotated[ClearConversationInput, strawberry.argument(description="Up to where.")]
) -> ClearConversationResult:
    number, up_to = number_of(Kind.CONVERSATION, input.conversation_id), given(input.up_to_message_id)
    up_to_number = None if up_to is None else number_of(Kind.MESSAGE, up_to)
    view = await info.context.services.preference.clear(info.context.signed_in(), number, up_to_number)
    return ClearConversationSuccess(conversation=Conversation.of(view))


@strawberry.mutation(description="Leaves a group for good.")
async def leave_conversation(
    info: Info, input: Annotated[LeaveConversationInput, strawberry.argument(description="Which.")]
) -> LeaveConversationResult:
    number = number_of(Kind.CONVERSATION, input.conversation_id)
    await info.context.services.preference.leave(info.context.signed_in(), number)
    return LeaveConversationSuccess(conversation_id=input.conversation_id)
