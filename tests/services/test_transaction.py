"""What a transaction appends to people's logs is published once, after its commit, and never without one."""

import asyncio
import io
from collections.abc import Awaitable, Callable

import pytest
from PIL import Image

from models import event as events
from models import user as users
from models.api_key import Scope
from models.base import now_ms
from models.event import EventKind
from models.setting import Audience
from models.transaction import Transaction
from pubsub.base import EphemeralEvent, EphemeralKind, Hint
from services.error import ServerUnavailable
from services.limit import DeviceTrust
from services.message.draft import Draft
from services.message.preference import PreferenceChange
from services.message.report import ReportReason
from services.person.setting import SettingsChange
from services.person.user import Reference, ReferenceKind
from services.transaction import WriteTransaction
from services.viewer import Viewer
from tests.services.conftest import MakeWorld, World, named

KINDS = {kind.value: kind.name for kind in EventKind}


class Record:
    """All hints and ephemeral events that a pubsub was given, in order."""

    def __init__(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        self._world = world
        self.hints: list[Hint] = []
        self.ephemeral: list[EphemeralEvent] = []
        monkeypatch.setattr(world.services.pubsub, "publish", self.hints.extend)
        monkeypatch.setattr(world.services.pubsub, "publish_ephemeral", self.ephemeral.extend)

    async def logs(self) -> dict[Hint, str]:
        """Every entry of every log, with its kind."""

        def read(tx: Transaction) -> dict[Hint, str]:
            rows = tx.database.connection().execute("SELECT user_id, n, kind FROM event").fetchall()
            return {Hint(user_id, n): KINDS[kind] for user_id, n, kind in rows}

        return await self._world.services.database.read(read)


@pytest.fixture
async def world(make_world: MakeWorld) -> World:
    """With devices that are worth an event."""
    return await make_world(device_trust=DeviceTrust.NOTIFY)


@pytest.fixture
def record(world: World, monkeypatch: pytest.MonkeyPatch) -> Record:
    """Of what the world publishes."""
    return Record(world, monkeypatch)


def append(tx: WriteTransaction, user_id: int, error: Exception | None = None) -> None:
    """A write with an event of each sort."""
    tx.events.append([user_id], EventKind.SETTINGS_CHANGED, user_id)
    tx.events.ephemeral.append(EphemeralEvent(user_id, EphemeralKind.PRESENCE, user_id))
    if error is not None:
        raise error


async def test_a_write_publishes_its_events_before_it_returns(world: World, record: Record) -> None:
    """Hints and ephemeral events, each once."""
    alice = await world.person("alice")

    await world.services.database.write(append, alice.user_id)

    assert record.hints == [(alice.user_id, 1)]
    assert record.ephemeral == [(alice.user_id, EphemeralKind.PRESENCE, alice.user_id, 0, 0)]


async def test_a_write_that_raises_publishes_nothing(world: World, record: Record) -> None:
    """Its events were undone with it; those of a neighbour in the same batch are published."""
    alice, bob = await world.people("alice", "bob")
    write = world.services.database.write

    failed, done = await asyncio.gather(
        write(append, alice.user_id, ValueError("no")), write(append, bob.user_id), return_exceptions=True
    )

    assert (type(failed), done) == (ValueError, None)
    assert record.hints == [(bob.user_id, 1)]
    assert [each.user_id for each in record.ephemeral] == [bob.user_id]
    assert set(await record.logs()) == {(bob.user_id, 1)}


async def test_a_write_whose_commit_fails_publishes_nothing(world: World, record: Record) -> None:
    """A foreign key that is checked at COMMIT: the function returned, and nothing of it was stored."""
    alice = await world.person("alice")

    def poison(tx: WriteTransaction) -> None:
        append(tx, alice.user_id)
        tx.database.connection().execute("PRAGMA defer_foreign_keys = ON")
        tx.database.connection().execute("INSERT INTO device VALUES (1, 1, NULL, 1, 1, 1)")

    with pytest.raises(ServerUnavailable, match="nothing was stored"):
        await world.services.database.write(poison)

    assert (record.hints, record.ephemeral, await record.logs()) == ([], [], {})


async def test_a_transaction_has_one_time(world: World) -> None:
    """However long it takes: its events have the time of all that it stores."""
    alice = await world.person("alice")

    def write(tx: WriteTransaction) -> tuple[int, int, int]:
        before = tx.at
        while now_ms() == before:
            pass
        append(tx, alice.user_id)
        return before, tx.at, events.last_of(tx, alice.user_id).at

    before, after, stored = await world.services.database.write(write)

    assert before == after == stored


async def group_of(world: World, alice: Viewer) -> int:
    """A conversation of three."""
    return await world.send(alice, "bob", "carol") >> 27


async def request_of(world: World, alice: Viewer, bob: Viewer) -> int:
    """A conversation in which alice waits for bob's answer."""
    await world.services.setting.change(bob, SettingsChange(accept_from=Audience.NOBODY))
    return await world.send(alice, "bob") >> 27


async def send(world: World, alice: Viewer, bob: Viewer) -> None:
    """A first message, and its answer, which is a receipt as well."""
    await world.send(alice, "bob")
    await world.send(bob, "alice")


async def send_to_each(world: World, alice: Viewer, _bob: Viewer) -> None:
    """Two conversations."""
    await world.services.send.send_to_each(alice, Draft(text="Hello", users=named("bob", "carol")))


async def send_again(world: World, alice: Viewer, _bob: Viewer) -> None:
    """A retry appends nothing, and publishes nothing."""
    for _ in range(3):
        await world.send(alice, "bob", client_message_id="k")


async def edit(world: World, alice: Viewer, _bob: Viewer) -> None:
    """Twice the same text is one edit."""
    id_ = await world.send(alice, "bob")
    for _ in range(2):
        await world.services.edit.edit(alice, id_, "other words", None)


async def delete_for_me(world: World, alice: Viewer, bob: Viewer) -> None:
    """The other one keeps it."""
    await world.services.deletion.delete_for_me(bob, await world.send(alice, "bob"))


async def delete_for_everyone(world: World, alice: Viewer, _bob: Viewer) -> None:
    """Without a trace."""
    await world.services.deletion.delete_for_everyone(alice, await world.send(alice, "bob"))


async def react(world: World, alice: Viewer, bob: Viewer) -> None:
    """Set twice, taken back once."""
    id_ = await world.send(alice, "bob")
    for is_set in (True, True, False):
        await world.services.reaction.react(bob, id_, "👍", is_set=is_set)


async def mark(world: World, alice: Viewer, bob: Viewer) -> None:
    """Delivered, read and unread again."""
    id_ = await world.send(alice, "bob")
    await world.services.receipt.acknowledge(bob, id_ >> 27, id_)
    await world.services.receipt.mark_read(bob, id_ >> 27, None)
    await world.services.receipt.mark_unread(bob, id_ >> 27, None)


async def accept(world: World, alice: Viewer, bob: Viewer) -> None:
    """A request."""
    await world.services.request.accept(bob, await request_of(world, alice, bob))


async def decline(world: World, alice: Viewer, bob: Viewer) -> None:
    """With the block that goes with it."""
    await world.services.request.decline(bob, await request_of(world, alice, bob), block=True)


async def prefer(world: World, alice: Viewer, bob: Viewer) -> None:
    """Pins a conversation, then clears it."""
    place = await world.send(alice, "bob") >> 27
    await world.services.preference.prefer(bob, place, PreferenceChange(is_pinned=True))
    await world.services.preference.clear(bob, place, None)


async def leave(world: World, alice: Viewer, bob: Viewer) -> None:
    """A group."""
    await world.services.preference.leave(bob, await group_of(world, alice))


async def block(world: World, alice: Viewer, _bob: Viewer) -> None:
    """And unblock, each twice."""
    reference = Reference(ReferenceKind.USERNAME, "bob")
    for change in (world.services.block.block, world.services.block.unblock):
        await change(alice, reference)
        await change(alice, reference)


async def report(world: World, alice: Viewer, bob: Viewer) -> None:
    """With the block that goes with it."""
    id_ = await world.send(alice, "bob")
    await world.services.report.report(bob, id_, ReportReason.SPAM, None, 0, block=True)


async def change_settings(world: World, alice: Viewer, _bob: Viewer) -> None:
    """Twice the same is one change."""
    for _ in range(2):
        await world.services.setting.change(alice, SettingsChange(send_read_receipts=False))


async def add_device(world: World, _alice: Viewer, _bob: Viewer) -> None:
    """The operator opens a session for somebody who has a device."""
    await world.services.account.open_session("alice", "Phone", is_vouched_for=True)


async def relate(world: World, alice: Viewer, _bob: Viewer) -> None:
    """Each twice: a follow is an event for both, a mute for the muter alone."""
    relation, [reference] = world.services.relation, named("bob")
    for change in (relation.follow, relation.unfollow, relation.mute, relation.unmute):
        await change(alice, reference)
        await change(alice, reference)


async def suspend(world: World, alice: Viewer, _bob: Viewer) -> None:
    """And restore; those who share a conversation with the person get both events."""
    await world.send(alice, "bob")
    for state in (users.SUSPENDED, users.ACTIVE):
        await world.services.account.set_state("alice", state)


async def change_access(world: World, alice: Viewer, _bob: Viewer) -> None:
    """A key comes and goes, and so does a device; to trust a trusted device changes nothing."""
    services, other = world.services, await world.again("alice")
    row, _ = await services.api_key.create(alice, "bot", Scope.READ_MESSAGES, None)
    await services.api_key.revoke(alice, row.id)
    await services.device.trust(alice, other.device_id)
    await services.device.revoke(alice, other.device_id)
    await services.account.sign_out(alice, everywhere=False)


async def make_thumbnail(world: World, alice: Viewer, _bob: Viewer) -> None:
    """By a job, after the send."""
    content = io.BytesIO()
    Image.new("RGB", (640, 480), "teal").save(content, "PNG")
    await world.send(alice, "bob", files=[await world.file(content.getvalue(), "sea.png")])
    await world.services.sweeper.shrink()


Path = Callable[[World, Viewer, Viewer], Awaitable[None]]
BEGINNING = {"CONVERSATION_CREATED": 2, "MESSAGE_CREATED": 2}
PATHS: list[tuple[Path, dict[str, int]]] = [
    (send, {"CONVERSATION_CREATED": 2, "MESSAGE_CREATED": 4, "RECEIPT_UPDATED": 1}),
    (send_to_each, {"CONVERSATION_CREATED": 4, "MESSAGE_CREATED": 4}),
    (send_again, BEGINNING),
    (edit, BEGINNING | {"MESSAGE_UPDATED": 2}),
    (delete_for_me, BEGINNING | {"MESSAGE_REMOVED": 1, "CONVERSATION_UPDATED": 1}),
    (delete_for_everyone, BEGINNING | {"MESSAGE_REMOVED": 2, "CONVERSATION_REMOVED": 2}),
    (react, BEGINNING | {"MESSAGE_UPDATED": 4}),
    (mark, BEGINNING | {"RECEIPT_UPDATED": 2, "CONVERSATION_UPDATED": 3}),
    (accept, BEGINNING | {"SETTINGS_CHANGED": 1, "CONVERSATION_UPDATED": 2}),
    (decline, BEGINNING | {"SETTINGS_CHANGED": 1, "CONVERSATION_REMOVED": 1, "USER_BLOCKED": 1}),
    (prefer, BEGINNING | {"CONVERSATION_UPDATED": 1, "MESSAGE_REMOVED": 1, "CONVERSATION_REMOVED": 1}),
    (leave, {"CONVERSATION_CREATED": 3, "MESSAGE_CREATED": 3, "CONVERSATION_REMOVED": 1, "CONVERSATION_UPDATED": 2}),
    (block, {"USER_BLOCKED": 1, "USER_UNBLOCKED": 1}),
    (report, BEGINNING | {"USER_BLOCKED": 1}),
    (change_settings, {"SETTINGS_CHANGED": 1}),
    (add_device, {"DEVICE_ADDED": 1}),
    (relate, {"USER_UPDATED": 6}),
    (suspend, BEGINNING | {"USER_UPDATED": 2}),
    (change_access, {"VIEWER_UPDATED": 4}),
    (make_thumbnail, BEGINNING | {"MESSAGE_UPDATED": 2}),
]


@pytest.mark.parametrize(("path", "kinds"), PATHS, ids=[path.__name__ for path, _ in PATHS])
async def test_each_committed_event_is_published_once(
    world: World, record: Record, path: Path, kinds: dict[str, int]
) -> None:
    """Whatever changed something: one hint for each entry of each log, and none for anything else."""
    alice, bob, _ = await world.people("alice", "bob", "carol")

    await path(world, alice, bob)

    logs = await record.logs()
    assert sorted(each for each in record.hints if each.n) == sorted(logs)  # 0: a session or its rights changed
    assert {kind: list(logs.values()).count(kind) for kind in set(logs.values())} == kinds


def test_the_paths_append_every_kind_of_event() -> None:
    """A new kind has a path here."""
    assert {kind for _, kinds in PATHS for kind in kinds} == set(KINDS.values())
