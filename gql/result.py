"""What results of mutations share: the viewer after the change, for the counters of clients' caches."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from gql.level import level_field
from gql.loader import loader_of
from gql.node import Info
from gql.part import viewer_parts
from gql.selection import selection_of
from services.viewer import Right

if TYPE_CHECKING:
    from gql.account import Viewer


def viewer_field() -> Any:
    """The field `viewer` of a result; nothing is read unless it is selected."""
    declare = level_field(
        description="The viewer after the change. Null for an API key without READ_MESSAGES, or with an error if the "
        "viewer cannot be read; the change is stored either way.",
    )
    return declare(viewer_after)


async def viewer_after(
    parents: Sequence[object], info: Info
) -> Sequence[Annotated["Viewer", strawberry.lazy("gql.account")] | None]:
    """Read when the field is resolved: after this mutation, and before the next one of the same operation."""
    parts = viewer_parts(selection_of(info))
    viewer = await loader_of(info).viewer(parts) if info.context.signed_in().may(Right.READ) else None
    return [viewer] * len(parents)
