"""People: named in each way, seen with what a send would say, found by the beginning of their names."""

from dataclasses import replace

import pytest

from models import user as users
from models.transaction import Transaction
from services.error import BadRequest, CursorInvalid, PermissionDenied
from services.page import PageRequest
from services.person.user import Person, Reference, ReferenceKind
from services.viewer import Right
from tests.services.conftest import MakeWorld, World, named, refused


def name_of(person: Person | None) -> str | None:
    """Whom it is."""
    return None if person is None else person.row.username


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        (ReferenceKind.USERNAME, "bob", "bob"),
        (ReferenceKind.USERNAME, "BOB", "bob"),
        (ReferenceKind.USERNAME, "bob ", None),
        (ReferenceKind.USERNAME, "", None),
        (ReferenceKind.USERNAME, "bo%", None),
        (ReferenceKind.USERNAME, "bob\x00", None),
        (ReferenceKind.USERNAME, "\ud800", None),
        (ReferenceKind.USERNAME, "b" * 255, None),
        (ReferenceKind.EMAIL, "BOB@example.org", "bob"),
        (ReferenceKind.EMAIL, "bob", None),
        (ReferenceKind.EXTERNAL_ID, "Shop-17", "bob"),
        (ReferenceKind.EXTERNAL_ID, "shop-17", None),
    ],
    ids=ascii,
)
async def test_a_person_is_found_by_each_way_of_naming(
    make_world: MakeWorld, kind: ReferenceKind, text: str, found: str | None
) -> None:
    """Username and email without case; an external id is the host's and exact."""
    world = await make_world(email_lookup=True)
    alice = await world.person("alice")
    await world.person("bob", email="Bob@Example.org", external_id="Shop-17")

    person = await world.services.user.find(alice, Reference(kind, text))

    assert name_of(person) == found


@pytest.mark.parametrize("user_id", [0, -1, 1, (1 << 63) - 1])
async def test_an_id_that_is_nobodys_finds_nobody(world: World, user_id: int) -> None:
    """Nor does it find somebody else; the right one finds its person."""
    alice, bob = await world.people("alice", "bob")

    missing = await world.services.user.find(alice, Reference(ReferenceKind.ID, "x", user_id))
    there = await world.services.user.find(alice, Reference(ReferenceKind.ID, "x", bob.user_id))

    assert (missing, name_of(there)) == (None, "bob")


async def test_nobody_is_the_viewer_but_they_themselves(world: World) -> None:
    """Their own id among others finds them; another one's finds nobody; a key that may not see people is refused."""
    alice, bob = await world.people("alice", "bob")
    find = world.services.user.find_self_by_id
    own = await find(alice, [bob.user_id, alice.user_id, 5])
    key = replace(alice, rights=Right.SEND)

    assert {id_: name_of(person) for id_, person in own.items()} == {alice.user_id: "alice"}
    assert await find(alice, [bob.user_id]) == {}
    for ids in ([alice.user_id], [bob.user_id]):
        await refused(world, find(key, ids), PermissionDenied)


async def test_many_people_come_in_one_answer_without_those_who_are_not(world: World) -> None:
    """What a loader asks for."""
    alice, bob = await world.people("alice", "bob")

    found = await world.services.user.find_many(alice, [bob.user_id, 5, alice.user_id, bob.user_id])

    assert {id_: name_of(person) for id_, person in found.items()} == {alice.user_id: "alice", bob.user_id: "bob"}


@pytest.mark.parametrize("can_write_to_self", [False, True])
async def test_eligibility_is_what_a_send_would_say(make_world: MakeWorld, *, can_write_to_self: bool) -> None:
    """SelfCommunity: whom may I write to. One's own block is told before the state of the account."""
    world = await make_world(self_conversations=can_write_to_self)
    names = ("alice", "bob", "carol", "dave", "erin", "frank")
    alice, bob, carol, dave, erin, _frank = await world.people(*names)
    await world.services.block.block(alice, named("bob")[0])
    await world.services.block.block(carol, named("alice")[0])

    def set_states(tx: Transaction) -> None:
        for viewer, state in ((dave, users.SUSPENDED), (erin, users.DEACTIVATED), (bob, users.SUSPENDED)):
            tx.run(users.SET_STATE, id=viewer.user_id, state=state)

    await world.services.database.write(set_states)

    people = [await world.services.user.find(alice, each) for each in named(*names)]

    assert [person.eligibility.name for person in people if person] == [
        "ALLOWED" if can_write_to_self else "SELF",
        "BLOCKED_BY_VIEWER",
        "NOT_ACCEPTING",
        "UNAVAILABLE",
        "UNAVAILABLE",
        "ALLOWED",
    ]


async def test_people_to_write_to_come_by_name_in_full_pages(world: World) -> None:
    """Those who cannot be written to are left out, and do not make a page short; a page ends at any case of a name."""
    (alice,) = await world.people("alice")
    wanted = [f"{('bo', 'Bo')[number % 2]}{number:02}" for number in range(12)]
    await world.people(*reversed(wanted), "bp", "bn")
    for name in wanted[1:9]:
        await world.services.block.block(alice, named(name)[0])
    left = [wanted[0], *wanted[9:]]
    user, got, cursor, edges = world.services.user, [], None, []
    while True:
        page = await user.page_of_messageable(alice, " BO", PageRequest(first=2, after=cursor))
        got += [name_of(person) for person in page.items]
        edges.append((page.has_next, page.has_previous))
        if not page.has_next or len(got) > len(left):
            break
        cursor = user.cursor_of(alice, page.items[-1])

    assert got == left
    assert edges == [(True, False), (False, True)]


async def test_the_search_for_people_leaves_oneself_out(world: World) -> None:
    """Unless notes to oneself are allowed."""
    alice, _ = await world.people("alice", "alina")

    page = await world.services.user.page_of_messageable(alice, "ali", PageRequest())

    assert [name_of(person) for person in page.items] == ["alina"]


@pytest.mark.parametrize(
    "search",
    ["\U0010ffff", "\U0010fffd", "\ud7fb", "\ud7ff", "\ud800", "a\x00", "%", "_", "a' OR 1", "x" * 999],
    ids=ascii,
)
async def test_a_hostile_search_for_people_finds_nobody(world: World, search: str) -> None:
    """The last code point has no successor and half a character cannot be bound: neither is a bug's answer."""
    alice, _ = await world.people("alice", "bob")

    page = await world.services.user.page_of_messageable(alice, search, PageRequest())

    assert (page.items, page.has_next) == ([], False)


@pytest.mark.parametrize("search", ["", "  "])
async def test_everybody_cannot_be_listed(world: World, search: str) -> None:
    """A beginning is needed."""
    alice = await world.person("alice")

    with pytest.raises(BadRequest):
        await world.services.user.page_of_messageable(alice, search, PageRequest())


async def test_a_cursor_of_another_searcher_is_refused(world: World) -> None:
    """As everywhere."""
    alice, bob = await world.people("alice", "bob")
    person = await world.services.user.find(alice, named("bob")[0])
    assert person is not None

    with pytest.raises(CursorInvalid):
        await world.services.user.page_of_messageable(
            bob, "b", PageRequest(after=world.services.user.cursor_of(alice, person))
        )
