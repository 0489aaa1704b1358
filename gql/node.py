"""What every type with an id has, and the short forms that all types here use."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias, TypeVar

import strawberry
from graphql import FieldNode

from gql.context import Context
from services.page import Page

Info: TypeAlias = strawberry.Info[Context, None]
T = TypeVar("T")

First = Annotated[
    int | None, strawberry.argument(description="At most so many from the front: 1 to 200, 50 if left out.")
]
After = Annotated[str | None, strawberry.argument(description="Only what comes behind this cursor.")]
Last = Annotated[int | None, strawberry.argument(description="At most so many from the end: 1 to 200.")]
Before = Annotated[str | None, strawberry.argument(description="Only what comes before this cursor.")]


@strawberry.interface(description="Anything that has an id and can be asked for again by it.")
class Node:
    """Relay's Object Identification."""

    id: strawberry.ID = strawberry.field(description="Opaque and lasting; says nothing about how many there are.")


@strawberry.type(description="Where a page of a connection begins and ends, and whether there is more on either side.")
class PageInfo:
    """Relay's cursor connections."""

    has_next_page: bool = strawberry.field(description="Whether there is something behind the last edge.")
    has_previous_page: bool = strawberry.field(description="Whether there is something before the first edge.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first edge; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last edge; null on an empty page.")


def wants_only_id(info: Info) -> bool:
    """Whether the client selects nothing below this field but `id` and `__typename`: then nothing need be read."""
    # The nodes themselves: Strawberry's `selected_fields` converts the whole tree, at every field that asks.
    sets = [node.selection_set for node in info._raw_info.field_nodes if node.selection_set]  # noqa: SLF001
    names = [each.name.value if isinstance(each, FieldNode) else "" for part in sets for each in part.selections]
    return set(names) <= {"id", "__typename"}


def page_info_of(page: Page[T], cursor_of: Callable[[T], str]) -> PageInfo:
    """The page's ends, with the cursors that its edges have."""
    return PageInfo(
        has_next_page=page.has_next,
        has_previous_page=page.has_previous,
        start_cursor=cursor_of(page.items[0]) if page.items else None,
        end_cursor=cursor_of(page.items[-1]) if page.items else None,
    )


def moment_of(ms: int) -> datetime:
    """The moment that the tables keep as milliseconds since 1970."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def ms_of(moment: datetime) -> int:
    """The opposite of `moment_of`; a moment without a zone is UTC."""
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def given(value: Any) -> Any:
    """The value, or None where the client left it out."""
    return None if value is strawberry.UNSET else value
