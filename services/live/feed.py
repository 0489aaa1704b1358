"""Feeds: what a live stream takes from the log of its viewer."""

from collections.abc import Iterable
from dataclasses import dataclass

from models.event import EventKind
from services.live.log_reader import EventBatch
from services.live.resolved_event import EventParts, ResolvedEvent
from services.live.signal import Signal, Typing
from services.viewer import Right, Viewer


@dataclass(frozen=True, slots=True)
class Feed:
    """What a stream delivers: with `conversation_ids`, no events of other conversations.

    `with_ephemeral`: typing and presence as well. `parts` is what it shows of events; with `only_messages` there, it
    delivers new messages and no signals.
    """

    parts: EventParts
    conversation_ids: frozenset[int] | None = None
    with_ephemeral: bool = False

    @property
    def only_messages(self) -> bool:
        """Whether it delivers new messages and nothing else."""
        return self.parts.only_messages

    def select(self, signals: Iterable[Signal]) -> list[Signal]:
        """The signals that it delivers; what is about no conversation passes."""
        return [each for each in signals if self._has(each)]

    def _has(self, signal: Signal) -> bool:
        if self.only_messages and not is_new_message(signal):
            return False
        if self.conversation_ids is None:
            return True
        about = _conversation_of(signal)
        return about is None or about in self.conversation_ids


def is_new_message(signal: Signal) -> bool:
    return isinstance(signal, ResolvedEvent) and signal.kind is EventKind.MESSAGE_CREATED and signal.message is not None


def known_to(viewer: Viewer, batch: EventBatch) -> EventBatch:
    """The batch without the events that the viewer's credential may not see: API keys get none of devices or keys."""
    if viewer.may(Right.DEVICES):
        return batch
    return EventBatch([each for each in batch.items if not each.is_of_access], batch.position, batch.has_more)


def _conversation_of(signal: Signal) -> int | None:
    if isinstance(signal, Typing):
        return signal.conversation.row.id
    return signal.conversation_id if isinstance(signal, ResolvedEvent) else None
