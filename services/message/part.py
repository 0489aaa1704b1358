"""Parts of messages and conversations: what a read loads beside their rows; without a value, what it always loaded."""

from dataclasses import dataclass, field
from typing import Optional

from services.message.message_page import MessagePageRequest
from services.person.user import PersonDetail

_ALL = PersonDetail.RELATION


@dataclass(frozen=True, slots=True)
class MessageParts:
    """What is loaded of messages.

    `reactions` (with their people in this detail) and `reply_to` may be loaded along; with None they are left to those
    who ask for them later.
    """

    sender: PersonDetail = _ALL
    attachments: bool = True
    reactions: PersonDetail | None = None
    reply_to: Optional["MessageParts"] = None

    def __or__(self, other: "MessageParts") -> "MessageParts":
        """What satisfies both."""
        return MessageParts(
            max(self.sender, other.sender),
            self.attachments or other.attachments,
            max((each.reactions for each in (self, other) if each.reactions is not None), default=None),
            _either(self.reply_to, other.reply_to),
        )


@dataclass(frozen=True, slots=True)
class PagePart:
    """A page of messages that is loaded with its conversation."""

    wanted: MessagePageRequest
    parts: MessageParts = MessageParts()


@dataclass(frozen=True, slots=True)
class ConversationParts:
    """What is loaded of conversations.

    `participants` is how much of the members: without RELATION, they have no positions, and nothing is known that
    depends on the relation between them and the viewer. `group_reach` is whether a message to a group would reach
    anybody. `first_unread` and `page` may be loaded along; with None they are left to those who ask for them later.
    """

    participants: PersonDetail = _ALL
    group_reach: bool = True
    requester: PersonDetail = _ALL
    last_message: MessageParts | None = field(default_factory=MessageParts)
    first_unread: MessageParts | None = None
    page: PagePart | None = None

    def __or__(self, other: "ConversationParts") -> "ConversationParts":
        """What satisfies both; of two different pages none, because each view holds only one."""
        page = self.page or other.page
        if self.page and other.page:
            is_same = self.page.wanted == other.page.wanted
            page = PagePart(self.page.wanted, self.page.parts | other.page.parts) if is_same else None
        return ConversationParts(
            max(self.participants, other.participants),
            self.group_reach or other.group_reach,
            max(self.requester, other.requester),
            _either(self.last_message, other.last_message),
            _either(self.first_unread, other.first_unread),
            page,
        )


def _either(one: MessageParts | None, other: MessageParts | None) -> MessageParts | None:
    return one | other if one and other else one or other


ALL_OF_MESSAGE = MessageParts()
ALL_OF_CONVERSATION = ConversationParts()
# Members with their positions: what receipts are computed from, and whether changes reach the others.
MEMBERS = ConversationParts(group_reach=False, requester=PersonDetail.ID, last_message=None)
NOTHING_OF_MESSAGE = MessageParts(sender=PersonDetail.ID, attachments=False)
