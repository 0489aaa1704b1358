"""A member's preferences for a conversation: mute, archive, pin; and clearing or leaving it."""

from datetime import datetime
from typing import Annotated

import strawberry

from gql.conversation import Conversation
from gql.id import Kind, number_of
from gql.node import Info, given
from gql.part import conversation_after
from gql.refusal import InvalidInputError, NotFoundError, PermissionDeniedError
from gql.result import viewer_field
from gql.scalar import ms_of
from services.message.preference import PreferenceChange

UNSET = strawberry.UNSET


@strawberry.input(description="The preferences to change. Fields that are omitted or null keep their values.")
class SetConversationPreferencesInput:
    conversation_id: strawberry.ID = strawberry.field(description="The id of the conversation.")
    is_muted: bool | None = strawberry.field(
        default=UNSET,
        description="True mutes the conversation, permanently unless `mutedUntil` is given; false unmutes it. "
        "Unchanged if omitted or null, unless `mutedUntil` is given.",
    )
    muted_until: datetime | None = strawberry.field(
        default=UNSET,
        description="Mutes the conversation until this time, which must be in the future. Cannot be combined with "
        "`isMuted: false`. No effect if omitted or null.",
    )
    is_archived: bool | None = strawberry.field(
        default=UNSET,
        description="True archives the conversation, which its next message restores unless it is muted; false "
        "restores it now. Unchanged if omitted or null.",
    )
    is_pinned: bool | None = strawberry.field(
        default=UNSET, description="True pins the conversation, false unpins it. Unchanged if omitted or null."
    )


@strawberry.type(description="The preferences were changed on all of the viewer's devices.")
class SetConversationPreferencesSuccess:
    conversation: Conversation = strawberry.field(description="The conversation after the change.")
    viewer = viewer_field()


@strawberry.input(description="The conversation to clear.")
class ClearConversationInput:
    conversation_id: strawberry.ID = strawberry.field(description="The id of the conversation.")
    up_to_message_id: strawberry.ID | None = strawberry.field(
        default=UNSET,
        description="The id of the newest message to clear. All earlier messages are cleared too. Clears the whole "
        "conversation if omitted or null.",
    )


@strawberry.type(description="The messages were cleared for the viewer. The other participants keep them.")
class ClearConversationSuccess:
    conversation: Conversation = strawberry.field(
        description="The conversation after the change. If it is now empty, no folder lists it until its next message."
    )
    viewer = viewer_field()


@strawberry.input(description="The group to leave.")
class LeaveConversationInput:
    conversation_id: strawberry.ID = strawberry.field(description="The id of the group.")


@strawberry.type(description="The viewer left the group and can no longer see it.")
class LeaveConversationSuccess:
    conversation_id: strawberry.ID = strawberry.field(description="The id of the group.")
    viewer = viewer_field()


SetConversationPreferencesResult = Annotated[
    SetConversationPreferencesSuccess | InvalidInputError | NotFoundError,
    strawberry.union("SetConversationPreferencesResult", description="The result of `setConversationPreferences`."),
]
ClearConversationResult = Annotated[
    ClearConversationSuccess | NotFoundError,
    strawberry.union("ClearConversationResult", description="The result of `clearConversation`."),
]
LeaveConversationResult = Annotated[
    LeaveConversationSuccess | NotFoundError | PermissionDeniedError,
    strawberry.union("LeaveConversationResult", description="The result of `leaveConversation`."),
]


@strawberry.mutation(description="Mutes, archives or pins a conversation, for the viewer only.")
async def set_conversation_preferences(
    info: Info,
    input: Annotated[
        SetConversationPreferencesInput, strawberry.argument(description="The input of `setConversationPreferences`.")
    ],
) -> SetConversationPreferencesResult:
    until = given(input.muted_until)
    change = PreferenceChange(
        is_muted=given(input.is_muted),
        muted_until=None if until is None else ms_of(until),
        is_archived=given(input.is_archived),
        is_pinned=given(input.is_pinned),
    )
    number = number_of(Kind.CONVERSATION, input.conversation_id)
    view = await info.context.services.preference.prefer(
        info.context.signed_in(), number, change, conversation_after(info)
    )
    return SetConversationPreferencesSuccess(conversation=Conversation(view=view))


@strawberry.mutation(description="Clears a conversation, for the viewer only.")
async def clear_conversation(
    info: Info,
    input: Annotated[ClearConversationInput, strawberry.argument(description="The input of `clearConversation`.")],
) -> ClearConversationResult:
    number, up_to = number_of(Kind.CONVERSATION, input.conversation_id), given(input.up_to_message_id)
    up_to_number = None if up_to is None else number_of(Kind.MESSAGE, up_to)
    view = await info.context.services.preference.clear(
        info.context.signed_in(), number, up_to_number, conversation_after(info)
    )
    return ClearConversationSuccess(conversation=Conversation(view=view))


@strawberry.mutation(description="Leaves a group permanently.")
async def leave_conversation(
    info: Info,
    input: Annotated[LeaveConversationInput, strawberry.argument(description="The input of `leaveConversation`.")],
) -> LeaveConversationResult:
    number = number_of(Kind.CONVERSATION, input.conversation_id)
    await info.context.services.preference.leave(info.context.signed_in(), number)
    return LeaveConversationSuccess(conversation_id=input.conversation_id)
