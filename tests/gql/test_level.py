"""Level fields: one call for all objects of a level, and an error only where it belongs."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
import strawberry
from strawberry.types.field import StrawberryField

from gql.level import LEVEL, level_field, shared_field
from gql.node import Info
from gql.wire.schema import SottoSchema
from services.error import NotFound
from tests.gql.executed import answer_to

CALLS: list[tuple[str, list[int], Any]] = []

Times = Annotated[int | None, strawberry.argument(description="How often.")]


@strawberry.type
class Number:
    value: int

    @level_field(description="The value, several times.")
    async def product(parents: Sequence["Number"], info: Info, times: Times = 2) -> Sequence["int | None"]:
        CALLS.append(("product", [each.value for each in parents], times))
        return [each.value * times if times else None for each in parents]

    @level_field(description="The next number.")
    async def following(parents: Sequence["Number"], info: Info) -> Sequence["Number"]:
        CALLS.append(("following", [each.value for each in parents], None))
        return [Number(value=each.value + 1) for each in parents]

    @level_field(description="The value, unless it is odd.")
    async def even(parents: Sequence["Number"], info: Info) -> Sequence[int | Exception | None]:
        return [NotFound(f"{each.value} is odd.") if each.value % 2 else each.value for each in parents]

    @level_field(description="Nothing.")
    async def broken(parents: Sequence["Number"], info: Info) -> Sequence[int | None]:
        raise NotFound("There is nothing.")

    @level_field(description="Too few values.")
    async def few(parents: Sequence["Number"], info: Info) -> Sequence[int | None]:
        return [each.value for each in parents[1:]]

    @shared_field(description="The value, below a limit.")
    async def below(self, info: Info, limit: int = 9) -> int | None:
        CALLS.append(("below", [self.value], limit))
        if self.value >= limit:
            raise NotFound(f"{self.value} is not below {limit}.")
        return self.value


ONE, TWO = Number(value=1), Number(value=2)


@strawberry.type
class Query:
    @strawberry.field
    def numbers(self) -> list[Number]:
        return [Number(value=value) for value in (1, 2, 3)]

    @strawberry.field
    def same(self) -> list[Number]:
        return [ONE, TWO, ONE, TWO, ONE]


SCHEMA = strawberry.Schema(query=Query)


async def ask(query: str) -> tuple[Any, list[Any]]:
    """The data, and path and message of each error."""
    CALLS.clear()
    result = await SCHEMA.execute(query, context_value=SimpleNamespace(levels={}))
    return result.data, [(error.path, error.message) for error in result.errors or ()]


def test_the_schema_shows_the_type_of_an_item_and_the_arguments() -> None:
    """Neither the sequence nor the exception that may stand for an item."""
    assert '"""The value, several times."""\n  product(\n    """How often."""\n    times: Int = 2\n  ): Int' in str(
        SCHEMA
    )
    assert "  following: Number!" in str(SCHEMA)
    assert "  even: Int\n" in str(SCHEMA)


def test_a_field_knows_its_function() -> None:
    """Whoever executes whole levels calls it; for the estimated cost the field is one that is loaded."""
    fields: list[StrawberryField] = Number.__strawberry_definition__.fields  # type: ignore[attr-defined]
    found = {field.name: field for field in fields}

    assert found["product"].metadata[LEVEL].__qualname__ == "Number.product"
    assert found["product"].is_async
    assert LEVEL not in found["value"].metadata


async def test_a_level_costs_one_call_for_equal_arguments() -> None:
    """Under any number of aliases; other arguments, and another level, are calls of their own."""
    query = (
        "{ numbers { a: product b: product(times: 2) c: product(times: 3) following { product following { value } } } }"
    )
    data, errors = await ask(query)

    assert errors == []
    assert data["numbers"][0] == {
        "a": 2,
        "b": 2,
        "c": 3,
        "following": {"product": 4, "following": {"value": 3}},
    }
    assert sorted(CALLS, key=str) == [
        ("following", [1, 2, 3], None),
        ("following", [2, 3, 4], None),
        ("product", [1, 1, 2, 2, 3, 3], 2),
        ("product", [1, 2, 3], 3),
        ("product", [2, 3, 4], 2),
    ]


async def test_fields_with_different_selections_are_asked_apart() -> None:
    """What is selected below a field decides what has to be read for it."""
    data, errors = await ask("{ numbers { a: following { value } b: following { value product } } }")

    assert errors == []
    assert data["numbers"][2] == {"a": {"value": 4}, "b": {"value": 4, "product": 8}}
    assert [call for call in CALLS if call[0] == "following"] == [("following", [1, 2, 3], None)] * 2


@pytest.mark.parametrize(
    ("field", "values", "failed"),
    [
        ("even", [None, 2, None], [(0, "1 is odd."), (2, "3 is odd.")]),
        ("broken", [None, None, None], [(index, "There is nothing.") for index in range(3)]),
    ],
)
async def test_an_error_stands_in_the_place_of_its_object(field: str, values: list[Any], failed: list[Any]) -> None:
    """An item that is an exception concerns one object; what the function raises, all."""
    data, errors = await ask(f"{{ numbers {{ {field} }} }}")

    assert [each[field] for each in data["numbers"]] == values
    assert errors == [(["numbers", index, field], message) for index, message in failed]


@pytest.mark.parametrize("by_plan", [True, False])
async def test_a_level_with_too_few_values_is_an_error_of_its_objects(by_plan: bool) -> None:
    """A bug: nobody gets the value of another object, and the rest of the answer stays."""
    schema = SottoSchema(query=Query)
    schema.planner.is_enabled = by_plan
    answer = await answer_to(schema, "{ numbers { value few } }")

    assert answer.data == {"numbers": [{"value": value, "few": None} for value in (1, 2, 3)]}
    assert [error.path for error in answer.errors] == [["numbers", index, "few"] for index in range(3)]
    assert {(error.extensions or {}).get("code") for error in answer.errors} == {"INTERNAL"}


async def test_a_shared_field_is_called_once_for_each_object() -> None:
    """However often the level shows it; its error stands in all places of the object."""
    data, errors = await ask("{ same { below } few: same { below(limit: 2) } }")

    assert [each["below"] for each in data["same"]] == [1, 2, 1, 2, 1]
    assert [each["below"] for each in data["few"]] == [1, None, 1, None, 1]
    assert errors == [(["few", index, "below"], "2 is not below 2.") for index in (1, 3)]
    assert sorted(CALLS, key=str) == [("below", [1], 2), ("below", [1], 9), ("below", [2], 2), ("below", [2], 9)]
    assert '"""The value, below a limit."""\n  below(limit: Int! = 9): Int' in str(SCHEMA)
