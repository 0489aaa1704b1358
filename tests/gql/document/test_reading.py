"""The queue of documents to be read: the order, and how many may wait."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from gql.document.reading import MOST_OF_ONE, MOST_WAITING, Reader, ReadingQueue
from services.error import ServerUnavailable

ALICE, BOB, STRANGER = Reader("alice", is_stranger=False), Reader("bob", is_stranger=False), Reader("127.0.0.1")


class Gate:
    """A queue whose first document is being read until the gate opens; `order` lists those read after it."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self.queue = ReadingQueue(thread)
        self.order: list[str] = []
        self.opened = Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def close(self) -> None:
        await self.enter("first", STRANGER, self.opened.wait)

    async def enter(self, name: str, reader: Reader, work: Callable[[], object] = bool) -> asyncio.Task[None]:
        def read() -> None:
            work()
            self.order.append(name)

        task = asyncio.create_task(self.queue.run(read, reader))
        self._tasks.append(task)
        await asyncio.sleep(0)
        return task

    async def open(self) -> list[str]:
        self.opened.set()
        await asyncio.wait_for(asyncio.gather(*self._tasks, return_exceptions=True), 5)
        return self.order[1:]


@pytest.fixture
def gate() -> Iterator[Gate]:
    with ThreadPoolExecutor(1) as thread:
        made = Gate(thread)
        yield made
        made.opened.set()


async def test_signed_in_people_come_first_and_take_turns(gate: Gate) -> None:
    """A flood of anonymous requests delays a signed-in person by at most one document."""
    await gate.close()
    for number in range(3):
        await gate.enter(f"stranger {number}", STRANGER)
    for number in range(3):
        await gate.enter(f"alice {number}", ALICE)
    await gate.enter("bob 0", BOB)

    assert await gate.open() == [
        "alice 0", "bob 0", "alice 1", "alice 2", "stranger 0", "stranger 1", "stranger 2"
    ]  # fmt: skip


async def test_too_many_of_one_are_refused_and_others_are_not(gate: Gate) -> None:
    """UNAVAILABLE, and the document is not read."""
    await gate.close()
    for number in range(MOST_OF_ONE):
        await gate.enter(f"{number}", ALICE)
    refused = await gate.enter("one too many", ALICE)
    await gate.enter("bob", BOB)

    assert isinstance(refused.exception(), ServerUnavailable)
    order = await gate.open()
    assert sorted(order) == sorted([*map(str, range(MOST_OF_ONE)), "bob"])


async def test_strangers_leave_room_for_people(gate: Gate) -> None:
    """From any number of addresses."""
    await gate.close()
    strangers = [await gate.enter("stranger", Reader(str(number))) for number in range(MOST_WAITING)]
    alice = await gate.enter("alice", ALICE)

    assert sum(task.done() for task in strangers) == MOST_WAITING // 2
    assert not alice.done()
    assert (await gate.open())[0] == "alice"


async def test_a_client_that_leaves_delays_nobody(gate: Gate) -> None:
    """Before its turn, and at the very moment of its turn."""
    await gate.close()
    gone = await gate.enter("gone", ALICE)
    next_ = await gate.enter("next", BOB)
    gone.cancel()
    await asyncio.sleep(0)
    gate.opened.set()
    await next_
    await asyncio.sleep(0)

    assert gate.order == ["first", "next"]
    assert not gate.queue._waiting_of
    await gate.enter("later", ALICE)
    assert await gate.open() == ["next", "later"]


async def test_a_client_that_leaves_at_its_turn_lets_the_next_one_in(gate: Gate) -> None:
    """Otherwise nothing would ever be read again."""
    await gate.close()
    gone = await gate.enter("gone", ALICE)
    await gate.enter("next", BOB)

    gate.queue._pass_on()  # as the end of the first would
    gone.cancel()

    assert await gate.open() == ["next"]
    await gate.enter("later", ALICE)
    assert await gate.open() == ["next", "later"]
