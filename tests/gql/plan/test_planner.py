"""The planner: which plans are made and kept, and what that costs those who ask for them."""

import asyncio
import threading
from collections import Counter
from typing import Any

import pytest
import strawberry

from gql.context import Context
from gql.document.prepared import PreparedOperation
from gql.plan import planner
from gql.plan.compiler import compile_plan
from gql.plan.tree import Plan
from gql.wire.schema import SottoSchema
from services.limit import Limits
from tests.gql.executed import answer_to, stranger


@strawberry.type
class Thing:
    name: str
    version: int


@strawberry.type
class Query:
    @strawberry.field
    def thing(self) -> Thing:
        return Thing(name="one", version=1)


FLAGS = 5
FLIPPED = (
    "query ("
    + ", ".join(f"$f{number}: Boolean!" for number in range(FLAGS))
    + ") { thing { name "
    + " ".join(f"n{number}: name @include(if: $f{number})" for number in range(FLAGS))
    + " } }"
)
ALLOWED = Limits().anonymous_cost_rate_per_minute


@pytest.fixture
def schema() -> SottoSchema:
    """A schema with an empty cache."""
    return SottoSchema(query=Query)


def prepared(schema: SottoSchema, text: str, name: str | None = None) -> PreparedOperation:
    """An operation of a document, which is cached."""
    found = schema.documents.get(text).prepare(schema.core, name)
    assert found is not None
    return found


async def plan_of(
    schema: SottoSchema, text: str, variables: dict[str, Any], context: Context, name: str | None = None
) -> Plan | None:
    return await schema.planner.plan_for(text, prepared(schema, text, name), variables, context)


def spent(context: Context) -> float:
    """What was charged, in the unit of costs."""
    allowance = context.services.cost.allowance(None, "")
    assert allowance is not None
    return ALLOWED - allowance.left


def flags(number: int) -> dict[str, bool]:
    """The binary digits of a number."""
    return {f"f{flag}": bool(number >> flag & 1) for flag in range(FLAGS)}


async def test_an_operation_is_compiled_once(schema: SottoSchema) -> None:
    """The second request finds the plan, and is charged nothing for it."""
    first, second = stranger(), stranger()
    text = "{ thing { " + " ".join(f"a{number}: name" for number in range(40)) + " } }"

    plan = await plan_of(schema, text, {}, first)

    assert plan is not None
    assert plan.size == 41
    assert await plan_of(schema, text, {}, second) is plan
    assert (spent(first), spent(second)) == (21, 0)


async def test_other_values_of_skip_and_include_are_compiled_and_charged_each_time(schema: SottoSchema) -> None:
    """A few of their plans are kept, so a client that flips them takes no more memory, and pays for the time."""
    context = stranger()
    plans = [await plan_of(schema, FLIPPED, flags(number), context) for number in range(10)]
    used = schema.documents.used_bytes
    again = [await plan_of(schema, FLIPPED, flags(number), context) for number in range(10)]

    kept = [one is other for one, other in zip(plans, again, strict=True)]
    assert kept == [True] * planner.MOST_VARIANTS + [False] * (10 - planner.MOST_VARIANTS)
    assert schema.documents.used_bytes == used
    assert spent(context) >= sum(plan.size for plan in plans if plan) / 2 + 6


