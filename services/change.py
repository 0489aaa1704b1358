"""Changes of a message: what an edit, a delete and a reaction ask first, and whom they tell."""

from collections.abc import Iterable
from dataclasses import dataclass

from models import conversation as conversations
from models import hidden
from models import member as members
from models import message as messages
from models.base import conversation_of, seq_of
from models.conversation import ConversationKind, ConversationRow
from models.event import Change, EventKind, Removal
from models.message import MessageRow
from models.prepared import id_list
from models.transaction import Transaction
from services.announcement import Announcement
from services.error import NotFound, PermissionDenied, TooLate
from services.user import UserService


@dataclass(frozen=True, slots=True)
class Subject:
    """The message that is to be changed, with the conversation as the viewer has it, and all members' ids."""

    row: MessageRow
    conversation: ConversationRow
    member_ids: frozenset[int]

    def tell(self, told: Announcement, change: Change) -> None:
        """All members; from whom the message is hidden, they get nothing when it comes to it."""
        told.tell(self.member_ids, EventKind.MESSAGE_UPDATED, self.row.id, detail=change)


def hide(tx: Transaction, subject: Subject, user_ids: Iterable[int], told: Announcement) -> None:
    """From these people the message is gone, for good: they are told, and it no longer counts as unread."""
    people = sorted(set(user_ids))
    for user_id in people:
        tx.run(hidden.PUT, user=user_id, message=subject.row.id)
    forget_unread(tx, subject, people)
    told.tell(people, EventKind.MESSAGE_REMOVED, subject.row.id, detail=Removal.DELETED_FOR_VIEWER)
    told.tell(people, EventKind.CONVERSATION_UPDATED, subject.conversation.id)


def forget_unread(tx: Transaction, subject: Subject, user_ids: Iterable[int]) -> None:
    """One less to read for those of the people who had not come to it yet."""
    row = subject.row
    others = [user_id for user_id in user_ids if user_id != row.sender_id]
    if others and row.deleted_at is None:
        conversation_id = subject.conversation.id
        tx.run(members.FORGET_UNREAD, conversation=conversation_id, users=id_list(others), seq=seq_of(row.id))


def get_subject(tx: Transaction, viewer_id: int, id_: int) -> Subject:
    """Raises NotFound for what the viewer cannot see, and for what never was, in the same words."""
    row = messages.find_visible(tx, viewer_id, [id_]).get(id_)
    if row is None:
        raise NotFound("There is no such message.")
    conversation = tx.first(conversations.BY_IDS, viewer=viewer_id, ids=id_list([conversation_of(id_)]))
    assert conversation is not None
    found = members.members_of(tx, [conversation.id])[conversation.id]
    return Subject(row, conversation, frozenset(each.user_id for each in found))


def check_own(subject: Subject, viewer_id: int, deed: str) -> None:
    """Raises PermissionDenied for a message of somebody else."""
    if subject.row.sender_id != viewer_id:
        raise PermissionDenied(f"Only its sender can {deed} a message.")


def check_standing(subject: Subject, deed: str) -> None:
    """Raises PermissionDenied for a message that was deleted for everyone."""
    if subject.row.deleted_at is not None:
        raise PermissionDenied(f"The message was deleted; you cannot {deed} it any more.")


def check_window(subject: Subject, now: int, window_seconds: int, deed: str) -> None:
    """Raises TooLate past the window, in seconds since the message was sent; 0 is no limit. `now` in ms since 1970."""
    if window_seconds and now - subject.row.created_at > window_seconds * 1000:
        raise TooLate(f"A message can be {deed} within {window_seconds} seconds of sending it.", window_seconds)


def check_reach(tx: Transaction, users: UserService, subject: Subject, viewer_id: int) -> None:
    """Raises PermissionDenied where the viewer could not write to the other one of a direct conversation now.

    A change reaches them as a message does, so what stands in the way of one stands in the way of the other.
    """
    if subject.conversation.kind != ConversationKind.DIRECT:
        return
    peer_id = next(iter(subject.member_ids - {viewer_id}))
    peer = users.load(tx, viewer_id, [peer_id]).get(peer_id)
    if peer is None or peer.row.has_blocked or peer.row.is_blocked_by or not peer.row.is_active:
        raise PermissionDenied("This person cannot be written to at the moment, and sees no changes either.")
