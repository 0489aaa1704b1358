"""Connections (Relay's Cursor Connections specification): pages of a list, with a cursor for each item."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, Self, TypeVar

import strawberry

from services.page import Page, PageRequest

First = Annotated[
    int | None, strawberry.argument(description="Return the first n items: 1 to 200, 50 if omitted or null.")
]
FirstOrLast = Annotated[  # beside `last`
    int | None,
    strawberry.argument(
        description="Return the first n items: 1 to 200, 50 if both `first` and `last` are omitted or null."
    ),
]
After = Annotated[
    str | None, strawberry.argument(description="Return items after this cursor. From the start if omitted or null.")
]
Last = Annotated[
    int | None,
    strawberry.argument(
        description="Return the last n items: 1 to 200. If omitted or null, `first` applies; sending both is an error."
    ),
]
Before = Annotated[
    str | None, strawberry.argument(description="Return items before this cursor. Up to the end if omitted or null.")
]

FEW = 10
FirstFew = Annotated[
    int | None, strawberry.argument(description="Return the first n users: 1 to 200, 10 if omitted or null.")
]

_CURSOR = "An opaque cursor of this edge, valid for this viewer only."

NodeT = TypeVar("NodeT")
EdgeT = TypeVar("EdgeT", bound="Edge[Any] | LazyEdge[Any]")
Item = TypeVar("Item")


def few_of(items: Sequence[Item], first: int | None) -> Sequence[Item]:
    """The first of a list that is no connection, FEW for None; raises BadRequest as a page does."""
    request = PageRequest(FEW if first is None else first)
    request.check()
    return items[: request.size]


@strawberry.type(description="The first and last cursor of a page, and whether there are more items on either side.")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether there are items after the last edge.")
    has_previous_page: bool = strawberry.field(description="Whether there are items before the first edge.")
    start_cursor: str | None = strawberry.field(description="The cursor of the first edge. Null if the page is empty.")
    end_cursor: str | None = strawberry.field(description="The cursor of the last edge. Null if the page is empty.")


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
    page_info: PageInfo = strawberry.field(description="Whether there are more items, and the cursors to request them.")

    @classmethod
    def of(
        cls, page: Page[Item], cursor_of: Callable[[Item], str], edge_of: Callable[[Item], EdgeT], **more: Any
    ) -> Self:
        """A page in its own order; `more` are the extra fields of this kind of connection."""
        edges = [edge_of(item) for item in page.items]
        nodes = [edge.node for edge in edges]
        return cls(edges=edges, nodes=nodes, page_info=page_info_of(page, cursor_of), **more)
