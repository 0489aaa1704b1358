"""Connections (Relay's Cursor Connections specification): pages of a list, with a cursor for each item."""

from collections.abc import Callable
from typing import Annotated, Any, Generic, Self, TypeVar

import strawberry

from services.page import Page

First = Annotated[
    int | None, strawberry.argument(description="At most so many from the front: 1 to 200, 50 if left out.")
]
After = Annotated[str | None, strawberry.argument(description="Only what comes behind this cursor.")]
Last = Annotated[int | None, strawberry.argument(description="At most so many from the end: 1 to 200.")]
Before = Annotated[str | None, strawberry.argument(description="Only what comes before this cursor.")]

_CURSOR = "Marks the place in the list; opaque, and the viewer's own."

NodeT = TypeVar("NodeT")
EdgeT = TypeVar("EdgeT", bound="Edge[Any] | LazyEdge[Any]")
Item = TypeVar("Item")


@strawberry.type(description="Where a page of a connection begins and ends, and whether there is more on either side.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether there is something behind the last edge.")
    has_previous_page: bool = strawberry.field(description="Whether there is something before the first edge.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first edge; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last edge; null on an empty page.")


def page_info_of(page: Page[Item], cursor_of: Callable[[Item], str]) -> PageInfo:
    """The first and last cursor of the page, equal to those of its edges."""
    return PageInfo(
        has_next_page=page.has_next,
        has_previous_page=page.has_previous,
        start_cursor=cursor_of(page.items[0]) if page.items else None,
        end_cursor=cursor_of(page.items[-1]) if page.items else None,
    )


@strawberry.type
class Edge(Generic[NodeT]):
    """An item of a page. Each subclass declares `node` again, to describe it."""

    cursor: str = strawberry.field(description=_CURSOR)
    node: NodeT


@strawberry.type
class LazyEdge(Generic[NodeT]):
    """An edge of a large list: its cursor is signed only if a client requests it."""

    node: NodeT
    make_cursor: strawberry.Private[Callable[[], str]]

    @strawberry.field(description=_CURSOR)
    def cursor(self) -> str:
        return self.make_cursor()


@strawberry.type
class Connection(Generic[EdgeT, NodeT]):
    """A page, with its items also without edges. Each subclass declares `edges` and `nodes` again, to describe them."""

    edges: list[EdgeT]
    nodes: list[NodeT]
    page_info: PageInfo = strawberry.field(description="Whether there is more.")

    @classmethod
    def of(
        cls, page: Page[Item], cursor_of: Callable[[Item], str], edge_of: Callable[[Item], EdgeT], **more: Any
    ) -> Self:
        """A page in its own order; `more` are the extra fields of this kind of connection."""
        edges = [edge_of(item) for item in page.items]
        nodes = [edge.node for edge in edges]
        return cls(edges=edges, nodes=nodes, page_info=page_info_of(page, cursor_of), **more)
