"""Changes of messages: the mutations that edit, delete and react."""

from collections.abc import Sequence
from enum import Enum
from typing import Annotated

import strawberry

from gql.conversation import Conversation
from gql.id import Kind, number_of
from gql.level import level_field
from gql.loader import loader_of, shown
from gql.message import Message
from gql.node import Info, given
from gql.part import conversation_parts, message_after
from gql.refusal import ConflictError, InvalidInputError, NotFoundError, PermissionDeniedError, TooLateError
from gql.result import viewer_field
from models.base import conversation_of

UNSET = strawberry.UNSET


@strawberry.enum(description="For whom a message is deleted.")
class DeleteScope(Enum):
    """OSSN's `me` and `all`."""

    FOR_ME = strawberry.enum_value(
        "for_me", description="Only for the viewer, on all of their devices. The other participants keep it."
    )
    FOR_EVERYONE = strawberry.enum_value(
        "for_everyone",
        description="For all participants; only the sender can do this. Within `silentDeleteWindowSeconds` the message "
        "disappears without a trace; after that, a tombstone remains. Recipients can still report it for "
        "`reportWindowSeconds`.",
    )


@strawberry.input(description="The message to edit, and its new text.")
class EditMessageInput:
    message_id: strawberry.ID = strawberry.field(description="The id of the message.")
    text: str = strawberry.field(
        description="The new text: at most `ServerLimits.maxTextLength` characters (code points). It can be blank if "
        "the message has files, unless the server always requires text."
    )
    expected_revision: int | None = strawberry.field(
        default=UNSET,
        description="The `revision` that the viewer saw; the edit is refused with ConflictError if the message has "
        "another one. Not checked if omitted or null.",
    )


@strawberry.type(description="The message was edited. Earlier texts remain in `Message.edits`.")
class EditMessageSuccess:
    message: Message = strawberry.field(description="The message after the change.")


@strawberry.input(description="The message to delete, and for whom.")
class DeleteMessageInput:
    message_id: strawberry.ID = strawberry.field(description="The id of the message.")
    scope: DeleteScope = strawberry.field(description="Whether to delete it for the viewer or for everyone.")


@strawberry.type(description="The message was deleted.")
class DeleteMessageSuccess:
    deleted_message_id: strawberry.ID = strawberry.field(description="The id of the deleted message.")
    message: Message | None = strawberry.field(
        description="The tombstone that remains: `state` DELETED, without content. Null for FOR_ME, and if the message "
        "left no trace."
    )
    number: strawberry.Private[int]

    @level_field(
        description="The conversation of the message, with its new `lastMessage` and counters. Null if the viewer can "
        "no longer see it, or with an error if it cannot be read."
    )
    async def conversation(parents: Sequence["DeleteMessageSuccess"], info: Info) -> Sequence[Conversation | None]:
        return shown(
            await loader_of(info).conversations(
                [conversation_of(deleted.number) for deleted in parents], conversation_parts(info)
            )
        )

    viewer = viewer_field()


@strawberry.input(description="The message, the emoji, and whether to set or remove it.")
class SetReactionInput:
    message_id: strawberry.ID = strawberry.field(description="The id of the message.")
    emoji: str = strawberry.field(
        description="Exactly one emoji (UTS #51). The server stores its fully qualified form."
    )
    reacted: bool = strawberry.field(description="True sets the reaction, false removes it.")


@strawberry.type(description="The reaction was set or removed.")
class SetReactionSuccess:
    message: Message = strawberry.field(description="The message after the change.")


EditMessageResult = Annotated[
    EditMessageSuccess | InvalidInputError | NotFoundError | PermissionDeniedError | TooLateError | ConflictError,
    strawberry.union("EditMessageResult", description="The result of `editMessage`."),
]
DeleteMessageResult = Annotated[
    DeleteMessageSuccess | NotFoundError | PermissionDeniedError | TooLateError,
    strawberry.union("DeleteMessageResult", description="The result of `deleteMessage`."),
]
SetReactionResult = Annotated[
    SetReactionSuccess | InvalidInputError | NotFoundError | PermissionDeniedError,
    strawberry.union("SetReactionResult", description="The result of `setReaction`."),
]


@strawberry.mutation(description="Edits the text of one of the viewer's messages.")
async def edit_message(
    info: Info, input: Annotated[EditMessageInput, strawberry.argument(description="The input of `editMessage`.")]
) -> EditMessageResult:
    viewer, number = info.context.signed_in(), number_of(Kind.MESSAGE, input.message_id)
    view = await info.context.services.edit.edit(
        viewer, number, input.text, given(input.expected_revision), message_after(info)
    )
    return EditMessageSuccess(message=Message(view=view))


@strawberry.mutation(description="Deletes a message, for the viewer or for everyone.")
async def delete_message(
    info: Info, input: Annotated[DeleteMessageInput, strawberry.argument(description="The input of `deleteMessage`.")]
) -> DeleteMessageResult:
    viewer, number = info.context.signed_in(), number_of(Kind.MESSAGE, input.message_id)
    if input.scope is DeleteScope.FOR_ME:
        await info.context.services.deletion.delete_for_me(viewer, number)
        return DeleteMessageSuccess(deleted_message_id=input.message_id, message=None, number=number)
    left = await info.context.services.deletion.delete_for_everyone(viewer, number)
    message = Message(view=left) if left else None
    return DeleteMessageSuccess(deleted_message_id=input.message_id, message=message, number=number)


@strawberry.mutation(
    description="Sets or removes one of the viewer's reactions to a message. Refused in a message "
    "request that the viewer has not accepted."
)
async def set_reaction(
    info: Info, input: Annotated[SetReactionInput, strawberry.argument(description="The input of `setReaction`.")]
) -> SetReactionResult:
    viewer, number = info.context.signed_in(), number_of(Kind.MESSAGE, input.message_id)
    view = await info.context.services.reaction.react(
        viewer, number, input.emoji, message_after(info), is_set=input.reacted
    )
    return SetReactionSuccess(message=Message(view=view))
