"""Snapshot and events: whatever people do, a client that follows the stream shows what one that loads anew would."""

from collections import Counter
from typing import Any

import pytest

from models.base import conversation_of
from models.member import RequestState
from models.setting import Audience
from tests.full import amount, full
from tests.services.chance import Chance
from tests.services.conftest import MakeWorld, World
from tests.services.history import Client

HISTORIES = amount(2, 250)  # of each kind
SHARDS = amount(1, 4)
OPERATIONS = 25


async def play(world: World, seed: int, *, calm: bool) -> None:
    """One history: after every operation each client agrees with the server; at its end one that was away as well."""
    names = [f"{name}-{seed}" for name in ("alice", "bob", "carol", "dave")]
    viewers = await world.people(*names)
    clients = [Client(world, viewer, with_positions=calm) for viewer in viewers]
    absent = [Client(world, viewer, with_positions=calm) for viewer in viewers]
    for client in (*clients, *absent):
        await client.load()
    chance, operations = Chance(world, names, seed, calm=calm), []
    for _ in range(OPERATIONS):
        operations.append(await chance.act())
        for client in clients:
            await check(client, chance, operations)
    for client in absent:
        await check(client, chance, operations)


async def check(client: Client, chance: Chance, operations: list[str]) -> None:
    """The client follows, and shows what the server would show; nothing came to it that it may not see."""
    seen = await client.follow()
    wanted = await client.snapshot()
    shown_ids = {*client.state.messages, *(each.message.row.id for each in seen if each.message)}
    assert all(client.viewer.user_id in chance.addressed[id_] for id_ in shown_ids), operations
    for shown, right in (
        (client.state.conversations, wanted.conversations),
        (client.state.messages, wanted.messages),
    ):
        different = [id_ for id_ in {*shown, *right} if shown.get(id_) != right.get(id_)]
        if different:
            pair = (shown.get(different[0]), right.get(different[0]))
            pytest.fail(
                f"after {operations[-1]!r} the client shows and the server says:\n{pair[0]}\n{pair[1]}\n{operations}"
            )
    assert (client.state.blocked, client.state.settings) == (wanted.blocked, wanted.settings), operations
    unread = await client.world.services.conversation.unread(client.viewer)
    assert (unread.messages, unread.conversations) == wanted.unread, operations
    requested = [place for place, each in wanted.conversations.items() if each["request"] == RequestState.PENDING]
    received = Counter(conversation_of(id_) for id_ in wanted.messages)
    assert all(received[place] <= client.world.services.limits.max_request_messages for place in requested), operations
    badge = await client.world.services.conversation.count_unmuted(client.viewer)
    assert badge == client.state.unmuted(client.viewer.user_id, await chance.muted_by(client.viewer)), operations


NO_RATES = {"report_rate_per_minute": 0, "read_all_rate_per_minute": 0, "relation_rate_per_minute": 0}
LIMITS: list[dict[str, Any]] = [
    NO_RATES,
    {**NO_RATES, "silent_delete_window_seconds": 0, "accept_messages_from": Audience.FOLLOWED_BY_ME},
]


@full
@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("calm", [True, False], ids=["receipts", "blocks and settings"])
@pytest.mark.parametrize("limits", LIMITS, ids=["silent deletes", "tombstones and requests"])
async def test_a_snapshot_and_the_events_after_it_are_the_snapshot_later(
    make_world: MakeWorld, limits: dict[str, Any], *, calm: bool, shard: int
) -> None:
    """For random histories of all operations by four people; with positions of others where nothing hides them."""
    world = await make_world(**limits)
    for seed in range(shard, HISTORIES, SHARDS):
        await play(world, seed, calm=calm)


async def test_every_deed_succeeds_in_these_histories_now_and_then(make_world: MakeWorld) -> None:
    """A verb that is always refused would prove nothing: forty histories without clients, and their count."""
    done: Counter[str] = Counter()
    for limits in LIMITS:
        world = await make_world(**limits)
        for seed in range(10):
            for calm in (True, False):
                names = [f"{name}-{seed}-{calm}" for name in ("alice", "bob", "carol", "dave")]
                await world.people(*names)
                chance = Chance(world, names, seed, calm=calm)
                for _ in range(OPERATIONS):
                    await chance.act()
                done += chance.done

    assert {verb: done[verb] for verb in chance.verbs if done[verb] < 4} == {}
