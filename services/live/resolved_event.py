"""Resolved events: entries of a viewer's log with their subjects, as the viewer may see them now."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from models import device as devices
from models import message as messages
from models import profile as profiles
from models.base import conversation_of, seq_of
from models.device import DeviceRow
from models.event import EventKind, EventRow, Part, Position, Receipt
from models.message import MessageRow
from models.prepared import id_list
from models.profile import ProfileRow
from models.transaction import Transaction
from services.message.conversation import ConversationService
from services.message.conversation_view import ConversationView
from services.message.message import MessageService
from services.message.message_view import MessageView
from services.message.part import ALL_OF_CONVERSATION, ALL_OF_MESSAGE, MEMBERS, ConversationParts, MessageParts
from services.person.setting import Settings, SettingService
from services.person.user import Person, PersonDetail, UserService

_MESSAGES = {EventKind.MESSAGE_CREATED, EventKind.MESSAGE_UPDATED, EventKind.RECEIPT_UPDATED}
_CONVERSATIONS = {EventKind.CONVERSATION_CREATED, EventKind.CONVERSATION_UPDATED}
_PEOPLE = {EventKind.USER_BLOCKED, EventKind.USER_UNBLOCKED, EventKind.USER_UPDATED, EventKind.VIEWER_UPDATED}
# Their subject no longer exists, so there is nothing to load or to check.
_BARE = {EventKind.MESSAGE_REMOVED, EventKind.CONVERSATION_REMOVED}


@dataclass(frozen=True, slots=True)
class ResolvedEvent:
    """One event with its subject; `subject_id` and `detail` as in models/event.py."""

    n: int
    kind: EventKind
    at: int
    subject_id: int
    detail: int = 0
    message: MessageView | None = None
    conversation: ConversationView | None = None
    person: Person | None = None
    settings: Settings | None = None
    device: DeviceRow | None = None

    @property
    def position(self) -> Position:
        """Its position in the viewer's log."""
        return Position(self.n, self.at)

    @property
    def is_of_access(self) -> bool:
        """Whether it is about the viewer's devices and keys."""
        return self.device is not None or (self.kind is EventKind.VIEWER_UPDATED and self.detail == Part.ACCESS)

    @property
    def conversation_id(self) -> int | None:
        """The event's conversation; None if it belongs to no conversation."""
        if self.kind in _PEOPLE or self.kind in {EventKind.SETTINGS_CHANGED, EventKind.DEVICE_ADDED}:
            return None
        is_of_conversation = self.kind in _CONVERSATIONS or self.kind is EventKind.CONVERSATION_REMOVED
        return self.subject_id if is_of_conversation else conversation_of(self.subject_id)


@dataclass(frozen=True, slots=True, eq=False)
class EventParts:
    """What is loaded of the subjects of events, and whether of new messages only; `event_parts` makes them.

    Equal ones are the same object, so that streams that show the same read the log together.
    """

    message: MessageParts = ALL_OF_MESSAGE
    conversation: ConversationParts = ALL_OF_CONVERSATION
    person: PersonDetail = PersonDetail.RELATION
    only_messages: bool = False

    @property
    def conversation_of_receipt(self) -> ConversationParts:
        """With its members: who may see a position is decided by what they share."""
        return self.conversation | MEMBERS


@lru_cache(maxsize=256)
def event_parts(
    message: MessageParts, conversation: ConversationParts, person: PersonDetail, *, only_messages: bool = False
) -> EventParts:
    """See EventParts."""
    return EventParts(message, conversation, person, only_messages)


ALL_OF_EVENT = EventParts()


@dataclass(slots=True)
class _Found:
    """The subjects of a batch of the log, each loaded once."""

    messages: dict[int, MessageView] = field(default_factory=dict)
    conversations: dict[int, ConversationView] = field(default_factory=dict)
    people: dict[int, Person] = field(default_factory=dict)
    settings: Settings | None = None
    devices: dict[int, DeviceRow] = field(default_factory=dict)


@dataclass(slots=True)
class Asked:
    """Entries of a viewer's log, and what is shown of them; entries that are not shown are left out."""

    viewer_id: int
    rows: Sequence[EventRow]
    parts: EventParts

    def __post_init__(self) -> None:
        if self.parts.only_messages:
            self.rows = [row for row in self.rows if row.kind == EventKind.MESSAGE_CREATED]

    @property
    def message_ids(self) -> set[int]:
        """The messages that the entries are about."""
        return {row.subject_id for row in self.rows if row.kind in _MESSAGES}


