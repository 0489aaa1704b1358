"""Ephemeral events as signals: typing and presence, as the viewer may see them now."""

from models.transaction import Transaction
from pubsub.base import EphemeralEvent, EphemeralKind
from services.error import ServerUnavailable
from services.guard import GuardedDatabase
from services.live.presence import PresenceService
from services.live.resolved_event import EventParts
from services.live.signal import PresenceChange, Signal, Typing
from services.message.conversation import ConversationService
from services.message.part import MEMBERS
from services.person.user import UserService
from services.viewer import Viewer


class EphemeralResolver:
    """Loads the people and conversations of ephemeral events; omits what the viewer may not see."""

    def __init__(
        self,
        database: GuardedDatabase,
        users: UserService,
        conversations: ConversationService,
        presence: PresenceService,
    ) -> None:
        self._database = database
        self._users = users
        self._conversations = conversations
        self._presence = presence

    async def resolve(self, viewer: Viewer, ephemeral: list[EphemeralEvent], parts: EventParts) -> list[Signal]:
        """The signals; none if the server is busy, because ephemeral events may be lost."""
        if not ephemeral:
            return []
        try:
            return await self._database.read_for(viewer, self._see, viewer.user_id, ephemeral, parts)
        except ServerUnavailable:
            return []

    def _see(self, tx: Transaction, viewer_id: int, ephemeral: list[EphemeralEvent], parts: EventParts) -> list[Signal]:
        """One signal for several events about the same subject.

        A person whose presence is private gives none, except once, when the viewer can no longer see it.
        """
        typing = [each for each in ephemeral if each.kind is EphemeralKind.TYPING]
        came = {each.subject_id for each in ephemeral if each.kind is not EphemeralKind.TYPING}
        ended = {each.subject_id for each in ephemeral if each.kind is EphemeralKind.PRESENCE_WITHDRAWN}
        people = self._users.load(tx, viewer_id, {each.actor_id for each in typing} | came, parts.person)
        wanted = {each.subject_id for each in typing}
        places = self._conversations.load_by_id(tx, viewer_id, wanted, parts.conversation | MEMBERS) if wanted else {}
        presences = self._presence.load(tx, viewer_id, came) if came else {}
        last = {(each.subject_id, each.actor_id): each.until for each in typing}
        signals: list[Signal] = [
            Typing(places[place], people[actor], until or None)
            for (place, actor), until in last.items()
            if place in places and self._presence.shows_typing(places[place], actor)
        ]
        shown = (presences.keys() | ended) & people.keys()
        return signals + [PresenceChange(people[id_], presences.get(id_)) for id_ in sorted(shown)]
