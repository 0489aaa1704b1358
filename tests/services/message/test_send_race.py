"""Many senders at once: numbers without a gap for every conversation and every person; what each send refuses."""

import asyncio
import itertools
import random
from collections import defaultdict

import pytest

from models.transaction import Transaction
from services.error import AttachmentsRejected, IdempotencyConflict, InvalidInput, Refusal
from services.message.draft import Draft
from tests.services.conftest import World, named

NAMES = ["alice", "bob", "carol", "dave"]


async def test_numbers_have_no_gap_for_anybody_whoever_writes_to_whom_at_once(world: World) -> None:
    """300 sends by four people to one, two or three others, to each, into groups that do not exist yet; some refused.

    seq is 1, 2, 3 … in every conversation, n is 1, 2, 3 … for every person, and every group is one.
    """
    viewers = dict(zip(NAMES, await world.people(*NAMES), strict=True))
    dice = random.Random(7)
    drafts = []
    for _ in range(300):
        sender = dice.choice(NAMES)
        others = dice.sample([name for name in NAMES if name != sender], dice.randint(1, 3))
        drafts.append((viewers[sender], named(*others, *(["nobody"] if dice.random() < 0.1 else []))))

    results = await asyncio.gather(
        *(world.services.send.send(viewer, Draft(text="x", users=users)) for viewer, users in drafts),
        return_exceptions=True,
    )

    def logs(tx: Transaction) -> tuple[list[tuple[int, int]], list[int], list[tuple[int, int]]]:
        run = tx.database.connection().execute
        return (
            run("SELECT user_id, n FROM event ORDER BY user_id, n").fetchall(),
            [id_ for (id_,) in run("SELECT id FROM message ORDER BY id")],
            run("SELECT id, last_seq FROM conversation").fetchall(),
        )

    events, ids, conversations = await world.services.database.read(logs)
    numbers, seqs = defaultdict(list), defaultdict(list)
    for user_id, n in events:
        numbers[user_id].append(n)
    for id_ in ids:
        seqs[id_ >> 27].append(id_ & ((1 << 27) - 1))
    refused = sum("nobody" in {each.text for each in users} for _, users in drafts)
    assert sum(isinstance(each, Refusal) for each in results) == refused > 0
    assert len(ids) == 300 - refused
    assert set(numbers) == {viewer.user_id for viewer in viewers.values()}
    assert all(got == list(range(1, len(got) + 1)) for got in [*numbers.values(), *seqs.values()])
    assert {id_: got[-1] for id_, got in seqs.items()} == dict(conversations)
    assert len(conversations) == 11  # six pairs, four threes, one of all


async def test_sends_of_equal_bytes_that_are_abandoned_leave_none(world: World) -> None:
    """Each takes back its own, whether the bytes are somebody's already or not; nobody else's go with them."""
    alice, _ = await world.people("alice", "bob")
    attachment = world.services.attachment
    for expected in (0, 1):
        files = [await world.file(b"the same", "a.txt") for _ in range(2)]
        stored = [await attachment.store(alice, [file]) for file in files]
        assert (await world.stored())[1] == 2 + expected

        for each, file in zip(stored, files, strict=True):
            await attachment.abandon(each)
            await attachment.discard(file)

        rows, count = await world.stored()
        assert (rows["upload"], count) == (expected, expected)
        await world.send(alice, "bob", files=[await world.file(b"the same", "a.txt")])


async def test_twenty_sends_at_once_with_files_and_one_key_keep_one_set(world: World) -> None:
    """The others' bytes are taken back: no row without a message, no file without a row."""
    alice, _ = await world.people("alice", "bob")
    batches = [[await world.file(b"one", "a.txt"), await world.file(b"two", "b.txt")] for _ in range(20)]

    sent = await asyncio.gather(
        *(
            world.services.send.send(alice, Draft(users=named("bob"), files=files, client_message_id="k1"))
            for files in batches
        )
    )
    for received in itertools.chain.from_iterable(batches):
        await world.services.attachment.discard(received)

    rows, files = await world.stored()
    assert len({each.message_id for each in sent}) == 1
    assert (rows["message"], rows["attachment"], rows["upload"], files) == (1, 2, 2, 2)
    assert world.temp_files() == []


