"""Message requests: the mutations that accept and decline one."""

from typing import Annotated

import strawberry

from gql.conversation import Conversation
from gql.id import Kind, number_of
from gql.node import Info
from gql.refusal import ConflictError, NotFoundError


@strawberry.input(description="Which request to accept.")
class AcceptMessageRequestInput:
    conversation_id: strawberry.ID = strawberry.field(description="The id of the conversation that waits.")


@strawberry.type(description="From now on it is a conversation like any other.")
class AcceptMessageRequestSuccess:
    conversation: Conversation = strawberry.field(
        description="The conversation, with the request state ACCEPTED; in a group that is the viewer's own answer."
    )


@strawberry.input(description="Which request to decline.")
class DeclineMessageRequestInput:
    conversation_id: strawberry.ID = strawberry.field(description="The id of the conversation that waits.")
    block: bool = strawberry.field(default=False, description="Block who asked as well; of a group, who made it.")


@strawberry.type(
    description="The request is out of the viewer's lists; no event tells its sender, who can neither write to the "
    "viewer any more nor make a group with them. In a group the others go on, and the viewer hears nothing more of it."
)
class DeclineMessageRequestSuccess:
    conversation_id: strawberry.ID = strawberry.field(description="The id of the conversation.")


AcceptMessageRequestResult = Annotated[
    AcceptMessageRequestSuccess | NotFoundError | ConflictError,
    strawberry.union("AcceptMessageRequestResult", description="What becomes of `acceptMessageRequest`."),
]
DeclineMessageRequestResult = Annotated[
    DeclineMessageRequestSuccess | NotFoundError | ConflictError,
    strawberry.union("DeclineMessageRequestResult", description="What becomes of `declineMessageRequest`."),
]


@strawberry.mutation(description="Lets a message request become a conversation.")
async def accept_message_request(
    info: Info, input: Annotated[AcceptMessageRequestInput, strawberry.argument(description="Which.")]
) -> AcceptMessageRequestResult:
    number = number_of(Kind.CONVERSATION, input.conversation_id)
    view = await info.context.services.request.accept(info.context.signed_in(), number)
    return AcceptMessageRequestSuccess(conversation=Conversation.of(view))


@strawberry.mutation(
    description="Puts a message request away. No event tells its sender; a further send meets a closed inbox."
)
async def decline_message_request(
    info: Info, input: Annotated[DeclineMessageRequestInput, strawberry.argument(description="Which.")]
) -> DeclineMessageRequestResult:
    number = number_of(Kind.CONVERSATION, input.conversation_id)
    await info.context.services.request.decline(info.context.signed_in(), number, block=input.block)
    return DeclineMessageRequestSuccess(conversation_id=input.conversation_id)
