"""Receipts of a message: its delivery status, computed from the members' read positions."""

from collections.abc import Sequence
from enum import Enum
from functools import partial

import strawberry

from gql.connection import Edge, PageInfo, page_info_of
from gql.loader import loader_of
from gql.node import Info
from gql.scalar import Moment
from gql.user import User
from models.event import Receipt
from services.message.participant import ParticipantView, ticks_of
from services.page import PageRequest


@strawberry.enum(description="How far a message has reached its recipients.")
class DeliveryStatus(Enum):
    """OSSN's `viewed` is READ in a direct conversation."""

    SENT = strawberry.enum_value("sent", description="The server has accepted the message.")
    DELIVERED = strawberry.enum_value(
        "delivered", description="Received by all recipients who share receipts with the viewer."
    )
    READ = strawberry.enum_value("read", description="Read by all recipients who share receipts with the viewer.")


@strawberry.type(description="An edge of a list of receipts: a user who has received or read a message, and when.")
class ReceiptEdge(Edge[User]):
    node: User = strawberry.field(description="The user who received or read the message.")
    view: strawberry.Private[ParticipantView]
    message_id: strawberry.Private[int]
    receipt: strawberry.Private[Receipt]

    @strawberry.field(
        description="When this user received or first read the message; reading it again does not change this. Exact "
        "for 90 days, then accurate to within an hour."
    )
    async def at(self, info: Info) -> Moment:
        """One statement for all edges of a level."""
        row = self.view.row
        times = (await loader_of(info).receipt_times(self.message_id)).get(row.user_id)
        if self.receipt is Receipt.READ or not self.view.shows_delivery:
            at = times.read_at if times else None
            return Moment(at or row.read_at or row.joined_at)
        at = times.delivered_at if times else None
        return Moment(at or row.delivered_at or row.joined_at)


@strawberry.type(
    description="A page of users who have received or read a message, among those who share receipts with the viewer."
)
class ReceiptConnection:
    edges: list[ReceiptEdge] = strawberry.field(description="The edges of this page, with cursors and times.")
    nodes: list[User] = strawberry.field(description="The users of this page.")
    page_info: PageInfo = strawberry.field(description="Whether there are more items, and the cursors to request them.")
    total_count: int = strawberry.field(description="The total number of these users, across all pages.")

    @classmethod
    def of(
        cls, info: Info, message_id: int, receipt: Receipt, people: Sequence[ParticipantView], request: PageRequest
    ) -> "ReceiptConnection":
        """A page of members who have received or read the message, by id; reads nothing."""
        viewer, conversations = info.context.signed_in(), info.context.services.conversation
        page = conversations.page_of_members(viewer, people, request)
        cursor_of = partial(conversations.participant_cursor_of, viewer)
        edges = [
            ReceiptEdge(
                cursor=cursor_of(view), node=User.of(view.person), view=view, message_id=message_id, receipt=receipt
            )
            for view in page.items
        ]
        nodes = [edge.node for edge in edges]
        return cls(edges=edges, nodes=nodes, page_info=page_info_of(page, cursor_of), total_count=len(people))


def status_of(others: Sequence[ParticipantView], seq: int) -> DeliveryStatus:
    """The status of a message for all of these people; SENT if nobody shares theirs with the viewer."""
    ticks = ticks_of(others)
    if seq <= ticks.read_seq:
        return DeliveryStatus.READ
    return DeliveryStatus.DELIVERED if seq <= ticks.delivered_seq else DeliveryStatus.SENT
