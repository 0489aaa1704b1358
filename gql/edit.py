"""Edits: the former texts of a message."""

from datetime import datetime

import strawberry

from gql.connection import Edge, PageInfo
from gql.node import moment_of
from models.edit import EditRow


@strawberry.type(description="A text that a message had, or has.")
class MessageEdit:
    revision: int = strawberry.field(description="1 as it was sent, one more with each edit.")
    text: str | None = strawberry.field(description="The text; null where there were only files.")
    edited_at: datetime = strawberry.field(description="When it was written.")

    @classmethod
    def of(cls, row: EditRow) -> "MessageEdit":
        return cls(revision=row.revision, text=row.body, edited_at=moment_of(row.at))


@strawberry.type(description="A text in a list.")
class MessageEditEdge(Edge[MessageEdit]):
    node: MessageEdit = strawberry.field(description="The text.")


@strawberry.type(description="The texts that a message has had.")
class MessageEditConnection:
    edges: list[MessageEditEdge] = strawberry.field(description="The texts with their cursors.")
    page_info: PageInfo = strawberry.field(description="Whether there is more.")
