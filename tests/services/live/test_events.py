"""The stream of events: the contract's section 3, rule by rule, and hints that are lost, doubled and out of order."""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import Any

import pytest

from models import event as events
from models.base import now_ms
from models.event import EventKind
from pubsub.base import EphemeralEvent, Hint
from pubsub.memory import MemoryPubSub
from services.error import NotFound
from services.guard import GuardedDatabase
from services.limit import Limits
from services.live import stream as streams
from services.live.resolved_event import ResolvedEvent
from services.live.signal import CaughtUp, Heartbeat, PresenceChange, Ready, Reset, ResetReason, Revoked, Signal, Typing
from services.person.setting import SettingsChange
from services.service import Services
from services.viewer import Viewer
from storage.local import LocalStorage
from tests.full import amount, full
from tests.services.conftest import World, named
from tests.template import put_tables

Signals = AsyncGenerator[Signal, None]


def stream_of(world: World, viewer: Viewer, cursor: str | None = None, **options: Any) -> Signals:
    """A subscription to everything."""
    ids = options.pop("conversation_ids", None)
    return world.services.stream.events(viewer, cursor, ids, **{"with_ephemeral": True, **options})


async def take(signals: Signals, count: int = 1) -> list[Signal]:
    """So many, within five seconds."""
    async with asyncio.timeout(5):
        return [await anext(signals) for _ in range(count)]


async def until(signals: Signals, wanted: Callable[[Signal], bool]) -> list[Signal]:
    """All up to the one that is wanted."""
    seen: list[Signal] = []
    async with asyncio.timeout(10):
        while not seen or not wanted(seen[-1]):
            seen.append(await anext(signals))
    return seen


async def cursor_of(world: World, viewer: Viewer) -> str:
    """Where the viewer's log ends."""
    stream = world.services.stream
    return stream.cursor_of(viewer, await stream.position(viewer))


def kinds_of(signals: Iterable[Signal]) -> list[str]:
    """The names of what happened."""
    return [each.kind.name if isinstance(each, ResolvedEvent) else type(each).__name__ for each in signals]


async def test_without_a_cursor_it_is_ready_and_then_live(world: World) -> None:
    """Rule 1: nothing from before comes."""
    alice, bob = await world.people("alice", "bob")
    await world.send(alice, "bob")
    async with aclosing(stream_of(world, bob)) as signals:
        [ready] = await take(signals)
        id_ = await world.send(alice, "bob", text="live")
        [live] = await take(signals)

    assert isinstance(ready, Ready)
    assert isinstance(live, ResolvedEvent)
    assert (live.kind, live.subject_id, live.n) == (EventKind.MESSAGE_CREATED, id_, ready.position.n + 1)


async def test_with_a_cursor_all_since_comes_in_order_and_then_it_has_caught_up(world: World) -> None:
    """Rule 1: more than one batch, each once; then live."""
    alice, bob = await world.people("alice", "bob")
    cursor = await cursor_of(world, bob)
    ids = [await world.send(alice, "bob", text=str(number)) for number in range(120)]
    async with aclosing(stream_of(world, bob, cursor)) as signals:
        seen = await until(signals, lambda each: isinstance(each, CaughtUp))
        ids.append(await world.send(alice, "bob", text="live"))
        seen += await take(signals)

    assert kinds_of(seen) == ["CONVERSATION_CREATED", *["MESSAGE_CREATED"] * 120, "CaughtUp", "MESSAGE_CREATED"]
    assert [each.subject_id for each in seen if isinstance(each, ResolvedEvent)][1:] == ids
    assert isinstance(seen[-2], CaughtUp)
    assert seen[-2].replayed == 121


