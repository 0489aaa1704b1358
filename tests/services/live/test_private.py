"""What is private makes no sound: no event, no entry of a log, not even an empty waking of a stream."""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack, aclosing

import pytest

from models import user as users
from models.event import START
from models.member import RequestState
from models.setting import Audience
from models.transaction import Transaction
from pubsub.base import EphemeralEvent, EphemeralKind, Hint
from pubsub.memory import MemoryPubSub
from services.live.signal import PresenceChange, Ready
from services.message.report import ReportReason
from services.page import PageRequest
from services.person.setting import SettingsChange
from services.viewer import Viewer
from tests.services.conftest import World, named
from tests.services.live.test_events import kinds_of, stream_of, take, until


class Ear:
    """All that the pubsub carries to one person, for as long as it is open."""

    def __init__(self, world: World, viewer: Viewer) -> None:
        self.world, self.viewer = world, viewer
        self.heard: list[str] = []
        self.position = 0

    async def open(self) -> "Ear":
        """Begin to listen."""
        pubsub = self.world.services.pubsub
        assert isinstance(pubsub, MemoryPubSub)
        publish, publish_ephemeral, me = pubsub.publish, pubsub.publish_ephemeral, self.viewer.user_id

        def hear_hints(hints: list[Hint]) -> None:
            self.heard += ["hint" for hint in hints if hint.user_id == me]
            publish(hints)

        def hear_ephemeral(events: Iterable[EphemeralEvent]) -> None:
            found = list(events)
            self.heard += [each.kind.name for each in found if each.user_id == me]
            publish_ephemeral(found)

        pubsub.publish = hear_hints  # type: ignore[method-assign]
        pubsub.publish_ephemeral = hear_ephemeral  # type: ignore[method-assign]
        self.position = (await self.world.services.stream.position(self.viewer)).n
        return self

    async def sounds(self) -> tuple[list[str], int]:
        """What was heard, and by how many entries the log has grown."""
        return self.heard, (await self.world.services.stream.position(self.viewer)).n - self.position


async def come_and_go(world: World, bob: Viewer, _place: int) -> None:
    """A stream of bob's begins and ends."""
    async with world.services.presence.streaming(bob.user_id):
        pass


async def type_and_stop(world: World, bob: Viewer, place: int) -> None:
    """Typing."""
    for is_typing in (True, False):
        await world.services.presence.type(bob, place, is_typing=is_typing)


async def read(world: World, bob: Viewer, place: int) -> None:
    """A read receipt."""
    await world.services.receipt.mark_read(bob, place, None)


async def acknowledge(world: World, bob: Viewer, place: int) -> None:
    """A delivery receipt."""
    await world.services.receipt.acknowledge(bob, place, (place << 27) | 3)


async def alter(world: World, who: str, **change: object) -> None:
    """A setting of somebody's."""
    await world.services.setting.change(world.viewers[who], SettingsChange(**change))  # type: ignore[arg-type]


async def unanswer(world: World, who: str) -> None:
    """The conversation waits for somebody's answer, as it does before a request is accepted."""
    states = {who: RequestState.PENDING, ({"alice", "bob"} - {who}).pop(): RequestState.SENT}

    def write(tx: Transaction) -> None:
        for name, state in states.items():
            sql = "UPDATE member SET request_state = ? WHERE user_id = ?"
            tx.database.connection().execute(sql, (int(state), world.viewers[name].user_id))

    await world.services.database.write(write)


Act = Callable[[World, Viewer, int], Awaitable[None]]
ACTS: dict[str, tuple[Act, tuple[list[str], int]]] = {
    "presence": (come_and_go, (["PRESENCE", "PRESENCE"], 0)),
    "typing": (type_and_stop, (["TYPING", "TYPING"], 0)),
    "reading": (read, (["hint"], 1)),
    "delivery": (acknowledge, (["hint"], 1)),
}
HIDES: dict[str, tuple[Callable[[World], Awaitable[object]], set[str]]] = {
    "bob shares no presence": (lambda world: alter(world, "bob", share_presence=False), {"presence"}),
    "bob shows no typing": (lambda world: alter(world, "bob", send_typing=False), {"typing"}),
    "bob sends no read receipts": (lambda world: alter(world, "bob", send_read_receipts=False), {"reading"}),
    "alice sends no read receipts": (lambda world: alter(world, "alice", send_read_receipts=False), {"reading"}),
    "bob sends no delivery receipts": (lambda world: alter(world, "bob", send_delivery_receipts=False), {"delivery"}),
    "alice sends none": (lambda world: alter(world, "alice", send_delivery_receipts=False), {"delivery"}),
    "bob has blocked alice": (
        lambda world: world.services.block.block(world.viewers["bob"], named("alice")[0]), set(ACTS)
    ),
    "alice has blocked bob": (
        lambda world: world.services.block.block(world.viewers["alice"], named("bob")[0]), set(ACTS)
    ),
    "bob has not answered": (lambda world: unanswer(world, "bob"), set(ACTS)),
    "alice has not answered": (lambda world: unanswer(world, "alice"), set(ACTS)),
}  # fmt: skip


