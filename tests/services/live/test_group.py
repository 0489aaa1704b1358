"""Groups: streams of one person that wait for the same are served together, and lose nothing by it."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from models import event as events
from models.base import now_ms
from models.event import EventKind
from models.transaction import Transaction
from pubsub.base import Hint
from services.error import ServerUnavailable, Unauthenticated
from services.guard import GuardedDatabase
from services.limit import Limits
from services.live import stream as streams
from services.live.group import AT_ONCE, StreamGroup
from services.live.group_registry import StreamGroups
from services.live.live_stream import LiveStream
from services.live.resolved_event import ResolvedEvent
from services.live.signal import Heartbeat, Signal
from services.service import Services
from services.viewer import Viewer
from storage.local import LocalStorage
from tests.services.conftest import World, named
from tests.services.live.test_events import Faulty, cursor_of, kinds_of


class Stage:
    """The groups of a server, with what they have rendered."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.groups: StreamGroups[Signal] = StreamGroups()
        self.rendered: list[tuple[Signal, int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.fault: Exception | None = None
        self.is_rendering = asyncio.Event()

    async def render(self, signal: Signal, count: int) -> Signal:
        """See `services.live.group.Render`: the signal itself, when the gate is open."""
        self.is_rendering.set()
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        self.rendered.append((signal, count))
        return signal

    @asynccontextmanager
    async def reader(self, viewer: Viewer, cursor: str | None = None, **options: Any) -> AsyncIterator["Reader"]:
        """A reader whose stream is open and, without a cursor, in a group."""
        if options.pop("messages", False):
            stream: LiveStream = self.world.services.stream.message_stream(viewer)
        else:
            ids = options.pop("conversation_ids", None)
            options = {"with_ephemeral": False, **options}
            stream = await self.world.services.stream.event_stream(viewer, ids, **options)
        reader = Reader(self, stream, cursor)
        reader.resume()
        if cursor is None:
            await reader.parked()
        try:
            yield reader
        finally:
            await reader.leave()

    async def holds(self) -> None:
        """Waits until a group waits at the closed gate, and nothing else is under way."""
        self.is_rendering.clear()
        async with asyncio.timeout(5):
            await self.is_rendering.wait()
        await asyncio.sleep(0.02)

    def kinds(self) -> list[tuple[str, int]]:
        """What was rendered, each for so many."""
        return [(kinds_of([signal])[0], count) for signal, count in self.rendered]


class Reader:
    """A member of a group, which follows its stream alone whenever it has been let go."""

    def __init__(self, stage: Stage, stream: LiveStream, cursor: str | None) -> None:
        self.stage, self.stream, self.cursor = stage, stream, cursor
        self.key = (stream.viewer.user_id, stream.feed)
        self.group: StreamGroup[Signal] | None = None
        self.together: list[Signal] = []
        self.alone: list[Signal] = []
        self.all: list[Signal] = []
        self.is_slow = False
        self.resumed = -1
        self._task: asyncio.Task[None] | None = None
        self._is_open = False

    def deliver(self, payload: Signal) -> bool:
        """See `services.live.group.Member`."""
        if self.is_slow:
            return False
        self.together.append(payload)
        self.all.append(payload)
        return True

    def resume(self) -> None:
        """See `services.live.group.Member`."""
        self.group, self.resumed = None, self.resumed + 1
        self._task = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        if not self._is_open:
            self._is_open = True
            self._take(await self.stream.open(self.cursor))
        while not self.stream.has_ended:
            self._take(await self.stream.read())
            self.group = self.stage.groups.join(self.key, self, lambda: self.stage.render)
            if self.group is not None:
                return
            await self.stage.groups.idle(self.key)

    def _take(self, signals: list[Signal]) -> None:
        self.alone += signals
        self.all += signals

    async def parked(self) -> None:
        """Waits until it is in a group."""
        async with asyncio.timeout(5):
            while self.group is None:
                assert self._task is not None
                await asyncio.wait([self._task], timeout=0.005)
                if self._task.done() and self.group is None:
                    self._task.result()

    async def has(self, count: int) -> list[str]:
        """Waits until so many signals have come; their names."""
        async with asyncio.timeout(5):
            while len(self.all) < count:
                await asyncio.sleep(0.005)
        return kinds_of(self.all)

    async def leave(self) -> None:
        """The reader has gone."""
        if self.group is not None:
            self.group.leave(self)
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.stream.close()


@pytest.fixture
def stage(world: World) -> Stage:
    """Nobody listens yet."""
    return Stage(world)


@asynccontextmanager
async def readers(stage: Stage, viewer: Viewer, count: int) -> AsyncIterator[list[Reader]]:
    """So many in one group."""
    async with stage.reader(viewer) as first:
        if count == 1:
            yield [first]
            return
        async with readers(stage, viewer, count - 1) as others:
            yield [first, *others]


def reads_in(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Whose log is read from now on."""
    seen: list[object] = []
    execute = Transaction._execute

    def counting(self: Transaction, prepared: Any, params: dict[str, Any]) -> Any:
        if prepared is events.AFTER:
            seen.append(params["user"])
        return execute(self, prepared, params)

    monkeypatch.setattr(Transaction, "_execute", counting)
    return seen


async def test_fifty_streams_cost_one_read_and_one_rendering(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of them gets the event; while they wait, none has a task."""
    world = stage.world
    alice, bob = await world.people("alice", "bob")
    await world.send(alice, "bob")
    before = asyncio.all_tasks()
    async with readers(stage, bob, 50) as found:
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before
        seen = reads_in(monkeypatch)
        stage.rendered.clear()
        for text in ("one", "two"):
            await world.send(alice, "bob", text=text)
            await found[-1].has(len(found[-1].all) + 1)
        delivered = [kinds_of(each.together) for each in found]

    assert delivered == [["MESSAGE_CREATED"] * 2] * 50
    assert seen == [bob.user_id] * 2
    assert stage.kinds() == [("MESSAGE_CREATED", 50)] * 2
    assert len(stage.groups) == 0
    assert world.services.pubsub.listeners() == 0  # type: ignore[attr-defined]


async def test_people_never_share_a_group_and_a_third_person_hears_nothing(stage: Stage) -> None:
    """Each group reads for its own person."""
    world = stage.world
    alice, bob, carol = await world.people("alice", "bob", "carol")
    async with stage.reader(alice) as alices, stage.reader(bob) as bobs, stage.reader(carol) as carols:
        id_ = await world.send(alice, "bob")
        await bobs.has(3)
        await alices.has(3)

        assert len({id(each.group) for each in (alices, bobs, carols)}) == 3
        for reader in (alices, bobs):
            (created, message) = reader.together
            assert isinstance(message, ResolvedEvent)
            assert message.message is not None
            assert (kinds_of([created]), message.subject_id) == (["CONVERSATION_CREATED"], id_)
            assert message.message.is_own is (reader is alices)
        assert carols.together == []


async def test_a_reader_who_is_behind_delays_nobody_and_misses_nothing(stage: Stage) -> None:
    """It leaves the group where it stopped, catches up from the log, and comes back."""
    world = stage.world
    alice, bob = await world.people("alice", "bob")
    await world.send(alice, "bob")
    async with readers(stage, bob, 3) as (slow, *others):
        ids = [await world.send(alice, "bob", text="both")]
        await slow.has(2)
        slow.is_slow = True
        ids.append(await world.send(alice, "bob", text="without the slow one"))
        for other in others:
            await other.has(3)
        slow.is_slow = False
        await slow.parked()
        ids.append(await world.send(alice, "bob", text="together again"))
        for reader in (slow, *others):
            await reader.has(4)

        heard = [
            [each.subject_id for each in found.all if isinstance(each, ResolvedEvent)] for found in (slow, *others)
        ]
        assert heard == [ids] * 3
        assert (slow.resumed, [each.resumed for each in others]) == (1, [0, 0])
        assert [each.subject_id for each in slow.alone if isinstance(each, ResolvedEvent)] == ids[1:2]


async def test_a_session_that_ended_while_it_was_rendered_gets_nothing_more(stage: Stage) -> None:
    """Its streams say why they end; those of the person's other session get the event."""
    world = stage.world
    alice, bob = await world.people("alice", "bob")
    other = await world.again("bob")
    await world.send(alice, "bob")
    async with stage.reader(bob) as ending, stage.reader(other) as staying:
        assert ending.group is staying.group
        stage.gate.clear()
        holding = asyncio.create_task(stage.holds())
        await world.send(alice, "bob", text="secret")
        await holding
        await world.services.account.sign_out(bob, everywhere=False)
        stage.gate.set()
        names = await ending.has(2)
        heard = await staying.has(2)

    assert names == ["Ready", "Revoked"]
    assert heard[:2] == ["Ready", "MESSAGE_CREATED"]


async def test_a_session_that_has_ended_leaves_before_anything_is_read(stage: Stage) -> None:
    """Signing out wakes the group; the stream of messages ends with the error of the session."""
    world = stage.world
    (bob,) = await world.people("bob")
    async with stage.reader(bob) as events_, stage.reader(bob, messages=True) as messages:
        await world.services.account.sign_out(bob, everywhere=True)
        names = await events_.has(2)
        async with asyncio.timeout(5):
            while messages.resumed == 0:
                await asyncio.sleep(0.005)
        with pytest.raises(Unauthenticated):
            await messages._task  # type: ignore[misc]

    assert names == ["Ready", "Revoked"]
    assert stage.rendered == []


async def test_an_expiry_is_noticed_although_it_publishes_no_hint(stage: Stage) -> None:
    """The group looks when the first of its sessions expires, and the others stay."""
    world = stage.world
    (bob,) = await world.people("bob")
    other = await world.again("bob")

    def shorten(tx: Transaction) -> None:
        sql = "UPDATE session SET created_at = ?, expires_at = ? WHERE token_hash = ?"
        long_ago = now_ms() - world.services.limits.session_max_life_seconds * 1000
        tx.database.connection().execute(sql, [long_ago, now_ms() + 400, bob.session])

    await world.services.database.write(shorten)
    async with stage.reader(bob) as ending, stage.reader(other) as staying:
        assert ending.group is staying.group
        names = await ending.has(2)

        assert (names, ending.resumed, staying.resumed) == (["Ready", "Revoked"], 1, 0)


async def test_a_group_beats_once_for_all_and_looks_for_lost_hints(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every hint is dropped; both need only a timer."""
    monkeypatch.setattr(streams, "RECHECK_SECONDS", 0.1)
    world = stage.world
    monkeypatch.setattr(world.services.pubsub, "publish", lambda _hints: None)
    alice, bob = await world.people("alice", "bob")
    async with readers(stage, bob, 2) as found:
        await world.send(alice, "bob")
        async with asyncio.timeout(5):
            while kinds_of(found[0].all)[-2:] != ["Heartbeat"] * 2:
                await asyncio.sleep(0.005)
        names = kinds_of(found[0].together)
        async with stage.reader(bob, messages=True) as messages:
            await world.send(alice, "bob", text="lost, too")
            assert await messages.has(1) == ["MESSAGE_CREATED"]

    assert [name for name in names if name != "Heartbeat"] == ["CONVERSATION_CREATED", "MESSAGE_CREATED"]
    assert {count for name, count in stage.kinds() if name == "Heartbeat"} == {2}


async def test_what_is_not_delivered_moves_the_cursor_and_delays_no_heartbeat(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for a stream alone: a heartbeat for events that are no longer visible, and one in time amid foreign hints."""
    monkeypatch.setattr(streams, "RECHECK_SECONDS", 0.2)
    world = stage.world
    alice, bob = await world.people("alice", "bob")
    await world.send(alice, "bob")
    async with stage.reader(bob) as reader:
        stage.gate.clear()
        holding = asyncio.create_task(stage.holds())
        await world.send(alice, "bob", text="first")
        await holding
        gone = await world.send(alice, "bob", text="gone before it is read")
        await world.services.deletion.delete_for_everyone(alice, gone)
        stage.gate.set()
        await asyncio.sleep(0.05)
        for _ in range(40):
            world.services.pubsub.publish([Hint(bob.user_id, 0)])
            await asyncio.sleep(0.01)
        beats = [each for each in reader.together if isinstance(each, Heartbeat)]
        position = await world.services.stream.position(bob)

    assert gone not in [each.subject_id for each in reader.all if isinstance(each, ResolvedEvent) and each.message]
    assert beats[-1].position == position
    assert 1 <= len(beats) <= 4


async def test_ephemeral_events_are_resolved_once_for_all_who_want_them(stage: Stage) -> None:
    """A stream without them hears nothing of them."""
    world = stage.world
    alice, bob = await world.people("alice", "bob")
    place = await world.send(alice, "bob") >> 27
    await world.send(bob, "alice")
    async with (
        stage.reader(alice, with_ephemeral=True) as first,
        stage.reader(alice, with_ephemeral=True) as second,
        stage.reader(alice) as without,
    ):
        for is_typing in (True, False):
            await world.services.presence.type(bob, place, is_typing=is_typing)
        for reader in (first, second):
            await reader.has(2)
        await asyncio.sleep(0.02)

        assert set(kinds_of(first.together)) == {"Typing"}
        assert first.together == second.together
        assert kinds_of(without.all) == ["Ready"]
    assert stage.rendered == [(signal, 2) for signal in first.together]


async def test_only_the_conversations_of_the_feed_are_rendered(stage: Stage) -> None:
    """Streams with different feeds are different groups, at the same place of the same log."""
    world = stage.world
    alice, bob, carol = await world.people("alice", "bob", "carol")
    chosen = await world.send(alice, "bob") >> 27
    await world.send(carol, "bob")
    async with stage.reader(bob, conversation_ids=[chosen]) as some, stage.reader(bob) as every:
        await world.send(carol, "bob", text="elsewhere")
        await every.has(2)
        id_ = await world.send(alice, "bob", text="here")
        await every.has(3)
        await some.has(2)

        assert [each.subject_id for each in some.together if isinstance(each, ResolvedEvent)] == [id_]


async def test_a_stream_that_comes_while_a_group_is_busy_gets_everything_once(stage: Stage) -> None:
    """What is under way it has read itself; it waits neither for that, nor for a group that has not read as far."""
    world = stage.world
    alice, bob = await world.people("alice", "bob")
    cursor = await cursor_of(world, bob)
    async with stage.reader(bob) as first:
        stage.gate.clear()
        holding = asyncio.create_task(stage.holds())
        await world.send(alice, "bob")
        await holding
        async with stage.reader(bob, cursor) as late:
            await late.parked()
            assert (first.group, kinds_of(first.together)) == (late.group, [])
            stage.gate.set()
            await world.send(alice, "bob", text="to both")
            await first.has(4)
            names = await late.has(4)

            assert kinds_of(first.all) == ["Ready", "CONVERSATION_CREATED", "MESSAGE_CREATED", "MESSAGE_CREATED"]
            assert names == ["CONVERSATION_CREATED", "MESSAGE_CREATED", "CaughtUp", "MESSAGE_CREATED"]
            assert kinds_of(late.together) == ["MESSAGE_CREATED"]


async def test_a_stream_that_is_ahead_makes_the_group_look(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has found an event whose hint was lost for the others."""
    world = stage.world
    alice, bob = await world.people("alice", "bob")
    async with stage.reader(bob) as first:
        with monkeypatch.context() as patch:
            patch.setattr(world.services.pubsub, "publish", lambda _hints: None)
            await world.send(alice, "bob")
        await asyncio.sleep(0.02)
        assert kinds_of(first.all) == ["Ready"]
        async with stage.reader(bob) as second:
            assert kinds_of(first.together) == ["CONVERSATION_CREATED", "MESSAGE_CREATED"]
            assert (kinds_of(second.all), first.group) == (["Ready"], second.group)


async def test_a_log_that_was_trimmed_past_the_group_is_said_to_each(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They leave it, say so, and go on together."""
    world = stage.world
    alice, bob = await world.people("alice", "bob")
    async with readers(stage, bob, 2) as found:
        with monkeypatch.context() as patch:
            patch.setattr(world.services.pubsub, "publish", lambda _hints: None)
            for _ in range(3):
                await world.send(alice, "bob")
        await world.services.database.write(events.trim, 0, now_ms() + 1000)
        world.services.pubsub.publish([Hint(bob.user_id, 1)])
        names = [await each.has(2) for each in found]
        for reader in found:
            await reader.parked()

        assert names == [["Ready", "Reset"]] * 2
        assert found[0].group is found[1].group


async def test_a_fault_in_rendering_is_met_by_each_stream_alone(stage: Stage) -> None:
    """The group lets all of them go; none of them has lost the event."""
    world = stage.world
    alice, bob = await world.people("alice", "bob")
    await world.send(alice, "bob")
    async with readers(stage, bob, 2) as found:
        stage.fault = KeyError("a bug")
        id_ = await world.send(alice, "bob")
        for reader in found:
            await reader.has(2)
            await reader.parked()

        assert [[each.subject_id for each in found_.alone[1:]] for found_ in found] == [[id_]] * 2  # type: ignore[union-attr]


async def test_a_busy_server_delays_a_group(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """It reads again when it was told to, and nobody leaves."""
    world = stage.world
    alice, bob = await world.people("alice", "bob")
    await world.send(alice, "bob")
    async with stage.reader(bob) as reader:
        read, refusals = world.services.database.read, 2

        async def busy(*args: Any, **kwargs: Any) -> Any:
            nonlocal refusals
            if refusals and args[0] == world.services.stream._load:
                refusals -= 1
                raise ServerUnavailable("busy", 0.01)
            return await read(*args, **kwargs)

        monkeypatch.setattr(world.services.database, "read", busy)
        await world.send(alice, "bob")
        await reader.has(2)

        assert (refusals, reader.resumed, kinds_of(reader.together)) == (0, 0, ["MESSAGE_CREATED"])


async def test_the_last_to_leave_stops_what_is_under_way(stage: Stage) -> None:
    """No task renders for nobody, no listener is left; one who leaves amid a delivery gets no more of it."""
    world = stage.world
    alice, bob = await world.people("alice", "bob")
    await world.send(alice, "bob")
    before = asyncio.all_tasks()
    async with readers(stage, bob, AT_ONCE + 1) as found:
        last = found[0]
        take = last.deliver

        def leave_another(payload: Signal) -> bool:
            group = found[AT_ONCE].group
            assert group is not None
            group.leave(found[AT_ONCE])
            return take(payload)

        last.deliver = leave_another  # type: ignore[method-assign]
        await world.send(alice, "bob")
        await found[AT_ONCE - 1].has(2)
        assert kinds_of(found[AT_ONCE].together) == []
        stage.gate.clear()
        holding = asyncio.create_task(stage.holds())
        await world.send(alice, "bob")
        await holding
        assert len(asyncio.all_tasks() - before) == 1
    await asyncio.sleep(0)

    assert asyncio.all_tasks() == before
    assert (len(stage.groups), world.services.pubsub.listeners()) == (0, 0)  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", range(6))
async def test_bad_hints_slow_readers_and_new_streams_change_nothing(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Every stream gets every event once and in order, whoever is slow, comes or goes, over a lossy pubsub."""
    monkeypatch.setattr(streams, "RECHECK_SECONDS", 0.02)
    database, limits = GuardedDatabase(tmp_path / "sotto.db", Faulty(seed)), Limits(send_rate_per_minute=0)
    limits = Limits(send_rate_per_minute=0, subscription_rate_per_minute=0)
    services = await Services.open(database, LocalStorage(tmp_path / "files"), limits)
    stage, chance, total = Stage(World(services, tmp_path)), random.Random(seed), 60
    alice, bob = await stage.world.people("alice", "bob")
    start = await services.stream.position(bob)
    cursor = services.stream.cursor_of(bob, start)
    crowd: list[Reader] = []

    async def come() -> None:
        stream = await services.stream.event_stream(bob, None, with_ephemeral=False)
        crowd.append(Reader(stage, stream, cursor))
        crowd[-1].resume()

    for number in range(total):
        if number % 6 == 0:
            await come()
        if number % 20 == 19:
            await crowd.pop(chance.randrange(len(crowd))).leave()
        for reader in crowd:
            reader.is_slow = chance.random() < 0.1
        await stage.world.send(alice, "bob", text=str(number))
        await asyncio.sleep(chance.random() * 0.01)
    for reader in crowd:
        reader.is_slow = False
    async with asyncio.timeout(20):
        while any(reader.stream.position.n < start.n + total + 1 or reader.group is None for reader in crowd):
            await asyncio.sleep(0.01)
    heard = [[each.n for each in reader.all if isinstance(each, ResolvedEvent)] for reader in crowd]
    shared = sum(len(reader.together) for reader in crowd)
    for reader in crowd:
        await reader.leave()
    await services.close()

    assert heard == [list(range(start.n + 1, start.n + total + 2))] * len(crowd)
    assert len(crowd) > 5
    assert shared > 0


async def test_a_block_counts_when_the_event_is_read(stage: Stage) -> None:
    """The group asks for the rights of its person each time; nobody is told of the block."""
    world = stage.world
    alice, bob, _carol = await world.people("alice", "bob", "carol")
    place = await world.send(alice, "bob", "carol") >> 27
    async with stage.reader(bob) as reader:
        await world.services.block.block(bob, named("alice")[0])
        await world.send(alice, conversation_id=place)
        await reader.has(2)
        await asyncio.sleep(0.05)

        assert [each.kind for each in reader.together if isinstance(each, ResolvedEvent)] == [EventKind.USER_BLOCKED]
