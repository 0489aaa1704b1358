"""Search: one's own messages by their words, and nobody else's, whatever is typed."""

import pytest

from services.error import BadRequest, CursorInvalid
from services.message.message import SearchFilter
from services.person.user import Reference, ReferenceKind
from services.viewer import Viewer
from tests.services.conftest import World, named

HOSTILE = [
    '"', "'", "*", "hello*", '"hello', "hello OR world", "hello AND NOT world", "NOT hello", "NEAR(hello world, 1)",
    "body:hello", "message_fts:hello", "{body}: hello", "-hello", "^hello", "hello + world", "(hello", ")", "_",
    "hello _", "\x00hello", "hello\ud800", "hello'; DROP TABLE message --", "%", "hello\u202e", "²", "e\u0301",
    "हिन्दी", "\U0001f600", "hello " * 5000, "x" * 100_000,
]  # fmt: skip


async def found(world: World, viewer: Viewer, query: str, wanted: SearchFilter | None = None) -> list[str | None]:
    """The texts of the messages that a search finds."""
    page = await world.services.message.search(viewer, query, wanted or SearchFilter(), None, None)
    return [view.row.body for view in page.items]


async def say(world: World, viewer: Viewer, *texts: str, to: str = "bob") -> list[int]:
    """Sends and lets the index follow."""
    ids = [await world.send(viewer, to, text=text) for text in texts]
    await world.services.sweeper.index()
    return ids


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("query", "hits"),
    [
        ("hello", {"Hello world", "hello Bob"}),
        ("HELLO", {"Hello world", "hello Bob"}),
        ("world hello", {"Hello world"}),
        ("hel", {"Hello world", "hello Bob"}),
        ("hello wor", {"Hello world"}),
        ("hel world", set()),
        ("ello", set()),
        ("zoe", {"Zoë's café"}),
        ("CAFÉ", {"Zoë's café"}),
        ("zoe\u0308", {"Zoë's café"}),
        ("hello, (Bob)!", {"hello Bob"}),
        ("nothing", set()),
    ],
)
async def test_every_word_must_be_there_and_the_last_may_be_a_beginning(
    module_world: World, query: str, hits: set[str]
) -> None:
    """Without case and accents; punctuation separates."""
    if "alice" not in module_world.viewers:
        alice, _ = await module_world.people("alice", "bob")
        await say(module_world, alice, "Hello world", "hello Bob", "Zoë's café")
    alice = module_world.viewers["alice"]

    assert set(await found(module_world, alice, query)) == hits


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("query", HOSTILE, ids=lambda query: ascii(query)[:24])
async def test_a_hostile_query_is_words_or_a_clear_refusal(module_world: World, query: str) -> None:
    """FTS5's language is not the searcher's: no syntax error, no operator, no other column, never all messages."""
    if "carol" not in module_world.viewers:
        carol, _ = await module_world.people("carol", "dave")
        await say(module_world, carol, "hello world", "other thing", to="dave")
    carol = module_world.viewers["carol"]

    try:
        hits = await found(module_world, carol, query)
    except BadRequest as error:
        assert error.detail == "`query` needs at least one letter or digit."  # noqa: PT017
    else:
        assert set(hits) <= {"hello world"}


async def test_operators_are_words(world: World) -> None:
    """`OR` finds the word "or"."""
    alice, _ = await world.people("alice", "bob")
    await say(world, alice, "tea or coffee", "tea", "coffee")

    assert await found(world, alice, "tea OR coffee") == ["tea or coffee"]


async def test_a_third_person_finds_nothing(world: World) -> None:
    """Neither by words nor by naming the conversation or the sender."""
    alice, _bob, carol = await world.people("alice", "bob", "carol")
    (id_,) = await say(world, alice, "secret plan")
    await say(world, carol, "my own", to="bob")
    wanted = [SearchFilter(), SearchFilter(conversation_id=id_ >> 27), SearchFilter(sender=named("alice")[0])]

    assert [await found(world, carol, "secret", each) for each in wanted] == [[], [], []]
    assert await found(world, carol, "own") == ["my own"]


