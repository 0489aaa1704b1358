"""Capacity: what may begin, who waits, and that nothing of it is lost."""

import asyncio

import pytest

from services.capacity import Capacity


async def settle() -> None:
    for _ in range(3):
        await asyncio.sleep(0)


async def test_what_has_no_room_waits_in_its_order() -> None:
    """A small piece does not overtake a large one, which would then never begin."""
    capacity, begun = Capacity(10), list[str]()

    async def work(name: str, cost: float) -> None:
        await capacity.take(cost)
        begun.append(name)

    first = await capacity.take(6)
    tasks = [asyncio.create_task(work("large", 8)), asyncio.create_task(work("small", 1))]
    await settle()
    assert begun == []
    capacity.give(first)
    await settle()

    assert begun == ["large", "small"]
    await asyncio.gather(*tasks)


async def test_what_costs_more_than_there_is_begins_alone() -> None:
    """It takes all; otherwise it would wait for ever."""
    capacity = Capacity(10)
    small = await capacity.take(1)
    huge = asyncio.create_task(capacity.take(1_000))
    await settle()
    assert not huge.done()
    capacity.give(small)

    assert await huge == 10


@pytest.mark.parametrize("is_granted", [False, True], ids=["waiting", "granted"])
async def test_whoever_is_cancelled_keeps_no_room_and_no_place(is_granted: bool) -> None:
    """Also where room came in the same turn of the loop as the end."""
    capacity = Capacity(10)
    held = await capacity.take(10)
    leaving, staying = asyncio.create_task(capacity.take(10)), asyncio.create_task(capacity.take(10))
    await settle()
    if is_granted:
        capacity.give(held)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    if not is_granted:
        capacity.give(held)
    await settle()

    assert leaving.cancelled()
    assert staying.done()
    capacity.give(await staying)
    assert await capacity.take(10) == 10


async def test_many_who_are_cancelled_with_the_one_that_holds_all_leave_the_next_in_peace() -> None:
    """As where the sockets of a person close: room is made between their ends."""
    capacity = Capacity(10)
    held = await capacity.take(10)
    leaving = [asyncio.create_task(capacity.take(4)) for _ in range(5)]
    staying = asyncio.create_task(capacity.take(10))
    await settle()
    for task in leaving:
        task.cancel()
    capacity.give(held)
    results = await asyncio.gather(*leaving, return_exceptions=True)

    assert [type(each) for each in results] == [asyncio.CancelledError] * 5
    assert await staying == 10
