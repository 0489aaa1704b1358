"""Messages: pages of a conversation in every direction, the right to see one, and its line in a list."""

import pytest
import pytest_asyncio

from services.error import BadRequest, CursorInvalid, NotFound
from services.message.message_view import MessageView
from services.page import Page, PageRequest
from services.viewer import Viewer
from tests.services.conftest import World


class Talk:
    """Nine messages between two people, read by one of them as 1 … 9."""

    def __init__(self, world: World, viewer: Viewer, first: int) -> None:
        self.world, self.viewer, self.zero = world, viewer, first - 1

    async def page(self, around: int | None = None, **request: int) -> tuple[list[int], bool, bool]:
        """The numbers of a page, and whether there is more after and before it."""
        cursors = {name: self.cursor(value) for name, value in request.items() if name in {"after", "before"}}
        page = await self.raw(PageRequest(**{**request, **cursors}), around)  # type: ignore[arg-type]
        return [view.row.id - self.zero for view in page.items], page.has_next, page.has_previous

    async def raw(self, request: PageRequest, around: int | None = None) -> Page[MessageView]:
        """A page as it is."""
        id_ = None if around is None else self.zero + around
        return await self.world.services.message.page_of(self.viewer, self.zero >> 27, request, id_)

    def cursor(self, number: int) -> str:
        """What `cursor_of` gives for a message."""
        return self.world.services.download._signer.sign("message", self.viewer.user_id, self.zero + number)


@pytest.fixture
async def talk(world: World) -> Talk:
    """One for a single test."""
    return await talk_in(world)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def same_talk(module_world: World) -> Talk:
    """One for the tests that only read pages."""
    return await talk_in(module_world)


async def talk_in(world: World) -> Talk:
    """Alice wrote them to bob."""
    alice, _bob, _carol = await world.people("alice", "bob", "carol")
    ids = [await world.send(alice, "bob", text=str(number)) for number in range(1, 10)]
    return Talk(world, alice, ids[0])


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("request_", "numbers", "has_next", "has_previous"),
    [
        ({}, "123456789", False, False),
        ({"last": 3}, "789", False, True),
        ({"last": 9}, "123456789", False, False),
        ({"first": 3}, "123", True, False),
        ({"first": 9}, "123456789", False, False),
        ({"before": 7}, "123456", True, False),
        ({"last": 2, "before": 7}, "56", True, True),
        ({"after": 7}, "89", False, True),
        ({"first": 2, "after": 3}, "45", True, True),
        ({"first": 2, "after": 3, "before": 5}, "4", True, True),
        ({"last": 2, "after": 3, "before": 9}, "78", True, True),
        ({"first": 3, "after": 9}, "", False, True),
        ({"last": 3, "before": 1}, "", True, False),
        ({"first": 3, "after": 5, "before": 4}, "", True, True),
    ],
    ids=str,
)
async def test_a_page_is_oldest_first_whichever_end_it_is_taken_from(
    same_talk: Talk, request_: dict[str, int], numbers: str, *, has_next: bool, has_previous: bool
) -> None:
    """Both cursors are exclusive; without `first` or `after` it is the newest ones."""
    got = await same_talk.page(**request_)

    assert got == ([int(each) for each in numbers], has_next, has_previous)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("around", "size", "expected"),
    [
        (5, {"first": 3}, ([4, 5, 6], True, True)),
        (5, {"last": 4}, ([3, 4, 5, 6], True, True)),
        (1, {"first": 3}, ([1, 2], True, False)),
        (9, {"first": 3}, ([8, 9], False, True)),
        (5, {"first": 1}, ([5], True, True)),
        (5, {}, ([1, 2, 3, 4, 5, 6, 7, 8, 9], False, False)),
    ],
    ids=str,
)
async def test_around_shows_a_message_among_its_neighbours(
    same_talk: Talk, around: int, size: dict[str, int], expected: tuple[list[int], bool, bool]
) -> None:
    """What a link to a message, or a found one, opens."""
    assert await same_talk.page(around, **size) == expected


