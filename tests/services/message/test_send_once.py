"""Exactly once: a repeated send is the same message, for ever, whatever happened since."""

import asyncio
from typing import Any

import pytest

from services.error import IdempotencyConflict
from services.message.draft import Draft
from services.person.user import Reference, ReferenceKind
from tests.full import amount, full
from tests.services.conftest import World, named, refused
from tests.services.file.test_clean import loaded_jpeg


async def test_a_repeated_send_returns_the_first_message(world: World) -> None:
    """The client that lost the answer asks again with the same `clientMessageId`."""
    alice, _ = await world.people("alice", "bob")
    draft = Draft(text="Once", users=named("bob"), client_message_id="k1", metadata={"b": 1, "a": 2})
    first = await world.services.send.send(alice, draft)
    before = await world.stored()

    again = await world.services.send.send(alice, draft)

    assert (again.message_id, first.was_duplicate, again.was_duplicate) == (first.message_id, False, True)
    assert await world.stored() == before


async def test_a_retry_answers_even_after_a_block(world: World) -> None:
    """Idempotency comes before recipients: what was accepted stays accepted."""
    alice, bob = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob", client_message_id="k1")
    await world.services.block.block(bob, named("alice")[0])

    again = await world.send(alice, "bob", client_message_id="k1")

    assert again == id_


async def test_the_same_people_named_otherwise_are_the_same_request(world: World) -> None:
    """A recipient counts by who it is, not by how it is named."""
    alice, bob = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob", client_message_id="k1")

    again = await world.send(alice, users=[Reference(ReferenceKind.ID, "", bob.user_id)], client_message_id="k1")

    assert again == id_


async def test_a_retry_with_a_picture_that_was_cleaned_is_the_same_request(world: World) -> None:
    """Its bytes are compared as they came: what is stored of a photograph has other bytes, without its EXIF."""
    alice, _ = await world.people("alice", "bob")
    content = loaded_jpeg()
    sent = []
    for _ in range(3):
        file = await world.file(content, "sea.jpg")
        draft = Draft(users=named("bob"), files=[file], client_message_id="k1")
        sent.append(await world.services.send.send(alice, draft))
        await world.services.attachment.discard(file)

    assert [each.was_duplicate for each in sent] == [False, True, True]
    assert len({each.message_id for each in sent}) == 1
    rows, files = await world.stored()
    assert (rows["message"], rows["attachment"], files) == (1, 1, 1)
    other = await world.file(content + b"\0", "sea.jpg")
    with pytest.raises(IdempotencyConflict):
        await world.send(alice, "bob", text=None, files=[other], client_message_id="k1")


@pytest.mark.parametrize(
    "other",
    [
        {"text": "Other"},
        {"users": named("carol")},
        {"users": named("bob", "carol")},
        {"metadata": {"a": 1}},
        {"users": named("nobody")},
        {"text": None},
    ],
)
async def test_other_content_under_the_same_key_is_a_conflict(world: World, other: dict[str, Any]) -> None:
    """Typed, with the message that the key stands for; nothing is stored."""
    alice, _bob, _carol = await world.people("alice", "bob", "carol")
    first: dict[str, Any] = {"text": "Once", "users": named("bob"), "client_message_id": "k1"}
    id_ = await world.send(alice, **first)
    before = await world.stored()

    with pytest.raises(IdempotencyConflict) as caught:
        await world.send(alice, **{**first, **other})

    assert caught.value.existing_message_id == id_
    assert await world.stored() == before


async def test_other_files_under_the_same_key_are_a_conflict(world: World) -> None:
    """Files count by name and content; the second one is not kept."""
    alice, _ = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob", files=[await world.file(b"one")], client_message_id="k1")
    before = await world.stored()
    again = await world.file(b"one")
    other = await world.file(b"two")

    assert await world.send(alice, "bob", files=[again], client_message_id="k1") == id_
    with pytest.raises(IdempotencyConflict):
        await world.send(alice, "bob", files=[other], client_message_id="k1")
    for received in (again, other):
        await world.services.attachment.discard(received)

    assert await world.stored() == before
    assert world.temp_files() == []


async def test_a_key_belongs_to_its_sender(world: World) -> None:
    """Bob may use alice's key: it is another message."""
    alice, bob = await world.people("alice", "bob")

    ids = {
        await world.send(alice, "bob", client_message_id="k1"),
        await world.send(bob, "alice", client_message_id="k1"),
    }

    assert len(ids) == 2


async def test_fifty_at_once_with_one_key_are_one_message(world: World) -> None:
    """The database has the last word, not a check before it."""
    alice, bob = await world.people("alice", "bob")
    draft = Draft(text="Once", users=named("bob"), client_message_id="k1")

    sent = await asyncio.gather(*(world.services.send.send(alice, draft) for _ in range(50)))

    rows, _ = await world.stored()
    assert {each.message_id for each in sent} == {sent[0].message_id}
    assert [each.was_duplicate for each in sent].count(False) == 1
    assert (rows["message"], rows["conversation"], rows["event"], rows["idempotency"]) == (1, 1, 4, 1)
    assert (await world.services.conversation.unread(bob)).messages == 1


