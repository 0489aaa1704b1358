"""Ephemeral events: the types of what is delivered but never stored, so that it has no cursor."""

import strawberry

from gql.conversation import Conversation
from gql.presence import Presence
from gql.scalar import Moment
from gql.signal import SessionRevoked
from gql.user import User
from services.live.signal import PresenceChange, Revoked, Typing


@strawberry.type(description="Someone started or stopped typing. Never replayed.")
class TypingChanged:
    typing: strawberry.Private[Typing]

    @strawberry.field(description="The conversation in which the user is typing.")
    def conversation(self) -> Conversation:
        return Conversation(view=self.typing.conversation)

    @strawberry.field(description="The user who started or stopped typing.")
    def user(self) -> User:
        return User(person=self.typing.person)

    @strawberry.field(description="Whether the user is typing.")
    def is_typing(self) -> bool:
        return self.typing.until is not None

    @strawberry.field(
        description="When to stop showing the indicator, unless another event arrives first. Null if `isTyping` is "
        "false."
    )
    def expires_at(self) -> Moment | None:
        return None if self.typing.until is None else Moment(self.typing.until)


@strawberry.type(
    description="Someone who shares their presence with the viewer came online or went offline. Never replayed."
)
class PresenceChanged:
    user: User = strawberry.field(description="The user whose presence changed.")
    presence: Presence | None = strawberry.field(
        description="The user's presence now. Null once, when the viewer can no longer see it."
    )


def ephemeral_event_of(signal: Typing | PresenceChange | Revoked) -> TypingChanged | PresenceChanged | SessionRevoked:
    """The type for an event that is not in the log."""
    if isinstance(signal, Typing):
        return TypingChanged(typing=signal)
    if isinstance(signal, PresenceChange):
        presence = None if signal.presence is None else Presence(view=signal.presence)
        return PresenceChanged(user=User(person=signal.person), presence=presence)
    return SessionRevoked(revocation_reason=signal.reason)