async def test_plans_of_one_operation_take_no_more_than_one_of_the_largest(
    schema: SottoSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are."""
    monkeypatch.setattr(planner, "MOST_KEPT", 10)
    context = stranger()
    plans = [await plan_of(schema, FLIPPED, flags(number), context) for number in (0, 1, 3, 7)]
    again = [await plan_of(schema, FLIPPED, flags(number), context) for number in (0, 1, 3, 7)]

    assert [plan.size for plan in plans if plan] == [2, 3, 4, 5]
    assert [one is other for one, other in zip(plans, again, strict=True)] == [True, True, True, False]


async def test_a_wrong_value_leaves_the_plans_of_others_alone(schema: SottoSchema) -> None:
    """Null in the place of a condition is an error of one request; the document is executed by plans for all others."""
    text = "query ($all: Boolean = true) { thing { name version @include(if: $all) } }"
    context = stranger()

    assert await plan_of(schema, text, {"all": None}, context) is None

    plan = await plan_of(schema, text, {"all": True}, context)
    assert plan is not None
    assert plan.size == 3


async def test_functions_are_generated_in_as_many_turns_as_that_takes(
    schema: SottoSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All objects of a document can be due in the same answer. Those that are not generated then are later."""
    monkeypatch.setattr("gql.plan.render.HOT", 1)
    text = "{ " + " ".join(f"a{number}: thing {{ name }}" for number in range(8)) + " }"
    plan = await plan_of(schema, text, {}, stranger())
    assert plan is not None
    objects = [each for field in plan.root.fields for each in (field.objects or {}).values()]

    with monkeypatch.context() as patch:
        patch.setattr("gql.pace.SLICE_SECONDS", 1e-9)
        first = await answer_to(schema, text)
        generated = sum(each.function is not None for each in objects)
    await asyncio.sleep(0)  # a turn with a slice as usual
    second = await answer_to(schema, text)

    assert generated <= 1
    assert all(each.function is not None for each in objects)
    assert first.data == second.data == {f"a{number}": {"name": "one"} for number in range(8)}


async def test_a_large_operation_is_compiled_in_the_thread_of_documents(
    schema: SottoSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would hold the event loop. Of the plans of requests that ask for it together, one is kept."""
    threads: list[str] = []

    def compile_noted(*arguments: Any) -> Plan:
        threads.append(threading.current_thread().name)
        return compile_plan(*arguments)

    monkeypatch.setattr(planner, "AT_ONCE", 10)
    monkeypatch.setattr(planner, "compile_plan", compile_noted)
    text = "{ thing { " + " ".join(f"a{number}: name" for number in range(40)) + " } }"
    first, second = await asyncio.gather(*(plan_of(schema, text, {}, stranger()) for _ in range(2)))
    before = schema.documents.used_bytes

    assert Counter(name.partition("_")[0] for name in threads) == {"MainThread": 2, "document": 2}
    assert first is not None
    assert second is not None
    assert first.size == second.size == 41
    assert await plan_of(schema, text, {}, stranger()) in (first, second)
    assert (len(threads), schema.documents.used_bytes) == (4, before)


async def test_an_operation_with_too_many_fields_is_executed_without_a_plan(
    schema: SottoSchema, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiling is tried once, and charged."""
    monkeypatch.setattr(planner, "AT_ONCE", 10)
    monkeypatch.setattr(planner, "MOST_FIELDS", 30)
    text = "{ thing { " + " ".join(f"a{number}: name" for number in range(40)) + " } }"
    first, second = stranger(), stranger()

    assert await plan_of(schema, text, {}, first) is None
    assert await plan_of(schema, text, {}, second) is None

    assert (spent(first), spent(second)) == (16, 0)
    answer = await answer_to(schema, text)
    assert answer.errors == []
    assert len(answer.data["thing"]) == 40


async def test_plans_count_as_memory_of_their_document(schema: SottoSchema, monkeypatch: pytest.MonkeyPatch) -> None:
    """So documents that were not used for longest make room for the plans of others."""
    texts = [f"{{ thing {{ a{number}: name version }} }}" for number in range(4)]
    for text in texts:
        schema.documents.get(text)
    before = schema.documents.used_bytes
    monkeypatch.setattr(schema.documents, "_limit_bytes", before + 2 * planner.BYTES_PER_FIELD)

    await plan_of(schema, texts[3], {}, stranger())

    assert schema.documents.find(texts[3]) is not None
    assert schema.documents.find(texts[0]) is None
    assert schema.documents.used_bytes <= before + 2 * planner.BYTES_PER_FIELD


async def test_an_operation_that_is_not_cached_weighs_nothing(schema: SottoSchema) -> None:
    """Only some operations of a document stay prepared: the others must not push out the documents of other people."""
    text = " ".join(f"query Q{number} {{ thing {{ name version }} }}" for number in range(6))
    for number in range(6):
        await plan_of(schema, text, {}, stranger(), f"Q{number}")
    used = schema.documents.used_bytes

    for _ in range(10):
        assert await plan_of(schema, text, {}, stranger(), "Q5") is not None

    assert schema.documents.used_bytes == used
