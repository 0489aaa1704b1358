"""Presence and typing: what passes. Never stored, derived from live streams, shown to those it concerns alone."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from models import contact as contacts
from models.base import now_ms
from models.member import OPEN_STATES
from models.prepared import id_list
from models.transaction import Transaction
from pubsub.base import EphemeralEvent, EphemeralKind, PubSub
from services.error import NotFound, ServerUnavailable
from services.guard import GuardedDatabase
from services.limit import Limits
from services.message.conversation import ConversationService, ConversationView
from services.message.participant import ParticipantView
from services.person.contact import is_active, watchers_of
from services.person.setting import SettingService
from services.person.user import Person, UserService
from services.rate import RateLimiter
from services.viewer import Right, Viewer

MOST_REMEMBERED = 50_000  # people whose `lastActiveAt` is known; of others it is null


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether a person has a live stream, and when their last one ended, in ms since 1970; None where not known."""

    is_online: bool
    last_active_at: int | None


class PresenceService:
    """Counts the live streams of each person, over all of their devices, and remembers who types where."""

    def __init__(
        self,
        database: GuardedDatabase,
        pubsub: PubSub,
        users: UserService,
        conversations: ConversationService,
        settings: SettingService,
        limits: Limits,
    ) -> None:
        self._database = database
        self._pubsub = pubsub
        self._users = users
        self._conversations = conversations
        self._settings = settings
        self._limits = limits
        self._streams: dict[int, int] = {}
        self._last_active: OrderedDict[int, int] = OrderedDict()
        self._typing: dict[tuple[int, int], int] = {}
        self._rate = RateLimiter(limits.typing_rate_per_minute, "typing signals")

    @asynccontextmanager
    async def streaming(self, user_id: int) -> AsyncIterator[None]:
        """One live stream of a person; with their first one they come online, with their last one they go."""
        streams = self._streams[user_id] = self._streams.get(user_id, 0) + 1
        try:
            if streams == 1:
                await self._publish(user_id)
            yield
        finally:
            self._streams[user_id] -= 1
            if not self._streams[user_id]:
                del self._streams[user_id]
                self._note_end(user_id)
                await asyncio.shield(self._publish(user_id))

    async def _publish(self, user_id: int) -> None:
        """Wakes those who may know, and nobody else: even an empty waking would show when somebody comes and goes.

        A busy server does so later, or not at all.
        """
        with suppress(ServerUnavailable):
            self._pubsub.publish_ephemeral(await self._database.read(_presence_events, user_id))

    async def find_many(self, viewer: Viewer, user_ids: Iterable[int]) -> dict[int, Presence]:
        """Of those of the people whose presence the viewer may see: they share it, neither has blocked the other, and
        they have a conversation that is no unanswered request."""
        return await self._database.read_for(viewer, self.load, viewer.user_id, list(user_ids))

    def load(self, tx: Transaction, viewer_id: int, user_ids: Iterable[int]) -> dict[int, Presence]:
        """Runs inside a transaction; see `find_many`."""
        found = set(tx.values(contacts.AMONG, viewer=viewer_id, ids=id_list(user_ids)))
        people = self._users.load(tx, viewer_id, found)
        return {id_: self._presence_of(id_) for id_, person in people.items() if _shows(person)}

    async def type(
        self, viewer: Viewer, conversation_id: int, *, is_typing: bool
    ) -> tuple[ConversationView, int | None]:
        """Shows the others that the viewer types, for a few seconds; returns the conversation, and until when.

        Passes to nobody who has blocked the viewer or was blocked, not into an unanswered request, and not where the
        viewer keeps it private; none of which the answer tells. Raises NotFound and RateLimited.
        """
        viewer.check(Right.WRITE)
        self._rate.take(viewer.user_id)
        view, recipients = await self._database.read_for(viewer, self._recipients, viewer.user_id, conversation_id)
        until = now_ms() + self._limits.typing_seconds * 1000 if is_typing else 0
        self._typing.pop((conversation_id, viewer.user_id), None)
        if is_typing and recipients:
            self._typing[conversation_id, viewer.user_id] = until
        self._forget_typing()
        self._pubsub.publish_ephemeral(
            EphemeralEvent(each, EphemeralKind.TYPING, conversation_id, viewer.user_id, until) for each in recipients
        )
        return view, until or None

    def typing_in(self, view: ConversationView) -> list[Person]:
        """Who types in a conversation now and may be shown to the viewer; see `type`."""
        self._forget_typing()
        return [each.person for each in _typists_of(view) if (view.row.id, each.person.row.id) in self._typing]

    @staticmethod
    def shows_typing(view: ConversationView, user_id: int) -> bool:
        """Whether the viewer may be shown that this person types in the conversation."""
        return any(each.person.row.id == user_id for each in _typists_of(view))

    def _forget_typing(self) -> None:
        """What is over; whoever began first ends first, so that the oldest are in front."""
        now = now_ms()
        while self._typing and next(iter(self._typing.values())) <= now:
            del self._typing[next(iter(self._typing))]

    def _note_end(self, user_id: int) -> None:
        """Remember when somebody's last stream ended, and forget whoever has been gone for longest."""
        self._last_active[user_id] = now_ms()
        self._last_active.move_to_end(user_id)
        if len(self._last_active) > MOST_REMEMBERED:
            self._last_active.popitem(last=False)

    def _presence_of(self, user_id: int) -> Presence:
        return Presence(user_id in self._streams, self._last_active.get(user_id))

    def _recipients(self, tx: Transaction, viewer_id: int, conversation_id: int) -> tuple[ConversationView, list[int]]:
        view = self._conversations.load_by_id(tx, viewer_id, [conversation_id]).get(conversation_id)
        if view is None:
            raise NotFound("There is no such conversation.")
        if not self._settings.load(tx, viewer_id).send_typing:
            return view, []
        return view, [each.person.row.id for each in _typists_of(view)]


def _presence_events(tx: Transaction, user_id: int) -> list[EphemeralEvent]:
    """Of an account that was suspended meanwhile nothing is shown any more, but that it ended."""
    kind = EphemeralKind.PRESENCE if is_active(tx, user_id) else EphemeralKind.PRESENCE_WITHDRAWN
    return [EphemeralEvent(watcher, kind, user_id) for watcher in watchers_of(tx, user_id)]


def _typists_of(view: ConversationView) -> list[ParticipantView]:
    """The others between whom and the viewer typing passes, in both directions alike."""
    if view.row.request_state not in OPEN_STATES:
        return []
    return [each for each in view.others if each.row.request_state in OPEN_STATES and not each.person.is_blocked]


def _shows(person: Person) -> bool:
    return bool(person.row.share_presence and person.row.is_active and not person.is_blocked)
