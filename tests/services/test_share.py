"""The share of an operation: however many reads it asks for at once, others find room in the queue."""

import asyncio
import threading

from models.transaction import Transaction
from services.share import READS_AT_ONCE, begin_share
from tests.services.conftest import World

READS = 600  # more than the queue holds


async def test_one_operation_leaves_room_in_the_queue(world: World) -> None:
    """None of its reads is refused, nor is one of somebody else meanwhile; each of its results is its own."""
    database, started, go = world.services.database, [], threading.Event()

    def number_of(_tx: Transaction, number: int) -> int:
        started.append(number)
        go.wait(0.5)
        return number

    async def operation() -> list[int]:
        begin_share()
        return await asyncio.gather(*(database.read(number_of, number) for number in range(READS)))

    reading = asyncio.create_task(operation())
    await asyncio.sleep(0.05)
    other = asyncio.create_task(database.read(lambda _tx: len(started)))
    await asyncio.sleep(0.05)
    go.set()

    assert await other <= READS_AT_ONCE
    assert await reading == list(range(READS))


async def test_a_cancelled_operation_gives_its_share_back(world: World) -> None:
    """Also of the reads that waited; the same operation may go on reading."""
    database = world.services.database
    begin_share()
    tasks = [asyncio.create_task(database.read(lambda _tx: 1)) for _ in range(100)]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

    async with asyncio.timeout(5):
        assert await asyncio.gather(*(database.read(lambda _tx: 2) for _ in range(100))) == [2] * 100
