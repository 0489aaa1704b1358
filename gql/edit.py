"""The texts that a message has had."""

from collections.abc import Callable
from datetime import datetime

import strawberry

from gql.node import PageInfo, moment_of, page_info_of
from models.edit import EditRow
from services.page import Page


@strawberry.type(description="A text that a message had, or has.")
class MessageEdit:
    """Built from a row."""

    revision: int = strawberry.field(description="1 as it was sent, one more with each edit.")
    text: str | None = strawberry.field(description="The text; null where there were only files.")
    edited_at: datetime = strawberry.field(description="When it was written.")


@strawberry.type(description="A text in a list.")
class MessageEditEdge:
    """Relay's edge."""

    cursor: str = strawberry.field(description="Marks the place in the list; opaque, and the viewer's own.")
    node: MessageEdit = strawberry.field(description="The text.")


@strawberry.type(description="The texts that a message has had.")
class MessageEditConnection:
    """Relay's connection."""

    edges: list[MessageEditEdge] = strawberry.field(description="The texts with their cursors.")
    page_info: PageInfo = strawberry.field(description="Whether there is more.")

    @classmethod
    def of(cls, page: Page[EditRow], cursor_of: Callable[[EditRow], str]) -> "MessageEditConnection":
        """A page, oldest first."""
        edges = [
            MessageEditEdge(
                cursor=cursor_of(row),
                node=MessageEdit(revision=row.revision, text=row.body, edited_at=moment_of(row.at)),
            )
            for row in page.items
        ]
        return cls(edges=edges, page_info=page_info_of(page, cursor_of))
