"""Participants: the members of a conversation, and lists of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import strawberry

from gql.connection import Connection, Edge, cursor_field, page_info_field
from gql.id import Kind, encode
from gql.level import level_field
from gql.loader import loader_of, shown
from gql.node import Info, Node
from gql.part import message_parts
from gql.scalar import Moment
from gql.selection import selection_of
from gql.user import User
from models.base import message_id
from services.message.participant import ParticipantView

if TYPE_CHECKING:
    from gql.message import Message


@strawberry.type(
    description="A participant of a conversation, and how far they have received and read its messages. Only the "
    "participants of the conversation can see it."
)
class Participant(Node):
    view: strawberry.Private[ParticipantView]

    def global_id(self) -> strawberry.ID:
        return encode(Kind.PARTICIPANT, self.view.row.conversation_id, self.view.row.user_id)

    @strawberry.field(description="The user who participates.")
    def user(self) -> User:
        return User(person=self.view.person)

    @strawberry.field(description="When the participant joined the conversation.")
    def joined_at(self) -> Moment:
        return Moment(self.view.membership.joined_at)

    @strawberry.field(
        description="When the participant last read new messages. Null if they never have, or if they do not share "
        "receipts with the viewer."
    )
    def last_read_at(self) -> Moment | None:
        read_at = self.view.membership.read_at if self.view.read_seq else None
        return None if read_at is None else Moment(read_at)

    @level_field(
        description="The newest message that has reached the participant. Null if there is none, if the viewer cannot "
        "see that message, or if the participant does not share receipts with the viewer."
    )
    async def last_delivered_message(
        parents: Sequence["Participant"], info: Info
    ) -> Sequence[Annotated["Message", strawberry.lazy("gql.message")] | Exception | None]:
        ids = [_message_at(each.view, each.view.delivered_seq) for each in parents]
        return shown(await loader_of(info).messages.each(ids, message_parts(selection_of(info))))

    @level_field(
        description="The newest message that the participant has read. Null if there is none, if the viewer cannot see "
        "that message, or if the participant does not share receipts with the viewer."
    )
    async def last_read_message(
        parents: Sequence["Participant"], info: Info
    ) -> Sequence[Annotated["Message", strawberry.lazy("gql.message")] | Exception | None]:
        ids = [_message_at(each.view, each.view.read_seq) for each in parents]
        return shown(await loader_of(info).messages.each(ids, message_parts(selection_of(info))))


def _message_at(view: ParticipantView, seq: int | None) -> int | None:
    return message_id(view.row.conversation_id, seq) if seq else None


@strawberry.type(description="An edge of a list of participants.")
class ParticipantEdge(Edge[ParticipantView]):
    cursor = cursor_field()

    @strawberry.field(description="The participant of this edge.")
    def node(self) -> Participant:
        return Participant(view=self.view)


@strawberry.type(description="A page of a conversation's participants, including the viewer.")
class ParticipantConnection(Connection[ParticipantView]):
    count: strawberry.Private[int]

    @strawberry.field(description="The edges of this page, with cursors.")
    def edges(self) -> list[ParticipantEdge]:
        return [ParticipantEdge(view=view, cursor_of=self.cursor_of) for view in self.page.items]

    @strawberry.field(description="The participants of this page.")
    def nodes(self) -> list[Participant]:
        return [Participant(view=view) for view in self.page.items]

    page_info = page_info_field()

    @strawberry.field(description="The total number of participants, across all pages.")
    def total_count(self) -> int:
        return self.count
