"""Message requests: the mutations that accept and decline one."""

from typing import Annotated

import strawberry

from gql.conversation import Conversation
from gql.id import Kind, number_of
from gql.node import Info
from gql.part import conversation_after
from gql.refusal import ConflictError, NotFoundError
from gql.result import viewer_field
from gql.user import User


@strawberry.input(description="The message request to accept.")
class AcceptMessageRequestInput:
    conversation_id: strawberry.ID = strawberry.field(
        description="The id of a conversation whose message request the viewer has not answered yet, or has declined."
    )


@strawberry.type(description="The request was accepted. The conversation is now a normal one.")
class AcceptMessageRequestSuccess:
    conversation: Conversation = strawberry.field(
        description="The conversation, with `requestState` ACCEPTED. In a group, only the viewer's own request is "
        "answered."
    )
    viewer = viewer_field()


@strawberry.input(description="The message request to decline.")
class DeclineMessageRequestInput:
    conversation_id: strawberry.ID = strawberry.field(
        description="The id of a conversation whose message request the viewer has not answered yet."
    )
    block_sender: bool = strawberry.field(
        default=False,
        description="Whether to also block the sender of the request: `Conversation.requestedBy`, in a group its "
        "creator.",
    )


@strawberry.type(
    description="The request was removed from the viewer's lists. The sender gets no event, and can no longer write to "
    "the viewer or create a group with them. A group continues without the viewer."
)
class DeclineMessageRequestSuccess:
    conversation_id: strawberry.ID = strawberry.field(description="The id of the declined conversation.")
    user: User | None = strawberry.field(
        description="The sender of the request, with `viewerHasBlocked` true. Null if `blockSender` was false, or if "
        "the sender's account no longer exists."
    )
    viewer = viewer_field()


AcceptMessageRequestResult = Annotated[
    AcceptMessageRequestSuccess | NotFoundError | ConflictError,
    strawberry.union("AcceptMessageRequestResult", description="The result of `acceptMessageRequest`."),
]
DeclineMessageRequestResult = Annotated[
    DeclineMessageRequestSuccess | NotFoundError | ConflictError,
    strawberry.union("DeclineMessageRequestResult", description="The result of `declineMessageRequest`."),
]


@strawberry.mutation(description="Accepts a message request, turning it into a normal conversation.")
async def accept_message_request(
    info: Info,
    input: Annotated[
        AcceptMessageRequestInput, strawberry.argument(description="The input of `acceptMessageRequest`.")
    ],
) -> AcceptMessageRequestResult:
    number = number_of(Kind.CONVERSATION, input.conversation_id)
    view = await info.context.services.request.accept(info.context.signed_in(), number, conversation_after(info))
    return AcceptMessageRequestSuccess(conversation=Conversation(view=view))


@strawberry.mutation(
    description="Declines a message request. The sender gets no event. But unless the two already have an accepted "
    "direct conversation, the sender's direct messages and `messageEligibility` then show NOT_ACCEPTING."
)
async def decline_message_request(
    info: Info,
    input: Annotated[
        DeclineMessageRequestInput, strawberry.argument(description="The input of `declineMessageRequest`.")
    ],
) -> DeclineMessageRequestResult:
    number = number_of(Kind.CONVERSATION, input.conversation_id)
    blocked = await info.context.services.request.decline(info.context.signed_in(), number, block=input.block_sender)
    user = None if blocked is None else User(person=blocked)
    return DeclineMessageRequestSuccess(conversation_id=input.conversation_id, user=user)
