"""Blocks: made and lifted as often as one likes, listed, and known to the blocker alone."""

import asyncio

import pytest

from services.error import BadRequest, CursorInvalid, InvalidInput, NotFound
from services.page import PageRequest
from services.person.policy import Eligibility
from services.person.user import Reference, ReferenceKind
from tests.services.conftest import World, named


async def test_a_block_is_the_blockers_alone_to_know(world: World) -> None:
    """The other side sees an inbox that is closed, and hears of nothing."""
    alice, bob = await world.people("alice", "bob")

    person = await world.services.block.block(alice, named("BOB")[0])

    seen_by_bob = await world.services.user.find(bob, named("alice")[0])
    assert (person.row.id, person.eligibility) == (bob.user_id, Eligibility.BLOCKED_BY_VIEWER)
    assert seen_by_bob is not None
    assert seen_by_bob.eligibility is Eligibility.NOT_ACCEPTING
    assert (await world.services.stream.position(alice)).n == 1
    assert (await world.services.stream.position(bob)).n == 0
    assert (await world.services.block.page_of(bob, PageRequest())).items == []


async def test_blocking_again_and_unblocking_nobody_change_nothing(world: World) -> None:
    """No row, no event; the answer is the same."""
    alice, bob, _ = await world.people("alice", "bob", "carol")
    await world.services.block.block(alice, named("bob")[0])
    before = await world.stored()

    again = await world.services.block.block(alice, named("bob")[0])
    other = await world.services.block.unblock(alice, named("carol")[0])

    assert (again.row.id, again.eligibility) == (bob.user_id, Eligibility.BLOCKED_BY_VIEWER)
    assert other.eligibility is Eligibility.ALLOWED
    assert await world.stored() == before


async def test_twenty_blocks_at_once_are_one(world: World) -> None:
    """One row, one event."""
    alice, _bob = await world.people("alice", "bob")

    await asyncio.gather(*(world.services.block.block(alice, named("bob")[0]) for _ in range(20)))

    rows, _ = await world.stored()
    assert (rows["block"], rows["event"]) == (1, 1)


async def test_unblocking_lets_the_other_write_again(world: World) -> None:
    """Each side lifts its own block and not the other's."""
    alice, bob = await world.people("alice", "bob")
    await world.services.block.block(alice, named("bob")[0])
    await world.services.block.block(bob, named("alice")[0])

    mine = await world.services.block.unblock(alice, named("bob")[0])
    await world.services.block.unblock(bob, named("alice")[0])

    assert mine.eligibility is Eligibility.NOT_ACCEPTING
    assert await world.send(bob, "alice")


@pytest.mark.parametrize(
    ("reference", "error"),
    [
        (Reference(ReferenceKind.USERNAME, "alice"), InvalidInput),
        (Reference(ReferenceKind.USERNAME, "nobody"), NotFound),
        (Reference(ReferenceKind.ID, "x", -1), NotFound),
        (Reference(ReferenceKind.EMAIL, "bob@example.org"), NotFound),
    ],
    ids=["oneself", "nobody", "a malformed id", "an email that is not to be looked up"],
)
async def test_a_refused_block_stores_nothing(world: World, reference: Reference, error: type[Exception]) -> None:
    """No row and no event."""
    alice = await world.person("alice")
    await world.person("bob", email="bob@example.org")
    before = await world.stored()

    with pytest.raises(error):
        await world.services.block.block(alice, reference)

    assert await world.stored() == before


async def test_the_list_of_blocks_is_newest_first_and_in_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two blocks of the same millisecond too; nobody else's are in it."""
    names = ["bob", "carol", "dave", "erin", "frank"]
    alice, *others = await world.people("alice", *names)
    for at, name in zip([1, 2, 2, 2, 3], names, strict=True):
        monkeypatch.setattr("services.transaction.now_ms", lambda at=at: at)
        await world.services.block.block(alice, named(name)[0])
    await world.services.block.block(others[0], named("carol")[0])
    blocks, got, cursor = world.services.block, [], None
    edges = []
    while True:
        page = await blocks.page_of(alice, PageRequest(first=2, after=cursor))
        got += [(person.row.username, at) for person, at in page.items]
        edges.append((len(page.items), page.has_next, page.has_previous))
        if not page.has_next:
            break
        cursor = blocks.cursor_of(alice, *page.items[-1])

    tied = sorted(others[1:4], key=lambda viewer: -viewer.user_id)
    by_id = {viewer.user_id: name for name, viewer in world.viewers.items()}
    assert got == [("frank", 3), *((by_id[each.user_id], 2) for each in tied), ("bob", 1)]
    assert edges == [(2, True, False), (2, True, True), (1, False, True)]


async def test_a_page_of_blocks_wants_good_arguments(world: World) -> None:
    """1 to 200; a cursor of one's own list."""
    alice, bob = await world.people("alice", "bob")
    person = await world.services.block.block(alice, named("bob")[0])
    cursor = world.services.block.cursor_of(alice, person, 1)

    for size in (0, -1, 201):
        with pytest.raises(BadRequest):
            await world.services.block.page_of(alice, PageRequest(first=size))
    with pytest.raises(CursorInvalid):
        await world.services.block.page_of(bob, PageRequest(after=cursor))
