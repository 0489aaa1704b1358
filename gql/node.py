"""Node, the interface of every type with an id, and helpers that most types use."""

from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

import strawberry

from gql.context import Context

Info: TypeAlias = strawberry.Info[Context, None]
T = TypeVar("T")


@strawberry.interface(description="An object with a global id that `node` and `nodes` can look up.")
class Node:
    """Relay's Object Identification."""

    id: strawberry.ID = strawberry.field(description="Globally unique, opaque and permanent.")


def moment_of(ms: int) -> datetime:
    """The moment of a time in milliseconds since 1970, as stored in the tables."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def ms_of(moment: datetime) -> int:
    """The inverse of `moment_of`; a moment without a zone is UTC."""
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def given(value: Any) -> Any:
    """The value, or None if the client omitted it."""
    return None if value is strawberry.UNSET else value
