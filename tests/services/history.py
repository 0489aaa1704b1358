"""Histories: clients that know only a snapshot and the events after it."""

from dataclasses import dataclass, field
from typing import Any

from models import inbox
from models import message as messages
from models.base import MAX_INTEGER, conversation_of, message_id, seq_of
from models.event import START, EventKind, Removal
from models.inbox import Folder
from models.member import RequestState
from models.transaction import Transaction
from services.live.resolved_event import ResolvedEvent
from services.message.conversation_view import ConversationView
from services.message.message_view import MessageView
from services.person.user import PersonDetail
from services.viewer import Viewer
from tests.services.conftest import World

_FOLDERS = (Folder.INBOX, Folder.ARCHIVE, Folder.REQUESTS)


@dataclass
class Snapshot:
    """What a client shows: its conversations, their messages, the viewer's relations to people, its settings."""

    conversations: dict[int, Any] = field(default_factory=dict)
    messages: dict[int, Any] = field(default_factory=dict)
    blocked: set[int] = field(default_factory=set)
    muted: set[int] = field(default_factory=set)
    followed: set[int] = field(default_factory=set)
    settings: Any = None

    @property
    def unread(self) -> tuple[int, int]:
        """Messages and conversations that wait, requests left out."""
        waiting = [each for each in self.conversations.values() if each["is_unread"] and each["request"] != 1]
        return sum(each["unread"] for each in waiting), len(waiting)

    def unmuted(self, me: int, muted: set[int]) -> int:
        """What a badge shows: counted message by message, without muted conversations and people."""
        return sum(
            is_alive and sender_id not in {me, *muted}
            for id_, (_body, _revision, is_alive, _reactions, sender_id) in self.messages.items()
            if (place := self.conversations[conversation_of(id_)])["request"] != RequestState.PENDING
            and not place["flags"][2]
            and seq_of(id_) > place["seen"]
        )


def of_conversation(view: ConversationView) -> dict[str, Any]:
    """What a client shows of a conversation."""
    row = view.row
    return {
        "unread": row.unread,
        "seen": max(row.seen_seq, row.floor_seq),
        "is_unread": view.is_unread,
        "flags": (row.is_archived, row.is_pinned, row.muted_until > 0),
        "request": row.request_state,
        "members": sorted(each.person.row.id for each in view.participants),
        "last": view.last_message.row.id if view.last_message else None,
        "positions": sorted(
            (each.person.row.id, each.delivered_seq or 0, each.read_seq or 0) for each in view.participants
        ),
    }