async def test_around_a_message_that_is_not_here_is_not_found(talk: Talk) -> None:
    """One that does not exist, one of another conversation, and no message at all: one answer."""
    other = await talk.world.send(talk.viewer, "carol") - talk.zero

    for around in (0, 10, other, -talk.zero - 1):
        with pytest.raises(NotFound, match="no such message in this conversation"):
            await talk.page(around)


async def test_around_goes_with_no_cursor(talk: Talk) -> None:
    """Nor do `first` and `last` go together, nor sizes out of bounds."""
    for request in ({"after": 1}, {"before": 1}):
        with pytest.raises(BadRequest):
            await talk.page(5, **request)
    for request in ({"first": 1, "last": 1}, {"first": 0}, {"last": 201}):
        with pytest.raises(BadRequest):
            await talk.page(**request)


async def test_pages_meet_without_a_gap_in_both_directions(talk: Talk) -> None:
    """Every message once, in order."""
    forward: list[int] = []
    backward: list[int] = []
    while len(forward) < 9:
        forward += (await talk.page(first=2, **({"after": forward[-1]} if forward else {})))[0]
    while len(backward) < 9:
        backward = (await talk.page(last=2, **({"before": backward[0]} if backward else {})))[0] + backward

    assert forward == backward == list(range(1, 10))


async def test_a_cursor_of_another_person_or_conversation_shows_nothing_foreign(talk: Talk) -> None:
    """Bob's cursor is refused; alice's of another conversation stays inside this one."""
    bob = talk.world.viewers["bob"]
    view = (await talk.raw(PageRequest(first=1))).items[0]
    foreign = talk.world.services.message.cursor_of(bob, view)
    await talk.world.send(bob, "carol", text="secret")
    far = [await talk.world.send(talk.viewer, "carol"), 1, (1 << 63) - 1]

    with pytest.raises(CursorInvalid):
        await talk.raw(PageRequest(after=foreign))
    for id_ in far:
        for request in ({"after": id_ - talk.zero}, {"before": id_ - talk.zero}):
            assert set((await talk.page(**request))[0]) <= set(range(1, 10))


async def test_a_third_person_sees_no_message_by_any_door(talk: Talk) -> None:
    """Not by id, not in a page, not among many: the answer is the same as for one that never existed."""
    carol = talk.world.viewers["carol"]
    message = talk.world.services.message

    assert await message.find(carol, talk.zero + 1) is None
    assert await message.find_many(carol, [talk.zero + n for n in range(12)]) == {}
    for conversation_id in (talk.zero >> 27, (talk.zero >> 27) ^ 1, -1, 0):
        for around in (None, talk.zero + 1):
            with pytest.raises(NotFound, match="There is no such conversation"):
                await message.page_of(carol, conversation_id, PageRequest(), around)


async def test_those_that_may_be_seen_are_found_and_the_others_left_out(talk: Talk) -> None:
    """A missing id is nobody's error."""
    ids = [talk.zero + 1, talk.zero + 10, -1, 0, talk.zero + 2, (1 << 63) - 1]

    found = await talk.world.services.message.find_many(talk.viewer, ids)

    assert sorted(id_ - talk.zero for id_ in found) == [1, 2]


@pytest.mark.parametrize(
    ("text", "files", "length", "line"),
    [
        ("Hello\n  world", [], None, "Hello world"),
        (None, ["a.txt", "b.txt"], None, "a.txt, b.txt"),
        ("\u3164", ["a.txt"], None, "a.txt"),
        ("x" * 200, [], None, "x" * 119 + "…"),
        ("abc", [], 3, "abc"),
        ("abcd", [], 3, "ab…"),
        ("a bcd", [], 3, "a…"),
        ("abc", [], 1, "…"),
    ],
    ids=ascii,
)
async def test_a_preview_is_one_line(
    world: World, text: str | None, files: list[str], length: int | None, line: str
) -> None:
    """The text, or the names of the files; never longer than was asked."""
    alice, _ = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob", text=text, files=[await world.file(b"x", name) for name in files])

    view = await world.services.message.find(alice, id_)

    assert view is not None
    assert view.preview(length) == line
    for bad in (0, -1, 1001):
        with pytest.raises(BadRequest):
            view.preview(bad)
