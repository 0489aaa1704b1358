"""Search against a naive one, over random histories; and while the index of an earlier version is copied."""

import random
from collections.abc import AsyncIterator
from itertools import count, islice
from typing import Any

import pytest

from models import former_index, job
from models.base import MAX_INTEGER, SEQ_BITS
from models.search import MAX_WORDS_OF_ONE
from models.transaction import Transaction
from models.word import words_of
from pubsub.memory import MemoryPubSub
from services.guard import GuardedDatabase
from services.limit import Limits
from services.message.message import SearchFilter
from services.service import Services
from services.viewer import Viewer
from storage.local import LocalStorage
from tests.full import amount, full
from tests.services.conftest import World, named
from tests.services.message.test_index import is_sound

VOCABULARY = [
    "the", "there", "then", "tide", "tides", "Zoë", "zoo", "foo_bar", "a", "an", "and", "anchor", "ancho", "café",
    "cafeteria", "今天", "今天天",
]  # fmt: skip
QUERIES = ["th", "the", "tide", "the tid", "ti the", "zo", "zoe", "a", "a an", "an", "foo_b", "bar foo", "caf", "今天",
           "the there then", "nothing", "the nothing", "anchor tides the"]  # fmt: skip
PEOPLE = ("alice", "bob", "carol", "dave")


async def matches(world: World, viewer: Viewer, query: str, wanted: SearchFilter) -> list[int]:
    """What a search should find, from all that is stored."""
    *whole, last = [each for part in words_of(dict(enumerate(query.split()))).values() for each in part]
    is_beginning = len(query.rsplit(maxsplit=1)[-1]) > 1

    def ids(tx: Transaction) -> list[int]:
        rows = tx.database.connection().execute(
            "SELECT id, created_at, body, sender_id FROM message JOIN member ON conversation_id = id >> ? "
            "WHERE user_id = ? AND id & ? > floor_seq AND body IS NOT NULL AND NOT EXISTS "
            "(SELECT 1 FROM hidden WHERE hidden.user_id = member.user_id AND message_id = id)",
            (SEQ_BITS, viewer.user_id, (1 << SEQ_BITS) - 1),
        )
        sender = None
        if wanted.sender is not None:
            (sender,) = (v.user_id for name, v in world.viewers.items() if name == wanted.sender.text)
        found = []
        for id_, at, body, sender_id in rows:
            words = words_of({1: body})[1]
            has_last = any(word.startswith(last) for word in words) if is_beginning else last in words
            fits = sender in (None, sender_id) and wanted.conversation_id in (None, id_ >> SEQ_BITS)
            fits = fits and (wanted.sent_after or 0) < at < (wanted.sent_before or MAX_INTEGER)
            if fits and has_last and set(whole) <= set(words):
                found.append((at, id_))
        return [id_ for _, id_ in sorted(found, reverse=True)]

    return await world.services.database.read(ids)


async def pages(world: World, viewer: Viewer, query: str, wanted: SearchFilter, size: int) -> AsyncIterator[int]:
    """What a search finds, in pages."""
    message, cursor = world.services.message, None
    while True:
        page = await message.search(viewer, query, wanted, size, cursor)
        for view in page.items:
            yield view.row.id
        if not page.has_next:
            return
        cursor = message.found_cursor_of(viewer, page.items[-1])


async def do_something(world: World, chance: random.Random, known: list[int]) -> None:
    """Sends, edits, deletes or clears; or lets the index follow a little."""
    name = chance.choice(PEOPLE[:3])
    viewer = world.viewers[name]
    own = [id_ for id_ in known if id_ % 3 == PEOPLE.index(name)]
    operation = chance.choices(["send", "edit", "delete", "hide", "clear", "index"], [12, 3, 1, 1, 0.3, 3])[0]
    text = " ".join(chance.choices(VOCABULARY, k=chance.randrange(1, 5)))
    if operation == "send":
        others = chance.sample([each for each in PEOPLE[:3] if each != name], chance.randrange(1, 3))
        known.append(await world.send(viewer, *others, text=text))
    elif operation == "index":
        await world.services.database.write(job.index_messages, chance.randrange(1, 9))
    elif known:
        id_ = chance.choice(own or known)
        view = await world.services.message.find(viewer, id_)
        if view is None:
            return
        if operation == "edit" and view.is_own and view.row.deleted_at is None:
            await world.services.edit.edit(viewer, id_, text, None)
        elif operation == "delete" and view.is_own and view.row.deleted_at is None:
            await world.services.deletion.delete_for_everyone(viewer, id_)
        elif operation == "hide":
            await world.services.deletion.delete_for_me(viewer, id_)
        elif operation == "clear":
            await world.services.preference.clear(viewer, id_ >> SEQ_BITS, None)


