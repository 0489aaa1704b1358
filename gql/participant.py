"""Participants: the members of a conversation, and lists of them."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from gql.connection import Connection, Edge
from gql.id import Kind, encode
from gql.loader import loader_of
from gql.node import Info, Node
from gql.scalar import Moment
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
    user: User = strawberry.field(description="The user who participates.")
    joined_at: Moment = strawberry.field(description="When the participant joined the conversation.")
    last_read_at: Moment | None = strawberry.field(
        description="When the participant last read new messages. Null if they never have, or if they do not share "
        "receipts with the viewer."
    )
    view: strawberry.Private[ParticipantView]

    @classmethod
    def of(cls, view: ParticipantView) -> "Participant":
        read_at = view.row.read_at if view.read_seq else None
        return cls(
            id=encode(Kind.PARTICIPANT, view.row.conversation_id, view.row.user_id),
            user=User.of(view.person),
            joined_at=Moment(view.row.joined_at),
            last_read_at=None if read_at is None else Moment(read_at),
            view=view,
        )

    @strawberry.field(
        description="The newest message that has reached the participant. Null if there is none, if the viewer cannot "
        "see that message, or if the participant does not share receipts with the viewer."
    )
    async def last_delivered_message(self, info: Info) -> Annotated["Message", strawberry.lazy("gql.message")] | None:
        return await self._at(info, self.view.delivered_seq)

    @strawberry.field(
        description="The newest message that the participant has read. Null if there is none, if the viewer cannot see "
        "that message, or if the participant does not share receipts with the viewer."
    )
    async def last_read_message(self, info: Info) -> Annotated["Message", strawberry.lazy("gql.message")] | None:
        return await self._at(info, self.view.read_seq)

    async def _at(self, info: Info, seq: int | None) -> "Message | None":
        return await loader_of(info).message(message_id(self.view.row.conversation_id, seq)) if seq else None


@strawberry.type(description="An edge of a list of participants.")
class ParticipantEdge(Edge[Participant]):
    node: Participant = strawberry.field(description="The participant of this edge.")


@strawberry.type(description="A page of a conversation's participants, including the viewer.")
class ParticipantConnection(Connection[ParticipantEdge, Participant]):
    edges: list[ParticipantEdge] = strawberry.field(description="The edges of this page, with cursors.")
    nodes: list[Participant] = strawberry.field(description="The participants of this page.")
    total_count: int = strawberry.field(description="The total number of participants, across all pages.")
