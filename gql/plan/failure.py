"""Failures: where fields of a plan failed, and what becomes null for it (GraphQL §6.4.4)."""

from collections.abc import Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from graphql import GraphQLError
from graphql.error import located_error

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


def settle(data: dict[str, Any], failures: list[Failure]) -> tuple[dict[str, Any] | None, list[GraphQLError]]:
    """Locate the failures and let their nulls bubble up; returns the data, which can become null, and the errors.

    While an operation is executed nothing keeps paths, since failures are rare: each is found again by following the
    plan from the root. Of failures that make the same place null only the first counts, and none below a place that is
    null already, in the order of the response.
    """
    errors: list[GraphQLError] = []
    nulled: set[Place] = set()
    for place, _, each in sorted(_located(data, failures), key=itemgetter(1)):
        end = _nulled_place(each, place)
        if not any(end[:length] in nulled for length in range(len(end) + 1)):
            nulled.add(end)
            errors.append(located_error(each.error, each.field.nodes, list(place)))
    return _without(data, nulled), errors


def _located(data: dict[str, Any], failures: list[Failure]) -> list[tuple[Place, Rank, Failure]]:
    """The failures with their places; without those in objects that the response does not have."""
    places: dict[int, tuple[Place, Rank]] = {}
    for parent in {id(each.field.parent): each.field.parent for each in failures}.values():
        for container, place, rank in _objects_of(parent, data):
            places[id(container)] = (place, rank)
    for field in {id(each.field): each.field for each in failures if isinstance(each.key, int)}.values():
        for container, place, rank in _objects_of(field.parent, data):
            places[id(container.get(field.key))] = ((*place, field.key), (*rank, _position_of(field)))
    found = []
    for each in failures:
        if id(each.container) in places:
            place, rank = places[id(each.container)]
            position = each.key if isinstance(each.key, int) else _position_of(each.field)
            found.append(((*place, each.key), (*rank, position), each))
    return found


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


def _position_of(field: FieldPlan) -> int:
    """The position of a field in its object."""
    return list(field.parent.template).index(field.key)


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


def _objects_of(plan: ObjectPlan, data: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Place, Rank]]:
    """The objects of the response that this plan may have made, with their places; others of the same field, too."""
    owner = plan.owner
    if owner is None:
        yield data, (), ()
        return
    position = _position_of(owner)
    for parent, place, rank in _objects_of(owner.parent, data):
        value = parent.get(owner.key)
        if isinstance(value, dict):
            yield value, (*place, owner.key), (*rank, position)
        elif isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, dict):
                    yield item, (*place, owner.key, index), (*rank, position, index)
