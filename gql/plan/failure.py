"""Failures: where fields of a plan failed, and what becomes null for it (GraphQL §6.4.4)."""

from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from graphql import GraphQLError
from graphql.error import located_error

from gql.pace import give_way
from gql.plan.tree import FieldPlan, ObjectPlan

Place = tuple[str | int, ...]
Rank = tuple[int, ...]  # the order of a place in the response


@dataclass(slots=True)
class Failure:
    """A value that could not be resolved or completed: the object or list that holds it, and its key or index there."""

    container: dict[str, Any] | list[Any]
    key: str | int
    field: FieldPlan
    error: Exception


def null_error(field: FieldPlan) -> TypeError:
    """As graphql-core has it; a bug of the server, so clients see it masked."""
    shape = field.shape
    return TypeError(f"Cannot return null for non-nullable field {shape.parent_name}.{shape.name}.")


async def settle(data: dict[str, Any], failures: list[Failure]) -> tuple[dict[str, Any] | None, list[GraphQLError]]:
    """Locate the failures and let their nulls bubble up; returns the data, which can become null, and the errors.

    While an operation is executed nothing keeps paths, since failures are rare: they are found again by following the
    plan from the root. Of failures that make the same place null only the first counts, and none below a place that is
    null already, in the order of the response. Thousands of failures take as many turns of the loop as that needs.
    """
    errors: list[GraphQLError] = []
    nulled: set[Place] = set()
    for place, _, each in sorted(await _Search(failures).located(data), key=itemgetter(1)):
        await give_way()
        end = _nulled_place(each, place)
        if not any(end[:length] in nulled for length in range(len(end) + 1)):
            nulled.add(end)
            errors.append(located_error(each.error, each.field.nodes, list(place)))
    return _without(data, nulled), errors


class _Search:
    """A walk from the root of a response to everything in which a field failed."""

    def __init__(self, failures: list[Failure]) -> None:
        self._ways: dict[ObjectPlan, dict[FieldPlan, list[ObjectPlan]]] = {}  # which fields of an object lead there
        self._positions: dict[ObjectPlan, dict[str, int]] = {}
        self._failures: dict[tuple[int, ObjectPlan | FieldPlan], list[Failure]] = {}  # by what holds them
        self._root = failures[0].field.parent
        while self._root.owner is not None:
            self._root = self._root.owner.parent
        for each in failures:
            plan = each.field.parent
            self._add_way_to(plan)
            if isinstance(each.key, int):
                self._ways.setdefault(plan, {}).setdefault(each.field, [])
            holder = each.field if isinstance(each.key, int) else plan
            self._failures.setdefault((id(each.container), holder), []).append(each)

    def _add_way_to(self, plan: ObjectPlan) -> None:
        while plan.owner is not None:
            below = self._ways.setdefault(plan.owner.parent, {}).setdefault(plan.owner, [])
            if plan in below:
                return
            below.append(plan)
            plan = plan.owner.parent

    async def located(self, data: dict[str, Any]) -> list[tuple[Place, Rank, Failure]]:
        """The failures with their places; without those in objects that the response does not have."""
        found: list[tuple[Place, Rank, Failure]] = []
        waiting: list[tuple[ObjectPlan, dict[str, Any], Place, Rank]] = [(self._root, data, (), ())]
        while waiting:
            await give_way()
            plan, container, place, rank = waiting.pop()
            found += [
                ((*place, each.key), (*rank, self._position_of(each.field)), each)
                for each in self._failures.get((id(container), plan), ())
            ]
            for field, plans in self._ways.get(plan, {}).items():
                value, at, order = container.get(field.key), (*place, field.key), (*rank, self._position_of(field))
                items: list[tuple[Any, Place, Rank]] = [(value, at, order)]
                if isinstance(value, list):
                    items = [(item, (*at, index), (*order, index)) for index, item in enumerate(value)]
                    for each in self._failures.get((id(value), field), ()):
                        _, item_place, item_rank = items[int(each.key)]
                        found += [(item_place, item_rank, each)]
                # Each plan is tried, because the response does not say which of them made an object.
                waiting += [(below, *item) for below in plans for item in items if isinstance(item[0], dict)]
        return found

    def _position_of(self, field: FieldPlan) -> int:
        """The position of a field in its object."""
        positions = self._positions.get(field.parent)
        if positions is None:
            positions = {key: position for position, key in enumerate(field.parent.template)}
            self._positions[field.parent] = positions
        return positions[field.key]


def _without(data: dict[str, Any], nulled: set[Place]) -> dict[str, Any] | None:
    """The data with null at these places, of which no one is below another one's null before it is set."""
    for place in sorted(nulled, key=len, reverse=True):
        if not place:
            return None
        container: Any = data
        for step in place[:-1]:
            container = container[step]
        container[place[-1]] = None
    return data


def _nulled_place(failure: Failure, place: Place) -> Place:
    """The nearest place at or above the failed one that can be null; the empty place is the whole data."""
    field: FieldPlan | None = failure.field
    while field is not None:
        if isinstance(place[-1], int):
            if field.shape.has_nullable_items:
                return place
            place = place[:-1]
        if field.shape.is_nullable:
            return place
        place = place[:-1]  # the object that has the field
        field = field.parent.owner
    return ()
