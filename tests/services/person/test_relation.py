"""Relations and changes of a person: who gets the event, and who does not."""

from contextlib import suppress

import pytest

from models import user as users
from models.event import START, EventKind, Part
from services.error import InvalidInput, NotFound, RateLimited
from services.person import contact
from services.person.relation import MOST_FOLLOW_CHANGES
from services.transaction import WriteTransaction
from services.viewer import CredentialKind, Right, Viewer
from tests.services.conftest import MakeWorld, World, named, refused

LOST = {users.SUSPENDED, users.DEACTIVATED}


async def log_of(world: World, viewer: Viewer) -> list[tuple[EventKind, int]]:
    """The kinds and subjects of all events about people, oldest first."""
    stream = world.services.stream
    page = await stream.page_after(viewer, stream.cursor_of(viewer, START), 200)
    return [(each.kind, each.subject_id) for each in page.items if each.person is not None]


async def test_a_follow_is_told_to_both_and_a_mute_to_the_muter(world: World) -> None:
    """Each change once, however often it is asked for; a third person hears of neither."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    relation, reference = world.services.relation, named("bob")[0]
    for change in (relation.follow, relation.follow, relation.unfollow, relation.unfollow):
        await change(alice, reference)
    of_bob = await log_of(world, bob)
    for change in (relation.mute, relation.mute, relation.unmute, relation.unmute):
        await change(alice, reference)

    assert await log_of(world, alice) == [(EventKind.USER_UPDATED, bob.user_id)] * 4
    assert of_bob == await log_of(world, bob) == [(EventKind.USER_UPDATED, alice.user_id)] * 2
    assert await log_of(world, carol) == []


async def test_a_thousand_changes_of_a_follow_leave_few_events_with_a_stranger(make_world: MakeWorld) -> None:
    """The first one is told at once. Other people can still be followed, and a third person hears nothing."""
    world = await make_world(relation_rate_per_minute=0)
    alice, bob, carol, dave = await world.people("alice", "bob", "carol", "dave")
    relation, [reference, other] = world.services.relation, named("bob", "dave")
    await relation.follow(alice, reference)
    assert await log_of(world, bob) == [(EventKind.USER_UPDATED, alice.user_id)]
    for n in range(1000):
        with suppress(RateLimited):
            await (relation.follow if n % 2 else relation.unfollow)(alice, reference)
    await relation.follow(alice, other)

    assert await log_of(world, bob) == [(EventKind.USER_UPDATED, alice.user_id)] * MOST_FOLLOW_CHANGES
    assert await log_of(world, dave) == [(EventKind.USER_UPDATED, alice.user_id)]
    assert await log_of(world, carol) == []


@pytest.mark.parametrize("blocks", [True, False])
async def test_the_rate_of_a_follow_reveals_no_block(world: World, *, blocks: bool) -> None:
    """The eleventh change in an hour is refused, whether or not the person has blocked the viewer."""
    alice, bob = await world.people("alice", "bob")
    relation, [reference] = world.services.relation, named("bob")
    if blocks:
        await world.services.block.block(bob, named("alice")[0])
    for n in range(MOST_FOLLOW_CHANGES):
        await (relation.unfollow if n % 2 else relation.follow)(alice, reference)
    refusal = await refused(world, relation.follow(alice, reference), RateLimited, match="of this person")

    assert 300 < refusal.retry_after_seconds <= 360


async def test_follows_and_mutes_are_counted_together(make_world: MakeWorld) -> None:
    """By user; one that changes nothing counts too. Others are not affected."""
    world = await make_world(relation_rate_per_minute=4)
    alice, bob = await world.people("alice", "bob")
    relation, [to_alice, to_bob] = world.services.relation, named("alice", "bob")
    changes = (relation.follow, relation.unfollow, relation.mute, relation.unmute)
    for change in changes:
        await change(alice, to_bob)
    for change in changes:
        await refused(world, change(alice, to_bob), RateLimited, match="changes of follows and mutes")

    await relation.follow(bob, to_alice)


@pytest.mark.parametrize("blocker", ["alice", "bob"])
async def test_between_two_who_are_blocked_only_the_follower_hears_of_a_follow(world: World, blocker: str) -> None:
    """Whoever of the two has blocked the other."""
    alice, bob = await world.people("alice", "bob")
    await world.services.block.block(world.viewers[blocker], named("bob" if blocker == "alice" else "alice")[0])
    await world.services.relation.follow(alice, named("bob")[0])

    assert (EventKind.USER_UPDATED, bob.user_id) in await log_of(world, alice)
    assert (EventKind.USER_UPDATED, alice.user_id) not in await log_of(world, bob)


async def test_a_refused_follow_appends_no_event(world: World) -> None:
    """Of oneself, of nobody."""
    [alice] = await world.people("alice")
    for change in (world.services.relation.follow, world.services.relation.mute):
        await refused(world, change(alice, named("alice")[0]), InvalidInput)
        await refused(world, change(alice, named("nobody")[0]), NotFound)

    assert (await world.stored())[0]["event"] == 0


@pytest.mark.parametrize("state", sorted(LOST))
async def test_a_change_of_state_is_told_to_everybody_in_a_conversation_with_the_person(
    world: World, state: int
) -> None:
    """Once each, also between blocked people and in a request; strangers hear nothing. A repeated change is none."""
    alice, bob, carol, dave = await world.people("alice", "bob", "carol", "dave")
    await world.send(alice, "bob")
    await world.send(alice, "bob", "carol")
    await world.services.block.block(bob, named("alice")[0])
    for new in (state, state, *LOST - {state}, users.ACTIVE, users.ACTIVE):
        await world.services.account.set_state("alice", new)
    told = [(EventKind.USER_UPDATED, alice.user_id)] * 2

    assert [each for each in await log_of(world, bob) if each[0] is EventKind.USER_UPDATED] == told
    assert await log_of(world, carol) == told
    assert await log_of(world, dave) == []


async def test_a_change_of_state_is_told_to_a_bounded_number_of_people(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others see it when they load the person again."""
    monkeypatch.setattr(contact, "MOST_FELLOW_MEMBERS", 2)
    alice, *others = await world.people("alice", "bob", "carol", "dave")
    await world.send(alice, "bob", "carol", "dave")
    await world.services.account.set_state("alice", users.SUSPENDED)

    assert sorted([len(await log_of(world, each)) for each in others]) == [0, 1, 1]


async def test_a_credential_without_devices_hears_of_the_profile_alone(world: World) -> None:
    """An API key gets the event of a new name, and none of devices and keys."""
    [alice] = await world.people("alice")
    rights = Right.PEOPLE | Right.READ | Right.STREAM
    key = Viewer(alice.user_id, alice.session, alice.expires_at, CredentialKind.API_KEY, rights)

    def append(tx: WriteTransaction) -> None:
        for part in Part:
            tx.events.append([alice.user_id], EventKind.VIEWER_UPDATED, alice.user_id, detail=part)

    await world.services.database.write(append)

    assert len(await log_of(world, alice)) == 2
    assert await log_of(world, key) == [(EventKind.VIEWER_UPDATED, alice.user_id)]
