"""Conversations found by the names of their people, and by nobody who has no part in them."""

import time
from typing import Any

import pytest
import pytest_asyncio

from models import user as users
from models.inbox import Folder
from models.name import key_of, words_of
from models.transaction import Transaction
from services.error import BadRequest, RateLimited
from services.message.inbox import MAX_SEARCH, ConversationFilter
from services.message.preference import PreferenceChange
from services.page import PageRequest
from services.viewer import Viewer
from tests.services.conftest import MakeWorld, World, refused

PEOPLE = {
    "bob": "Bob Müller-Lüdenscheidt", "carol_s": "Carol Şahin", "dave": "Дэйв", "erin": "王小明", "frank": "हिन्दी",
    "gina": "\U0001f98a", "hugo": "O'Brien",
}  # fmt: skip


async def rename(world: World, viewer: Viewer, username: str, display_name: str) -> None:
    """As a host's token would."""
    await world.services.database.write(users.set_display_name, viewer.user_id, username, display_name, time.time_ns())


async def found(world: World, viewer: Viewer, search: str, **wanted: Any) -> list[int]:
    """The ids that a search finds, which are as many as it counts."""
    condition = ConversationFilter(search=search, **{"folder": Folder.ALL, **wanted})
    page = await world.services.conversation.page_of(viewer, condition, PageRequest(first=200), with_total=True)
    assert page.total == len(page.items)
    return [view.row.id for view in page.items]


@pytest.fixture
async def places(world: World) -> dict[str, int]:
    """Those of a test that changes something."""
    return await places_in(world)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def same_places(module_world: World) -> dict[str, int]:
    """Those of the tests that only search."""
    return await places_in(module_world)


async def places_in(world: World) -> dict[str, int]:
    """Alice's conversations with each of them, and a group with bob and carol, by name."""
    alice = await world.person("alice")
    places = {}
    for username, display_name in PEOPLE.items():
        await rename(world, await world.person(username), username, display_name)
        places[username] = (await world.send(alice, username)) >> 27
    return places | {"group": (await world.send(alice, "bob", "carol_s")) >> 27}


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("search", "names"),
    [
        ("bob", "bob group"), ("BO", "bob group"), ("muller", "bob group"), ("MU\u0308LL lud", "bob group"),
        ("scheidt", ""), ("müller bob", "bob group"), ("müller carol", "group"), ("müller nobody", ""),
        ("sahin", "carol_s group"), ("carol_s", "carol_s group"), ("@carol", "carol_s group"), ("s", "carol_s group"),
        ("дэй", "dave"), ("дэи", "dave"), ("王", "erin"), ("王小明", "erin"), ("हिन्", "frank"), ("gin", "gina"),
        ("o'brien", "hugo"), ("brien", "hugo"), ("alice", ""), ("%", None), ("bo%", "bob group"), ("", None),
        ("_", None), ("\U0001f98a", None), ("'; DROP TABLE user --", ""),
        ("bob\x00", "bob group"), ("bob\ud800", "bob group"),
    ],
)  # fmt: skip
async def test_conversations_are_found_by_the_words_of_names(
    module_world: World, same_places: dict[str, int], search: str, names: str | None
) -> None:
    """Of the others, by the beginnings of words, in any order; in a group also of several people."""
    alice = module_world.viewers["alice"]
    if names is None:
        await refused(
            module_world, found(module_world, alice, search), BadRequest, match="at least one letter or digit"
        )
    else:
        assert set(await found(module_world, alice, search)) == {same_places[name] for name in names.split()}


async def test_a_third_person_finds_no_conversation_of_others(world: World, places: dict[str, int]) -> None:
    """Nor does a member find one in which only they have the name."""
    bob, third = world.viewers["bob"], await world.person("third")

    assert await found(world, third, "bob") == await found(world, third, "alice") == []
    assert set(await found(world, bob, "alice")) == {places["bob"], places["group"]}
    assert await found(world, bob, "muller") == []


async def test_a_search_by_name_holds_with_the_other_conditions(world: World, places: dict[str, int]) -> None:
    """The folder is one of them; declined requests and cleared conversations are in no list."""
    alice = world.viewers["alice"]
    await world.services.preference.prefer(alice, places["group"], PreferenceChange(is_archived=True, is_pinned=True))

    assert await found(world, alice, "bob", folder=Folder.INBOX) == [places["bob"]]
    assert await found(world, alice, "bob", folder=Folder.ARCHIVE) == [places["group"]]
    assert await found(world, alice, "bob", is_pinned=True) == [places["group"]]
    await world.services.preference.clear(alice, places["bob"], None)
    assert await found(world, alice, "bob") == [places["group"]]


async def test_a_person_is_found_by_their_new_name_alone(world: World, places: dict[str, int]) -> None:
    """And by their username as before; a suspended account keeps its name, as it is shown."""
    alice, bob = world.viewers["alice"], world.viewers["bob"]
    await rename(world, bob, "bob", "Robert")

    def suspend(tx: Transaction) -> int:
        return tx.run(users.SET_STATE, id=bob.user_id, state=users.SUSPENDED)

    await world.services.database.write(suspend)

    assert await found(world, alice, "muller") == []
    assert set(await found(world, alice, "rob")) == set(await found(world, alice, "bob")) == {
        places["bob"], places["group"],
    }  # fmt: skip


async def test_a_search_by_name_has_pages(world: World) -> None:
    """In both directions, with the cursors of every list."""
    alice = await world.person("alice")
    ids = []
    for number in range(7):
        name = f"bob{number}" if number % 2 else f"carol{number}"
        await world.person(name)
        ids.append((await world.send(alice, name)) >> 27)
    wanted, service = ConversationFilter(search="bob"), world.services.conversation
    first = await service.page_of(alice, wanted, PageRequest(first=2))
    after = service.cursor_of(alice, first.items[-1])
    rest = await service.page_of(alice, wanted, PageRequest(first=2, after=after))
    back = await service.page_of(alice, wanted, PageRequest(last=2, before=service.cursor_of(alice, rest.items[0])))

    both = [view.row.id for view in (*first.items, *rest.items)]
    assert set(both) == set(ids[1::2])
    assert (first.has_next, rest.has_next) == (True, False)
    assert [view.row.id for view in back.items] == [view.row.id for view in first.items]


async def test_a_search_by_name_is_bounded(make_world: MakeWorld) -> None:
    """In its length, and in its rate together with the other searches; a refused one counts no less or more."""
    world = await make_world(search_rate_per_minute=2)
    alice = await world.person("alice")
    await refused(world, found(world, alice, "x" * (MAX_SEARCH + 1)), BadRequest, match="at most 200 are allowed")
    assert await found(world, alice, "x " * (MAX_SEARCH // 2)) == []
    await world.services.user.page_of_messageable(alice, "x", PageRequest())

    await refused(world, found(world, alice, "x"), RateLimited)
    assert await world.services.conversation.page_of(alice, ConversationFilter(), PageRequest())


def test_a_name_is_kept_as_its_words() -> None:
    """Folded, each after a space, so that the beginning of a word is one search in the text."""
    assert words_of("Zoë ANNE-Marie d'Été_2 ﬁ Straße İ") == [
        "zoe", "anne", "marie", "d", "ete", "2", "fi", "strasse", "i"
    ]  # fmt: skip
    assert key_of("Bob Müller", "b.m") == " bob muller b m"
    assert key_of("\U0001f98a", "fox") == " fox"
