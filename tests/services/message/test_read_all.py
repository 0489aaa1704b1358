"""All conversations marked as read at once: which ones, in which batches, and who hears of it."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from models.base import message_id
from models.setting import Audience
from models.transaction import Transaction
from services.error import PermissionDenied, RateLimited, ServerUnavailable
from services.guard import GuardedDatabase
from services.message import receipt
from services.message.preference import PreferenceChange
from services.person.setting import SettingsChange
from services.viewer import Right, Viewer
from tests.full import amount, full
from tests.services.chance import Chance
from tests.services.conftest import MakeWorld, World, kinds_after, refused
from tests.services.message.test_receipt import positions, unread, view_of

UNREAD = receipt._unread_positions
SENDERS = ("bob", "carol", "dave", "erin")


async def places_of_alice(world: World) -> list[int]:
    """Four conversations with one unread message each."""
    return [await world.send(await world.person(name), "alice") >> 27 for name in SENDERS]


async def read_all(world: World, viewer: Viewer, *, include_archived: bool = False) -> int:
    """How many conversations changed."""
    return await world.services.receipt.mark_all_read(viewer, include_archived=include_archived)


async def test_all_conversations_are_read_but_requests_and_archived_ones(world: World) -> None:
    """With unread messages, or marked; the senders get their receipts; a second call changes nothing."""
    alice = await world.person("alice")
    places = await places_of_alice(world)
    await world.services.receipt.mark_read(alice, places[0], None)
    await world.services.receipt.mark_unread(alice, places[0], None)
    await world.services.preference.prefer(alice, places[1], PreferenceChange(is_archived=True, is_muted=True))
    await world.services.setting.change(alice, SettingsChange(accept_from=Audience.NOBODY))
    frank = await world.person("frank")
    request = await world.send(frank, "alice") >> 27
    before = {name: await world.services.stream.position(viewer) for name, viewer in world.viewers.items()}

    assert await read_all(world, alice) == 3
    views = [await view_of(world, alice, place) for place in (*places, request)]
    assert [view.is_unread for view in views] == [False, True, False, False, True]
    pairs = zip(SENDERS, places, strict=True)
    shown = [await positions(world, world.viewers[name], place, "alice") for name, place in pairs]
    assert shown == [(1, 1), (0, 0), (1, 1), (1, 1)]
    heard = {name: await kinds_after(world, viewer, before[name]) for name, viewer in world.viewers.items()}
    assert heard == {
        "alice": ["CONVERSATION_UPDATED"] * 3, "bob": [], "carol": [], "dave": ["RECEIPT_UPDATED"],
        "erin": ["RECEIPT_UPDATED"], "frank": [],
    }  # fmt: skip
    stored = await world.stored()
    assert (await read_all(world, alice), await world.stored()) == (0, stored)
    assert await read_all(world, alice, include_archived=True) == 1
    assert await unread(world, alice) == (0, 0)
    assert (await view_of(world, alice, request)).row.unread == 1
    assert await positions(world, frank, request, "alice") == (None, None)


async def test_receipts_that_are_private_stay_private(world: World) -> None:
    """The counts fall, and nobody else hears of it or sees a position."""
    alice = await world.person("alice")
    places = await places_of_alice(world)
    await world.services.setting.change(alice, SettingsChange(send_read_receipts=False, send_delivery_receipts=False))
    before = {name: await world.services.stream.position(world.viewers[name]) for name in SENDERS}

    assert await read_all(world, alice) == 4
    assert await unread(world, alice) == (0, 0)
    assert [await kinds_after(world, world.viewers[name], before[name]) for name in SENDERS] == [[]] * 4
    for name, place in zip(SENDERS, places, strict=True):
        assert await positions(world, world.viewers[name], place, "alice") == (None, None)


class Batches:
    """Batches of two conversations; `between` runs before the second."""

    def __init__(self, patch: pytest.MonkeyPatch, between: Callable[[], Any]) -> None:
        self.sizes: list[int] = []
        self._between = between
        write_for = GuardedDatabase.write_for

        async def watched(database: Any, viewer: Viewer, fn: Any, *args: Any, **kwargs: Any) -> Any:
            if fn is receipt._read_each:
                self.sizes.append(len(args[1]))
                if len(self.sizes) == 2:
                    await self._between()
            return await write_for(database, viewer, fn, *args, **kwargs)

        patch.setattr(receipt, "READ_ALL_BATCH", 2)
        patch.setattr(GuardedDatabase, "write_for", watched)


async def test_what_comes_while_it_runs_stays_unread(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """In batches; each conversation is read up to the message it had at the call, and read once."""
    alice = await world.person("alice")
    places = await places_of_alice(world)
    later: list[int] = []

    async def write_again() -> None:
        later.extend([await world.send(world.viewers[name], "alice") for name in SENDERS])
        await world.services.receipt.mark_read(alice, left[0], None)
        await world.services.receipt.mark_read(alice, left[1], message_id(left[1], 1))

    left = [
        row.conversation_id for row in await world.services.database.read(UNREAD, alice.user_id, with_archived=False)
    ][2:]
    batches = Batches(monkeypatch, write_again)

    assert await read_all(world, alice) == 2  # those of the second batch had been read meanwhile
    assert batches.sizes == [2, 2]
    rows = [(await view_of(world, alice, place)).row for place in places]
    assert {row.id: (row.read_seq, row.seen_seq, row.unread) for row in rows} == {
        place: (2, 2, 0) if place == left[0] else (1, 1, 1) for place in places
    }
    assert await unread(world, alice) == (3, 3)


async def test_a_message_that_goes_while_it_runs_is_not_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The position stays within the messages that are left."""
    alice = await world.person("alice")
    places = await places_of_alice(world)
    last = {place: await world.send(world.viewers[name], "alice") for name, place in zip(SENDERS, places, strict=True)}
    left = [
        row.conversation_id for row in await world.services.database.read(UNREAD, alice.user_id, with_archived=False)
    ]
    sender = world.viewers[SENDERS[places.index(left[2])]]

    async def delete() -> None:
        await world.services.deletion.delete_for_everyone(sender, last[left[2]])

    Batches(monkeypatch, delete)

    assert await read_all(world, alice) == 4
    rows = [(await view_of(world, alice, place)).row for place in left]
    assert [(row.last_seq, row.read_seq, row.seen_seq, row.unread) for row in rows] == [
        (2, 2, 2, 0), (2, 2, 2, 0), (1, 1, 1, 0), (2, 2, 2, 0)
    ]  # fmt: skip


