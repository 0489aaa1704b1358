"""Presence and typing: types and a mutation for state that is never stored."""

from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry

from gql.id import Kind, number_of
from gql.loader import type_of
from gql.node import Info
from gql.part import conversation_after
from gql.refusal import NotFoundError, RateLimitedError
from gql.scalar import Moment
from services.live.presence import Presence as View

if TYPE_CHECKING:
    from gql.conversation import Conversation


@strawberry.enum(description="Whether a user is online.")
class PresenceStatus(Enum):
    ONLINE = strawberry.enum_value(
        "online",
        description="At least one of the user's devices is subscribed to `events` or `privateMessageReceived`.",
    )
    OFFLINE = strawberry.enum_value("offline", description="None of the user's devices is subscribed.")


@strawberry.type(description="Whether a user is online, based on their subscriptions.")
class Presence:
    view: strawberry.Private[View]

    @strawberry.field(description="Whether the user is online.")
    def status(self) -> PresenceStatus:
        return PresenceStatus.ONLINE if self.view.is_online else PresenceStatus.OFFLINE

    @strawberry.field(description="When the user's last subscription ended. Null if the server does not know.")
    def last_active_at(self) -> Moment | None:
        return None if self.view.last_active_at is None else Moment(self.view.last_active_at)


@strawberry.input(description="The conversation, and whether the viewer is typing.")
class SetTypingInput:
    conversation_id: strawberry.ID = strawberry.field(
        description="The id of the conversation in which the viewer is typing."
    )
    is_typing: bool = strawberry.field(
        description="True while the viewer is typing, repeated before `expiresAt`; false when they stop."
    )


@strawberry.type(
    description="The other participants see the change, unless the viewer's `sendTypingIndicators` is false."
)
class SetTypingSuccess:
    conversation: Annotated["Conversation", strawberry.lazy("gql.conversation")] = strawberry.field(
        description="The conversation in which the viewer is typing."
    )
    expires_at: Moment | None = strawberry.field(
        description="When the indicator disappears unless `setTyping` is repeated. Null if `isTyping` is false."
    )


SetTypingResult = Annotated[
    SetTypingSuccess | NotFoundError | RateLimitedError,
    strawberry.union("SetTypingResult", description="The result of `setTyping`."),
]


@strawberry.mutation(description="Shows the other participants that the viewer is typing or has stopped.")
async def set_typing(
    info: Info, input: Annotated[SetTypingInput, strawberry.argument(description="The input of `setTyping`.")]
) -> SetTypingResult:
    viewer, number = info.context.signed_in(), number_of(Kind.CONVERSATION, input.conversation_id)
    view, until = await info.context.services.presence.type(
        viewer, number, conversation_after(info), is_typing=input.is_typing
    )
    return SetTypingSuccess(conversation=type_of(view), expires_at=None if until is None else Moment(until))


type_of.register(View, lambda view: Presence(view=view))
