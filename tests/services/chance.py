"""Chance: people who do anything at random, again and again the same for one seed."""

import random
from collections import Counter

from models import conversation as conversations
from models.base import conversation_of
from models.member import RequestState
from models.setting import Audience, OutsideAction
from models.transaction import Transaction
from services.error import RecipientsRejected, Refusal
from services.message.draft import Draft
from services.message.preference import PreferenceChange
from services.message.report import ReportReason
from services.person.setting import SettingsChange
from services.viewer import Viewer
from tests.services.conftest import World, named
from tests.services.reckoning import meets_group

EMOJI = ("👍", "🎉", "❤️")


class Chance:
    """Does one thing after another, chosen by a seed; refusals are part of life, and `done` counts what was none."""

    def __init__(self, world: World, names: list[str], seed: int, *, calm: bool) -> None:
        self.world = world
        self.names = names
        self.random = random.Random(seed)
        self.ids: list[int] = []
        self.addressed: dict[int, set[int]] = {}  # by message: whom it was for, reckoned here and not by the server
        self.sent: dict[str, list[int]] = {name: [] for name in names}
        self.done: Counter[str] = Counter()  # how often each verb was not refused
        self.calm = calm  # without what changes, unannounced, how much others may know of somebody

    @property
    def verbs(self) -> list[str]:
        """What there is to do, as often as it is to be done."""
        verbs = ["send"] * 5 + ["group"] * 3 + ["into"] * 3 + ["each", "edit", "react", "react"]
        verbs += ["delete_me", "delete_all"]
        verbs += ["read", "read", "read_all", "unread", "acknowledge", "clear", "leave", "prefer", "accept", "decline"]
        return verbs + ["follow", "mute"] + ([] if self.calm else ["block", "unblock", "settings", "report"])

    async def act(self) -> str:
        """One operation; what it was."""
        verb = self.random.choice(self.verbs)
        name = self.random.choice(self.names)
        try:
            await getattr(self, f"_{verb}")(self.world.viewers[name], name)
        except Refusal as refusal:
            return f"{name}: {verb} refused ({refusal.code})"
        self.done[verb] += 1
        return f"{name}: {verb}"

    def _others(self, name: str, count: int) -> list[str]:
        return self.random.sample([each for each in self.names if each != name], count)

    def _message(self) -> int:
        return self.random.choice(self.ids) if self.ids else 1

    def _own(self, name: str) -> int:
        """Usually a message of theirs: of others', edits and deletions for everyone are refused."""
        return (
            self.random.choice(self.sent[name]) if self.sent[name] and self.random.random() < 0.8 else self._message()
        )

    async def _asked(self, viewer: Viewer) -> int:
        """Usually a conversation that waits for their answer."""
        sql = f"SELECT conversation_id FROM member WHERE user_id = ? AND request_state = {RequestState.PENDING.value}"
        waiting = await self._numbers(sql, viewer.user_id)
        places = [place for place in dict.fromkeys(map(conversation_of, self.ids)) if place in waiting]
        return self.random.choice(places) if places and self.random.random() < 0.9 else conversation_of(self._message())

    def _remember(self, id_: int, names: list[str], blockers: set[int]) -> None:
        self.ids.append(id_)
        self.sent[names[0]].append(id_)
        self.addressed[id_] = {self.world.viewers[each].user_id for each in names} - blockers

    async def _numbers(self, sql: str, number: int) -> set[int]:
        """What a table itself says."""

        def read(tx: Transaction) -> set[int]:
            return {row[0] for row in tx.database.connection().execute(sql, (number,)).fetchall()}

        return await self.world.services.database.read(read)

    async def _blockers_of(self, viewer: Viewer) -> set[int]:
        """Who has blocked somebody at this moment."""
        return await self._numbers("SELECT blocker_id FROM block WHERE blocked_id = ?", viewer.user_id)

    async def muted_by(self, viewer: Viewer) -> set[int]:
        """Whom somebody has muted at this moment."""
        return await self._numbers("SELECT muted_id FROM mute WHERE muter_id = ?", viewer.user_id)

    async def _send(self, viewer: Viewer, name: str) -> None:
        reply = self._message() if self.random.random() < 0.2 else None
        others = self._others(name, 1)
        id_ = await self.world.send(viewer, *others, text="hello", reply_to_id=reply)
        self._remember(id_, [name, *others], set())

    async def _group(self, viewer: Viewer, name: str) -> None:
        others, blockers = self._others(name, 2), await self._blockers_of(viewer)
        reckoned = await self._reckon(viewer, others)
        try:
            id_ = await self.world.send(viewer, *others, text="hello all")
        except RecipientsRejected as refusal:
            said = {others[each.index] for each in refusal.rejections}
            assert reckoned is None or said == {each for each in others if reckoned[each] == "REFUSED"}, reckoned
            raise
        self._remember(id_, [name, *others], blockers)
        if reckoned is not None:
            asked = await self._numbers(
                "SELECT user_id FROM member WHERE conversation_id = ? AND request_state = 1", conversation_of(id_)
            )
            meets = {each: "ASKED" if self.world.viewers[each].user_id in asked else "IN" for each in others}
            assert meets == reckoned

    async def _reckon(self, viewer: Viewer, others: list[str]) -> dict[str, str] | None:
        """What a new group with these people must come to, by name; None where the group is there."""
        ids = {name: self.world.viewers[name].user_id for name in others}

        def read(tx: Transaction) -> dict[str, str] | None:
            if conversations.find_with(tx, frozenset({viewer.user_id, *ids.values()})) is not None:
                return None
            limits = self.world.services.limits
            return {name: meets_group(tx, limits, viewer.user_id, id_) for name, id_ in ids.items()}

        return await self.world.services.database.read(read)

    async def _into(self, viewer: Viewer, name: str) -> None:
        """Into a conversation that is there: in a group that is possible through a block."""
        place, blockers = conversation_of(self._message()), await self._blockers_of(viewer)
        members = await self._numbers("SELECT user_id FROM member WHERE conversation_id = ?", place)
        id_ = await self.world.send(viewer, text="and on", conversation_id=place)
        self.ids.append(id_)
        self.sent[name].append(id_)
        self.addressed[id_] = members - blockers

    async def _each(self, viewer: Viewer, name: str) -> None:
        others = self._others(name, 2)
        draft = Draft(text="to each", users=named(*others))
        for outcome in await self.world.services.send.send_to_each(viewer, draft):
            if outcome.message_id:
                self._remember(outcome.message_id, [name, others[outcome.index]], set())

    async def _edit(self, viewer: Viewer, name: str) -> None:
        text = f"edited {self.random.random()}"
        await self.world.services.edit.edit(viewer, self._own(name), text, None)

    async def _delete_me(self, viewer: Viewer, _name: str) -> None:
        await self.world.services.deletion.delete_for_me(viewer, self._message())

    async def _delete_all(self, viewer: Viewer, name: str) -> None:
        await self.world.services.deletion.delete_for_everyone(viewer, self._own(name))

    async def _react(self, viewer: Viewer, _name: str) -> None:
        is_set = self.random.random() < 0.7
        await self.world.services.reaction.react(viewer, self._message(), self.random.choice(EMOJI), is_set=is_set)

    async def _read(self, viewer: Viewer, _name: str) -> None:
        id_ = self._message()
        up_to = self.random.choice([id_, None])
        await self.world.services.receipt.mark_read(viewer, conversation_of(id_), up_to)

    async def _read_all(self, viewer: Viewer, _name: str) -> None:
        include_archived = self.random.random() < 0.5
        await self.world.services.receipt.mark_all_read(viewer, include_archived=include_archived)

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
        await self.world.services.request.accept(viewer, await self._asked(viewer))

    async def _decline(self, viewer: Viewer, _name: str) -> None:
        block = not self.calm and self.random.random() < 0.3
        await self.world.services.request.decline(viewer, await self._asked(viewer), block=block)

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
