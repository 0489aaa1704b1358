"""Races for access: once the end of a right was acknowledged, nothing comes of what was under way."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise

import pytest
from argon2 import PasswordHasher

from models import user as users
from models.api_key import Scope
from services.account.api_key import ApiKeyService
from services.account.sign_up import SignUp
from services.error import InvalidCredentials, SottoError
from services.message.draft import Draft
from services.person.user import Reference, ReferenceKind
from services.viewer import Viewer
from tests.full import amount, full
from tests.services.conftest import MakeWorld, World, named

RACES = amount(20, 1_000)
SENDS = 4
pytestmark = full

End = Callable[[World, dict[str, Viewer], int], Awaitable[object]]


async def race(
    world: World, sends: Sequence[Awaitable[object]], end: Awaitable[object], table: str, where: str, ahead: int
) -> tuple[int, int]:
    """Runs all at once, some sends so many turns of the loop ahead; asserts that nothing was stored after the end.

    The writer takes them in the order in which they come, so the others begin as many turns behind. Returns how many
    rows there were when the end was acknowledged, and how many sends were refused.
    """
    first = ahead % (SENDS + 1)
    tasks = [asyncio.ensure_future(each) for each in sends[:first]]
    for _ in range(ahead):
        await asyncio.sleep(0)
    if ahead == 9:  # so that some sends pass, however slow the machine is
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    ending = asyncio.ensure_future(end)
    for _ in range(ahead):
        await asyncio.sleep(0)
    tasks += [asyncio.ensure_future(each) for each in sends[first:]]
    await ending
    seen = await world.count(table, where)
    results = await asyncio.gather(*tasks, return_exceptions=True)

    assert await world.count(table, where) == seen
    assert all(isinstance(each, SottoError) for each in results if isinstance(each, BaseException)), results
    return seen, sum(isinstance(each, SottoError) for each in results)


def block(world: World, people: dict[str, Viewer], _run: int) -> Awaitable[object]:
    """The recipient blocks the sender."""
    return world.services.block.block(people["bob"], Reference(ReferenceKind.USERNAME, "alice"))


def revoke(world: World, people: dict[str, Viewer], _run: int) -> Awaitable[object]:
    """The sender's device is revoked from another one of theirs."""
    return world.services.device.revoke(people["desk"], people["alice"].device_id)


def sign_out(world: World, people: dict[str, Viewer], _run: int) -> Awaitable[object]:
    """The sender signs out."""
    return world.services.account.sign_out(people["alice"], everywhere=False)


def suspend(world: World, people: dict[str, Viewer], _run: int) -> Awaitable[object]:
    """The operator suspends the sender."""
    return world.services.account.set_state("alice", users.SUSPENDED)


def unavailable(world: World, people: dict[str, Viewer], _run: int) -> Awaitable[object]:
    """The operator suspends the recipient."""
    return world.services.account.set_state("bob", users.SUSPENDED)


def own_block(world: World, people: dict[str, Viewer], _run: int) -> Awaitable[object]:
    """The sender blocks the recipient, from another device."""
    return world.services.block.block(people["alice"], Reference(ReferenceKind.USERNAME, "bob"))


@pytest.mark.parametrize(
    "end", [block, revoke, sign_out, suspend, unavailable, own_block], ids=lambda end: end.__name__
)
async def test_nothing_is_sent_after_the_right_to_it_has_ended(make_world: MakeWorld, end: End) -> None:
    """Not one message more, in RACES runs; and in some of them a send was under way and refused."""
    world = await make_world(max_request_messages=10_000, sign_in_rate_per_minute=0)
    bob, alice = await world.people("bob", "alice")
    await world.send(bob, "alice")  # so that alice may answer, as often as she likes
    passed = refused = 0
    for run in range(RACES):
        people = {"bob": bob, "alice": await world.again("alice"), "desk": alice}
        text = f"run {run}"
        sends = [world.services.send.send(people["alice"], Draft(text=text, users=named("bob"))) for _ in range(SENDS)]
        counts = await race(world, sends, end(world, people, run), "message", f"body = '{text}'", ahead=run % 10)
        passed, refused = passed + counts[0], refused + counts[1]
        for name in ("alice", "bob"):
            await world.services.account.set_state(name, users.ACTIVE)
        await world.services.block.unblock(bob, Reference(ReferenceKind.USERNAME, "alice"))
        await world.services.block.unblock(alice, Reference(ReferenceKind.USERNAME, "bob"))

    assert passed
    assert refused


async def test_nothing_reaches_who_has_left(world: World) -> None:
    """Not one event more, once leaving was acknowledged; it came between the sends, which it does not refuse."""
    heard = [0]
    alice, bob, carol = await world.people("alice", "bob", "carol")
    for run in range(RACES):
        first = await world.send(alice, "bob", "carol", text=f"group {run}")
        [view] = (await world.services.message.find_many(alice, [first])).values()
        conversation_id = view.row.id >> 27
        sends = [
            world.services.send.send(alice, Draft(text="more", conversation_id=conversation_id)) for _ in range(SENDS)
        ]
        end = world.services.preference.leave(carol, conversation_id)
        seen, refused = await race(world, sends, end, "event", f"user_id = {carol.user_id}", ahead=run % 10)
        heard.append(seen)
        assert refused == 0

    assert bob
    assert len({after - before for before, after in pairwise(heard)}) > 1


async def test_no_session_is_opened_with_a_password_that_was_changed(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check of a password takes its time; what was changed meanwhile counts. With cheap hashes, for the number."""
    world = await make_world(sign_in_rate_per_minute=0, sign_up_rate_per_minute=0)
    cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(world.services.account._passwords, "_hasher", cheap)
    alice = await world.services.account.sign_up(SignUp("alice", "password 0"))
    for run in range(RACES):
        sign_in = world.services.account.sign_in
        tasks = [asyncio.ensure_future(sign_in("alice", f"password {run}", "Thief", "")) for _ in range(SENDS)]
        await world.services.account.change_password(alice.viewer, f"password {run}", f"password {run + 1}")
        seen = await world.count("session")
        results = await asyncio.gather(*tasks, return_exceptions=True)

        assert seen == 1
        assert await world.count("session") == 1
        for each in results:
            assert isinstance(each, InvalidCredentials) or await is_refused(world, each)


async def is_refused(world: World, signed_in: object) -> bool:
    """Whether a session that was opened before the change is worth nothing after it."""
    try:
        await world.authenticate(signed_in.token)  # type: ignore[attr-defined]
    except SottoError:
        return True
    return False


async def test_a_key_is_worth_nothing_once_it_was_revoked(world: World) -> None:
    """A program that sends without a pause: some pass, and some are refused that were under way."""
    passed = refused = 0
    alice, _ = await world.people("alice", "bob")
    keys: ApiKeyService = world.services.api_key
    for run in range(RACES):
        row, secret = await keys.create(alice, "bot", Scope.SEND_MESSAGES, None)
        viewer = await world.authenticate(secret)
        assert viewer is not None
        text = f"run {run}"
        sends = [world.services.send.send(viewer, Draft(text=text, users=named("bob"))) for _ in range(SENDS)]
        counts = await race(world, sends, keys.revoke(alice, row.id), "message", f"body = '{text}'", ahead=run % 10)
        passed, refused = passed + counts[0], refused + counts[1]

    assert passed
    assert refused
