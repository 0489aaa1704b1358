"""A database that was restored from an older copy: whoever knows more than it does loads anew, and misses nothing."""

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from models import event as events
from models.base import now_ms
from models.event import START
from pubsub.memory import MemoryPubSub
from services.error import CursorExpired
from services.guard import GuardedDatabase
from services.limit import Limits
from services.live.resolved_event import ResolvedEvent
from services.live.signal import CaughtUp, ResetReason
from services.service import Services
from services.viewer import Viewer
from storage.local import LocalStorage
from tests.services.conftest import World
from tests.template import put_tables


class History:
    """A server of one folder that is stopped, copied, restored and started again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "data"
        self.copy = folder / "copy"
        put_tables(self.folder / "sotto.db")

    @asynccontextmanager
    async def run(self) -> AsyncIterator[World]:
        """The server while it runs."""
        database, limits = GuardedDatabase(self.folder / "sotto.db", MemoryPubSub()), Limits(send_rate_per_minute=0)
        services = await Services.open(database, LocalStorage(self.folder / "files"), limits)
        try:
            yield World(services, self.folder)
        finally:
            await services.close()

    def back_up(self) -> None:
        """As docs/operate.md says: the folder of a server that is stopped."""
        shutil.copytree(self.folder, self.copy)

    def restore(self) -> None:
        """The copy takes the place of the folder."""
        shutil.rmtree(self.folder)
        shutil.copytree(self.copy, self.folder)


@pytest.fixture
def history(tmp_path: Path) -> History:
    """A new one."""
    return History(tmp_path)


async def cursor_of(world: World, viewer: Viewer) -> str:
    """Where the viewer's log ends."""
    stream = world.services.stream
    return stream.cursor_of(viewer, await stream.position(viewer))


async def first_of(world: World, viewer: Viewer, cursor: str) -> Any:
    """What a stream from the cursor says first."""
    async with aclosing(world.services.stream.events(viewer, cursor, None, with_ephemeral=False)) as signals:
        return await anext(signals)


@pytest.mark.parametrize("later", [1, 2, 3], ids=["not yet there again", "just there", "grown past"])
async def test_a_cursor_that_is_newer_than_the_copy_is_a_reset(history: History, later: int) -> None:
    """Also where the restored log has given its number to another event: that one and the next would be missed."""
    async with history.run() as world:
        alice, bob = await world.people("alice", "bob")
        await world.send(alice, "bob", text="before the copy")
        kept = await cursor_of(world, bob)
    history.back_up()
    async with history.run() as world:
        await world.send(alice, "bob", text="lost")
        await world.send(alice, "bob", text="lost too")
        lost = await cursor_of(world, bob)
    history.restore()

    async with history.run() as world:
        ids = [await world.send(alice, "bob", text=f"after it {number}") for number in range(later)]
        reset = await first_of(world, bob, lost)
        with pytest.raises(CursorExpired):
            await world.services.stream.page_after(bob, lost, None)
        with pytest.raises(CursorExpired):
            await anext(world.services.stream.messages(bob, lost))
        since = await world.services.stream.page_after(bob, kept, None)
        end = await world.services.stream.position(bob)

    assert (reset.reason, reset.position) == (ResetReason.CURSOR_EXPIRED, end)
    assert [each.subject_id for each in since.items] == ids


async def test_a_cursor_of_the_beginning_is_good_in_every_history(history: History) -> None:
    """Nothing had happened yet, so everything comes."""
    async with history.run() as world:
        alice, bob = await world.people("alice", "bob")
        cursor = await cursor_of(world, bob)
    history.back_up()
    async with history.run() as world:
        await world.send(alice, "bob", text="lost")
    history.restore()

    async with history.run() as world:
        id_ = await world.send(alice, "bob")
        page = await world.services.stream.page_after(bob, cursor, None)

    assert [each.subject_id for each in page.items] == [id_ >> 27, id_]


async def test_the_cursor_of_an_earlier_version_goes_by_its_number(world: World) -> None:
    """It has no time. It stays good over an upgrade, and what comes next has a cursor of ours."""
    alice, bob = await world.people("alice", "bob")
    await world.send(alice, "bob")
    signer = world.services.stream._signer
    old = [signer.sign("event", bob.user_id, n) for n in (0, 1, 2, 3)]
    id_ = await world.send(alice, "bob")

    pages = [await world.services.stream.page_after(bob, cursor, None) for cursor in old]

    assert [len(page.items) for page in pages] == [3, 2, 1, 0]
    assert {page.items[-1].subject_id for page in pages[:3]} == {id_}
    with pytest.raises(CursorExpired):
        await world.services.stream.page_after(bob, signer.sign("event", bob.user_id, 4), None)


async def test_whoever_had_come_as_far_as_what_was_trimmed_misses_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest event that had its time stays, to be compared with; a cursor before it, and the beginning, do not."""
    alice, bob = await world.people("alice", "bob")
    monkeypatch.setattr("services.transaction.now_ms", lambda: 1000)
    await world.send(alice, "bob")
    await world.send(alice, "bob")
    stream = world.services.stream
    last = await stream.position(bob)
    monkeypatch.undo()
    id_ = await world.send(alice, "bob")
    await world.services.database.write(events.trim, 0, now_ms() - 1000)

    page = await stream.page_after(bob, stream.cursor_of(bob, last), None)

    assert [each.subject_id for each in page.items] == [id_]
    for gone in (START, last._replace(n=last.n - 1)):
        with pytest.raises(CursorExpired):
            await stream.page_after(bob, stream.cursor_of(bob, gone), None)


async def test_every_cursor_that_a_stream_gives_can_be_resumed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ready, events, what is not seen any more, CaughtUp, heartbeats: of an empty log and of one with entries."""
    monkeypatch.setattr("services.live.stream.RECHECK_SECONDS", 0.02)
    alice, bob = await world.people("alice", "bob")
    stream = world.services.stream
    positions = []
    async with AsyncExitStack() as stack:
        signals = await stack.enter_async_context(aclosing(stream.events(bob, None, None, with_ephemeral=False)))
        positions += [(await anext(signals)).position for _ in range(2)]  # type: ignore[union-attr]
        id_ = await world.send(alice, "bob")
        while not isinstance(signal := await anext(signals), ResolvedEvent) or signal.subject_id != id_:
            positions.append(signal.position)  # type: ignore[union-attr]
        positions.append(signal.position)
        positions.append((await anext(signals)).position)  # type: ignore[union-attr]

    for position in positions:
        first = await first_of(world, bob, stream.cursor_of(bob, position))
        assert isinstance(first, CaughtUp | ResolvedEvent), first