async def test_to_each_is_answered_again_as_it_was(world: World) -> None:
    """The first outcomes stand, rejections too, whatever has changed since."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    await world.services.block.block(bob, named("alice")[0])
    draft = Draft(text="Hi", users=named("bob", "carol"), client_message_id="k1")
    first = await world.services.send.send_to_each(alice, draft)
    await world.services.block.unblock(bob, named("alice")[0])
    await world.services.block.block(carol, named("alice")[0])

    again = await world.services.send.send_to_each(alice, draft)

    assert again == first
    assert (await world.stored())[0]["message"] == 1


@pytest.mark.parametrize("is_each_first", [False, True])
async def test_an_id_of_one_mutation_is_not_free_for_the_other(world: World, *, is_each_first: bool) -> None:
    """Otherwise a client that falls back from one to the other would send twice; the conflict names the message."""
    alice, _bob = await world.people("alice", "bob")
    draft = Draft(text="Hi", users=named("bob"), client_message_id="k1")
    send = world.services.send
    calls = [send.send_to_each, send.send] if is_each_first else [send.send, send.send_to_each]
    await calls[0](alice, draft)
    conflict = await refused(world, calls[1](alice, draft), IdempotencyConflict)

    assert isinstance(conflict, IdempotencyConflict)
    assert conflict.existing_message_id is not None
    assert (await world.stored())[0]["message"] == 1


async def test_fifty_first_messages_at_once_make_one_conversation(world: World) -> None:
    """Both directions at once, without a gap in the sequence."""
    alice, bob = await world.people("alice", "bob")

    ids = await asyncio.gather(
        *(world.send(alice, "bob") if number % 2 else world.send(bob, "alice") for number in range(50))
    )

    assert len({id_ >> 27 for id_ in ids}) == 1
    assert sorted(id_ & ((1 << 27) - 1) for id_ in ids) == list(range(1, 51))


@full
async def test_after_a_block_is_acknowledged_nothing_of_the_other_appears(world: World) -> None:
    """Block and send are ordered by the same lock: in every race."""
    alice, bob = await world.people("alice", "bob")
    conversation_id = (await world.send(alice, "bob")) >> 27
    late = 0
    for _ in range(amount(40, 1_000)):
        sends = [
            asyncio.create_task(world.services.send.send(alice, Draft(text="x", conversation_id=conversation_id)))
            for _ in range(3)
        ]
        await world.services.block.block(bob, named("alice")[0])
        after_block = await world.count("message")
        await asyncio.gather(*sends, return_exceptions=True)
        late += await world.count("message") - after_block
        await world.services.block.unblock(bob, named("alice")[0])

    assert late == 0


async def test_a_stored_message_is_answered_though_no_read_passes_any_more(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was committed is never denied: the answer comes out of the transaction that stored it."""
    alice, _ = await world.people("alice", "bob")
    read, database = world.services.database.read, world.services.database
    write = database.write

    async def write_then_close_the_door(*args: Any, **kwargs: Any) -> Any:
        result = await write(*args, **kwargs)
        monkeypatch.setattr(database, "read", None)
        return result

    monkeypatch.setattr(database, "write", write_then_close_the_door)
    sent = await world.services.send.send(alice, Draft(text="Stored", users=named("bob")))
    monkeypatch.setattr(database, "read", read)

    assert sent.view is not None
    assert (sent.view.row.id, sent.view.row.body) == (sent.message_id, "Stored")


async def test_a_refusal_of_everybody_leaves_no_key(world: World) -> None:
    """Nothing was sent, so nothing is remembered: after the unblock the same key sends."""
    alice, bob = await world.people("alice", "bob")
    await world.services.block.block(bob, named("alice")[0])
    draft = Draft(text="Hi", users=named("bob"), client_message_id="k1")
    refused = await world.services.send.send_to_each(alice, draft)
    await world.services.block.unblock(bob, named("alice")[0])

    sent = await world.services.send.send_to_each(alice, draft)

    assert refused[0].rejection is not None
    assert sent[0].message_id is not None


async def test_a_message_into_a_conversation_by_its_id_is_sent_once(world: World) -> None:
    """The same key, though it names nobody; another conversation under it is a conflict."""
    alice, _bob, _carol = await world.people("alice", "bob", "carol")
    place, other = await world.send(alice, "bob") >> 27, await world.send(alice, "carol") >> 27
    first, again = [await world.send(alice, conversation_id=place, client_message_id="k1") for _ in range(2)]

    assert first == again
    assert (await world.stored())[0]["message"] == 3
    await refused(
        world,
        world.services.send.send(alice, Draft(text="Hello", conversation_id=other, client_message_id="k1")),
        IdempotencyConflict,
    )
