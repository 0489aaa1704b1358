"""What is read for many viewers together is what each of them would read alone."""

from typing import Any

import pytest

from models import message as messages
from models import profile as profiles
from models.event import START
from models.transaction import Transaction
from services.live.log_reader import LogRead
from services.live.resolved_event import ALL_OF_EVENT, EventParts, event_parts
from services.message.part import ALL_OF_CONVERSATION, MessageParts
from services.person.user import PersonDetail
from tests.services.chance import Chance
from tests.services.conftest import MakeWorld, World

NAMES = ("alice", "bob", "carol", "dave")
FEW: EventParts = event_parts(
    MessageParts(sender=PersonDetail.PROFILE), ALL_OF_CONVERSATION, PersonDetail.ID, only_messages=True
)


def seen_alone(tx: Transaction, viewers: list[int], ids: list[int]) -> dict[int, dict[int, messages.MessageRow]]:
    """By the statement for one viewer."""
    return {viewer: messages.find_visible(tx, viewer, ids) for viewer in viewers}


@pytest.mark.parametrize("seed", range(6))
async def test_after_any_history_all_see_together_what_each_sees_alone(make_world: MakeWorld, seed: int) -> None:
    """Members and strangers; what was cleared, hidden, deleted or left; ids of messages that never existed."""
    world = await make_world(report_rate_per_minute=0, read_all_rate_per_minute=0, relation_rate_per_minute=0)
    viewers = [each.user_id for each in await world.people(*NAMES)]
    chance = Chance(world, list(NAMES), seed, calm=False)
    for _ in range(40):
        await chance.act()
    load = world.services.stream._load
    reads = [LogRead(viewer, START, parts) for parts in (ALL_OF_EVENT, FEW) for viewer in viewers]

    def compare(tx: Transaction) -> int:
        ids = [row[0] for row in tx.database.connection().execute("SELECT id FROM message").fetchall()]
        ids += [ids[0] + 1_000, 5]
        wanted = dict.fromkeys([*viewers, 7], ids)
        together = messages.find_visible_to_each(tx, wanted)
        assert together == seen_alone(tx, [*viewers, 7], ids)
        assert load(tx, reads) == [batch for read in reads for batch in load(tx, [read])]
        return sum(map(len, together.values()))

    assert await world.services.database.read(compare) > 10


async def test_a_group_of_eight_costs_one_statement_for_rights_and_one_for_senders(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one for the messages; a third person asks with them and sees nothing."""
    names = [f"person{number}" for number in range(8)]
    alice, *others, dave = await world.people("alice", *names, "dave")
    id_ = await world.send(alice, *names)
    seen: list[object] = []
    execute = Transaction._execute

    def noting(self: Transaction, prepared: Any, params: dict[str, Any]) -> Any:
        seen.append(prepared)
        return execute(self, prepared, params)

    monkeypatch.setattr(Transaction, "_execute", noting)
    reads = [LogRead(viewer.user_id, START, FEW) for viewer in (*others, dave)]
    batches = await world.services.database.read(world.services.stream._load, reads)

    shown = [
        [(each.subject_id, each.message and each.message.sender) for each in batch.items] for batch in batches if batch
    ]
    assert [[subject for subject, _ in each] for each in shown] == [[id_]] * 8 + [[]]
    assert {sender.row.username for each in shown for _, sender in each if sender} == {"alice"}
    counts = [seen.count(each) for each in (messages.VISIBLE_TO_EACH, messages.BY_IDS, messages.VISIBLE)]
    assert counts == [1, 1, 0]
    assert seen.count(profiles.BY_ID) + seen.count(profiles.BY_IDS) == 1
