"""Parts: what the services must load for the fields that are selected, by type.

A field that reads more of a view than its row is named here; one that is forgotten fails with NotLoaded.
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from operator import or_
from typing import Any

from gql.id import Kind, number_of
from gql.node import Info
from gql.selection import Selection, selection_of, variables_of
from services.error import SottoError
from services.live import resolved_event as live
from services.live.resolved_event import EventParts
from services.message.message_page import MessagePageRequest
from services.message.part import ConversationParts, MessageParts, PagePart
from services.message.viewer_view import ViewerParts
from services.page import PageRequest
from services.person.user import PersonDetail

# The fields of each type that need more than what is loaded with its name, by what they need.
RELATION = {  # of User: the viewer's relation to them
    "viewerHasBlocked", "viewerHasMuted", "viewerIsFollowing", "isFollowingViewer", "viewerCanMessage",
    "messageEligibility",
}  # fmt: skip
MEMBERSHIP = {"joinedAt", "lastReadAt", "lastDeliveredMessage", "lastReadMessage"}  # of Participant
FILES = {"attachments", "preview"}  # of Message
RECEIPTS = {"recipients", "deliveryStatus", "deliveredTo", "seenBy", "viewerCanEdit"}  # of Message: all members
UNREAD = {"unreadMessageCount", "unreadConversationCount"}  # of Viewer
RESTRICTION = {"viewerCanSend", "sendRestriction"}  # of Conversation
POSITIONS = {  # of Conversation
    "viewerParticipant", "deliveredToAllSequence", "readByAllSequence", "typingUsers", *RESTRICTION,
}  # fmt: skip


def person_detail(user: Selection) -> PersonDetail:
    """How much of a person these fields of User show."""
    return PersonDetail.RELATION if user.has_any(RELATION) else PersonDetail.PROFILE


def viewer_parts(viewer: Selection) -> ViewerParts:
    """What these fields of Viewer show; lists are read apart."""
    detail = PersonDetail.PROFILE if "email" in viewer.names else PersonDetail.ID
    if "user" in viewer.names:
        detail = person_detail(viewer.below("user"))
    return ViewerParts(
        detail,
        unread=viewer.has_any(UNREAD),
        unmuted="unmutedUnreadMessageCount" in viewer.names,
        requests="messageRequestCount" in viewer.names,
    )


def reactor_detail(group: Selection) -> PersonDetail:
    """How much of those who reacted these fields of ReactionGroup show."""
    return person_detail(group.below("users").items) if "users" in group.names else PersonDetail.ID


def message_parts(message: Selection) -> MessageParts:
    """What these fields of Message show."""
    return message.derive(_message_parts)


def _message_parts(message: Selection) -> MessageParts:
    names = message.names
    return MessageParts(
        sender=person_detail(message.below("sender")) if "sender" in names else PersonDetail.ID,
        attachments=message.has_any(FILES),
        reactions=reactor_detail(message.below("reactions")) if "reactions" in names else None,
        reply_to=message_parts(message.below("replyTo")) if "replyTo" in names else None,
    )


def sent_parts(success: Selection) -> MessageParts:
    """What these fields of SendPrivateMessageSuccess show of the message."""
    return success.derive(_sent_parts)


def _sent_parts(success: Selection) -> MessageParts:
    return message_parts(success.below("message")) | message_parts(success.below("messageEdge").below("node"))


def event_parts(envelope: Selection) -> EventParts:
    """What these fields of EventEnvelope show of events of the log; the viewer is read apart."""
    return envelope.derive(_event_parts)


def _event_parts(envelope: Selection) -> EventParts:
    event = envelope.below("event")
    messages = (event.below("message"), event.below("messageEdge").below("node"), event.below("upTo"))
    conversations = (event.below("conversation"), envelope.below("conversation"))
    people = (person_detail(event.below("user")), viewer_parts(event.below("viewer")).person)
    return live.event_parts(
        reduce(or_, map(message_parts, messages)),
        reduce(or_, (each.derive(_conversation_parts) for each in conversations)),
        max(people),
    )


def conversation_parts(info: Info, conversation: Selection | None = None) -> ConversationParts:
    """What the selected fields of Conversation show; those below the field of `info` unless others are given."""
    selection = selection_of(info) if conversation is None else conversation
    parts = selection.derive(_conversation_parts)
    page = _page_part(selection, variables_of(info)) if "messages" in selection.names else None
    return parts if page is None else replace(parts, page=page)


def conversation_after(info: Info) -> ConversationParts:
    """What a mutation's result shows of its conversation; a page of messages is read apart, not by the writer."""
    return selection_of(info).below("conversation").derive(_conversation_parts)


def message_after(info: Info) -> MessageParts:
    """What a mutation's result shows of its message."""
    return message_parts(selection_of(info).below("message"))


def _conversation_parts(conversation: Selection) -> ConversationParts:
    names = conversation.names
    return ConversationParts(
        participants=_participant_detail(conversation),
        group_reach=conversation.has_any(RESTRICTION),
        requester=person_detail(conversation.below("requestedBy")) if "requestedBy" in names else PersonDetail.ID,
        last_message=message_parts(conversation.below("lastMessage")) if "lastMessage" in names else None,
        first_unread=message_parts(conversation.below("firstUnreadMessage")) if "firstUnreadMessage" in names else None,
    )


def _participant_detail(conversation: Selection) -> PersonDetail:
    messages = [conversation.below("messages").items, *map(conversation.below, ("lastMessage", "firstUnreadMessage"))]
    if conversation.has_any(POSITIONS) or any(each.has_any(RECEIPTS) for each in messages):
        return PersonDetail.RELATION
    found = PersonDetail.ID
    for name in {"participants", "otherParticipants"} & conversation.names:
        people = conversation.below(name) if name == "otherParticipants" else conversation.below(name).items
        detail = PersonDetail.RELATION if people.has_any(MEMBERSHIP) else person_detail(people.below("user"))
        found = max(found, detail)
    return found


def _page_part(conversation: Selection, variables: Mapping[str, Any]) -> PagePart | None:
    """The page of messages to load with the conversation; None if it has several, or one with wrong arguments."""
    try:
        [given] = conversation.arguments("messages", variables)
        around = given.get("around")
        wanted = MessagePageRequest(
            PageRequest(**{name: value for name, value in given.items() if name != "around"}),  # type: ignore[arg-type]
            None if around is None else number_of(Kind.MESSAGE, str(around)),
        )
    except (ValueError, SottoError):  # the field raises it again, where it belongs
        return None
    return PagePart(wanted, message_parts(conversation.below("messages").items))