async def talked(world: World) -> tuple[Viewer, Viewer, int]:
    """Alice and bob have written to each other, and alice's last message waits for bob."""
    alice, bob = await world.people("alice", "bob")
    await world.send(alice, "bob")
    await world.send(bob, "alice")
    return alice, bob, await world.send(alice, "bob") >> 27


@pytest.mark.parametrize("hidden", HIDES)
async def test_what_may_not_be_known_reaches_nobody(world: World, hidden: str) -> None:
    """For every kind of signal, and everything that hides it: what is hidden is not even felt, all else is heard."""
    hide, what = HIDES[hidden]
    for number, (name, (act, sound)) in enumerate(ACTS.items()):
        alice, bob, place = await talked(world)
        await hide(world)
        ear = await Ear(world, alice).open()
        await act(world, bob, place)

        assert await ear.sounds() == (([], 0) if name in what else sound), name
        for each in ("alice", "bob"):  # the next round has people of its own
            await world.services.database.write(rename, each, f"{each}{number}")


def rename(tx: Transaction, name: str, other: str) -> None:
    """Lets the name be taken again."""
    sql = 'UPDATE "user" SET username_key = ? WHERE username_key = ?'
    tx.database.connection().execute(sql, (other, name))


async def test_writing_tells_nobody_that_what_came_before_was_read_where_that_is_private(world: World) -> None:
    """Who writes has read; without read receipts the message itself is all that comes."""
    alice, bob, place = await talked(world)
    await alter(world, "bob", send_read_receipts=False)
    ear = await Ear(world, alice).open()
    await world.send(bob, conversation_id=place)

    assert await ear.sounds() == (["hint"], 1)


@pytest.mark.parametrize("hidden", ["bob shares no presence", "bob has blocked alice", "alice has blocked bob"])
async def test_presence_is_taken_back_once_and_then_it_is_silent(world: World, hidden: str) -> None:
    """The end is the same whether bob is there or not, so that it tells nothing of coming and going; nothing follows.

    Also where a look was asked for in vain: what is delivered next is the next message.
    """
    alice, bob, _place = await talked(world)
    seen: dict[bool, list[str]] = {}
    for is_there in (True, False):
        async with AsyncExitStack() as stack, aclosing(stream_of(world, alice)) as signals:
            assert isinstance((await take(signals))[0], Ready)
            if is_there:
                await stack.enter_async_context(world.services.presence.streaming(bob.user_id))
                await take(signals)
            await HIDES[hidden][0](world)
            gone = (await until(signals, lambda each: isinstance(each, PresenceChange)))[-1]
            assert isinstance(gone, PresenceChange)
            assert gone.presence is None
            await come_and_go(world, bob, 0)
            world.services.pubsub.publish_ephemeral(
                [EphemeralEvent(alice.user_id, EphemeralKind.PRESENCE, bob.user_id)]
            )
            await world.person(f"carol{is_there:d}")
            await world.send(world.viewers[f"carol{is_there:d}"], "alice")
            seen[is_there] = kinds_of(await take(signals, 2))
        await alter(world, "bob", share_presence=True)
        for one, other in ((bob, "alice"), (alice, "bob")):
            await world.services.block.unblock(one, named(other)[0])

    assert seen[True] == seen[False] == ["CONVERSATION_CREATED", "MESSAGE_CREATED"]


async def test_who_saw_nothing_sees_no_end_of_it(world: World) -> None:
    """A block after `sharePresence: false`, a second block, and a setting that was off already: no sound."""
    alice, bob, _place = await talked(world)
    await alter(world, "bob", share_presence=False)
    ear = await Ear(world, alice).open()
    await alter(world, "bob", share_presence=False)
    for _ in range(2):
        await world.services.block.block(bob, named("alice")[0])
    await alter(world, "bob", share_presence=True)
    await alter(world, "bob", share_presence=False)
    await world.services.block.unblock(bob, named("alice")[0])

    assert await ear.sounds() == ([], 0)


