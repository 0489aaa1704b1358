"""Enums of the services as enums of the schema: the same names, with a description for every value."""

from enum import Enum
from typing import TypeVar

import strawberry

E = TypeVar("E", bound=type[Enum])


def described(kind: E, name: str, description: str, values: dict[str, str]) -> E:
    """Declare the enum under a name; raises ValueError unless `values` describes exactly its members."""
    if set(values) != set(kind.__members__):
        raise ValueError(f"{name}: described are {sorted(values)}, there are {sorted(kind.__members__)}")
    strawberry.enum(kind, name=name, description=description)
    for value in kind.__strawberry_definition__.values:  # type: ignore[attr-defined]
        value.description = values[value.name]
    return kind
