"""Histories: people who do anything at random, and clients that know only a snapshot and the events after it."""

import random
from dataclasses import dataclass, field
from typing import Any

from models import conversation as conversations
from models import message as messages
from models.base import conversation_of, message_id
from models.event import EventKind, Removal
from models.member import RequestState
from models.setting import Audience, OutsideAction
from models.transaction import Transaction
from services.conversation import ConversationView
from services.draft import Draft
from services.error import Refusal
from services.message import MessageView
from services.occurrence import Occurrence
from services.preference import PreferenceChange
from services.report import ReportReason
from services.setting import SettingsChange
from services.viewer import Viewer
from tests.services.conftest import World, named

EMOJI = ("👍", "🎉", "❤️")
_FOREVER = (1 << 63) - 1
_LISTS = ((False, 0), (False, 1), (True, 0))  # requests or not, archived or not


@dataclass
class Snapshot:
    """What a client shows: its conversations, their messages, whom it has blocked, its settings."""

    conversations: dict[int, Any] = field(default_factory=dict)
    messages: dict[int, Any] = field(default_factory=dict)
    blocked: set[int] = field(default_factory=set)
    settings: Any = None

    @property
    def unread(self) -> tuple[int, int]:
        """Messages and conversations that wait, requests left out."""
        waiting = [each for each in self.conversations.values() if each["is_unread"] and each["request"] != 1]
        return sum(each["unread"] for each in waiting), len(waiting)


