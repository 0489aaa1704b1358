"""How far a message has come, from the positions of the members of its conversation."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum

import strawberry

from gql.node import Info, PageInfo, moment_of, page_info_of
from gql.user import User
from services.page import PageRequest
from services.participant import ParticipantView


@strawberry.enum(description="How far a message has come.")
class DeliveryStatus(Enum):
    """OSSN's `viewed` is READ in a direct conversation."""

    SENT = strawberry.enum_value("sent", description="The server has it.")
    DELIVERED = strawberry.enum_value(
        "delivered", description="It has reached everybody else who lets the viewer know such things."
    )
    READ = strawberry.enum_value("read", description="Everybody else who lets the viewer know has read it.")


@strawberry.type(description="Somebody whom a message has reached, or who has read it.")
class ReceiptEdge:
    """Relay's edge."""

    cursor: str = strawberry.field(description="Marks the place in the list; opaque, and the viewer's own.")
    node: User = strawberry.field(description="The person.")
    at: datetime = strawberry.field(
        description="When this person last moved on in the conversation; for the newest message, when it was."
    )


@strawberry.type(description="People whom a message has reached, or who have read it, as far as the viewer may know.")
class ReceiptConnection:
    """Relay's connection."""

    edges: list[ReceiptEdge] = strawberry.field(description="The people with their cursors.")
    page_info: PageInfo = strawberry.field(description="Whether there is more.")
    total_count: int = strawberry.field(description="How many there are in all.")

    @classmethod
    def of(
        cls, info: Info, people: Sequence[tuple[ParticipantView, int | None]], request: PageRequest
    ) -> "ReceiptConnection":
        """A page of members and moments, by their ids; reads nothing."""
        viewer, conversations = info.context.signed_in(), info.context.services.conversation
        moments = {view.person.row.id: at or view.row.joined_at for view, at in people}
        page = conversations.page_of_members(viewer, [view for view, _ in people], request)

        def cursor_of(view: ParticipantView) -> str:
            return conversations.participant_cursor_of(viewer, view)

        edges = [
            ReceiptEdge(cursor=cursor_of(view), node=User.of(view.person), at=moment_of(moments[view.person.row.id]))
            for view in page.items
        ]
        return cls(edges=edges, page_info=page_info_of(page, cursor_of), total_count=len(people))


def status_of(others: Sequence[ParticipantView], seq: int) -> DeliveryStatus:
    """The least of what is known; SENT where nobody lets the viewer know."""
    known = [view for view in others if view.delivered_seq is not None or view.read_seq is not None]
    if not known:
        return DeliveryStatus.SENT
    readers = [view.read_seq for view in known if view.read_seq is not None]
    if len(readers) == len(known) and min(readers) >= seq:
        return DeliveryStatus.READ
    is_delivered = all((view.delivered_seq or 0) >= seq for view in known)
    return DeliveryStatus.DELIVERED if is_delivered else DeliveryStatus.SENT
