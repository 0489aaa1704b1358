"""Node, the interface of every type with an id, and helpers that most types use."""

from typing import Any, TypeAlias

import strawberry

from gql.context import Context

Info: TypeAlias = strawberry.Info[Context, None]


@strawberry.interface(description="An object with a global id that `node` and `nodes` can look up.")
class Node:
    """Relay's Object Identification; each type makes its id in `global_id`."""

    @strawberry.field(description="Globally unique, opaque and permanent.")
    def id(self) -> strawberry.ID:
        return self.global_id()

    def global_id(self) -> strawberry.ID:
        raise NotImplementedError


def given(value: Any) -> Any:
    """The value, or None if the client omitted it."""
    return None if value is strawberry.UNSET else value
