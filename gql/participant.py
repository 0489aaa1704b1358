"""Participants: the members of a conversation, and lists of them."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

from gql.connection import Connection, Edge
from gql.loader import loader_of
from gql.node import Info, moment_of
from gql.user import User
from models.base import message_id
from services.message.participant import ParticipantView

if TYPE_CHECKING:
    from gql.message import Message


@strawberry.type(description="A member of a conversation.")
class Participant:
    user: User = strawberry.field(description="The person.")
    joined_at: datetime = strawberry.field(description="When they became a member.")
    last_read_at: datetime | None = strawberry.field(
        description="When they last read on; null if they never did, or keep it private."
    )
    view: strawberry.Private[ParticipantView]

    @classmethod
    def of(cls, view: ParticipantView) -> "Participant":
        read_at = view.row.read_at if view.read_seq else None
        return cls(
            user=User.of(view.person),
            joined_at=moment_of(view.row.joined_at),
            last_read_at=None if read_at is None else moment_of(read_at),
            view=view,
        )

    @strawberry.field(
        description="The newest message that has reached them; null for none, for one that the viewer does not see, "
        "and where they keep it private."
    )
    async def last_delivered_message(self, info: Info) -> Annotated["Message", strawberry.lazy("gql.message")] | None:
        return await self._at(info, self.view.delivered_seq)

    @strawberry.field(
        description="The newest message that they have read; null for none, for one that the viewer does not see, and "
        "where they keep it private."
    )
    async def last_read_message(self, info: Info) -> Annotated["Message", strawberry.lazy("gql.message")] | None:
        return await self._at(info, self.view.read_seq)

    async def _at(self, info: Info, seq: int | None) -> "Message | None":
        return await loader_of(info).message(message_id(self.view.row.conversation_id, seq)) if seq else None


@strawberry.type(description="A member in a list.")
class ParticipantEdge(Edge[Participant]):
    node: Participant = strawberry.field(description="The member.")


@strawberry.type(description="The members of a conversation, the viewer among them.")
class ParticipantConnection(Connection[ParticipantEdge, Participant]):
    edges: list[ParticipantEdge] = strawberry.field(description="The members with their cursors.")
    nodes: list[Participant] = strawberry.field(description="The members without their cursors.")
    total_count: int = strawberry.field(description="How many members there are in all.")