async def test_every_condition_of_a_search_holds(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Conversation, sender, files, time (exclusive on both sides)."""
    alice, bob, _ = await world.people("alice", "bob", "carol")

    async def at(now: int, viewer: Viewer, to: str, text: str, *files: str) -> int:
        monkeypatch.setattr("services.transaction.now_ms", lambda: now)
        return await world.send(viewer, to, text=text, files=[await world.file(b"x", name) for name in files])

    first = await at(10, alice, "bob", "word one")
    await at(20, bob, "alice", "word two", "a.txt")
    await at(30, alice, "carol", "word three")
    await world.services.sweeper.index()

    async def hits(**wanted: object) -> list[str | None]:
        return await found(world, alice, "word", SearchFilter(**wanted))  # type: ignore[arg-type]

    assert await hits() == ["word three", "word two", "word one"]
    assert await hits(conversation_id=first >> 27) == ["word two", "word one"]
    assert await hits(sender=named("BOB")[0]) == ["word two"]
    assert await hits(sender=Reference(ReferenceKind.USERNAME, "nobody")) == []
    assert await hits(has_attachment=True) == ["word two"]
    assert await hits(has_attachment=False) == ["word three", "word one"]
    assert await hits(sent_after=10) == ["word three", "word two"]
    assert await hits(sent_before=30) == ["word two", "word one"]
    assert await hits(sent_after=10, sent_before=20) == []
    assert await hits(conversation_id=first >> 27, sender=named("alice")[0], sent_before=11) == ["word one"]


async def test_found_messages_come_newest_first_in_pages(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where several are of one millisecond, in several conversations."""
    alice, _bob, _carol = await world.people("alice", "bob", "carol")
    ids = []
    for number in range(7):
        monkeypatch.setattr("services.transaction.now_ms", lambda now=number // 3: now)
        ids.append((number // 3, await world.send(alice, ("bob", "carol")[number % 2], text="word")))
    await world.services.sweeper.index()
    message, got, cursor = world.services.message, [], None
    while True:
        page = await message.search(alice, "word", SearchFilter(), 2, cursor)
        got += [view.row.id for view in page.items]
        assert page.has_previous == (cursor is not None)
        if not page.has_next:
            break
        cursor = message.found_cursor_of(alice, page.items[-1])

    assert got == [id_ for _, id_ in sorted(ids, reverse=True)]


async def test_what_one_deleted_for_oneself_takes_no_place_in_a_page_of_found_messages(world: World) -> None:
    """Neither that of another message nor that of a next page; the other one finds it as before."""
    alice, bob = await world.people("alice", "bob")
    older, newer = await say(world, alice, "word", "word")
    await world.services.deletion.delete_for_me(bob, newer)

    for viewer, expected in ((bob, ([older], False)), (alice, ([newer], True))):
        page = await world.services.message.search(viewer, "word", SearchFilter(), 1, None)
        assert ([view.row.id for view in page.items], page.has_next) == expected


@pytest.mark.parametrize("first", [0, -1, 201])
async def test_a_page_of_found_messages_has_1_to_200(world: World, first: int) -> None:
    """As everywhere."""
    alice = await world.person("alice")

    with pytest.raises(BadRequest):
        await world.services.message.search(alice, "word", SearchFilter(), first, None)


async def test_a_cursor_of_a_search_is_its_searchers(world: World) -> None:
    """An empty one is no cursor either: omitted, null and empty are three cases."""
    alice, bob = await world.people("alice", "bob")
    (id_,) = await say(world, alice, "word")
    view = await world.services.message.find(alice, id_)
    assert view is not None
    message = world.services.message

    for cursor in (message.found_cursor_of(bob, view), message.cursor_of(alice, view), ""):
        with pytest.raises(CursorInvalid):
            await message.search(alice, "word", SearchFilter(), None, cursor)


async def test_the_index_follows_in_lots_and_misses_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The outbox is empty afterwards; a message without text is never in it."""
    monkeypatch.setattr("services.sweep.INDEX_BATCH", 3)
    alice, _ = await world.people("alice", "bob")
    await say(world, alice, *(f"word {number}" for number in range(7)))
    await world.send(alice, "bob", text=None, files=[await world.file(b"x")])

    assert (await world.stored())[0]["job"] == 0
    assert len(await found(world, alice, "word")) == 7
