"""Signals: the messages of an event stream that are not entries of the log."""

from dataclasses import dataclass
from enum import Enum, auto

from models.event import Position
from services.live.presence import Presence
from services.live.resolved_event import ResolvedEvent
from services.message.conversation_view import ConversationView
from services.person.user import Person
from services.revocation import RevocationReason


class ResetReason(Enum):
    """Why a client must load its data again."""

    CURSOR_EXPIRED = auto()
    CURSOR_INVALID = auto()
    TOO_MANY_EVENTS = auto()


@dataclass(frozen=True, slots=True)
class Ready:
    """The first signal of a stream without a cursor."""

    position: Position


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """All missed events, `replayed` in number, have been delivered; the following ones are live."""

    position: Position
    replayed: int


@dataclass(frozen=True, slots=True)
class Reset:
    """The stream cannot resume from the cursor: the client must load its data again; it continues from `position`."""

    position: Position
    reason: ResetReason


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """No event for the viewer, but the cursor may have moved."""

    position: Position


@dataclass(frozen=True, slots=True)
class Typing:
    """A person types until `until` (ms since 1970); None if they have stopped."""

    conversation: ConversationView
    person: Person
    until: int | None


@dataclass(frozen=True, slots=True)
class PresenceChange:
    """A person came online or went offline; None once, when the viewer may no longer see their presence."""

    person: Person
    presence: Presence | None


@dataclass(frozen=True, slots=True)
class Revoked:
    """The last signal of a stream: the session has ended."""

    reason: RevocationReason


Signal = ResolvedEvent | Ready | CaughtUp | Reset | Heartbeat | Typing | PresenceChange | Revoked
