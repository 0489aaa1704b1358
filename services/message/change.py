"""Changes of a message: what an edit, a delete and a reaction ask first, and who gets their events."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from models import conversation as conversations
from models import hidden
from models import member as members
from models import message as messages
from models.base import conversation_of, seq_of
from models.conversation import ConversationKind, ConversationRow
from models.event import Change, EventKind, Removal
from models.member import MemberRow, RequestState
from models.message import MessageRow
from models.prepared import id_list
from models.transaction import Transaction
from services.error import NotFound, PermissionDenied, TooLate
from services.person.user import UserService
from services.transaction import WriteTransaction


@dataclass(frozen=True, slots=True)
class Subject:
    """The message that is to be changed, with the conversation as the viewer has it.

    `visible_to` are the members who see the message, and `recipients` those of them who get events of it: nothing comes
    to who has declined, unless they changed it themselves.
    """

    row: MessageRow
    conversation: ConversationRow
    member_ids: frozenset[int]
    visible_to: frozenset[int]
    recipients: frozenset[int]

    def append_update(self, tx: WriteTransaction, change: Change) -> None:
        """For the recipients alone: an entry of a log that is left out later would still wake a stream."""
        tx.events.append(self.recipients, EventKind.MESSAGE_UPDATED, self.row.id, detail=change)


def hide(tx: WriteTransaction, subject: Subject, user_ids: Iterable[int]) -> None:
    """From these people the message is gone, for good: it no longer counts as unread, and an event removes it."""
    people = sorted(set(user_ids))
    for user_id in people:
        tx.run(hidden.PUT, user=user_id, message=subject.row.id)
    forget_unread(tx, subject, people)
    recipients = subject.recipients.intersection(people)
    tx.events.append(recipients, EventKind.MESSAGE_REMOVED, subject.row.id, detail=Removal.DELETED_FOR_VIEWER)
    tx.events.append(recipients, EventKind.CONVERSATION_UPDATED, subject.conversation.id)


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
    visible_to = visible_to_of(tx, id_, found)
    return Subject(
        row,
        conversation,
        frozenset(each.user_id for each in found),
        visible_to,
        recipients_of(found, visible_to) | {viewer_id},
    )


def visible_to_of(tx: Transaction, id_: int, rows: Sequence[MemberRow]) -> frozenset[int]:
    """The members of the message's conversation from whom it is not hidden."""
    user_ids = frozenset(each.user_id for each in rows)
    return user_ids - set(tx.values(hidden.FROM, message=id_, users=id_list(user_ids)))


def recipients_of(rows: Sequence[MemberRow], visible_to: frozenset[int]) -> frozenset[int]:
    """Those of these people to whom events of the conversation come: all members but those who have declined it."""
    return visible_to - {each.user_id for each in rows if each.request_state == RequestState.DECLINED}


def check_own(subject: Subject, viewer_id: int, action: str) -> None:
    """Raises PermissionDenied for a message of somebody else."""
    if subject.row.sender_id != viewer_id:
        raise PermissionDenied(f"Only the sender of a message can {action} it.")


def check_not_deleted(subject: Subject, action: str) -> None:
    """Raises PermissionDenied for a message that was deleted for everyone."""
    if subject.row.deleted_at is not None:
        raise PermissionDenied(f"This message was deleted, so you can no longer {action} it.")


def check_window(subject: Subject, now: int, window_seconds: int, action: str) -> None:
    """Raises TooLate past the window, in seconds since the message was sent; 0 is no limit. `now` in ms since 1970."""
    if window_seconds and now - subject.row.created_at > window_seconds * 1000:
        raise TooLate(f"A message can be {action} within {window_seconds} seconds of sending it.", window_seconds)


def check_reach(tx: Transaction, users: UserService, subject: Subject, viewer_id: int) -> None:
    """Raises PermissionDenied where the viewer could not write to the other one of a direct conversation now.

    Of a group: where an audience that is asked for every message excludes the viewer, but for those who were asked into
    it and answer for themselves. A change reaches them as a message does, so what stands in the way of one stands in
    the way of the other.
    """
    is_direct = subject.conversation.kind == ConversationKind.DIRECT
    if not is_direct and not users.policy.for_each_send:
        return
    rows = members.members_of(tx, [subject.conversation.id])[subject.conversation.id]
    agreed = {row.user_id for row in rows if not is_direct and row.request_state != RequestState.NONE}
    others = users.load(tx, viewer_id, subject.member_ids - agreed - {viewer_id}).values()
    if any(each.exclusion for each in others):
        raise PermissionDenied("Not everybody here accepts messages from you at the moment, and changes are like them.")
    if is_direct and not (others and all(each.row.is_active and not each.is_blocked for each in others)):
        raise PermissionDenied("This person cannot be written to at the moment, and sees no changes either.")
