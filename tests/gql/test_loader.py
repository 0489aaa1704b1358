"""Batched reads: one call of a service for all that ask together, and errors only for those who asked."""

import asyncio

import pytest

from gql.loader import BatchedRead, no_parts
from gql.pace import pace_of_loop
from services.error import ServerUnavailable
from services.viewer import Viewer

VIEWER = Viewer(7, b"session", 2**60)


class Numbers:
    """A service that finds even numbers, unless it is broken."""

    def __init__(self, *, is_broken: bool = False) -> None:
        self.is_broken = is_broken
        self.asked: list[list[int]] = []

    async def find_many(self, viewer: Viewer, ids: list[int]) -> dict[int, str]:
        assert viewer is VIEWER
        self.asked.append(ids)
        if self.is_broken:
            raise ServerUnavailable("Try again.")
        return {id_: f"number {id_}" for id_ in ids if not id_ % 2}


async def test_what_is_asked_for_together_is_read_once() -> None:
    """In the order of the ids; None where there is none, and for what is not found. Nothing is kept for later."""
    numbers = Numbers()
    read = BatchedRead(numbers.find_many, VIEWER, no_parts)
    first, second, third = await asyncio.gather(
        read([4, None, 2, 4], None), read.each([2, 3], None), read([None], None)
    )
    again = await read([4], None)

    assert first == ["number 4", None, "number 2", "number 4"]
    assert (second, third) == (["number 2", None], [None])
    assert again == ["number 4"]
    assert numbers.asked == [[4, 2, 3], [4]]


async def test_an_error_is_of_those_who_asked() -> None:
    """Where there was nothing to read, nothing failed."""
    numbers = Numbers(is_broken=True)
    read = BatchedRead(numbers.find_many, VIEWER, no_parts)
    found = await read.each([2, None, 3], None)

    assert [type(each) for each in found] == [ServerUnavailable, type(None), ServerUnavailable]
    assert await read.each([None], None) == await read([None], None) == [None]
    with pytest.raises(ServerUnavailable):
        await read([2, None], None)
    assert numbers.asked == [[2, 3], [2]]


async def test_those_who_asked_together_go_on_in_as_many_turns_as_that_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document can show a level field under twenty names, whose work would be one turn of the event loop."""
    read = BatchedRead(Numbers().find_many, VIEWER, no_parts)
    turns: list[int] = []
    number = 0

    async def ask() -> None:
        await read([2], None)
        pace_of_loop().is_over()  # begins the slice of this turn
        turns.append(number)

    async def count() -> None:
        nonlocal number
        while True:
            number += 1
            await asyncio.sleep(0)

    monkeypatch.setattr("gql.pace.SLICE_SECONDS", 1e-9)
    counting = asyncio.create_task(count())
    await asyncio.gather(*(ask() for _ in range(8)))
    counting.cancel()

    assert len(set(turns)) >= 4


async def test_those_who_ask_together_get_the_parts_of_all() -> None:
    """One read serves them; a later one loads its own parts only."""
    asked: list[tuple[list[int], frozenset[str]]] = []

    async def find_many(viewer: Viewer, ids: list[int], parts: frozenset[str]) -> dict[int, frozenset[str]]:
        asked.append((ids, parts))
        return dict.fromkeys(ids, parts)

    def merge(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
        return one | other

    read = BatchedRead(find_many, VIEWER, merge)
    both = frozenset({"sender", "files"})
    first, second = await asyncio.gather(read([1], frozenset({"sender"})), read([2], frozenset({"files"})))
    third = await read([1], frozenset())

    assert (first, second, third) == ([both], [both], [frozenset()])
    assert asked == [([1, 2], both), ([1], frozenset())]
