"""Pages of connections: size, direction, and whether there are more items."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from services.error import BadRequest

T = TypeVar("T")

DEFAULT_SIZE = 50
MAX_SIZE = 200


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Relay's arguments; `after` and `before` are cursors, both exclusive."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None

    def check(self) -> None:
        """Raises BadRequest for `first` with `last`, or a size that is not between 1 and 200."""
        if self.first is not None and self.last is not None:
            raise BadRequest("Give `first` or `last`, not both.")
        for name, size in (("first", self.first), ("last", self.last)):
            if size is not None and not 1 <= size <= MAX_SIZE:
                raise BadRequest(f"`{name}` must be between 1 and {MAX_SIZE}; it is {size}.")

    @property
    def size(self) -> int:
        """How many items; 50 when both are left out."""
        return self.first or self.last or DEFAULT_SIZE


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Items in the order of the connection, for both directions of paging; `total` counts all pages, if it is known."""

    items: list[T]
    has_next: bool = False
    has_previous: bool = False
    total: int | None = None


def forward(rows: Sequence[T], size: int, *, has_previous: bool) -> Page[T]:
    """A page from `size + 1` rows read in the order of the connection."""
    return Page(list(rows[:size]), has_next=len(rows) > size, has_previous=has_previous)


def backward(rows: Sequence[T], size: int, *, has_next: bool) -> Page[T]:
    """A page from `size + 1` rows read in the reverse order of the connection."""
    return Page(list(rows[:size])[::-1], has_next=has_next, has_previous=len(rows) > size)
