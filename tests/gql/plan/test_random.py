"""Plans against graphql-core: random documents over a schema whose every field can fail, be null or have a value."""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Annotated, Any, TypeVar, cast

import pytest
import strawberry
from graphql import GraphQLError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strawberry.schema.config import StrawberryConfig

from gql.context import Context
from gql.level import level_field
from gql.node import Info
from gql.wire.answer import Answer
from gql.wire.schema import SottoSchema
from tests.full import amount, full
from tests.gql.executed import answer_to, stranger

V = TypeVar("V")

MOST_DEPTH = 3


@strawberry.enum
class Color(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Recording(Context):
    """A context that keeps the order in which mutations begin and end."""

    order: list[str] = field(default_factory=list)


class Broken(Exception):
    """What a field raises."""


def outcome(seed: int, name: str) -> int:
    """0 to 39, the same for the same field of the same object: which of the things happens that can happen."""
    return hash((seed, sum(map(ord, name)) * 7919)) % 40


def value_of(seed: int, name: str, make: Callable[[], V]) -> V:
    """A value; one time in twenty null, and as often an exception."""
    found = outcome(seed, name)
    if found in (0, 1):
        raise Broken(f"{name} of {seed}")
    return cast("V", None) if found in (2, 3) else make()


def items_of(seed: int, name: str) -> list[Any]:
    """Up to three items; nulls, exceptions and failures among them."""
    made: list[Any] = []
    for index in range(outcome(seed, name + "length") % 4):
        try:
            made.append(value_of(seed + index, name + "item", partial(thing_of, seed * 3 + index)))
        except Broken as error:
            made.append(error)
    return made


def thing_of(seed: int) -> "Thing | Other":
    return Thing(seed=seed % 9973) if seed % 3 else Other(seed=seed % 9973)


@strawberry.interface
class Named:
    seed: strawberry.Private[int]

    @strawberry.field
    def name(self) -> str:
        return value_of(self.seed, "name", lambda: f"name {self.seed}")

    @strawberry.field
    def maybe(self) -> str | None:
        return value_of(self.seed, "maybe", lambda: f"maybe {self.seed}")


@strawberry.type
class Other(Named):
    """A second type of the union and the interface."""

    @strawberry.field
    def back(self) -> "Thing | None":
        return value_of(self.seed, "back", lambda: Thing(seed=self.seed + 1))


@strawberry.type
class Thing(Named):
    """Every kind of field, nullable and not."""

    @strawberry.field
    def number(self) -> int:
        return value_of(self.seed, "number", lambda: self.seed if self.seed % 50 else 2**40)

    @strawberry.field
    def color(self) -> Color | None:
        return value_of(self.seed, "color", lambda: Color.RED)

    @strawberry.field
    def words(self) -> list[str]:
        return value_of(self.seed, "words", lambda: ["a", str(self.seed)])

    @strawberry.field
    def echo(self, info: Info, text: str = "none", twice: bool | None = None) -> str | None:
        return value_of(self.seed, "echo", lambda: f"{text} {twice} {info.context.request_id}")

    @strawberry.field
    def child(self) -> "Thing | None":
        return value_of(self.seed, "child", lambda: Thing(seed=self.seed + 2))

    @strawberry.field
    def strict(self) -> "Thing":
        return value_of(self.seed, "strict", lambda: Thing(seed=self.seed + 3))

    @strawberry.field
    def many(self) -> list["Thing | Other"]:
        return items_of(self.seed, "many")

    @strawberry.field
    def loose(self) -> list[Named | None] | None:
        return value_of(self.seed, "loose", lambda: items_of(self.seed, "loose"))

    @strawberry.field
    async def awaited(self) -> "Thing | None":
        await asyncio.sleep(0)
        return value_of(self.seed, "awaited", lambda: Thing(seed=self.seed + 4))

    @level_field(description="For all of a level.")
    async def level(
        parents: Sequence["Thing"], info: Info, step: Annotated[int, strawberry.argument(description="Added.")] = 5
    ) -> Sequence["Thing"]:
        found: list[Any] = []
        for each in parents:
            try:
                found.append(value_of(each.seed, "level", partial(Thing, seed=each.seed + step)))
            except Broken as error:
                found.append(error)
        return found

    @level_field(description="Leaves.")
    async def sums(parents: Sequence["Thing"], info: Info) -> Sequence[int | None]:
        return [each.seed + 1 if each.seed % 4 else None for each in parents]

    @level_field(description="One failure for all.")
    async def never(parents: Sequence["Thing"], info: Info) -> Sequence[int | None]:
        raise Broken("never")


@strawberry.type
class Query:
    @strawberry.field
    def thing(self, seed: int) -> Thing | None:
        return Thing(seed=seed)

    @strawberry.field
    async def things(self, seed: int) -> list[Thing | Other]:
        return items_of(seed, "things")

    @strawberry.field
    def strict(self, seed: int) -> Thing:
        return Thing(seed=seed)


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def change(self, info: Info, seed: int) -> Thing | None:
        context = info.context
        assert isinstance(context, Recording)
        context.order.append(f"{seed} begins")
        await asyncio.sleep(0)
        context.order.append(f"{seed} ends")
        return value_of(seed, "change", lambda: Thing(seed=seed))


SCHEMA = SottoSchema(query=Query, mutation=Mutation, types=[Other], config=StrawberryConfig(auto_camel_case=False))

LEAVES = [
    "name",
    "maybe",
    "__typename",
    "number",
    "color",
    "words",
    "sums",
    "never",
    "echo",
    'echo(text: "b")',
    "echo(text: $text)",
]
OBJECTS = ["child", "strict", "awaited", "level", "level(step: 7)", "level(step: $step)"]
DIRECTIVES = ["", "", "", " @include(if: $yes)", " @skip(if: $yes)", " @skip(if: true)", " @include(if: true)"]


def named(field: str) -> str:
    """The field under an alias that no other field or arguments have, so that all documents are valid."""
    return f"{re.sub(r'[^a-z0-9]', '', field)}_: {field}"


@st.composite
def selections(draw: Callable[[Any], Any], depth: int = 0, on: str = "Thing") -> str:
    """A selection set of one type."""
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        kind = draw(st.integers(0, 5)) if depth < MOST_DEPTH else 0
        directive = draw(st.sampled_from(DIRECTIVES))
        if kind <= 1 or on == "Named":
            leaf = draw(st.sampled_from(LEAVES if on == "Thing" else LEAVES[:3]))
            parts.append(f"{named(leaf)}{directive}" if draw(st.booleans()) else f"x{named(leaf)}{directive}")
        elif on == "Other":
            parts.append(f"{named('back')}{directive} {{ {draw(selections(depth + 1))} }}")
        elif kind == 2:
            field = draw(st.sampled_from(OBJECTS))
            parts.append(f"{named(field)}{directive} {{ {draw(selections(depth + 1))} }}")
        elif kind == 3:
            one, other = draw(selections(depth + 1)), draw(selections(depth + 1, "Other"))
            parts.append(f"many{directive} {{ __typename ... on Thing {{ {one} }} ... on Other {{ {other} }} }}")
        elif kind == 4:
            one, other = draw(selections(depth + 1)), draw(selections(depth + 1, "Named"))
            parts.append(f"loose{directive} {{ {other} ... on Thing {{ {one} }} }}")
        else:
            parts.append(f"...{directive} {{ {draw(selections(depth + 1))} }} ...F")
    return " ".join(parts)


@st.composite
def documents(draw: Callable[[Any], Any]) -> tuple[str, dict[str, Any]]:
    """A document, of which each variable and fragment is used, with its variables."""
    seeds = [draw(st.integers(0, 9000)) for _ in range(3)]
    if draw(st.integers(0, 4)) == 0:
        roots = [f"c{index}: change(seed: {seed}) {{ {draw(selections(1))} }}" for index, seed in enumerate(seeds)]
        used = "used: change(seed: 1) { ...Used }"
        kind = "mutation"
    else:
        roots = [
            f"thing(seed: {seeds[0]}) {{ {draw(selections(1))} }}",
            f"things(seed: {seeds[1]}) {{ __typename ... on Thing {{ {draw(selections(1))} }} }}",
            f"strict(seed: {seeds[2]}) {{ {draw(selections(1))} }}",
        ][: draw(st.integers(1, 3))]
        used = "used: thing(seed: 1) { ...Used }"
        kind = "query"
    head = f"{kind} Q($yes: Boolean!, $text: String = null, $step: Int = 9)"
    variables: dict[str, Any] = {"yes": draw(st.booleans())}
    if draw(st.booleans()):
        variables["text"] = draw(st.sampled_from(["given", None]))
    if draw(st.booleans()):
        variables["step"] = draw(st.sampled_from([3, None]))
    used_fragment = "fragment Used on Thing { u: echo(text: $text) @include(if: $yes) v: level(step: $step) { ...F } }"
    fragment = "fragment F on Thing { name f: maybe child_: child { maybe } level_: level { name } }"
    return f"{head} {{ {' '.join(roots)} {used} }} {fragment} {used_fragment}", variables


def nulled(error: Any, data: Any) -> tuple[Any, ...]:
    """The place that is null for an error: the shortest beginning of its path where the data is null."""
    value = data
    for length, step in enumerate(error.path):
        if value is None:
            return tuple(error.path[:length])
        value = value[step]
    return tuple(error.path)


@full
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # graphql-core drops some coroutines
@settings(
    max_examples=amount(50, 1_000),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
@given(documents())
def test_a_plan_gives_the_answer_of_graphql_core(example: tuple[str, dict[str, Any]]) -> None:
    """The same data in the same order, the same nulls, errors at the same places, and mutations in the same order.

    Where several fields below one null fail, each may name another of them, as the specification allows.
    """
    text, raw = example
    asyncio.run(compare(text, raw))


async def compare(text: str, variables: dict[str, Any]) -> None:
    wanted, theirs = await answered(text, variables, by_plan=False)
    for hot in (10**9, 1):  # by loops, and by the source that is generated for objects that are rendered often
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("gql.plan.render.HOT", hot)
            found, ours = await answered(text, variables, by_plan=True)
        check(found, ours, wanted, theirs)


def check(found: Answer, ours: Recording, wanted: Answer, theirs: Recording) -> None:
    """That two answers are equal, and what led to them."""

    assert repr(found.data) == repr(wanted.data)
    assert ours.order == theirs.order
    places = [sorted({nulled(error, wanted.data) for error in each.errors}, key=str) for each in (found, wanted)]
    assert places[0] == places[1]
    if not found.errors:
        assert ours.spent == theirs.spent
    if len(found.errors) == len(wanted.errors) == 1:
        [one], [other] = found.errors, wanted.errors
        if nulled(one, wanted.data) == tuple(one.path or ()) == tuple(other.path or ()):
            assert (told(one), one.locations) == (told(other), other.locations)


async def answered(text: str, variables: dict[str, Any], *, by_plan: bool) -> tuple[Answer, Recording]:
    """The answer in one of the two ways, and its context with the order of the mutations."""
    context = Recording(services=stranger().services, viewer=None, request_id="x", remote="")
    SCHEMA.planner.is_enabled = by_plan
    found = await answer_to(SCHEMA, text, variables, context)
    while others := asyncio.all_tasks() - {asyncio.current_task()}:  # graphql-core's, for the siblings of what failed
        await asyncio.gather(*others, return_exceptions=True)
    return found, context


def told(error: GraphQLError) -> str:
    """The message without the id of a masked error."""
    return error.message.split(" error id ")[0]
