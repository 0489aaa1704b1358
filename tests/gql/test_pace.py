"""The pace: who waits for a turn gets one, whatever becomes of the others."""

import asyncio

import pytest

from gql.pace import WOKEN, Pace


@pytest.mark.parametrize("turns", [0, 1, 2], ids=["before the slice ends", "when it ends", "when they were woken"])
async def test_who_waits_behind_others_goes_on_when_those_are_cancelled(
    turns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that hangs up may take more waiting fields with it than are woken in one turn."""
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
