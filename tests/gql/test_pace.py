"""The pace: every waiting task gets a turn, even if others are cancelled."""

import asyncio

import pytest

from gql.pace import WOKEN, Pace


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
