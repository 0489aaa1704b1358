"""Node, the interface of every type with an id, and helpers that most types use."""

from typing import Any, TypeAlias, TypeVar

import strawberry

from gql.context import Context

Info: TypeAlias = strawberry.Info[Context, None]
T = TypeVar("T")


@strawberry.interface(description="An object with a global id that `node` and `nodes` can look up.")
class Node:
    """Relay's Object Identification."""

    id: strawberry.ID = strawberry.field(description="Globally unique, opaque and permanent.")


def given(value: Any) -> Any:
    """The value, or None if the client omitted it."""
    return None if value is strawberry.UNSET else value
