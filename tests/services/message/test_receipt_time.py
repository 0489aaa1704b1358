"""Times of receipts: when each person read a message, which later reads do not change."""

from collections.abc import Callable

import pytest

from models import receipt as receipts
from models.base import now_ms
from models.receipt import MessageTimesRow
from services.viewer import Viewer
from tests.services.conftest import World

HOUR = 3_600_000
DAY = 24 * HOUR


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets what transactions take for the time."""

    def set_to(ms: int) -> None:
        monkeypatch.setattr("services.transaction.now_ms", lambda: ms)

    return set_to


async def times(world: World, viewer: Viewer, id_: int, of: Viewer) -> tuple[int | None, int | None] | None:
    """When a message reached somebody, and was read."""
    found = (await world.services.receipt.times_of(viewer, [id_])).get(id_, {}).get(of.user_id)
    return None if found is None else (found.delivered_at, found.read_at)


async def test_each_message_keeps_the_time_at_which_it_was_first_read(
    world: World, clock: Callable[[int], None]
) -> None:
    """Whatever is read, delivered, written or marked as unread later; of one that was never read there is none."""
    alice, bob = await world.people("alice", "bob")
    receipt = world.services.receipt
    clock(1000)
    ids = [await world.send(alice, "bob", text=str(number)) for number in range(6)]
    place = ids[0] >> 27
    clock(2000)
    await receipt.acknowledge(bob, place, ids[2])
    clock(3000)
    await receipt.mark_read(bob, place, ids[1])
    clock(4000)
    await receipt.mark_read(bob, place, ids[3])
    clock(5000)
    await receipt.acknowledge(bob, place, ids[4])
    await receipt.mark_unread(bob, place, ids[0])
    clock(6000)
    await receipt.mark_read(bob, place, ids[1])  # again, and too late
    seen = [await times(world, alice, id_, bob) for id_ in ids]
    clock(7000)
    answer = await world.send(bob, "alice")  # who writes has read what was there
    clock(8000)
    await world.send(alice, "bob")
    await receipt.mark_read(bob, place, None)

    assert seen == [(2000, 3000), (2000, 3000), (2000, 4000), (4000, 4000), (5000, None), (None, None)]
    assert [await times(world, alice, id_, bob) for id_ in ids] == [*seen[:4], (5000, 7000), (7000, 7000)]
    assert await times(world, bob, answer, alice) == (8000, 8000)


async def test_a_third_person_learns_no_times(world: World) -> None:
    """Nor does who has left, of whom none are left either."""
    alice, bob, carol, dave = await world.people("alice", "bob", "carol", "dave")
    id_ = await world.send(alice, "bob", "carol")
    for reader in (bob, carol):
        await world.services.receipt.mark_read(reader, id_ >> 27, None)
    before = await world.services.receipt.times_of(carol, [id_])
    await world.services.preference.leave(bob, id_ >> 27)

    assert {bob.user_id, carol.user_id} <= set(before[id_])
    assert [await world.services.receipt.times_of(each, [id_]) for each in (bob, dave)] == [{}, {}]
    after = await world.services.receipt.times_of(carol, [id_])
    assert bob.user_id not in after[id_]
    assert (await world.stored())[0]["receipt_time"] == 1


async def test_old_times_are_kept_to_the_hour(
    world: World, clock: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of several moves in one hour, 90 days ago, the last stays, for each person and kind; younger ones all stay."""
    monkeypatch.setattr("services.message.receipt.MERGE_BATCH", 3)
    alice, bob = await world.people("alice", "bob")
    hour = (now_ms() - 100 * DAY) // HOUR * HOUR
    moments = [hour, hour + 1, hour + HOUR - 1, hour + HOUR, hour + 2 * HOUR, now_ms() - DAY, now_ms() - DAY + 1]
    ids = []
    for moment in moments:
        clock(moment)
        ids.append(await world.send(alice, "bob"))
        await world.services.receipt.acknowledge(bob, ids[-1] >> 27, ids[-1])
        await world.services.receipt.mark_read(bob, ids[-1] >> 27, ids[-1])
    before = (await world.stored())[0]["receipt_time"]
    await world.services.sweeper.sweep()
    kept = [await times(world, alice, id_, bob) for id_ in ids]

    last = hour + HOUR - 1
    assert kept == [(at, at) for at in (last, last, last, *moments[3:])]
    assert before - (await world.stored())[0]["receipt_time"] == 2 * 2
    for moment in (hour, hour + 1):
        clock(moment)
        id_ = await world.send(alice, "bob")
        await world.services.receipt.mark_read(bob, id_ >> 27, id_)
    for days, unused in ((0, 2), (1, 1)):  # not again on the same day
        later = now_ms() + days * DAY
        monkeypatch.setattr("services.message.receipt.now_ms", lambda later=later: later)
        await world.services.receipt.merge()
        assert (await world.stored())[0]["receipt_time"] == before - 4 + unused


def test_a_spare_row_is_followed_by_one_of_the_same_hour_person_kind_and_conversation() -> None:
    """And both are before the time."""
    row = receipts.ReceiptTimeRow(1, 1, 1, 1, HOUR)
    others = [row._replace(conversation_id=2), row._replace(user_id=2), row._replace(kind=2)]
    rows = [row, *others, row._replace(seq=2, at=2 * HOUR), row._replace(seq=3, at=2 * HOUR + 5)]

    assert receipts.unused_rows(rows, 3 * HOUR) == [rows[4]]
    assert receipts.unused_rows(rows, 2 * HOUR + 5) == []
    assert MessageTimesRow._fields == ("message_id", "user_id", "delivered_at", "read_at")
