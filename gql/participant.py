"""Members of a conversation."""

from datetime import datetime

import strawberry

from gql.node import PageInfo, moment_of
from gql.user import User
from services.conversation import ParticipantView


@strawberry.type(description="A member of a conversation.")
class Participant:
    """Built from a ParticipantView."""

    user: User = strawberry.field(description="The person.")
    joined_at: datetime = strawberry.field(description="When they became a member.")

    @classmethod
    def of(cls, view: ParticipantView) -> "Participant":
        """The type for a member."""
        return cls(user=User.of(view.person), joined_at=moment_of(view.row.joined_at))


@strawberry.type(description="A member in a list.")
class ParticipantEdge:
    """Relay's edge."""

    cursor: str = strawberry.field(description="Marks the place in the list; opaque, and the viewer's own.")
    node: Participant = strawberry.field(description="The member.")


@strawberry.type(description="The members of a conversation, the viewer among them.")
class ParticipantConnection:
    """Relay's connection."""

    edges: list[ParticipantEdge] = strawberry.field(description="The members with their cursors.")
    nodes: list[Participant] = strawberry.field(description="The members without their cursors.")
    page_info: PageInfo = strawberry.field(description="Whether there is more.")
    total_count: int = strawberry.field(description="How many members there are in all.")
