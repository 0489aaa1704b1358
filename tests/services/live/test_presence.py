"""Presence and typing: derived, private where wanted, and over by themselves."""

import pytest

from models.base import now_ms
from services.error import NotFound, RateLimited
from services.live import presence as presences
from services.person.setting import SettingsChange
from services.viewer import Viewer
from tests.services.conftest import MakeWorld, World, refused


async def typing_seen_by(world: World, viewer: Viewer, place: int) -> list[str]:
    """Who types, as the viewer sees it."""
    view = await world.services.conversation.find(viewer, place)
    assert view is not None
    return [person.row.username for person in world.services.presence.typing_in(view)]


async def is_online(world: World, viewer: Viewer, other: Viewer) -> bool | None:
    """None where the viewer may not know."""
    found = await world.services.presence.find_many(viewer, [other.user_id])
    return found[other.user_id].is_online if found else None


async def test_somebody_is_online_while_one_of_their_devices_listens(world: World) -> None:
    """Over all devices; afterwards it is known since when they are not."""
    alice, bob = await world.people("alice", "bob")
    await world.send(alice, "bob")
    streaming = world.services.presence.streaming
    assert await is_online(world, alice, bob) is False
    async with streaming(bob.user_id):
        async with streaming(bob.user_id):
            assert await is_online(world, alice, bob) is True
        assert await is_online(world, alice, bob) is True
    found = await world.services.presence.find_many(alice, [bob.user_id])

    assert (found[bob.user_id].is_online, found[bob.user_id].last_active_at is not None) == (False, True)


async def test_who_has_been_gone_for_longest_is_forgotten_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered of people has a bound: a server may run for years."""
    monkeypatch.setattr("services.live.presence.MOST_REMEMBERED", 2)
    alice, *others = await world.people("alice", "bob", "carol", "dave")
    for name in ("bob", "carol", "dave"):
        await world.send(alice, name)
    bob, carol, dave = (each.user_id for each in others)
    for user_id in (bob, carol, bob, dave):
        async with world.services.presence.streaming(user_id):
            pass

    found = await world.services.presence.find_many(alice, [bob, carol, dave])
    assert {id_ for id_, each in found.items() if each.last_active_at is not None} == {bob, dave}
    assert not any(each.is_online for each in found.values())


async def test_presence_is_for_those_whom_one_writes_to_and_for_none_if_it_is_private(world: World) -> None:
    """A stranger sees nothing, nor does anybody once `sharePresence` is off."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    await world.send(alice, "bob")
    async with world.services.presence.streaming(bob.user_id):
        assert [await is_online(world, viewer, bob) for viewer in (alice, carol)] == [True, None]
        await world.services.setting.change(bob, SettingsChange(share_presence=False))
        assert await is_online(world, alice, bob) is None


async def test_typing_is_over_by_itself(make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """OSSN: six seconds, refreshed by each signal; ended by one that says so. Nothing is stored."""
    world = await make_world(typing_seconds=6)
    alice, bob = await world.people("alice", "bob")
    place = await world.send(alice, "bob") >> 27
    before, type_ = await world.stored(), world.services.presence.type
    now = now_ms()
    monkeypatch.setattr(presences, "now_ms", lambda: now)
    _view, until = await type_(bob, place, is_typing=True)
    assert (until, await typing_seen_by(world, alice, place)) == (now + 6000, ["bob"])
    assert await typing_seen_by(world, bob, place) == []
    monkeypatch.setattr(presences, "now_ms", lambda: now + 5000)
    await type_(bob, place, is_typing=True)
    monkeypatch.setattr(presences, "now_ms", lambda: now + 10_999)
    assert await typing_seen_by(world, alice, place) == ["bob"]
    monkeypatch.setattr(presences, "now_ms", lambda: now + 11_000)
    assert await typing_seen_by(world, alice, place) == []
    await type_(bob, place, is_typing=True)
    assert await type_(bob, place, is_typing=False) is not None

    assert await typing_seen_by(world, alice, place) == []
    assert await world.stored() == before


async def test_typing_is_private_where_it_is_wanted_so(world: World) -> None:
    """`sendTypingIndicators` off: the answer tells nothing of it, and nobody sees anything."""
    alice, bob = await world.people("alice", "bob")
    place = await world.send(alice, "bob") >> 27
    await world.services.setting.change(bob, SettingsChange(send_typing=False))
    _view, until = await world.services.presence.type(bob, place, is_typing=True)

    assert until is not None
    assert await typing_seen_by(world, alice, place) == []


async def test_typing_has_a_rate_and_needs_a_conversation(world: World) -> None:
    """RateLimited; NotFound for a third person."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    place = await world.send(alice, "bob") >> 27
    await refused(world, world.services.presence.type(carol, place, is_typing=True), NotFound)
    assert await typing_seen_by(world, alice, place) == []
    for _ in range(world.services.limits.typing_rate_per_minute):
        await world.services.presence.type(bob, place, is_typing=True)
    await refused(world, world.services.presence.type(bob, place, is_typing=True), RateLimited)
