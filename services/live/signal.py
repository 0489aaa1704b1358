"""Signals: what a stream of events says besides the events themselves."""

from dataclasses import dataclass
from enum import Enum, auto

from models.event import Position
from services.live.presence import Presence
from services.live.resolved_event import ResolvedEvent
from services.message.conversation import ConversationView
from services.person.user import Person
from services.revocation import RevocationReason


class ResetReason(Enum):
    """Why a client has to load anew."""

    CURSOR_EXPIRED = auto()
    CURSOR_INVALID = auto()
    TOO_MANY_EVENTS = auto()


@dataclass(frozen=True, slots=True)
class Ready:
    """The first of a stream without a cursor."""

    position: Position


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """All that was missed has been delivered, `replayed` events; from here on it is live."""

    position: Position
    replayed: int


@dataclass(frozen=True, slots=True)
class Reset:
    """The cursor leads nowhere; the stream goes on from `position`, once the client has loaded anew."""

    position: Position
    reason: ResetReason


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Nothing that the viewer sees has happened; the cursor moves all the same."""

    position: Position


@dataclass(frozen=True, slots=True)
class Typing:
    """Somebody types until `until` (ms since 1970), or has stopped for None."""

    conversation: ConversationView
    person: Person
    until: int | None


@dataclass(frozen=True, slots=True)
class PresenceChange:
    """Somebody came or went; None once, when the viewer could see it and no longer may."""

    person: Person
    presence: Presence | None


@dataclass(frozen=True, slots=True)
class Revoked:
    """The last of a stream: the session has ended."""

    reason: RevocationReason


Signal = ResolvedEvent | Ready | CaughtUp | Reset | Heartbeat | Typing | PresenceChange | Revoked