class Client:
    """One device of one person: `snapshot` is what the server says, `state` what the events made of the first one."""

    def __init__(self, world: World, viewer: Viewer, *, with_positions: bool) -> None:
        self.world = world
        self.viewer = viewer
        self.with_positions = with_positions
        self.state = Snapshot()
        self.position = START

    async def load(self) -> None:
        """Begin, or begin again: the cursor before anything else."""
        self.position = await self.world.services.stream.position(self.viewer)
        self.state = await self.snapshot()

    async def snapshot(self) -> Snapshot:
        """In one transaction."""
        return await self.world.services.database.read(self._snapshot)

    async def follow(self) -> list[ResolvedEvent]:
        """Apply all events since the last time; returns them."""
        stream, seen = self.world.services.stream, []
        while True:
            page = await stream.page_after(self.viewer, stream.cursor_of(self.viewer, self.position), 200)
            for each in page.items:
                await self._apply(each)
            seen += page.items
            self.position = page.position
            if not page.has_more:
                return seen

    def _snapshot(self, tx: Transaction) -> Snapshot:
        services, me, found = self.world.services, self.viewer.user_id, Snapshot()
        for folder in _FOLDERS:
            query = inbox.page(newest_first=True, folder=folder)
            rows = tx.all(query, viewer=me, is_pinned=None, activity=MAX_INTEGER, conversation=MAX_INTEGER, count=1000)
            for view in services.conversation.load(tx, me, rows):
                found.conversations[view.row.id] = self._of_conversation(view)
                floor, top = message_id(view.row.id, view.row.floor_seq), message_id(view.row.id + 1, 0)
                page = tx.all(messages.PAGE_FORWARD, viewer=me, after=floor, before=top, count=1000)
                for each in services.message.load(tx, me, page):
                    found.messages[each.row.id] = self._of_message(tx, each)
        found.blocked = _numbers(tx, "SELECT blocked_id FROM block WHERE blocker_id = ?", me)
        found.muted = _numbers(tx, "SELECT muted_id FROM mute WHERE muter_id = ?", me)
        found.followed = _numbers(tx, "SELECT followed_id FROM follow WHERE follower_id = ?", me)
        found.settings = services.setting.load(tx, me)
        return found

    def _of_conversation(self, view: ConversationView) -> dict[str, Any]:
        shown = of_conversation(view)
        if not self.with_positions:
            del shown["positions"]
        return shown

    def _of_message(self, tx: Transaction, view: MessageView) -> Any:
        row = view.row
        groups = self.world.services.reaction._load(tx, self.viewer.user_id, [row.id], PersonDetail.RELATION).get(
            row.id, []
        )
        reactions = sorted((group.emoji, sorted(each.person.row.id for each in group.reactors)) for group in groups)
        return (row.body, row.revision, row.deleted_at is None, reactions, row.sender_id)

    async def _apply(self, each: ResolvedEvent) -> None:
        state = self.state
        if each.kind is EventKind.MESSAGE_REMOVED:
            self._forget(each)
        elif each.kind is EventKind.CONVERSATION_REMOVED:
            self._drop(each.subject_id)
        elif each.kind in {EventKind.USER_BLOCKED, EventKind.USER_UNBLOCKED}:
            self.state = await self.snapshot()  # what is shown of a person changes everywhere: a client loads again
        elif each.kind is EventKind.USER_UPDATED and each.person is not None:
            row = each.person.relation
            for people, is_in in ((state.muted, row.has_muted), (state.followed, row.is_followed)):
                (people.add if is_in else people.discard)(row.id)
        elif each.settings is not None:
            state.settings = each.settings
        elif each.message is not None and each.kind is not EventKind.RECEIPT_UPDATED:
            view = each.message
            state.messages[view.row.id] = await self.world.services.database.read(self._of_message, view)
            await self._refresh(conversation_of(view.row.id))
        elif each.conversation is not None:
            await self._refresh(each.conversation.row.id)

    async def _refresh(self, conversation_id: int) -> None:
        """`message { conversation { … } }`: an event brings the conversation as it is when it is delivered."""
        view = await self.world.services.conversation.find(self.viewer, conversation_id)
        is_listed = view is not None and view.row.last_seq > view.row.floor_seq
        if view is None or not is_listed or view.row.request_state == RequestState.DECLINED:
            self._drop(conversation_id)
        else:
            if conversation_id not in self.state.conversations:  # new, or back: a client loads what it holds
                self.state.messages |= await self.world.services.database.read(self._messages_of, view)
            self.state.conversations[conversation_id] = self._of_conversation(view)

    def _messages_of(self, tx: Transaction, view: ConversationView) -> dict[int, Any]:
        me, services = self.viewer.user_id, self.world.services
        floor, top = message_id(view.row.id, view.row.floor_seq), message_id(view.row.id + 1, 0)
        page = tx.all(messages.PAGE_FORWARD, viewer=me, after=floor, before=top, count=1000)
        return {each.row.id: self._of_message(tx, each) for each in services.message.load(tx, me, page)}

    def _forget(self, each: ResolvedEvent) -> None:
        if each.detail == Removal.CLEARED:
            place = conversation_of(each.subject_id)
            gone = [id_ for id_ in self.state.messages if conversation_of(id_) == place and id_ <= each.subject_id]
        else:
            gone = [each.subject_id]
        for id_ in gone:
            self.state.messages.pop(id_, None)

    def _drop(self, conversation_id: int) -> None:
        self.state.conversations.pop(conversation_id, None)
        for id_ in [id_ for id_ in self.state.messages if conversation_of(id_) == conversation_id]:
            del self.state.messages[id_]


def _numbers(tx: Transaction, sql: str, me: int) -> set[int]:
    return {row[0] for row in tx.database.connection().execute(sql, (me,)).fetchall()}