async def test_a_failure_between_two_batches_leaves_whole_batches(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that were marked have their events; the others are as before, and another call marks them."""
    alice = await world.person("alice")
    await places_of_alice(world)
    n = await world.services.stream.position(alice)

    async def fail() -> None:
        raise ServerUnavailable("The disk is gone.", 1.0)

    batches = Batches(monkeypatch, fail)
    with pytest.raises(ServerUnavailable):
        await read_all(world, alice)

    assert await unread(world, alice) == (2, 2)
    assert await kinds_after(world, alice, n) == ["CONVERSATION_UPDATED"] * 2
    assert (await read_all(world, alice), batches.sizes) == (2, [2, 2, 2])
    assert await unread(world, alice) == (0, 0)
    assert await kinds_after(world, alice, n) == ["CONVERSATION_UPDATED"] * 4


async def test_it_is_refused_beyond_its_rate_and_without_the_right(make_world: MakeWorld) -> None:
    """Nothing is marked then; the rate of others is their own."""
    world = await make_world(read_all_rate_per_minute=1)
    alice, bob = await world.people("alice", "bob")
    await world.send(alice, "bob")
    reader = Viewer(bob.user_id, bob.session, bob.expires_at, device_id=bob.device_id, rights=Right.READ)
    await refused(world, read_all(world, reader), PermissionDenied)
    assert await read_all(world, bob) == 1
    await world.send(alice, "bob")
    await refused(world, read_all(world, bob), RateLimited, match="`markAllConversationsRead`")

    assert await unread(world, bob) == (1, 1)
    assert await read_all(world, alice) == 0


_NO_RATES = {"read_all_rate_per_minute": 0, "report_rate_per_minute": 0, "relation_rate_per_minute": 0}


@full
@pytest.mark.parametrize("limits", [{}, {"accept_messages_from": Audience.FOLLOWED_BY_ME}])
async def test_it_does_what_marking_each_would_do(make_world: MakeWorld, limits: dict[str, Any]) -> None:
    """After random histories: the same positions, the same receipts, the same number of events for everybody."""
    marked, seeds = 0, amount(3, 20)
    for seed in range(seeds):
        ends = []
        for mark_each in (True, False):
            world = await make_world(**_NO_RATES, **limits)
            names = ["alice", "bob", "carol", "dave"]
            viewers = await world.people(*names)
            chance = Chance(world, names, seed, calm=False)
            for _ in range(40):
                await chance.act()
            before = [await world.services.stream.position(viewer) for viewer in viewers]
            for viewer in viewers:
                positions_ = await world.services.database.read(UNREAD, viewer.user_id, with_archived=True)
                marked += len(positions_)
                if mark_each:
                    for row in positions_:
                        await world.services.receipt.mark_read(viewer, row.conversation_id, None)
                else:
                    assert await read_all(world, viewer, include_archived=True) == len(positions_)
                assert await unread(world, viewer) == (0, 0)
            heard = [Counter(await kinds_after(world, viewer, n)) for viewer, n in zip(viewers, before, strict=True)]
            ends.append((heard, await world.services.database.read(_positions)))
        assert ends[0] == ends[1]

    assert marked > 3 * seeds


def _positions(tx: Transaction) -> list[Any]:
    """The positions of everybody in every conversation, by names: ids differ from world to world."""
    sql = """
    SELECT username, (SELECT group_concat(username) FROM (SELECT username FROM member AS other JOIN user ON user.id =
      other.user_id WHERE other.conversation_id = member.conversation_id ORDER BY username)) AS people,
      last_seq, read_seq, delivered_seq, seen_seq, unread, is_marked_unread, request_state
    FROM member JOIN user ON user.id = member.user_id ORDER BY 1, 2, 3, 4, 5, 6
    """
    return list(tx.database.connection().execute(sql).fetchall())