@dataclass(slots=True)
class _Shared:
    """What is read once for many viewers: which messages each of them may see, and profiles of the senders."""

    visible: dict[int, dict[int, MessageRow]]
    profiles: Mapping[int, ProfileRow]

    @classmethod
    def of(cls, tx: Transaction, asked: Sequence[Asked]) -> "_Shared":
        wanted: dict[int, set[int]] = {}
        for each in asked:
            if ids := each.message_ids:
                wanted.setdefault(each.viewer_id, set()).update(ids)
        visible = messages.find_visible_to_each(tx, wanted) if wanted else {}
        senders = {
            row.sender_id
            for each in asked
            if each.parts.message.sender is PersonDetail.PROFILE
            for row in visible.get(each.viewer_id, {}).values()
        }
        return cls(visible, profiles.find_many(tx, senders) if senders else {})

    def messages_of(self, viewer_id: int, ids: Iterable[int]) -> list[MessageRow]:
        """The messages with these ids that the viewer may see."""
        visible = self.visible[viewer_id]
        return [visible[id_] for id_ in ids if id_ in visible]


class EventResolver:
    """Loads subjects with one statement per kind, for any number of events; omits what the viewer may not see."""

    def __init__(
        self,
        users: UserService,
        messages: MessageService,
        conversations: ConversationService,
        settings: SettingService,
    ) -> None:
        self._users = users
        self._messages = messages
        self._conversations = conversations
        self._settings = settings

    def resolve(self, tx: Transaction, asked: Sequence[Asked]) -> list[list[ResolvedEvent]]:
        """Resolves the rows of each, in their order; runs inside a transaction.

        Rights, messages and senders' profiles are read for all of them together.
        """
        shared = _Shared.of(tx, asked)
        return [self._resolve(tx, each, shared) for each in asked]

    def _resolve(self, tx: Transaction, asked: Asked, shared: _Shared) -> list[ResolvedEvent]:
        kinds: dict[EventKind, set[int]] = {}
        for row in asked.rows:
            kinds.setdefault(EventKind(row.kind), set()).add(row.subject_id)
        found = self._find(tx, asked, kinds, shared)
        return [each for row in asked.rows if (each := _resolve(row, found)) is not None]

    def _find(self, tx: Transaction, asked: Asked, kinds: dict[EventKind, set[int]], shared: _Shared) -> _Found:
        found, viewer_id, parts = _Found(), asked.viewer_id, asked.parts
        if messages := _of(kinds, _MESSAGES):
            rows = shared.messages_of(viewer_id, messages)
            views = self._messages.load(tx, viewer_id, rows, parts.message, shared.profiles)
            found.messages = {view.row.id: view for view in views}
        conversations, needed = _of(kinds, _CONVERSATIONS), parts.conversation
        if receipts := kinds.get(EventKind.RECEIPT_UPDATED):
            conversations |= {conversation_of(id_) for id_ in receipts}
            needed = parts.conversation_of_receipt
        if conversations:
            found.conversations = self._conversations.load_by_id(tx, viewer_id, conversations, needed)
        if people := _of(kinds, _PEOPLE):
            found.people = self._users.load(tx, viewer_id, people, parts.person)
        if EventKind.SETTINGS_CHANGED in kinds:
            found.settings = self._settings.load(tx, viewer_id)
        if added := kinds.get(EventKind.DEVICE_ADDED):
            rows_ = tx.all(devices.BY_IDS, user=viewer_id, ids=id_list(added))
            found.devices = {row.id: row for row in rows_}
        return found


def _of(kinds: dict[EventKind, set[int]], wanted: set[EventKind]) -> set[int]:
    if kinds.keys().isdisjoint(wanted):
        return set()
    return {id_ for kind in wanted for id_ in kinds.get(kind, ())}


def _resolve(row: EventRow, found: _Found) -> ResolvedEvent | None:
    kind, id_ = EventKind(row.kind), row.subject_id
    if kind is EventKind.RECEIPT_UPDATED:
        return _receipt_of(row, found)
    message = found.messages.get(id_) if kind in _MESSAGES else None
    conversation = found.conversations.get(id_) if kind in _CONVERSATIONS else None
    person = found.people.get(id_) if kind in _PEOPLE else None
    settings = found.settings if kind is EventKind.SETTINGS_CHANGED else None
    device = found.devices.get(id_) if kind is EventKind.DEVICE_ADDED else None
    if kind not in _BARE and not (message or conversation or person or settings or device):
        return None
    return ResolvedEvent(row.n, kind, row.at, id_, row.detail, message, conversation, person, settings, device)


def _receipt_of(row: EventRow, found: _Found) -> ResolvedEvent | None:
    """The event, if the viewer may see the position now: see services/message/participant.py."""
    view = found.conversations.get(conversation_of(row.subject_id))
    message = found.messages.get(row.subject_id)
    if view is None:
        return None
    for each in view.participants:
        if each.person.row.id == row.actor_id:
            known = each.read_seq if row.detail == Receipt.READ else each.delivered_seq
            if known is None or known < seq_of(row.subject_id):
                return None
            if message is None:  # cleared or deleted for the viewer: the position counts, without a message
                return ResolvedEvent(row.n, EventKind.CONVERSATION_UPDATED, row.at, view.row.id, conversation=view)
            kind = EventKind.RECEIPT_UPDATED
            return ResolvedEvent(row.n, kind, row.at, row.subject_id, row.detail, message, view, each.person)
    return None
