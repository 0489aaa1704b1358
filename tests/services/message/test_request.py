"""Message requests: a first message from outside of the audience waits, and its sender learns nothing but a yes."""

import asyncio

import pytest

from models.event import EventKind
from models.inbox import Folder
from models.member import RequestState
from models.setting import Audience
from services.error import (
    Conflict,
    NotFound,
    RecipientsRejected,
    Refusal,
)
from services.message.inbox import ConversationFilter
from services.page import PageRequest
from services.person.setting import SettingsChange
from services.rejection import RecipientRejectionReason
from services.viewer import Viewer
from tests.services.conftest import World, kinds_after, listed, named, refused

REQUESTS = ConversationFilter(folder=Folder.REQUESTS)


async def asked(world: World) -> tuple[Viewer, Viewer, int]:
    """Alice has asked bob, whose inbox is for nobody; the conversation."""
    alice, bob = await world.people("alice", "bob")
    await world.services.setting.change(bob, SettingsChange(accept_from=Audience.NOBODY))
    return alice, bob, await world.send(alice, "bob") >> 27


async def state_of(world: World, viewer: Viewer, id_: int) -> RequestState:
    """How it stands on one side."""
    view = await world.services.conversation.find(viewer, id_)
    assert view is not None
    return RequestState(view.row.request_state)


async def test_a_request_waits_beside_the_inbox(world: World) -> None:
    """It is in the list of requests alone, and counts there alone; its sender has it in the inbox."""
    alice, bob, id_ = await asked(world)

    assert (await listed(world, bob), await listed(world, bob, REQUESTS)) == ([], [id_])
    assert (await listed(world, alice), await listed(world, alice, REQUESTS)) == ([id_], [])
    assert await world.services.conversation.unread(bob) == (0, 0)
    assert [await world.services.conversation.count_requests(each) for each in (alice, bob)] == [0, 1]
    assert [await state_of(world, each, id_) for each in (alice, bob)] == [RequestState.SENT, RequestState.PENDING]


async def test_a_request_holds_a_few_messages(world: World) -> None:
    """REQUEST_PENDING past `maxRequestMessages`, also where the earlier ones were deleted; nothing comes of it."""
    alice, _bob, id_ = await asked(world)
    await world.send(alice, conversation_id=id_)
    third = await world.send(alice, "bob")
    await world.services.deletion.delete_for_everyone(alice, third)

    for to in ({"conversation_id": id_}, {"users": named("bob")}):
        refusal = await refused(world, world.send(alice, **to), RecipientsRejected)
        assert [each.reason for each in refusal.rejections] == [RecipientRejectionReason.REQUEST_PENDING]


async def test_nothing_passes_while_it_waits(world: World) -> None:
    """No receipts, no typing, no presence, in neither direction."""
    alice, bob, id_ = await asked(world)
    await world.services.receipt.mark_read(bob, id_, None)
    await world.services.presence.type(bob, id_, is_typing=True)
    n = await world.services.stream.position(alice)
    async with world.services.presence.streaming(bob.user_id):
        seen = await world.services.presence.find_many(alice, [bob.user_id])
    view = await world.services.conversation.find(alice, id_)

    assert view is not None
    assert [each.read_seq for each in view.others] == [None]
    assert world.services.presence.typing_in(view) == []
    assert seen == {}
    assert await kinds_after(world, alice, n) == []


@pytest.mark.parametrize("by", ["accepting", "answering"])
async def test_an_accepted_request_is_a_conversation_like_any_other(world: World, by: str) -> None:
    """Both are told, what was read meanwhile shows, and more can be written."""
    alice, bob, id_ = await asked(world)
    await world.services.receipt.mark_read(bob, id_, None)
    n = await world.services.stream.position(alice)
    if by == "accepting":
        await world.services.request.accept(bob, id_)
    else:
        await world.send(bob, conversation_id=id_)
    for _ in range(5):
        await world.send(alice, "bob")
    view = await world.services.conversation.find(alice, id_)

    assert [await state_of(world, each, id_) for each in (alice, bob)] == [RequestState.ACCEPTED] * 2
    assert await listed(world, bob) == [id_]
    assert "CONVERSATION_UPDATED" in await kinds_after(world, alice, n)
    assert view is not None
    assert [each.read_seq for each in view.others] == [1 if by == "accepting" else 2]


async def test_a_declined_request_is_gone_and_its_sender_is_not_told(world: World) -> None:
    """They see it waiting for ever; what they write now is not accepted."""
    alice, bob, id_ = await asked(world)
    n = [await world.services.stream.position(each) for each in (alice, bob)]
    await world.services.request.decline(bob, id_, block=False)

    assert (await listed(world, bob), await listed(world, bob, REQUESTS)) == ([], [])
    assert await state_of(world, alice, id_) is RequestState.SENT
    assert await kinds_after(world, alice, n[0]) == []
    assert await kinds_after(world, bob, n[1]) == [EventKind.CONVERSATION_REMOVED.name]
    refusal = await refused(world, world.send(alice, "bob"), RecipientsRejected)
    assert [each.reason for each in refusal.rejections] == [RecipientRejectionReason.NOT_ACCEPTING]


async def test_a_decline_can_block_as_well(world: World) -> None:
    """Both in one step; the block is like any other."""
    alice, bob, id_ = await asked(world)
    sender = await world.services.request.decline(bob, id_, block=True)

    blocked = await world.services.block.page_of(bob, PageRequest())
    assert [person for person, _at in blocked.items] == [sender]
    assert sender is not None
    assert (sender.row.id, sender.relation.has_blocked) == (alice.user_id, 1)


async def test_what_is_no_request_cannot_be_answered(world: World) -> None:
    """Conflict for one's own request and for what was answered; NotFound for a third person and for no id alike."""
    alice, bob, id_ = await asked(world)
    carol = await world.person("carol")
    service = world.services.request
    await refused(world, service.accept(alice, id_), Conflict)
    for number in (id_, 12345, -1):
        for operation in (service.accept(carol, number), service.decline(carol, number, block=True)):
            assert (await refused(world, operation, NotFound)).detail == "There is no such conversation."
    await service.accept(bob, id_)
    for operation in (service.accept(bob, id_), service.decline(bob, id_, block=False)):
        await refused(world, operation, Conflict)


async def test_of_fifty_answers_at_once_one_counts(world: World) -> None:
    """Accepted or declined, on both sides the same; the others are conflicts."""
    alice, bob, id_ = await asked(world)
    service = world.services.request
    operations = [
        service.decline(bob, id_, block=False) if number % 2 else service.accept(bob, id_) for number in range(50)
    ]
    results = await asyncio.gather(*operations, return_exceptions=True)

    assert all(isinstance(each, Refusal) for each in results if isinstance(each, BaseException))
    states = [await state_of(world, each, id_) for each in (alice, bob)]
    assert states in ([RequestState.ACCEPTED] * 2, [RequestState.SENT, RequestState.DECLINED])
