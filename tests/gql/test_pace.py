"""The pace: every waiting task gets a turn, and one operation leaves room for others in the database."""

import asyncio

import pytest

from gql.pace import WOKEN, Pace
from tests.gql.conftest import Site
from tests.gql.person import Person


@pytest.mark.parametrize("turns", [0, 1, 2], ids=["before the slice ends", "when it ends", "when they were woken"])
async def test_a_waiting_task_continues_when_others_are_cancelled(turns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that disconnects may cancel more waiting fields than one turn wakes."""
    pace = Pace()
    monkeypatch.setattr("gql.pace.SLICE_SECONDS", 0.0)
    cancelled = [asyncio.create_task(pace.turn()) for _ in range(2 * WOKEN)]
    waiting = asyncio.create_task(pace.turn())
    for _ in range(1 + turns):
        await asyncio.sleep(0)
    monkeypatch.undo()
    for task in cancelled:
        task.cancel()

    await asyncio.wait_for(waiting, 1)

    results = await asyncio.gather(*cancelled, return_exceptions=True)
    assert {type(each) for each in results} == {asyncio.CancelledError}


async def test_six_hundred_reads_of_one_operation_refuse_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages below a list cannot be loaded together; while they are read, another person gets answers.

    As on a machine that is fast enough to begin them all in one turn.
    """
    monkeypatch.setattr("gql.pace.SLICE_SECONDS", 60.0)
    alice, bob = [Person(site, await site.token_of(name)) for name in ("alice", "bob")]
    for number in range(40):
        await site.token_of(f"other{number}")
        await alice.send(f"other{number}")
    pages = " ".join(f"m{number}: messages(first: 1) {{ nodes {{ sequence }} }}" for number in range(15))
    reading = asyncio.create_task(alice.ask(f"{{ conversations(first: 40) {{ nodes {{ {pages} }} }} }}"))
    rounds = 0
    while not reading.done():
        assert await bob.ask("{ viewer { unreadMessageCount } }") == {"viewer": {"unreadMessageCount": 0}}
        rounds += 1
    found = (await reading)["conversations"]["nodes"]

    assert rounds
    assert found == [{f"m{number}": {"nodes": [{"sequence": 1}]} for number in range(15)}] * 40
