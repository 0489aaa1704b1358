"""The budget of an operation: it ends operations that cost more than allowed, and yields to others meanwhile."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import suppress
from typing import Any

import pytest
import strawberry
from strawberry.schema.config import StrawberryConfig

from gql.document.spending import Spending
from gql.document.survey import QueryLimits
from gql.level import level_field
from gql.node import Info
from gql.scalar import JSON, SCALAR_MAP
from gql.wire.answer import Answer
from gql.wire.schema import SottoSchema
from tests.gql.executed import answer_to, answers_to

LONG = "é" * 1_000


@strawberry.type
class Item:
    number: int

    @strawberry.field
    def text(self) -> str:
        return LONG

    @strawberry.field
    def texts(self) -> list[str]:
        return [LONG] * 3

    @strawberry.field
    def data(self) -> JSON:
        return JSON({"numbers": [1] * 1_000})

    @strawberry.field
    def items(self, count: int) -> list["Item"]:
        return items_of(count)

    @strawberry.field
    async def later(self) -> "Item":
        calls.append("later")
        await asyncio.sleep(0)
        return Item(number=self.number)

    @strawberry.field
    async def turn(self) -> int:
        return turns[-1]

    @level_field(description="The turn of the loop, for all objects.")
    async def level_turn(parents: Sequence["Item"], info: Info) -> Sequence[int]:
        return [turns[-1]] * len(parents)

    @strawberry.field
    async def wrong(self) -> int:
        raise ValueError("wrong")

    @strawberry.field
    def wrong_or_null(self) -> int | None:
        raise ValueError("wrong")


calls: list[str] = []
turns: list[int] = [0]  # of the event loop, numbered by `turns_of`


def items_of(count: int) -> list[Item]:
    return [Item(number=number) for number in range(count)]


@strawberry.type
class Query:
    @strawberry.field
    def items(self, count: int) -> list[Item]:
        return items_of(count)


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def make(self, count: int) -> list[Item]:
        calls.append(f"make {count}")
        return items_of(count)


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def made(self) -> AsyncGenerator[list[Item], None]:
        for count in (3, 100, 3):
            yield items_of(count)


@pytest.fixture(autouse=True)
def _no_calls() -> None:
    calls.clear()


def schema(**limits: Any) -> SottoSchema:
    """A schema of lists, executed within these limits."""
    return SottoSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        limits=QueryLimits(**limits),
        config=StrawberryConfig(scalar_map=SCALAR_MAP),
    )


async def run(text: str, *, by_plan: bool = True, **limits: Any) -> Answer:
    """The answer; without plans by graphql-core."""
    made = schema(**limits)
    made.planner.is_enabled = by_plan
    return await answer_to(made, text)


def errors_of(result: Answer) -> list[tuple[str, Any, Any]]:
    return [(error.message, error.path, error.extensions) for error in result.errors]


async def test_an_operation_that_turns_out_dearer_ends_with_one_error() -> None:
    """Estimates assume usual lengths; if lists are longer, the actual cost decides."""
    text = "{ items(count: 3) { items(count: 100) { number later { number } } } }"

    within, beyond = await run(text), await run(text, executed_cost=1_000)

    assert within.errors == []
    assert beyond.data is None
    ((message, path, extensions),) = errors_of(beyond)
    assert message.startswith("Cost of the operation as executed: 1,0")
    assert message.endswith(", at most 1,000 allowed.")
    assert (path[0], extensions) == ("items", {"code": "QUERY_TOO_COMPLEX"})
    assert len(calls) == 300  # those of the complete answer; the other one started none


@pytest.mark.parametrize(("by_plan", "hot"), [(True, 10**9), (True, 2), (False, 0)])
@pytest.mark.parametrize("field", ["text", "texts", "a: text b: text c: text", "x" * 2_000 + ": number", "data"])
async def test_an_answer_that_is_too_long_is_ended(
    field: str, by_plan: bool, hot: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Texts count in bytes, not characters, in lists too, and so do aliases and any JSON."""
    monkeypatch.setattr("gql.plan.render.HOT", hot)
    text = f"{{ items(count: 60) {{ {field} }} }}"

    assert (await run(text, by_plan=by_plan, response_bytes=1_000_000)).errors == []
    beyond = await run(text, by_plan=by_plan, response_bytes=100_000)
    assert beyond.data is None
    assert [(extensions["code"], "Bytes of the answer" in message) for message, _, extensions in errors_of(beyond)] == [
        ("QUERY_TOO_COMPLEX", True)
    ]


@pytest.mark.parametrize(("limit", "most"), [("executed_cost", 2_500), ("response_bytes", 50_000)])
async def test_errors_count_with_every_place_that_they_name(limit: str, most: int) -> None:
    """A field that is requested a hundred times is resolved once, but its error has a hundred locations."""
    text = f"{{ items(count: 60) {{ {'wrongOrNull ' * 100} }} }}"
    few = await run("{ items(count: 60) { wrongOrNull } }", by_plan=True, **{limit: most})
    many = await run(text)
    beyond = await run(text, by_plan=True, **{limit: most})

    assert [len(error.locations or ()) for error in few.errors] == [1] * 60
    assert [len(error.locations or ()) for error in many.errors] == [100] * 60
    assert beyond.data is None
    assert [extensions["code"] for _, _, extensions in errors_of(beyond)] == ["QUERY_TOO_COMPLEX"]


