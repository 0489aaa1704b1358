"""Eligibility: what people and conversations say beforehand is what a send says then, whatever was sent before."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from models import user as users
from models.member import RequestState
from models.setting import Audience, OutsideAction
from services.error import RecipientsRejected
from services.person.policy import Eligibility
from services.person.setting import SettingsChange
from services.rejection import RecipientRejectionReason
from tests.services.conftest import World, named, refused

Reason = RecipientRejectionReason
Step = Callable[[World], Awaitable[object]]


async def direct(world: World) -> int:
    """Alice writes to bob; returns the conversation."""
    return await world.send(world.viewers["alice"], "bob") >> 27


async def group(world: World) -> int:
    """Alice writes to bob and carol; returns the conversation."""
    return await world.send(world.viewers["alice"], "bob", "carol") >> 27


async def fill_direct(world: World) -> None:
    """As much as the requests hold."""
    for _ in range(3):
        await direct(world)


async def fill_group(world: World) -> None:
    """As much as the requests hold."""
    for _ in range(3):
        await group(world)


async def fill_both(world: World) -> None:
    """As much as the requests hold, in two conversations."""
    await group(world)
    await direct(world)
    await group(world)


async def accept_direct(world: World) -> None:
    """Bob has accepted alice, and then gets a group that he has not."""
    await world.services.request.accept(world.viewers["bob"], await direct(world))
    await fill_group(world)


async def accept_group(world: World) -> None:
    """Bob has accepted a group, and then gets direct messages."""
    place = await group(world)
    await world.services.request.accept(world.viewers["bob"], place)
    await fill_direct(world)


async def decline_direct(world: World) -> None:
    """Bob has declined a direct request that was full."""
    await fill_direct(world)
    await world.services.request.decline(world.viewers["bob"], await _place(world, "bob"), block=False)


async def decline_group(world: World) -> None:
    """Bob has declined a group, and carol has not answered."""
    await fill_group(world)
    await world.services.request.decline(world.viewers["bob"], await _place(world, "bob", "carol"), block=False)


async def decline_both(world: World) -> None:
    """Nobody wants the group."""
    await decline_group(world)
    await world.services.request.decline(world.viewers["carol"], await _place(world, "bob", "carol"), block=False)


async def nothing(world: World) -> None:
    """No message was ever sent."""


async def _place(world: World, *names: str) -> int:
    view = await world.services.conversation.find_with(world.viewers["alice"], named(*names))
    assert view is not None
    return view.row.id


async def close(world: World) -> None:
    """Bob and carol refuse who is outside of their audience, which is nobody."""
    await _choose(world, Audience.NOBODY, OutsideAction.REJECT)


async def open_(world: World) -> None:
    """Bob and carol let everybody write."""
    await _choose(world, Audience.EVERYONE, OutsideAction.REQUEST)


async def _choose(world: World, audience: Audience, action: OutsideAction) -> None:
    for name in ("bob", "carol"):
        change = SettingsChange(accept_from=audience, add_to_groups=audience, from_others=action)
        await world.services.setting.change(world.viewers[name], change)


async def block(world: World) -> None:
    """Alice has blocked bob."""
    await world.services.block.block(world.viewers["alice"], named("bob")[0])


async def blocked(world: World) -> None:
    """Bob has blocked alice."""
    await world.services.block.block(world.viewers["bob"], named("alice")[0])


async def suspended(world: World) -> None:
    """Bob's account is suspended."""
    bob = world.viewers["bob"]
    await world.services.database.write(lambda tx: tx.run(users.SET_STATE, id=bob.user_id, state=users.SUSPENDED))


async def _answers(world: World, *names: str, conversation_id: int | None = None) -> set[Reason]:
    """The reasons of a send; nothing comes of one that is refused. Empty if it passes."""
    alice = world.viewers["alice"]
    to = {"users": named(*names)} if names else {"conversation_id": conversation_id}
    before = await world.stored()
    [answer] = await asyncio.gather(world.send(alice, **to), return_exceptions=True)
    if isinstance(answer, int):
        return set()
    assert isinstance(answer, RecipientsRejected)
    assert await world.stored() == before
    return {each.reason for each in answer.rejections}


HISTORIES = [
    nothing, direct, group, fill_direct, fill_group, fill_both, accept_direct, accept_group, decline_direct,
    decline_group, decline_both,
]  # fmt: skip
CIRCUMSTANCES = [nothing, close, open_, block, blocked, suspended]


@pytest.mark.parametrize("now", CIRCUMSTANCES, ids=lambda each: each.__name__)
@pytest.mark.parametrize("history", HISTORIES, ids=lambda each: each.__name__)
async def test_what_is_said_of_a_person_is_what_a_send_says(world: World, history: Step, now: Step) -> None:
    """`User.messageEligibility`, and `Conversation.sendRestriction` where there is a direct conversation."""
    alice, *_ = await world.people("alice", "bob", "carol")
    await _choose(world, Audience.NOBODY, OutsideAction.REQUEST)
    await history(world)
    await now(world)
    person = await world.services.user.find(alice, named("bob")[0])
    assert person is not None
    said = set() if person.eligibility.may_send else {RecipientRejectionReason[person.eligibility.name]}
    conversation = await world.services.conversation.find_with(alice, named("bob"))
    if conversation is not None:
        restriction = conversation.send_restriction
        assert ({RecipientRejectionReason[restriction.name]} if restriction else set()) == said
        assert await _answers(world, conversation_id=conversation.row.id) == said
        if said:
            assert await _answers(world, "bob") == said
        return

    assert await _answers(world, "bob") == said