@pytest.mark.parametrize("reason", list(ResetReason))
async def test_a_cursor_that_leads_nowhere_is_a_reset_and_the_stream_goes_on(
    world: World, reason: ResetReason, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule 2: one StreamReset, with the place from which this very stream goes on."""
    alice, bob = await world.people("alice", "bob")
    cursor = await cursor_of(world, bob if reason is not ResetReason.CURSOR_INVALID else alice)
    for _ in range(5):
        await world.send(alice, "bob")
    if reason is ResetReason.TOO_MANY_EVENTS:
        monkeypatch.setattr(streams, "MAX_REPLAY", 4)
    elif reason is ResetReason.CURSOR_EXPIRED:
        await world.services.database.write(events.trim, 0, now_ms() + 1000)
    async with aclosing(stream_of(world, bob, cursor)) as signals:
        [reset] = await take(signals)
        await world.send(alice, "bob", text="live")
        [live] = await take(signals)

    assert isinstance(reset, Reset)
    assert reset.reason is reason
    assert isinstance(live, ResolvedEvent)
    assert live.n == reset.position.n + 1


async def test_who_is_slower_than_retention_is_told_to_load_anew_and_goes_on(world: World) -> None:
    """Rule 2, in the middle of a stream: what it had not read yet was trimmed."""
    alice, bob = await world.people("alice", "bob")
    async with aclosing(stream_of(world, bob)) as signals:
        [ready] = await take(signals)
        for _ in range(3):
            await world.send(alice, "bob")
        await world.services.database.write(events.trim, 0, now_ms() + 1000)
        last = await world.services.stream.position(bob)
        [reset] = await take(signals)
        id_ = await world.send(alice, "bob", text="live")
        [live] = await take(signals)

    assert isinstance(ready, Ready)
    assert isinstance(reset, Reset)
    assert (ready.position.n, reset.position, reset.reason) == (0, last, ResetReason.CURSOR_EXPIRED)
    assert isinstance(live, ResolvedEvent)
    assert (live.n, live.subject_id) == (last.n + 1, id_)


async def test_a_heartbeat_moves_the_cursor_while_nothing_happens(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rule 3."""
    monkeypatch.setattr(streams, "RECHECK_SECONDS", 0.05)
    bob = await world.person("bob")
    async with aclosing(stream_of(world, bob)) as signals:
        seen = await take(signals, 3)

    assert kinds_of(seen) == ["Ready", "Heartbeat", "Heartbeat"]


async def test_hints_of_what_is_not_delivered_delay_no_heartbeat(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client drops a stream that is silent for too long, so one that is about few conversations must not be."""
    monkeypatch.setattr(streams, "RECHECK_SECONDS", 0.1)
    bob = await world.person("bob")

    async def disturb() -> None:
        while True:
            world.services.database.pubsub.publish([Hint(bob.user_id, 0)])
            await asyncio.sleep(0.01)

    async with aclosing(stream_of(world, bob)) as signals:
        [ready] = await take(signals)
        disturbing = asyncio.create_task(disturb())
        try:
            [heartbeat] = await take(signals)
        finally:
            disturbing.cancel()

    assert (type(ready), type(heartbeat)) == (Ready, Heartbeat)


async def test_what_the_viewer_may_no_longer_see_moves_the_cursor_alone(world: World) -> None:
    """Rule 6: the right is looked at when it is delivered."""
    alice, bob = await world.people("alice", "bob")
    cursor = await cursor_of(world, bob)
    id_ = await world.send(alice, "bob")
    await world.services.deletion.delete_for_everyone(alice, id_)
    async with aclosing(stream_of(world, bob, cursor)) as signals:
        seen = await until(signals, lambda each: isinstance(each, CaughtUp))

    assert "MESSAGE_CREATED" not in kinds_of(seen)
    assert isinstance(seen[-1], CaughtUp)
    assert seen[-1].position == await world.services.stream.position(bob)


async def test_a_third_person_hears_nothing_of_it(world: World) -> None:
    """Neither messages, nor receipts, edits, reactions, typing or presence of others."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    async with aclosing(stream_of(world, carol)) as signals:
        await take(signals)
        id_ = await world.send(alice, "bob")
        await world.services.receipt.mark_read(bob, id_ >> 27, None)
        await world.services.edit.edit(alice, id_, "other words", None)
        await world.services.reaction.react(bob, id_, "👍", is_set=True)
        await world.services.presence.type(bob, id_ >> 27, is_typing=True)
        async with aclosing(stream_of(world, bob)) as bobs:
            await take(bobs)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(signals), 0.2)


async def test_only_what_is_about_the_chosen_conversations_comes(world: World) -> None:
    """`conversationIds`; what is about no conversation comes all the same, and a foreign one is NotFound."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    chosen = await world.send(alice, "bob") >> 27
    other = await world.send(carol, "bob") >> 27
    async with aclosing(stream_of(world, bob, conversation_ids=[chosen])) as signals:
        await take(signals)
        await world.send(carol, "bob", text="elsewhere")
        await world.services.setting.change(bob, SettingsChange(send_typing=False))
        await world.send(alice, "bob", text="here")
        seen = await take(signals, 2)

    assert kinds_of(seen) == ["SETTINGS_CHANGED", "MESSAGE_CREATED"]
    with pytest.raises(NotFound):
        await take(stream_of(world, alice, conversation_ids=[other]))


async def test_typing_and_presence_pass_and_are_not_replayed(world: World) -> None:
    """Rule 4."""
    alice, bob = await world.people("alice", "bob")
    conversation = await world.send(alice, "bob") >> 27
    await world.send(bob, "alice")
    async with aclosing(stream_of(world, alice)) as signals:
        await take(signals)
        async with aclosing(stream_of(world, bob)) as bobs:
            await take(bobs)
            [came] = await take(signals)
            await world.services.presence.type(bob, conversation, is_typing=True)
            await world.services.presence.type(bob, conversation, is_typing=False)
            [stopped] = await take(signals)
        [went] = await take(signals)

    assert isinstance(came, PresenceChange)
    assert isinstance(went, PresenceChange)
    assert [each.presence and each.presence.is_online for each in (came, went)] == [True, False]
    assert isinstance(stopped, Typing)
    assert (stopped.person.row.id, stopped.until) == (bob.user_id, None)  # of two about the same, the last


async def test_whoever_wants_nothing_that_passes_gets_none_of_it(world: World) -> None:
    """`includeEphemeral: false`."""
    alice, bob = await world.people("alice", "bob")
    conversation = await world.send(alice, "bob") >> 27
    async with aclosing(stream_of(world, alice, with_ephemeral=False)) as signals:
        await take(signals)
        await world.services.presence.type(bob, conversation, is_typing=True)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(signals), 0.2)


async def test_the_last_event_says_why_the_stream_ends(world: World) -> None:
    """Rule 6: SessionRevoked, and nothing behind it."""
    alice, bob = await world.people("alice", "bob")
    async with aclosing(stream_of(world, bob)) as signals:
        await take(signals)
        await world.services.account.sign_out(bob, everywhere=True)
        [revoked] = await take(signals)
        await world.send(alice, "bob")

        assert isinstance(revoked, Revoked)
        with pytest.raises(StopAsyncIteration):
            await anext(signals)


class Faulty(MemoryPubSub):
    """Loses a fifth of its hints, doubles a twentieth, and keeps a tenth back for the next time."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self._late: list[Hint] = []

    def publish(self, hints: list[Hint]) -> None:
        """Some of them."""
        late, self._late = self._late, []
        for hint in hints:
            chance = self._random.random()
            if chance < 0.1:
                self._late.append(hint)
            elif chance > 0.3:
                super().publish([hint, hint] if chance > 0.95 else [hint])
        super().publish(late)

    def publish_ephemeral(self, events: Iterable[EphemeralEvent]) -> None:
        """Half of them."""
        super().publish_ephemeral(event for event in events if self._random.random() < 0.5)


@full
@pytest.mark.parametrize("seed", range(amount(2, 20)))
async def test_bad_hints_and_reconnects_change_nothing(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Every event once and in order, through twenty reconnects, over a pubsub that loses, doubles and reorders."""
    monkeypatch.setattr(streams, "RECHECK_SECONDS", 0.02)
    database, limits = GuardedDatabase(put_tables(tmp_path / "sotto.db"), Faulty(seed)), Limits(send_rate_per_minute=0)
    services = await Services.open(database, LocalStorage(tmp_path / "files"), limits)
    world, chance = World(services, tmp_path), random.Random(seed)
    alice, bob = await world.people("alice", "bob")
    start = await services.stream.position(bob)
    total = 100
    heard: list[int] = []

    async def write() -> None:
        for number in range(total):
            await world.send(alice, "bob", text=str(number))
            await asyncio.sleep(chance.random() * 0.01)

    writing, position = asyncio.create_task(write()), start
    async with asyncio.timeout(30):
        while len(heard) < total + 1:
            signals = stream_of(world, bob, services.stream.cursor_of(bob, position))
            async with aclosing(signals):
                for _ in range(chance.randrange(1, 12)):
                    signal = await anext(signals)
                    if isinstance(signal, ResolvedEvent):
                        heard.append(signal.n)
                    if isinstance(signal, ResolvedEvent | Heartbeat | CaughtUp):
                        position = signal.position
                    if len(heard) == total + 1:
                        break
    await writing
    await services.close()

    assert heard == list(range(start.n + 1, start.n + total + 2))


async def test_a_block_ends_presence_and_typing_both_ways_at_once(world: World) -> None:
    """Each sees nothing of the other, as of somebody private; nobody is told of a block."""
    alice, bob = await world.people("alice", "bob")
    conversation = await world.send(alice, "bob") >> 27
    await world.send(bob, "alice")
    async with aclosing(stream_of(world, alice)) as alices, aclosing(stream_of(world, bob)) as bobs:
        await take(alices)
        await take(bobs)
        await until(alices, lambda each: isinstance(each, PresenceChange))
        await world.services.block.block(bob, named("alice")[0])
        [gone] = await until(alices, lambda each: isinstance(each, PresenceChange))
        await world.services.presence.type(bob, conversation, is_typing=True)
        await world.services.presence.type(alice, conversation, is_typing=True)
        seen = await until(bobs, lambda each: isinstance(each, PresenceChange) and each.presence is None)
        more = [asyncio.create_task(anext(signals)) for signals in (alices, bobs)]
        done, _ = await asyncio.wait(more, timeout=0.2)
        for task in more:
            task.cancel()
        await asyncio.wait(more)

    assert done == set()
    assert isinstance(gone, PresenceChange)
    assert gone.presence is None
    assert "Typing" not in kinds_of(seen)
    found = await world.services.presence.find_many(alice, [bob.user_id])
    assert found == {}
