"""Edits: the former texts of a message."""

import strawberry

from gql.connection import Connection, Edge, cursor_field, page_info_field
from gql.scalar import Moment
from models.edit import EditRow


@strawberry.type(description="A version of a message's text: an earlier one or the current one.")
class MessageEdit:
    row: strawberry.Private[EditRow]

    @strawberry.field(description="The number of this version: 1 as sent, increased by 1 with each edit.")
    def revision(self) -> int:
        return self.row.revision

    @strawberry.field(description="The text of this version. Null if the message had only files.")
    def text(self) -> str | None:
        return self.row.body

    @strawberry.field(description="When this version was sent or saved.")
    def edited_at(self) -> Moment:
        return Moment(self.row.at)


@strawberry.type(description="An edge of a list of text versions.")
class MessageEditEdge(Edge[EditRow]):
    cursor = cursor_field()

    @strawberry.field(description="The version of this edge.")
    def node(self) -> MessageEdit:
        return MessageEdit(row=self.view)


@strawberry.type(description="A page of the versions of a message's text.")
class MessageEditConnection(Connection[EditRow]):
    @strawberry.field(description="The edges of this page, with cursors.")
    def edges(self) -> list[MessageEditEdge]:
        return [MessageEditEdge(view=row, cursor_of=self.cursor_of) for row in self.page.items]

    @strawberry.field(description="The versions of this page.")
    def nodes(self) -> list[MessageEdit]:
        return [MessageEdit(row=row) for row in self.page.items]

    page_info = page_info_field()