async def test_an_answer_that_costs_just_what_it_may_can_still_be_too_long() -> None:
    """The error names the limit that was exceeded, not the one that was just reached."""
    spending = Spending(QueryLimits(executed_cost=10, response_bytes=100))

    assert not spending.add(10, None)
    assert spending.weigh_answer({"text": "x" * 101})
    assert spending.refusal().message == "Bytes of the answer: 111, at most 100 allowed."


async def test_a_mutation_goes_on_with_no_further_field() -> None:
    """Completed fields stay; no further field is executed."""
    text = "mutation { a: make(count: 1) { number } b: make(count: 500) { number } c: make(count: 2) { number } }"

    result = await run(text, executed_cost=1_000)

    assert (result.data, [extensions["code"] for _, _, extensions in errors_of(result)]) == (
        None,
        ["QUERY_TOO_COMPLEX"],
    )
    assert calls == ["make 1", "make 500"]


async def test_each_event_of_a_subscription_has_a_budget_of_its_own() -> None:
    """An event that is too large does not end later ones."""
    results = await answers_to(schema(executed_cost=200), "subscription { made { number } }")

    assert [result.data is None for result in results] == [False, True, False]
    assert [len(errors_of(result)) for result in results] == [0, 1, 0]


async def turns_of(text: str) -> tuple[Answer, int]:
    """The result, and how often the loop ran another task meanwhile; the document is known already."""
    made = schema()
    made.documents.get(text)
    turns[:] = [0]

    async def count() -> None:
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(count())
    try:
        return await answer_to(made, text), turns[0]
    finally:
        other.cancel()
        with suppress(asyncio.CancelledError):
            await other


@pytest.mark.parametrize(
    "text",
    [
        "{ items(count: 100) { number } }",
        "{ items(count: 10) { items(count: 10) { number } } }",
        "{ items(count: 50) { later { number } } }",
        "mutation { make(count: 100) { number } }",
    ],
)
async def test_a_long_answer_yields_to_others(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is the same as one computed without a break."""
    whole, _ = await turns_of(text)
    monkeypatch.setattr("gql.pace.SLICE_SECONDS", 1e-9)  # one item per turn

    result, count = await turns_of(text)

    assert result.errors == []
    assert result.data == whole.data
    assert count >= 50


async def test_fields_begin_in_as_many_turns_as_their_beginnings_take(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand asynchronous fields would otherwise all start in one turn: so each checks the clock."""
    text = "{ items(count: 8) { turn } }"
    whole, _ = await turns_of(text)
    monkeypatch.setattr("gql.pace.SLICE_SECONDS", 1e-9)

    result, _ = await turns_of(text)

    assert whole.data is not None
    assert len({item["turn"] for item in whole.data["items"]}) == 1
    assert result.data is not None
    assert len({item["turn"] for item in result.data["items"]}) >= 4


async def test_thousands_of_errors_yield_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """They cost more than what does not fail."""
    text = f"{{ items(count: 1) {{ {' '.join(f'a{number}: wrongOrNull' for number in range(300))} }} }}"
    whole, _ = await turns_of(text)
    monkeypatch.setattr("gql.pace.SLICE_SECONDS", 1e-9)

    result, count = await turns_of(text)

    assert [error.path for error in result.errors] == [error.path for error in whole.errors]
    assert len(result.errors) == 300
    assert count >= 300


async def test_fields_of_one_level_begin_in_as_many_turns_as_their_beginnings_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One object can have thousands of them, under aliases."""
    text = f"{{ items(count: 1) {{ {' '.join(f'a{number}: levelTurn' for number in range(8))} }} }}"
    whole, _ = await turns_of(text)
    monkeypatch.setattr("gql.pace.SLICE_SECONDS", 1e-9)

    result, _ = await turns_of(text)

    assert len(set(whole.data["items"][0].values())) == 1
    assert len(set(result.data["items"][0].values())) >= 4


async def test_errors_keep_their_places_in_an_answer_that_yields(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that is completed in parts numbers its items like one that is completed at once."""
    monkeypatch.setattr("gql.pace.SLICE_SECONDS", 1e-9)

    result = await run("{ items(count: 5) { wrong } }")

    assert result.data is None
    assert [error.path for error in result.errors] == [["items", 0, "wrong"]]


async def test_what_is_cancelled_between_two_slices_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that leaves stops its query; a coroutine that is never awaited would cause a warning: a failure."""
    monkeypatch.setattr("gql.pace.SLICE_SECONDS", 1e-9)
    task = asyncio.create_task(run("{ items(count: 200) { items(count: 3) { later { number } } } }"))
    for _ in range(50):
        await asyncio.sleep(0)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(500):
        await asyncio.sleep(0)
    assert calls == []  # what was prepared was dropped, not resolved
