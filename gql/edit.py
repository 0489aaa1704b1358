"""Edits: the former texts of a message."""

import strawberry

from gql.connection import Connection, Edge
from gql.scalar import Moment
from models.edit import EditRow


@strawberry.type(description="A version of a message's text: an earlier one or the current one.")
class MessageEdit:
    revision: int = strawberry.field(
        description="The number of this version: 1 as sent, increased by 1 with each edit."
    )
    text: str | None = strawberry.field(description="The text of this version. Null if the message had only files.")
    edited_at: Moment = strawberry.field(description="When this version was sent or saved.")

    @classmethod
    def of(cls, row: EditRow) -> "MessageEdit":
        return cls(revision=row.revision, text=row.body, edited_at=Moment(row.at))


@strawberry.type(description="An edge of a list of text versions.")
class MessageEditEdge(Edge[MessageEdit]):
    node: MessageEdit = strawberry.field(description="The version of this edge.")


@strawberry.type(description="A page of the versions of a message's text.")
class MessageEditConnection(Connection[MessageEditEdge, MessageEdit]):
    edges: list[MessageEditEdge] = strawberry.field(description="The edges of this page, with cursors.")
    nodes: list[MessageEdit] = strawberry.field(description="The versions of this page.")
