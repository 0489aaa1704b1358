"""The stream: replay, then live, in order, once; as the viewer may see it now; never for a third person."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from models import event as events
from models.base import now_ms
from pubsub.base import Hint
from services.error import CursorExpired, CursorInvalid, ServerUnavailable, Unauthenticated
from services.live.stream import Delivery
from services.viewer import Viewer
from tests.services.conftest import World, named


async def heard(deliveries: AsyncGenerator[Delivery, None], seconds: float = 5.0) -> Delivery:
    """The next one."""
    return await asyncio.wait_for(anext(deliveries), seconds)


async def cursor_of(world: World, viewer: Viewer) -> str:
    """Where the viewer's log ends."""
    stream = world.services.stream
    return stream.cursor_of(viewer, await stream.position(viewer))


async def live(world: World, viewer: Viewer) -> tuple[AsyncGenerator[Delivery, None], "asyncio.Task[Delivery]"]:
    """A subscription that listens already, and the task of its first delivery."""
    deliveries = world.services.stream.messages(viewer, None)
    first = asyncio.ensure_future(anext(deliveries))
    while not world.services.pubsub.listeners():  # type: ignore[attr-defined]
        await asyncio.sleep(0.005)
    await asyncio.sleep(0.05)
    return deliveries, first


async def test_a_message_is_heard_live_by_its_recipient_and_its_sender(world: World) -> None:
    """The sender's other devices hear it too."""
    alice, bob = await world.people("alice", "bob")
    bobs, first = await live(world, bob)
    alices, own = await live(world, alice)

    id_ = await world.send(alice, "bob")

    async with aclosing(bobs), aclosing(alices):
        for task in (first, own):
            delivery = await asyncio.wait_for(task, 5)
            assert (delivery.message.row.id, delivery.is_replay) == (id_, False)


async def test_a_third_person_hears_nothing(world: World) -> None:
    """Nor in the log, nor live."""
    alice, _bob, carol = await world.people("alice", "bob", "carol")
    carols, first = await live(world, carol)

    await world.send(alice, "bob")
    await asyncio.sleep(0.1)

    assert not first.done()
    first.cancel()
    assert (await world.services.stream.position(carol)).n == 0
    assert carols


async def test_what_was_missed_comes_first_then_what_is_live(world: World) -> None:
    """Listen first, then replay, then live: no gap, no repeat."""
    alice, bob = await world.people("alice", "bob")
    cursor = await cursor_of(world, bob)
    missed = [await world.send(alice, "bob") for _ in range(3)]

    async with aclosing(world.services.stream.messages(bob, cursor)) as deliveries:
        replayed = [await heard(deliveries) for _ in missed]
        now = await world.send(alice, "bob")
        latest = await heard(deliveries)

    assert [each.message.row.id for each in replayed] == missed
    assert {each.is_replay for each in replayed} == {True}
    assert (latest.message.row.id, latest.is_replay) == (now, False)


async def test_200_messages_while_the_subscriber_reconnects_after_each_few(world: World) -> None:
    """All of them, once, in order."""
    alice, bob = await world.people("alice", "bob")
    cursor = await cursor_of(world, bob)

    async def send_all() -> list[int]:
        return [await world.send(alice, "bob") for _ in range(200)]

    sending = asyncio.create_task(send_all())
    got: list[int] = []
    while len(got) < 200:
        async with aclosing(world.services.stream.messages(bob, cursor)) as deliveries:
            for _ in range(min(1 + len(got) % 5, 200 - len(got))):
                delivery = await heard(deliveries)
                got.append(delivery.message.row.id)
                cursor = world.services.stream.cursor_of(bob, delivery.position)

    assert got == await sending