def of_conversation(view: ConversationView) -> dict[str, Any]:
    """What a client shows of a conversation."""
    row = view.row
    return {
        "unread": row.unread,
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
        self.n = 0

    async def load(self) -> None:
        """Begin, or begin again: the cursor before anything else."""
        self.n = await self.world.services.stream.position(self.viewer)
        self.state = await self.snapshot()

    async def snapshot(self) -> Snapshot:
        """In one transaction."""
        return await self.world.services.database.read(self._snapshot)

    async def follow(self) -> list[Occurrence]:
        """Apply all events since the last time; returns them."""
        stream, seen = self.world.services.stream, []
        while True:
            page = await stream.page_after(self.viewer, stream.cursor_of(self.viewer, self.n), 200)
            for each in page.items:
                await self._apply(each)
            seen += page.items
            self.n = page.n
            if not page.has_more:
                return seen

    def _snapshot(self, tx: Transaction) -> Snapshot:
        services, me, found = self.world.services, self.viewer.user_id, Snapshot()
        for requests, archived in _LISTS:
            query = conversations.inbox(
                newest_first=True, unread_only=False, requests=requests, with_kind=False, with_participant=False
            )
            rows = tx.all(query, viewer=me, archived=archived, activity=_FOREVER, conversation=_FOREVER, count=1000)
            for view in services.conversation.load(tx, me, rows):
                found.conversations[view.row.id] = self._of_conversation(view)
                floor, top = message_id(view.row.id, view.row.floor_seq), message_id(view.row.id + 1, 0)
                page = tx.all(messages.PAGE_FORWARD, viewer=me, after=floor, before=top, count=1000)
                for each in services.message.load(tx, me, page):
                    found.messages[each.row.id] = self._of_message(tx, each)
        blocked = tx.database.connection().execute("SELECT blocked_id FROM block WHERE blocker_id = ?", (me,))
        found.blocked = {row[0] for row in blocked.fetchall()}
        found.settings = services.setting.load(tx, me)
        return found

    def _of_conversation(self, view: ConversationView) -> dict[str, Any]:
        shown = of_conversation(view)
        if not self.with_positions:
            del shown["positions"]
        return shown

    def _of_message(self, tx: Transaction, view: MessageView) -> Any:
        row = view.row
        groups = self.world.services.reaction._load(tx, self.viewer.user_id, [row.id]).get(row.id, [])
        reactions = sorted((group.emoji, sorted(each.row.id for each in group.people)) for group in groups)
        return (row.body, row.revision, row.deleted_at is None, reactions, row.sender_id)

    async def _apply(self, each: Occurrence) -> None:
        state = self.state
        if each.kind is EventKind.MESSAGE_REMOVED:
            self._forget(each)
        elif each.kind is EventKind.CONVERSATION_REMOVED:
            self._drop(each.subject_id)
        elif each.kind in {EventKind.USER_BLOCKED, EventKind.USER_UNBLOCKED}:
            self.state = await self.snapshot()  # what is shown of a person changes everywhere: a client loads again
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

    def _forget(self, each: Occurrence) -> None:
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


class Chance:
    """Does one thing after another, chosen by a seed; refusals are part of life."""

    def __init__(self, world: World, names: list[str], seed: int, *, calm: bool) -> None:
        self.world = world
        self.names = names
        self.random = random.Random(seed)
        self.ids: list[int] = []
        self.addressed: dict[int, set[int]] = {}  # by message: whom it was for, reckoned here and not by the server
        self.calm = calm  # without what changes, unannounced, how much others may know of somebody

    async def act(self) -> str:
        """One deed; what it was."""
        verbs = ["send"] * 5 + ["group"] * 3 + ["into"] * 3 + ["each", "edit", "react", "react"]
        verbs += ["delete_me", "delete_all"]
        verbs += ["read", "read", "unread", "acknowledge", "clear", "leave", "prefer", "accept", "decline"]
        verbs += ["follow", "mute"] + ([] if self.calm else ["block", "unblock", "settings", "report"])
        verb = self.random.choice(verbs)
        name = self.random.choice(self.names)
        try:
            await getattr(self, f"_{verb}")(self.world.viewers[name], name)
        except Refusal as refusal:
            return f"{name}: {verb} refused ({refusal.code})"
        return f"{name}: {verb}"

    def _others(self, name: str, count: int) -> list[str]:
        return self.random.sample([each for each in self.names if each != name], count)

    def _message(self) -> int:
        return self.random.choice(self.ids) if self.ids else 1

    def _remember(self, id_: int, names: list[str], deaf: set[int]) -> None:
        self.ids.append(id_)
        self.addressed[id_] = {self.world.viewers[each].user_id for each in names} - deaf

    async def _numbers(self, sql: str, number: int) -> set[int]:
        """What a table itself says."""

        def read(tx: Transaction) -> set[int]:
            return {row[0] for row in tx.database.connection().execute(sql, (number,)).fetchall()}

        return await self.world.services.database.read(read)

    async def _blockers_of(self, viewer: Viewer) -> set[int]:
        """Who has blocked somebody at this moment."""
        return await self._numbers("SELECT blocker_id FROM block WHERE blocked_id = ?", viewer.user_id)

    async def _send(self, viewer: Viewer, name: str) -> None:
        reply = self._message() if self.random.random() < 0.2 else None
        others = self._others(name, 1)
        id_ = await self.world.send(viewer, *others, text="hello", reply_to_id=reply)
        self._remember(id_, [name, *others], set())

    async def _group(self, viewer: Viewer, name: str) -> None:
        others, deaf = self._others(name, 2), await self._blockers_of(viewer)
        id_ = await self.world.send(viewer, *others, text="hello all")
        self._remember(id_, [name, *others], deaf)

    async def _into(self, viewer: Viewer, _name: str) -> None:
        """Into a conversation that is there: in a group that is possible through a block."""
        place, deaf = conversation_of(self._message()), await self._blockers_of(viewer)
        members = await self._numbers("SELECT user_id FROM member WHERE conversation_id = ?", place)
        id_ = await self.world.send(viewer, text="and on", conversation_id=place)
        self.ids.append(id_)
        self.addressed[id_] = members - deaf

    async def _each(self, viewer: Viewer, name: str) -> None:
        others = self._others(name, 2)
        draft = Draft(text="to each", users=named(*others))
        for outcome in await self.world.services.send.send_to_each(viewer, draft):
            if outcome.message_id:
                self._remember(outcome.message_id, [name, others[outcome.index]], set())

    async def _edit(self, viewer: Viewer, _name: str) -> None:
        text = f"edited {self.random.random()}"
        await self.world.services.edit.edit(viewer, self._message(), text, None)

    async def _delete_me(self, viewer: Viewer, _name: str) -> None:
        await self.world.services.deletion.delete_for_me(viewer, self._message())

    async def _delete_all(self, viewer: Viewer, _name: str) -> None:
        await self.world.services.deletion.delete_for_everyone(viewer, self._message())

    async def _react(self, viewer: Viewer, _name: str) -> None:
        is_set = self.random.random() < 0.7
        await self.world.services.reaction.react(viewer, self._message(), self.random.choice(EMOJI), is_set=is_set)

    async def _read(self, viewer: Viewer, _name: str) -> None:
        id_ = self._message()
        up_to = self.random.choice([id_, None])
        await self.world.services.receipt.mark_read(viewer, conversation_of(id_), up_to)

    async def _unread(self, viewer: Viewer, _name: str) -> None:
        id_ = self._message()
        from_ = self.random.choice([id_, None])
        await self.world.services.receipt.mark_unread(viewer, conversation_of(id_), from_)

    async def _acknowledge(self, viewer: Viewer, _name: str) -> None:
        id_ = self._message()
        await self.world.services.receipt.acknowledge(viewer, conversation_of(id_), id_)

    async def _clear(self, viewer: Viewer, _name: str) -> None:
        id_ = self._message()
        up_to = self.random.choice([id_, None])
        await self.world.services.preference.clear(viewer, conversation_of(id_), up_to)

    async def _leave(self, viewer: Viewer, _name: str) -> None:
        await self.world.services.preference.leave(viewer, conversation_of(self._message()))

    async def _prefer(self, viewer: Viewer, _name: str) -> None:
        maybe = [None, True, False]
        change = PreferenceChange(
            is_muted=self.random.choice(maybe),
            is_archived=self.random.choice(maybe),
            is_pinned=self.random.choice(maybe),
        )
        await self.world.services.preference.prefer(viewer, conversation_of(self._message()), change)

    async def _accept(self, viewer: Viewer, _name: str) -> None:
        await self.world.services.request.accept(viewer, conversation_of(self._message()))

    async def _decline(self, viewer: Viewer, _name: str) -> None:
        block = not self.calm and self.random.random() < 0.3
        await self.world.services.request.decline(viewer, conversation_of(self._message()), block=block)

    async def _follow(self, viewer: Viewer, name: str) -> None:
        relation = self.world.services.relation
        change = self.random.choice([relation.follow, relation.unfollow])
        await change(viewer, named(*self._others(name, 1))[0])

    async def _mute(self, viewer: Viewer, name: str) -> None:
        relation = self.world.services.relation
        change = self.random.choice([relation.mute, relation.unmute])
        await change(viewer, named(*self._others(name, 1))[0])

    async def _block(self, viewer: Viewer, name: str) -> None:
        await self.world.services.block.block(viewer, named(*self._others(name, 1))[0])

    async def _unblock(self, viewer: Viewer, name: str) -> None:
        await self.world.services.block.unblock(viewer, named(*self._others(name, 1))[0])

    async def _settings(self, viewer: Viewer, _name: str) -> None:
        change = SettingsChange(
            accept_from=self.random.choice([None, *Audience]),
            from_others=self.random.choice([None, *OutsideAction]),
            add_to_groups=self.random.choice([None, *Audience]),
            send_read_receipts=self.random.choice([None, True, False]),
        )
        await self.world.services.setting.change(viewer, change)

    async def _report(self, viewer: Viewer, _name: str) -> None:
        block = self.random.random() < 0.3
        await self.world.services.report.report(viewer, self._message(), ReportReason.SPAM, None, 3, block=block)