async def report(world: World, bob: Viewer, _place: int) -> None:
    """Bob reports alice's message, and blocks her with it."""
    [view] = (await world.services.message.page_of(bob, _place, PageRequest(last=1))).items
    await world.services.report.report(bob, view.row.id, ReportReason.SPAM, None, 0, block=True)


async def decline(world: World, bob: Viewer, _place: int) -> None:
    """Bob, who writes with alice, declines the group that she asks him into, and blocks her with it."""
    await alter(world, "bob", add_to_groups=Audience.NOBODY)
    group = await world.send(world.viewers["alice"], "bob", "carol") >> 27
    await world.services.request.decline(bob, group, block=True)


async def block(world: World, bob: Viewer, _place: int) -> None:
    """Bob blocks alice."""
    await world.services.block.block(bob, named("alice")[0])


@pytest.mark.parametrize("act", [block, report, decline])
async def test_every_way_to_block_takes_presence_back_live(world: World, act: Act) -> None:
    """From both of the two, once; a third person hears nothing of it."""
    alice, bob, place = await talked(world)
    carol = await world.person("carol")
    ears = [await Ear(world, each).open() for each in (alice, bob, carol)]
    await act(world, bob, place)
    heard = [[each for each in ear.heard if each != "hint"] for ear in ears]

    assert heard == [["PRESENCE_WITHDRAWN"], ["PRESENCE_WITHDRAWN"], []]


async def test_presence_begins_again_where_it_is_shared_again(world: World) -> None:
    """As it is: who has a look sees it."""
    alice, _bob, _place = await talked(world)
    await alter(world, "bob", share_presence=False)
    async with aclosing(stream_of(world, alice)) as signals:
        await take(signals)
        await alter(world, "bob", share_presence=True)
        [shown] = await take(signals)

    assert isinstance(shown, PresenceChange)
    assert shown.presence is not None
    assert not shown.presence.is_online


async def test_of_a_suspended_account_nothing_is_shown_but_that_it_ended(world: World) -> None:
    """Its streams end with it, and those who saw it there are told that there is nothing to see any more.

    The hint is of the event that says so of the account.
    """
    alice, bob, _place = await talked(world)
    ear = await Ear(world, alice).open()
    async with world.services.presence.streaming(bob.user_id):
        await world.services.account.set_state("bob", users.SUSPENDED)

    assert await ear.sounds() == (["PRESENCE", "hint", "PRESENCE_WITHDRAWN"], 1)


async def test_a_subscriber_to_messages_alone_is_online_as_well(world: World) -> None:
    """`privateMessageReceived` is a live stream like `events`, from its first look to its end; a stranger sees none."""
    alice, bob, _place = await talked(world)
    carol = await world.person("carol")
    ear = await Ear(world, alice).open()
    presence, messages = world.services.presence, world.services.stream.messages
    async with aclosing(messages(bob, world.services.stream.cursor_of(bob, START))) as deliveries:
        await anext(deliveries)
        [seen] = (await presence.find_many(alice, [bob.user_id])).values()
        assert seen.is_online
        assert await presence.find_many(carol, [bob.user_id]) == {}
    [seen] = (await presence.find_many(alice, [bob.user_id])).values()

    assert (seen.is_online, await ear.sounds()) == (False, (["PRESENCE", "PRESENCE"], 0))


async def test_typing_in_a_group_is_not_shown_to_who_has_not_answered(world: World) -> None:
    """Neither live nor by `typingUsers`, though others of the group see it."""
    alice, bob, carol = await world.people("alice", "bob", "carol")
    place = await world.send(bob, "alice", "carol") >> 27

    def write(tx: Transaction) -> None:
        sql = "UPDATE member SET request_state = 1 WHERE user_id = ?"
        tx.database.connection().execute(sql, (alice.user_id,))

    await world.services.database.write(write)
    await world.services.presence.type(bob, place, is_typing=True)
    shown = {}
    for viewer in (alice, carol):
        view = await world.services.conversation.find(viewer, place)
        assert view is not None
        shown[viewer.user_id] = [person.row.username for person in world.services.presence.typing_in(view)]

    assert shown == {alice.user_id: [], carol.user_id: ["bob"]}