async def test_twenty_at_once_with_one_key_and_different_texts_are_one_and_nineteen_conflicts(world: World) -> None:
    """Each conflict names the message that was stored."""
    alice, _ = await world.people("alice", "bob")
    drafts = [Draft(text=str(number), users=named("bob"), client_message_id="k1") for number in range(20)]

    results = await asyncio.gather(
        *(world.services.send.send(alice, draft) for draft in drafts), return_exceptions=True
    )

    conflicts = [each for each in results if isinstance(each, IdempotencyConflict)]
    (sent,) = [each for each in results if not isinstance(each, BaseException)]
    assert {each.existing_message_id for each in conflicts} == {sent.message_id}
    assert len(conflicts) == 19
    assert (await world.stored())[0]["message"] == 1


async def test_metadata_nested_without_end_is_refused_under_any_key(world: World) -> None:
    """Malformed by itself; under a key that was used, another message: never a traceback."""
    alice, _ = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob", client_message_id="k1")
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    before = await world.stored()

    with pytest.raises(InvalidInput) as malformed:
        await world.send(alice, "bob", metadata=deep)
    with pytest.raises(IdempotencyConflict) as conflict:
        await world.send(alice, "bob", metadata=deep, client_message_id="k1")

    assert [(each.path, each.reason.name) for each in malformed.value.issues] == [(("metadata",), "MALFORMED")]
    assert conflict.value.existing_message_id == id_
    assert await world.stored() == before


@pytest.mark.parametrize(
    ("people", "text", "path", "reason"),
    [
        ([], "x", ("recipients",), "REQUIRED"),
        (["bob"] * 11, "x", ("recipients",), "TOO_MANY"),
        (["bob"], " ", ("text",), "EMPTY"),
        (["bob"], "x" * 10_001, ("text",), "TOO_LONG"),
    ],
)
async def test_what_nobody_may_be_sent_is_not_sent_to_each(
    world: World, people: list[str], text: str, path: tuple[str, ...], reason: str
) -> None:
    """The same rules, with the name of this mutation's field."""
    alice, _ = await world.people("alice", "bob")
    before = await world.stored()

    with pytest.raises(InvalidInput) as caught:
        await world.services.send.send_to_each(alice, Draft(text=text, users=named(*people)))

    assert [(each.path, each.reason.name) for each in caught.value.issues] == [(path, reason)]
    assert await world.stored() == before


async def test_a_bad_file_is_sent_to_none_of_each(world: World) -> None:
    """The content is the same for all: so is its refusal."""
    alice, _bob, _carol = await world.people("alice", "bob", "carol")
    before = await world.stored()
    empty = await world.file(b"", "empty.txt")

    with pytest.raises(AttachmentsRejected) as caught:
        await world.services.send.send_to_each(alice, Draft(users=named("bob", "carol"), files=[empty]))
    await world.services.attachment.discard(empty)

    assert [(each.index, each.reason.name) for each in caught.value.rejections] == [(0, "EMPTY")]
    assert await world.stored() == before
    assert world.temp_files() == []


async def test_each_of_several_gets_the_files_in_their_order(world: World) -> None:
    """One set of bytes, an attachment for each message."""
    alice, *others = await world.people("alice", "bob", "carol", "dave")
    files = [await world.file(name.encode(), name) for name in ("c.txt", "a.txt", "b.txt")]

    outcomes = await world.services.send.send_to_each(alice, Draft(users=named("bob", "carol", "dave"), files=files))

    assert (await world.stored())[1] == 3
    for viewer, outcome in zip(others, outcomes, strict=True):
        view = await world.services.message.find(viewer, outcome.message_id or 0)
        assert view is not None
        assert [each.filename for each in view.attachments] == ["c.txt", "a.txt", "b.txt"]
