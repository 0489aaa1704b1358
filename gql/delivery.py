"""Receipts of a message: its delivery status, computed from the members' read positions."""

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from functools import partial

import strawberry

from gql.connection import Edge, PageInfo, page_info_of
from gql.loader import loader_of
from gql.node import Info, moment_of
from gql.user import User
from models.event import Receipt
from services.message.participant import ParticipantView
from services.page import PageRequest


@strawberry.enum(description="How far a message has come.")
class DeliveryStatus(Enum):
    """OSSN's `viewed` is READ in a direct conversation."""

    SENT = strawberry.enum_value("sent", description="The server has it.")
    DELIVERED = strawberry.enum_value(
        "delivered", description="It has reached everybody else who lets the viewer know such things."
    )
    READ = strawberry.enum_value("read", description="Everybody else who lets the viewer know has read it.")


@strawberry.type(description="Somebody whom a message has reached, or who has read it.")
class ReceiptEdge(Edge[User]):
    node: User = strawberry.field(description="The person.")
    view: strawberry.Private[ParticipantView]
    message_id: strawberry.Private[int]
    receipt: strawberry.Private[Receipt]

    @strawberry.field(
        description="When the message first reached this person, or when they first had read it: later reads do not "
        "change it. Exact for 90 days, then to the hour."
    )
    async def at(self, info: Info) -> datetime:
        """One statement for all edges of a level."""
        row = self.view.row
        times = (await loader_of(info).receipt_times(self.message_id)).get(row.user_id)
        if self.receipt is Receipt.READ or not self.view.shows_delivery:
            at = times.read_at if times else None
            return moment_of(at or row.read_at or row.joined_at)
        at = times.delivered_at if times else None
        return moment_of(at or row.delivered_at or row.joined_at)


@strawberry.type(description="People whom a message has reached, or who have read it, as far as the viewer may know.")
class ReceiptConnection:
    edges: list[ReceiptEdge] = strawberry.field(description="The people with their cursors.")
    page_info: PageInfo = strawberry.field(description="Whether there is more.")
    total_count: int = strawberry.field(description="How many there are in all.")

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
        return cls(edges=edges, page_info=page_info_of(page, cursor_of), total_count=len(people))


def status_of(others: Sequence[ParticipantView], seq: int) -> DeliveryStatus:
    """The lowest known status; SENT if nobody shares theirs with the viewer."""
    known = [view for view in others if view.delivered_seq is not None or view.read_seq is not None]
    if not known:
        return DeliveryStatus.SENT
    readers = [view.read_seq for view in known if view.read_seq is not None]
    if len(readers) == len(known) and min(readers) >= seq:
        return DeliveryStatus.READ
    is_delivered = all((view.delivered_seq or 0) >= seq for view in known)
    return DeliveryStatus.DELIVERED if is_delivered else DeliveryStatus.SENT
