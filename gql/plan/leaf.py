"""Leaves: how the values of scalars and enums become JSON."""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, cast

import orjson
from graphql import GraphQLEnumType, GraphQLInt, GraphQLNamedType, GraphQLScalarType, Undefined

Convert: TypeAlias = Callable[[Any], Any]

# Their values are what the annotations of the resolvers say, which mypy proves: JSON takes them as they are.
_AS_IT_IS = frozenset({"String", "ID", "Boolean", "URL", "EventCursor", "JSON"})

# About the bytes of a value; those of String and JSON are counted when they are shown.
SIZE_BYTES = {"ID": 24, "Boolean": 5, "Int": 6, "DateTime": 24, "URL": 160, "EventCursor": 100}
ENUM_BYTES = 10

_MOST_INT = 2**31 - 1
_LEAST_INT = -(2**31)


def converter_of(named: GraphQLNamedType) -> Convert | None:
    """The function from a value that is not null to JSON; None if the value is JSON already.

    The function raises what graphql-core raises for a value that the type cannot have.
    """
    if named.name in _AS_IT_IS:
        return None
    if isinstance(named, GraphQLEnumType):
        return _name_getter(named)
    scalar = cast("GraphQLScalarType", named)
    coerce = _coercer_of(scalar)
    if scalar is GraphQLInt or scalar.name == "Int":
        return lambda value: value if type(value) is int and _LEAST_INT <= value <= _MOST_INT else coerce(value)
    return coerce


def size_bytes_of(named: GraphQLNamedType) -> int:
    """About the length of a value in JSON; 0 for those that can be long."""
    return ENUM_BYTES if isinstance(named, GraphQLEnumType) else SIZE_BYTES.get(named.name, 0)


def json_bytes_of(value: object) -> int:
    """The length of a value of JSON; raises TypeError if it is none."""
    return len(orjson.dumps(value))


def _name_getter(named: GraphQLEnumType) -> Convert:
    """The names of an enum's values, by identity, since an enum of Python takes long to hash."""
    coerce = _coercer_of(named)
    members: Iterable[object] = getattr(named, "wrapped_cls", ())  # the enum of Python that Strawberry shows
    names = {id(member): coerce(member) for member in members}

    def name_of(value: object) -> Any:
        return names.get(id(value)) or coerce(value)

    return name_of


def _coercer_of(named: GraphQLScalarType | GraphQLEnumType) -> Convert:
    """As graphql-core completes a leaf: a value that becomes null is an error."""

    def coerce(value: object) -> object:
        coerced = named.coerce_output_value(value)
        if coerced is Undefined or coerced is None:
            raise TypeError(f"{named.name} cannot show {value!r}")
        return coerced

    return coerce