@pytest.mark.parametrize("now", [nothing, close, block], ids=lambda each: each.__name__)
@pytest.mark.parametrize(
    "history", [each for each in HISTORIES if "direct" not in each.__name__][1:], ids=lambda each: each.__name__
)
async def test_what_is_said_of_a_group_is_what_a_send_says(world: World, history: Step, now: Step) -> None:
    """`Conversation.sendRestriction`: REQUEST_PENDING if any member may still answer."""
    alice, *_ = await world.people("alice", "bob", "carol")
    await _choose(world, Audience.NOBODY, OutsideAction.REQUEST)
    await history(world)
    await now(world)
    view = await world.services.conversation.find_with(alice, named("bob", "carol"))
    assert view is not None
    restriction = view.send_restriction
    answers = await _answers(world, conversation_id=view.row.id)

    assert bool(answers) == (restriction is not None)
    if restriction is Eligibility.REQUEST_PENDING:
        assert Reason.REQUEST_PENDING in answers
    elif restriction is not None:
        assert answers == {RecipientRejectionReason[restriction.name]}


async def test_a_full_request_is_pending_until_it_is_answered(world: World) -> None:
    """Not retryable, because only bob can change it; a third person's messages are not counted."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    await _choose(world, Audience.NOBODY, OutsideAction.REQUEST)
    await fill_direct(world)
    said = []
    for viewer in (alice, carol):
        person = await world.services.user.find(viewer, named("bob")[0])
        assert person is not None
        said.append(person.eligibility)
    refusal = await refused(world, world.send(alice, "bob"), RecipientsRejected)
    await world.services.request.accept(bob, await _place(world, "bob"))

    assert said == [Eligibility.REQUEST_PENDING, Eligibility.ALLOWED_AS_REQUEST]
    assert ([each.reason for each in refusal.rejections], refusal.is_retryable) == ([Reason.REQUEST_PENDING], False)
    assert await _answers(world, "bob") == set()


async def _silence(world: World, place: int) -> None:
    """Bob does nothing."""


async def _decline(world: World, place: int) -> None:
    """Bob declines the request."""
    await world.services.request.decline(world.viewers["bob"], place, block=False)


async def _block(world: World, place: int) -> None:
    """Bob blocks alice without an answer to her request."""
    await world.services.block.block(world.viewers["bob"], named("alice")[0])


async def _decline_and_block(world: World, place: int) -> None:
    """Bob does both at once."""
    await world.services.request.decline(world.viewers["bob"], place, block=True)


@pytest.mark.parametrize(
    ("answer", "after_one", "after_three"),
    [
        (_silence, Eligibility.ALLOWED_AS_REQUEST, Eligibility.REQUEST_PENDING),
        (_decline, Eligibility.NOT_ACCEPTING, Eligibility.NOT_ACCEPTING),
        (_block, Eligibility.NOT_ACCEPTING, Eligibility.REQUEST_PENDING),
        (_decline_and_block, Eligibility.NOT_ACCEPTING, Eligibility.NOT_ACCEPTING),
    ],
    ids=["silence", "decline", "block", "both"],
)
@pytest.mark.parametrize("messages", [1, 3])
async def test_what_a_requester_can_tell_from_silence(
    world: World, answer: Callable[[World, int], Awaitable[None]], after_one: Eligibility, after_three: Eligibility,
    messages: int,
) -> None:  # fmt: skip
    """No event and no state of the conversation says it, but a closed inbox; see docs/concepts.md.

    A full request hides a block, but not a decline. A third person reads the same throughout.
    """
    alice, _bob, carol = await world.people("alice", "bob", "carol")
    await _choose(world, Audience.NOBODY, OutsideAction.REQUEST)
    for _ in range(messages):
        place = await direct(world)
    since = world.services.stream.cursor_of(alice, await world.services.stream.position(alice))
    await answer(world, place)

    expected = after_one if messages == 1 else after_three
    said = []
    for viewer in (alice, carol):
        person = await world.services.user.find(viewer, named("bob")[0])
        assert person is not None
        said.append(person.eligibility)
    view = await world.services.conversation.find(alice, place)
    assert view is not None
    assert said == [expected, Eligibility.ALLOWED_AS_REQUEST]
    assert view.send_restriction == (None if expected.may_send else expected)
    assert view.row.request_state == RequestState.SENT
    assert (await world.services.stream.page_after(alice, since, 200)).items == []
    assert await _answers(world, "bob") == (set() if expected.may_send else {Reason.__members__[expected.name]})
