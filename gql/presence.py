"""Presence and typing: types and a mutation for state that is never stored."""

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import strawberry

from gql.id import Kind, number_of
from gql.loader import type_of
from gql.node import Info, moment_of
from gql.refusal import NotFoundError, RateLimitedError
from services.live.presence import Presence as View

if TYPE_CHECKING:
    from gql.conversation import Conversation


@strawberry.enum(description="Whether somebody is there.")
class PresenceStatus(Enum):
    ONLINE = strawberry.enum_value(
        "online", description="At least one of their devices listens to `events` or `privateMessageReceived` now."
    )
    OFFLINE = strawberry.enum_value("offline", description="None does.")


@strawberry.type(description="Whether somebody is there, derived from their live streams.")
class Presence:
    status: PresenceStatus = strawberry.field(description="Whether they are there.")
    last_active_at: datetime | None = strawberry.field(
        description="When the last of their streams ended; null where the server does not remember one."
    )

    @classmethod
    def of(cls, view: View) -> "Presence":
        status = PresenceStatus.ONLINE if view.is_online else PresenceStatus.OFFLINE
        return cls(
            status=status, last_active_at=None if view.last_active_at is None else moment_of(view.last_active_at)
        )


@strawberry.input(description="Where the viewer types.")
class SetTypingInput:
    conversation_id: strawberry.ID = strawberry.field(description="The id of the conversation.")
    is_typing: bool = strawberry.field(description="True again and again while typing, false when done.")


@strawberry.type(description="The others are shown so, unless the viewer keeps it private.")
class SetTypingSuccess:
    conversation: Annotated["Conversation", strawberry.lazy("gql.conversation")] = strawberry.field(
        description="The conversation."
    )
    expires_at: datetime | None = strawberry.field(
        description="When the signal ends by itself, unless it is sent again; null for `isTyping` false."
    )


SetTypingResult = Annotated[
    SetTypingSuccess | NotFoundError | RateLimitedError,
    strawberry.union("SetTypingResult", description="What becomes of `setTyping`."),
]


@strawberry.mutation(description="Shows the others of a conversation that the viewer types, or has stopped.")
async def set_typing(
    info: Info, input: Annotated[SetTypingInput, strawberry.argument(description="Where, and whether.")]
) -> SetTypingResult:
    viewer, number = info.context.signed_in(), number_of(Kind.CONVERSATION, input.conversation_id)
    view, until = await info.context.services.presence.type(viewer, number, is_typing=input.is_typing)
    return SetTypingSuccess(conversation=type_of(view), expires_at=None if until is None else moment_of(until))


type_of.register(View, Presence.of)
