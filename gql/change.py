"""Changes of messages: the mutations that edit, delete and react."""

from enum import Enum
from typing import Annotated

import strawberry

from gql.id import Kind, number_of
from gql.message import Message
from gql.node import Info, given
from gql.refusal import ConflictError, InvalidInputError, NotFoundError, PermissionDeniedError, TooLateError

UNSET = strawberry.UNSET


@strawberry.enum(description="For whom a message is deleted.")
class DeleteScope(Enum):
    """OSSN's `me` and `all`."""

    FOR_ME = strawberry.enum_value("for_me", description="For the viewer, on all devices; the others keep it.")
    FOR_EVERYONE = strawberry.enum_value(
        "for_everyone",
        description="For all; only its sender can. Without a trace at first, see `silentDeleteWindowSeconds`. Those "
        "who had it can report it for `reportWindowSeconds`.",
    )


@strawberry.input(description="Another text for a message of the viewer.")
class EditMessageInput:
    message_id: strawberry.ID = strawberry.field(description="The id of the message.")
    text: str = strawberry.field(description="The new text; may be blank where the message has files.")
    expected_revision: int | None = strawberry.field(
        default=UNSET, description="The `revision` that the viewer saw; any other is a ConflictError."
    )


@strawberry.type(description="The message says so now; every former text is in `edits`.")
class EditMessageSuccess:
    message: Message = strawberry.field(description="The message as it is now.")


@strawberry.input(description="Which message to delete, and for whom.")
class DeleteMessageInput:
    message_id: strawberry.ID = strawberry.field(description="The id of the message.")
    scope: DeleteScope = strawberry.field(description="For whom.")


@strawberry.type(description="The message is gone.")
class DeleteMessageSuccess:
    deleted_message_id: strawberry.ID = strawberry.field(description="The id of the message.")
    message: Message | None = strawberry.field(description="Its tombstone; null when nothing is left to show.")


@strawberry.input(description="An emoji on a message.")
class SetReactionInput:
    message_id: strawberry.ID = strawberry.field(description="The id of the message.")
    emoji: str = strawberry.field(description="Exactly one emoji, as Unicode has it.")
    reacted: bool = strawberry.field(description="True sets it, false takes it back.")


@strawberry.type(description="The reaction is as it was asked for.")
class SetReactionSuccess:
    message: Message = strawberry.field(description="The message as it is now.")


EditMessageResult = Annotated[
    EditMessageSuccess | InvalidInputError | NotFoundError | PermissionDeniedError | TooLateError | ConflictError,
    strawberry.union("EditMessageResult", description="What becomes of `editMessage`."),
]
DeleteMessageResult = Annotated[
    DeleteMessageSuccess | NotFoundError | PermissionDeniedError | TooLateError,
    strawberry.union("DeleteMessageResult", description="What becomes of `deleteMessage`."),
]
SetReactionResult = Annotated[
    SetReactionSuccess | InvalidInputError | NotFoundError | PermissionDeniedError,
    strawberry.union("SetReactionResult", description="What becomes of `setReaction`."),
]


@strawberry.mutation(description="Gives a message of the viewer another text.")
async def edit_message(
    info: Info, input: Annotated[EditMessageInput, strawberry.argument(description="The edit.")]
) -> EditMessageResult:
    viewer, number = info.context.signed_in(), number_of(Kind.MESSAGE, input.message_id)
    view = await info.context.services.edit.edit(viewer, number, input.text, given(input.expected_revision))
    return EditMessageSuccess(message=Message.of(view))


@strawberry.mutation(description="Deletes a message, for the viewer or for everyone.")
async def delete_message(
    info: Info, input: Annotated[DeleteMessageInput, strawberry.argument(description="Which, and for whom.")]
) -> DeleteMessageResult:
    viewer, number = info.context.signed_in(), number_of(Kind.MESSAGE, input.message_id)
    if input.scope is DeleteScope.FOR_ME:
        await info.context.services.deletion.delete_for_me(viewer, number)
        return DeleteMessageSuccess(deleted_message_id=input.message_id, message=None)
    left = await info.context.services.deletion.delete_for_everyone(viewer, number)
    return DeleteMessageSuccess(deleted_message_id=input.message_id, message=Message.of(left) if left else None)


@strawberry.mutation(description="Sets an emoji on a message, or takes it back.")
async def set_reaction(
    info: Info, input: Annotated[SetReactionInput, strawberry.argument(description="The reaction.")]
) -> SetReactionResult:
    viewer, number = info.context.signed_in(), number_of(Kind.MESSAGE, input.message_id)
    view = await info.context.services.reaction.react(viewer, number, input.emoji, is_set=input.reacted)
    return SetReactionSuccess(message=Message.of(view))