async def compare(world: World, chance: random.Random, queries: list[str]) -> None:
    """Every query, of somebody, under some condition, in pages of some size; a third person finds nothing."""
    for query in queries:
        name = chance.choice(PEOPLE[:3])
        viewer = world.viewers[name]
        wanted = SearchFilter(
            sender=chance.choice([None, None, named(chance.choice(PEOPLE[:3]))[0]]),
            sent_after=chance.choice([None, None, chance.randrange(10**6)]),
            sent_before=chance.choice([None, None, chance.randrange(10**6, 3 * 10**6)]),
        )
        expected = await matches(world, viewer, query, wanted)
        found = [id_ async for id_ in pages(world, viewer, query, wanted, chance.choice([1, 3, 50]))]
        assert found == expected, (query, name, wanted)
        third = await world.services.message.search(world.viewers["dave"], query, SearchFilter(), None, None)
        assert third.items == []


@pytest.fixture
def chance(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> random.Random:
    """Dice; time goes on by up to a minute, and sometimes back; lists are read in small parts."""
    chance = random.Random(request.param)
    clock = count(10**6)
    monkeypatch.setattr("models.search.FIRST_BATCH", chance.randrange(1, 4))
    monkeypatch.setattr("models.search.MAX_BATCH", chance.randrange(1, 4))
    monkeypatch.setattr("models.search.MAX_WORDS_OF_ONE", chance.choice([1, 2, 3, 512]))
    monkeypatch.setattr("models.search.FIRST_COUNT", chance.randrange(1, 4))
    monkeypatch.setattr(
        "services.transaction.now_ms", lambda: next(clock) * 20_000 % (10**9) + chance.randrange(50_000)
    )
    return chance


@full
@pytest.mark.parametrize("chance", range(amount(3, 30)), indirect=True)
async def test_a_search_finds_what_a_naive_one_finds(world: World, chance: random.Random) -> None:
    """In the same order, in pages, under conditions; after edits, deletions and clearing, with a clock that errs."""
    await world.people(*PEOPLE)
    known: list[int] = []
    for _ in range(90):
        await do_something(world, chance, known)
    await world.services.sweeper.index()

    await compare(world, chance, QUERIES)


async def test_however_many_words_begin_so_few_lists_are_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words of one member cost everybody else of the conversation neither time nor memory."""
    alice, bob = await world.people("alice", "bob")
    made = (f"th{number:x}" for number in count())
    ids = [await world.send(alice, "bob", text=" ".join(islice(made, 300))) for _ in range(10)]
    await world.services.sweeper.index()
    rows: list[int] = []
    read = Transaction.all

    def counted(tx: Transaction, query: Any, /, **params: Any) -> list[Any]:
        found = read(tx, query, **params)
        rows.append(len(found))
        return found

    monkeypatch.setattr(Transaction, "all", counted)

    async def hits(query: str, size: int) -> list[int]:
        page = await world.services.message.search(bob, query, SearchFilter(), size, None)
        return [view.row.id for view in page.items]

    assert await hits("th", 4) == ids[:-5:-1]
    assert await hits("th0 th", 4) == ids[:1]
    assert await hits("th", 20) == ids[::-1]
    assert max(rows) <= MAX_WORDS_OF_ONE + 1
    assert len(rows) < 60


async def go_back(world: World) -> None:
    """As an earlier version left it: all in message_fts, nothing in message_word."""

    def undo(tx: Transaction) -> None:
        connection = tx.database.connection()
        connection.execute("DELETE FROM message_word")
        connection.execute("INSERT INTO message_fts (rowid, body) SELECT id, body FROM message WHERE body IS NOT NULL")

    await world.services.database.write(undo)


@full
@pytest.mark.parametrize("chance", range(amount(2, 20)), indirect=True)
async def test_an_index_of_an_earlier_version_is_copied(
    world: World, chance: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In steps, with every change between them and a stop in the middle of some; every search finds all meanwhile."""
    await world.people(*PEOPLE)
    known: list[int] = []
    for _ in range(60):
        await do_something(world, chance, known)
    await world.services.sweeper.index()
    await go_back(world)
    monkeypatch.setattr(former_index, "STEP_COUNT", 3)
    database, steps = world.services.database, 0
    await database.write(former_index.begin)

    def fail(tx: Transaction) -> None:
        former_index.copy_some(tx)
        raise RuntimeError

    while await database.write(former_index.copy_some):
        steps += 1
        with pytest.raises(RuntimeError):
            await database.write(fail)
        await do_something(world, chance, known)
        await world.services.sweeper.index()
        await compare(world, chance, chance.sample([each for each in QUERIES if "_" not in each], 2))
        if steps % 6 == 0:
            await world.services.close()
            world.services = await Services.open(
                GuardedDatabase(world.folder / "sotto.db", MemoryPubSub()),
                LocalStorage(world.folder / "files"),
                Limits(send_rate_per_minute=0),
            )
            database = world.services.database
        await database.write(former_index.begin)
    await world.services.sweeper.index()

    assert steps > 5
    assert not await database.read(former_index.is_in_use)
    assert await database.read(is_sound)
    await compare(world, chance, QUERIES)
    await world.services.close()


async def test_a_step_is_short_however_long_the_texts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """At least one message, then no more than the length of a step."""
    monkeypatch.setattr(former_index, "STEP_LENGTH", 10)
    alice, _ = await world.people("alice", "bob")
    for text in ("x" * 30, "four", "four", "four", None):
        await world.send(alice, "bob", text=text, files=[await world.file(b"x")])
    await go_back(world)
    await world.services.database.write(former_index.begin)
    progress = []
    while await world.services.database.write(former_index.copy_some):
        progress.append((await world.services.database.read(lambda tx: tx.value(former_index.UPTO)) or 0) & 7)

    assert progress == [1, 3]


async def test_what_goes_after_the_copy_leaves_the_former_index_as_well(world: World) -> None:
    """It stays in the file for one more release, and must not keep what was deleted or edited."""
    alice, _ = await world.people("alice", "bob")
    ids = [await world.send(alice, "bob", text=text) for text in ("secret word", "former word", "word")]
    await go_back(world)
    await world.services.sweeper.copy_former_index()

    def found(tx: Transaction, word: str) -> list[int]:
        statement = "SELECT rowid FROM message_fts WHERE message_fts MATCH ? ORDER BY rowid"
        return [row[0] for row in tx.database.connection().execute(statement, [word])]

    database = world.services.database
    assert await database.read(found, "word") == ids
    await world.services.deletion.delete_for_everyone(alice, ids[0])
    await world.services.edit.edit(alice, ids[1], "harbour", None)
    await world.services.sweeper.index()

    assert await database.read(found, "secret OR former OR harbour") == []
    assert await database.read(found, "word") == ids[2:]
    assert await database.read(is_sound)


async def test_a_batch_of_pending_texts_is_short_however_long_they_are(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least one text, then no more than the length of a batch: the writer is free in between."""
    monkeypatch.setattr(job, "INDEX_LENGTH", 10)
    alice, _ = await world.people("alice", "bob")
    for text in ("x" * 30, "four", "five", "nine", None):
        await world.send(alice, "bob", text=text, files=[await world.file(b"x")])

    def pending(tx: Transaction) -> int:
        return len(tx.all(job.NEXT, kind=int(job.JobKind.INDEX_MESSAGE), count=100))

    progress = []
    while await world.services.database.write(job.index_messages, 100):
        progress.append(await world.services.database.read(pending))

    assert progress == [3, 1]
    assert await world.services.database.read(pending) == 0


async def test_a_start_copies_the_index_and_the_next_one_does_nothing(world: World) -> None:
    """Nor does the start of a server that never had that index."""
    alice, _ = await world.people("alice", "bob")
    await world.services.sweeper.copy_former_index()
    assert (await world.stored())[0]["reindexing"] == 0
    await world.send(alice, "bob", text="hello")
    await go_back(world)

    await world.services.sweeper.copy_former_index()
    before = await world.stored()
    await world.services.sweeper.copy_former_index()

    assert await world.stored() == before
    assert await world.services.database.read(is_sound)
    assert before[0]["reindexing"] == 1