async def test_a_lost_hint_costs_time_and_never_a_message(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every hint is dropped: the log is read again after a while."""
    monkeypatch.setattr("services.live.stream.RECHECK_SECONDS", 0.05)
    monkeypatch.setattr(world.services.pubsub, "publish", lambda _hints: None)
    alice, bob = await world.people("alice", "bob")
    bobs, first = await live(world, bob)

    id_ = await world.send(alice, "bob")

    async with aclosing(bobs):
        assert (await asyncio.wait_for(first, 5)).message.row.id == id_


async def test_a_subscriber_that_does_not_read_costs_one_mark(world: World) -> None:
    """Hints that nobody waits for become one; then the reader goes to the log and misses nothing."""
    alice, bob = await world.people("alice", "bob")
    bobs, first = await live(world, bob)
    ids = [await world.send(alice, "bob") for _ in range(150)]

    async with aclosing(bobs):
        got = [(await asyncio.wait_for(first, 5)).message.row.id]
        got += [(await heard(bobs)).message.row.id for _ in ids[1:]]

    assert got == ids
    assert world.services.pubsub.listeners() == 0  # type: ignore[attr-defined]


async def test_only_the_conversation_that_was_asked_for(world: World) -> None:
    """The filter of one conversation leaves the others out."""
    alice, bob, _carol = await world.people("alice", "bob", "carol")
    wanted = await world.send(bob, "alice")
    cursor = await cursor_of(world, alice)
    await world.send(alice, "carol")
    second = await world.send(bob, "alice")

    async with aclosing(world.services.stream.messages(alice, cursor, wanted >> 27)) as deliveries:
        assert (await heard(deliveries)).message.row.id == second


async def test_signing_out_ends_the_stream_at_once(world: World) -> None:
    """The right to hear ends with the session."""
    (alice,) = await world.people("alice")
    _alices, first = await live(world, alice)

    await world.services.account.sign_out(alice, everywhere=True)

    with pytest.raises(Unauthenticated):
        await asyncio.wait_for(first, 1)
    assert world.services.pubsub.listeners() == 0  # type: ignore[attr-defined]


async def test_a_cursor_is_good_for_its_owner_alone(world: World) -> None:
    """Another user's cursor, a changed character, or a cursor of something else: CURSOR_INVALID."""
    alice, bob = await world.people("alice", "bob")
    cursor = await cursor_of(world, alice)
    page_cursor = world.services.message.cursor_of  # a cursor of another kind
    view = await world.services.message.find(alice, await world.send(alice, "bob"))
    assert view is not None
    changed = [cursor[:at] + ("A" if cursor[at] != "A" else "B") + cursor[at + 1 :] for at in range(len(cursor))]

    for viewer, bad in [(bob, cursor), (alice, page_cursor(alice, view)), (alice, ""), *((alice, c) for c in changed)]:
        with pytest.raises(CursorInvalid):
            await world.services.stream.page_after(viewer, bad, None)


async def test_an_old_cursor_is_told_so(world: World) -> None:
    """Events that were trimmed are not skipped in silence; the newest one stays, so that numbers go on."""
    alice, bob = await world.people("alice", "bob")
    cursor = await cursor_of(world, bob)
    for _ in range(5):
        await world.send(alice, "bob")
    later = now_ms() + 1000
    await world.services.database.write(lambda tx: events.trim(tx, 0, later))

    with pytest.raises(CursorExpired):
        await world.services.stream.page_after(bob, cursor, None)
    with pytest.raises(CursorExpired):
        await heard(world.services.stream.messages(bob, cursor))

    assert (await world.services.stream.position(bob)).n == 6
    await world.send(alice, "bob")
    assert (await world.services.stream.position(bob)).n == 7


async def test_the_log_over_a_query_is_the_same_log(world: World) -> None:
    """Conversation, messages, blocks, in order; a page at a time."""
    alice, bob = await world.people("alice", "bob")
    cursor = await cursor_of(world, bob)
    await world.send(alice, "bob")
    await world.services.block.block(bob, named("alice")[0])
    await world.services.block.block(bob, named("alice")[0])
    await world.services.block.unblock(bob, named("alice")[0])

    first = await world.services.stream.page_after(bob, cursor, 3)
    rest = await world.services.stream.page_after(bob, world.services.stream.cursor_of(bob, first.position), 3)

    assert [each.kind.name for each in first.items] == ["CONVERSATION_CREATED", "MESSAGE_CREATED", "USER_BLOCKED"]
    assert (first.has_more, [each.kind.name for each in rest.items], rest.has_more) == (True, ["USER_UNBLOCKED"], False)


async def test_the_blocker_in_a_group_is_not_woken_by_the_blocked(world: World) -> None:
    """In a group a block does not silence the others; who blocked hears no event of it."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    conversation_id = (await world.send(alice, "bob", "carol")) >> 27
    before = [(await world.services.stream.position(each)).n for each in (bob, carol)]
    await world.services.block.block(bob, named("alice")[0])

    await world.send(alice, conversation_id=conversation_id)

    after = [(await world.services.stream.position(each)).n for each in (bob, carol)]
    assert after == [before[0] + 1, before[1] + 1]  # bob's is the block itself
    world.services.pubsub.publish([Hint(bob.user_id, 1)])


async def test_a_subscriber_slower_than_retention_is_told_so(world: World) -> None:
    """Events trimmed past a live stream are not skipped in silence."""
    alice, bob = await world.people("alice", "bob")
    cursor = await cursor_of(world, bob)
    await world.send(alice, "bob")
    async with aclosing(world.services.stream.messages(bob, cursor)) as deliveries:
        await heard(deliveries)
        for _ in range(5):
            await world.send(alice, "bob")
        later = now_ms() + 1000
        await world.services.database.write(lambda tx: events.trim(tx, 0, later))

        with pytest.raises(CursorExpired):
            await heard(deliveries)


async def test_a_stream_waits_where_a_request_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full queue of reads delays a subscriber; it does not end the subscription."""
    alice, bob = await world.people("alice", "bob")
    bobs, first = await live(world, bob)
    read, refusals = world.services.database.read, 2

    async def busy(*args: Any, **kwargs: Any) -> Any:
        nonlocal refusals
        if refusals and args[0] == world.services.stream._load:
            refusals -= 1
            raise ServerUnavailable("busy", 0.01)
        return await read(*args, **kwargs)

    monkeypatch.setattr(world.services.database, "read", busy)
    id_ = await world.send(alice, "bob")

    async with aclosing(bobs):
        assert (await asyncio.wait_for(first, 5)).message.row.id == id_
    assert refusals == 0
