"""Connections (Relay's Cursor Connections specification): pages of a list, with a cursor for each item."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

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
FirstMessages = Annotated[
    int | None,
    strawberry.argument(
        description="Return the first n messages: 1 to 200. If both `first` and `last` are omitted or null, returns "
        "the last 50, or the first 50 if `after` is given."
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

Item = TypeVar("Item")


def few_of(items: Sequence[Item], first: int | None) -> Sequence[Item]:
    """The first of a list that is no connection, FEW for None; raises BadRequest as a page does."""
    request = PageRequest(FEW if first is None else first)
    request.check()
    return items[: request.size]


@dataclass(kw_only=True)
class Edge(Generic[Item]):
    """An item of a page. Each type of edge declares its `node`, and `cursor = cursor_field()`."""

    view: strawberry.Private[Item]
    cursor_of: strawberry.Private[Callable[[Item], str]]


def _cursor(self: Edge[Any]) -> str:
    return self.cursor_of(self.view)


def cursor_field() -> Any:
    """The field `cursor` of an edge; nothing is signed unless it is selected."""
    return strawberry.field(resolver=_cursor, description="An opaque cursor of this edge, valid for this viewer only.")


@dataclass(kw_only=True)
class Connection(Generic[Item]):
    """A page of views in its own order. Each type declares `edges`, `nodes`, and `page_info = page_info_field()`."""

    page: strawberry.Private[Page[Item]]
    cursor_of: strawberry.Private[Callable[[Item], str]]


@strawberry.type(description="The first and last cursor of a page, and whether there are more items on either side.")
class PageInfo:
    page: strawberry.Private[Page[Any]]
    cursor_of: strawberry.Private[Callable[[Any], str]]

    @strawberry.field(description="Whether there are items after the last edge.")
    def has_next_page(self) -> bool:
        return self.page.has_next

    @strawberry.field(description="Whether there are items before the first edge.")
    def has_previous_page(self) -> bool:
        return self.page.has_previous

    @strawberry.field(description="The cursor of the first edge. Null if the page is empty.")
    def start_cursor(self) -> str | None:
        return self.cursor_of(self.page.items[0]) if self.page.items else None

    @strawberry.field(description="The cursor of the last edge. Null if the page is empty.")
    def end_cursor(self) -> str | None:
        return self.cursor_of(self.page.items[-1]) if self.page.items else None


def _page_info(self: Connection[Any]) -> PageInfo:
    return PageInfo(page=self.page, cursor_of=self.cursor_of)


def page_info_field() -> Any:
    """The field `page_info` of a connection."""
    return strawberry.field(
        resolver=_page_info, description="Whether there are more items, and the cursors to request them."
    )
