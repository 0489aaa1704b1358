"""Presence and typing: never stored; presence is derived from live streams. Only contacts and members see them."""

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
from services.message.conversation import ConversationService
from services.message.conversation_view import ConversationView
from services.message.part import ALL_OF_CONVERSATION, MEMBERS, ConversationParts
from services.message.participant import ParticipantView
from services.person.contact import is_active, watchers_of
from services.person.setting import SettingService
from services.person.user import Person, UserService
from services.rate import RateLimiter
from services.viewer import Right, Viewer

MOST_REMEMBERED = 50_000  # people whose `lastActiveAt` is remembered; it is null for others


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether a person has a live stream, and when their last one ended, in ms since 1970; None if not known."""

    is_online: bool
    last_active_at: int | None


class PresenceService:
    """Counts the live streams of each person, over all their devices, and remembers who types in which conversation."""

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
        """Counts a live stream inside the block; a person is online while they have at least one."""
        try:
            await self.begin(user_id)
            yield
        finally:
            await self.end(user_id)

    async def begin(self, user_id: int) -> None:
        """Counts a live stream until `end`, which must follow, even if this was cancelled."""
        streams = self._streams[user_id] = self._streams.get(user_id, 0) + 1
        if streams == 1:
            await self._publish(user_id)

    async def end(self, user_id: int) -> None:
        """Counts a live stream as ended; publishes that a person is offline also if this is cancelled."""
        self._streams[user_id] -= 1
        if not self._streams[user_id]:
            del self._streams[user_id]
            self._note_end(user_id)
            await asyncio.shield(self._publish(user_id))

    async def _publish(self, user_id: int) -> None:
        """Publishes a presence event only to those who may see it: even an empty one would reveal a change.

        If the server is busy, it publishes later or not at all.
        """
        with suppress(ServerUnavailable):
            self._pubsub.publish_ephemeral(await self._database.read(_presence_events, user_id))

    async def find_many(self, viewer: Viewer, user_ids: Iterable[int]) -> dict[int, Presence]:
        """The presence of those people whose presence the viewer may see, by user id.

        They must share it, neither may have blocked the other, and the two must have a conversation that is not an
        unanswered request.
        """
        return await self._database.read_for(viewer, self.load, viewer.user_id, list(user_ids))

    def load(self, tx: Transaction, viewer_id: int, user_ids: Iterable[int]) -> dict[int, Presence]:
        """As `find_many`; runs inside a transaction."""
        found = set(tx.values(contacts.AMONG, viewer=viewer_id, ids=id_list(user_ids)))
        people = self._users.load(tx, viewer_id, found)
        return {id_: self._presence_of(id_) for id_, person in people.items() if _shows(person)}

    async def type(
        self, viewer: Viewer, conversation_id: int, parts: ConversationParts = ALL_OF_CONVERSATION, *, is_typing: bool
    ) -> tuple[ConversationView, int | None]:
        """Shows the other members that the viewer types, for `typing_seconds`; returns the conversation and the end.

        Shows nothing to a person if either has blocked the other, in an unanswered request, or if the viewer keeps
        typing private; the result is the same in all cases. Raises NotFound and RateLimited.
        """
        viewer.check(Right.WRITE)
        self._rate.take(viewer.user_id)
        view, recipients = await self._database.read_for(
            viewer, self._recipients, viewer.user_id, conversation_id, parts | MEMBERS
        )
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
        """The people who are typing in a conversation, as far as the viewer may see it; see `type`."""
        self._forget_typing()
        return [each.person for each in _typists_of(view) if (view.row.id, each.person.row.id) in self._typing]

    @staticmethod
    def shows_typing(view: ConversationView, user_id: int) -> bool:
        """Whether the viewer may see that this person types in the conversation."""
        return any(each.person.row.id == user_id for each in _typists_of(view))

    def _forget_typing(self) -> None:
        """Removes expired entries; entries are in the order of their ends, so the oldest come first."""
        now = now_ms()
        while self._typing and next(iter(self._typing.values())) <= now:
            del self._typing[next(iter(self._typing))]

    def _note_end(self, user_id: int) -> None:
        """Remembers when a person's last stream ended; over the limit, forgets the person who left the longest ago."""
        self._last_active[user_id] = now_ms()
        self._last_active.move_to_end(user_id)
        if len(self._last_active) > MOST_REMEMBERED:
            self._last_active.popitem(last=False)

    def _presence_of(self, user_id: int) -> Presence:
        return Presence(user_id in self._streams, self._last_active.get(user_id))

    def _recipients(
        self, tx: Transaction, viewer_id: int, conversation_id: int, parts: ConversationParts
    ) -> tuple[ConversationView, list[int]]:
        view = self._conversations.load_by_id(tx, viewer_id, [conversation_id], parts).get(conversation_id)
        if view is None:
            raise NotFound("There is no such conversation.")
        if not self._settings.load(tx, viewer_id).send_typing:
            return view, []
        return view, [each.person.row.id for each in _typists_of(view)]


def _presence_events(tx: Transaction, user_id: int) -> list[EphemeralEvent]:
    """Presence events for the person's watchers; for a suspended account only an event that ends its presence."""
    kind = EphemeralKind.PRESENCE if is_active(tx, user_id) else EphemeralKind.PRESENCE_WITHDRAWN
    return [EphemeralEvent(watcher, kind, user_id) for watcher in watchers_of(tx, user_id)]


def _typists_of(view: ConversationView) -> list[ParticipantView]:
    """The other members with whom the viewer shares typing; the condition is the same in both directions."""
    if view.row.request_state not in OPEN_STATES:
        return []
    return [each for each in view.others if each.membership.request_state in OPEN_STATES and not each.person.is_blocked]


def _shows(person: Person) -> bool:
    return bool(person.relation.share_presence and person.row.is_active and not person.is_blocked)
