"""Receipts of a message: its delivery status, computed from the members' read positions."""

from collections.abc import Mapping, Sequence
from enum import Enum
from functools import partial

import strawberry

from gql.connection import Connection, Edge, cursor_field, page_info_field
from gql.level import level_field
from gql.loader import filled, loader_of
from gql.node import Info
from gql.scalar import Moment
from gql.user import User
from models.base import conversation_of, seq_of
from models.event import Receipt
from models.receipt import MessageTimesRow
from services.message.conversation_view import ConversationView
from services.message.message_view import MessageView
from services.message.part import MEMBERS
from services.message.participant import Members, ParticipantView, ticks_of
from services.page import PageRequest
from services.part import MISSING


@strawberry.enum(description="How far a message has reached its recipients.")
class DeliveryStatus(Enum):
    """OSSN's `viewed` is READ in a direct conversation."""

    SENT = strawberry.enum_value("sent", description="The server has accepted the message.")
    DELIVERED = strawberry.enum_value(
        "delivered", description="Received by all recipients who share receipts with the viewer."
    )
    READ = strawberry.enum_value("read", description="Read by all recipients who share receipts with the viewer.")


@strawberry.type(description="An edge of a list of receipts: a user who has received or read a message, and when.")
class ReceiptEdge(Edge[ParticipantView]):
    message_id: strawberry.Private[int]
    receipt: strawberry.Private[Receipt]

    cursor = cursor_field()

    @strawberry.field(description="The user who received or read the message.")
    def node(self) -> User:
        return User(person=self.view.person)

    @level_field(
        description="When this user received or first read the message; reading it again does not change this. Exact "
        "for 90 days, then accurate to within an hour."
    )
    async def at(parents: Sequence["ReceiptEdge"], info: Info) -> Sequence[Moment]:
        """One statement for all edges of a level."""
        times = await loader_of(info).receipt_times([edge.message_id for edge in parents], None)
        return [edge.time_of(found or {}) for edge, found in zip(parents, times, strict=True)]

    def time_of(self, times: Mapping[int, MessageTimesRow]) -> Moment:
        """The time of the receipt, from the times of all receipts of the message by person."""
        row = self.view.membership
        found = times.get(row.user_id)
        if self.receipt is Receipt.READ or not self.view.shows_delivery:
            at = found.read_at if found else None
            return Moment(at or row.read_at or row.joined_at)
        at = found.delivered_at if found else None
        return Moment(at or row.delivered_at or row.joined_at)


@strawberry.type(
    description="A page of users who have received or read a message, among those who share receipts with the viewer."
)
class ReceiptConnection(Connection[ParticipantView]):
    message_id: strawberry.Private[int]
    receipt: strawberry.Private[Receipt]
    count: strawberry.Private[int]

    @strawberry.field(description="The edges of this page, with cursors and times.")
    def edges(self) -> list[ReceiptEdge]:
        return [
            ReceiptEdge(view=view, cursor_of=self.cursor_of, message_id=self.message_id, receipt=self.receipt)
            for view in self.page.items
        ]

    @strawberry.field(description="The users of this page.")
    def nodes(self) -> list[User]:
        return [User(person=view.person) for view in self.page.items]

    page_info = page_info_field()

    @strawberry.field(description="The total number of these users, across all pages.")
    def total_count(self) -> int:
        return self.count

    @classmethod
    def of(
        cls, info: Info, message_id: int, receipt: Receipt, people: Sequence[ParticipantView], request: PageRequest
    ) -> "ReceiptConnection":
        """A page of members who have received or read the message, by id; reads nothing."""
        viewer, conversations = info.context.signed_in(), info.context.services.conversation
        return cls(
            page=conversations.page_of_members(viewer, people, request),
            cursor_of=partial(conversations.participant_cursor_of, viewer),
            message_id=message_id,
            receipt=receipt,
            count=len(people),
        )


def status_of(others: Sequence[ParticipantView], seq: int) -> DeliveryStatus:
    """The status of a message for all of these people; SENT if nobody shares theirs with the viewer."""
    ticks = ticks_of(others)
    if seq <= ticks.read_seq:
        return DeliveryStatus.READ
    return DeliveryStatus.DELIVERED if seq <= ticks.delivered_seq else DeliveryStatus.SENT


async def members_of(messages: Sequence[MessageView], info: Info) -> list[Members | Exception | None]:
    """The members of the conversation of each message; reads those that were not loaded with it."""
    numbers = [conversation_of(view.row.id) if view.members is MISSING else None for view in messages]
    loaded = await loader_of(info).conversations.each(numbers, MEMBERS)
    found = [each.members if isinstance(each, ConversationView) else each for each in loaded]
    return filled([view.members for view in messages], found)


async def recipients_of(messages: Sequence[MessageView], info: Info) -> list[list[ParticipantView]]:
    """For each message all members except its sender; an error is one of all messages."""
    recipients = []
    for view, members in zip(messages, await members_of(messages, info), strict=True):
        if isinstance(members, Exception):
            raise members
        people = members.participants if members else ()
        recipients.append([each for each in people if each.row.user_id != view.row.sender_id])
    return recipients


async def receipts_of(
    messages: Sequence[MessageView], info: Info, receipt: Receipt, request: PageRequest
) -> list[ReceiptConnection]:
    """For each message those whom it has reached."""
    pages = []
    for view, recipients in zip(messages, await recipients_of(messages, info), strict=True):
        positions = [each.read_seq if receipt is Receipt.READ else each.delivered_seq for each in recipients]
        seq = seq_of(view.row.id)
        reached = [each for each, position in zip(recipients, positions, strict=True) if (position or 0) >= seq]
        pages.append(ReceiptConnection.of(info, view.row.id, receipt, reached, request))
    return pages
