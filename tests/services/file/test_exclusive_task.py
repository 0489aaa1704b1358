"""One operation at a time with a thing: the last to come is let in as soon as the one before has let go."""

import asyncio

import pytest

from services.file.exclusive_task import ExclusiveTasks, Superseded


async def test_who_comes_last_waits_no_longer_than_the_one_before_takes_to_let_go() -> None:
    """Not for a pause besides: a client that reconnects goes on with its upload at once."""
    tasks, key = ExclusiveTasks(), (1, 2)
    let_go: list[str] = []

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            let_go.append("first")

    async def work() -> str:
        return "second"

    first = asyncio.create_task(tasks.run_exclusive(key, hang))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert list(tasks.keys) == [key]
    async with asyncio.timeout(0.9):
        answer = await tasks.run_exclusive(key, work)

    assert (answer, let_go) == ("second", ["first"])
    with pytest.raises(Superseded):
        await first
    await asyncio.sleep(0)
    assert not tasks.keys


async def test_shared_work_ends_with_its_last_caller() -> None:
    """One that leaves does not stop it for the others."""
    tasks, key = ExclusiveTasks(), (1, 2)
    ended: list[str] = []

    async def hang() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("ended")

    callers = [asyncio.create_task(tasks.run_shared(key, hang)) for _ in range(2)]
    for _ in range(3):
        await asyncio.sleep(0)
    callers[0].cancel()
    await asyncio.wait([callers[0]])
    assert (list(tasks.keys), ended) == ([key], [])

    callers[1].cancel()
    async with asyncio.timeout(2):
        await asyncio.wait([callers[1]])

    assert (list(tasks.keys), ended) == ([], ["ended"])
