"""Changes of a message: the checks before an edit, a deletion or a reaction, and the recipients of its events."""

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
    """The message to change, with the conversation as the viewer has it.

    `visible_to` are the members who see the message, and `recipients` those of them who get its events: a member who
    has declined the conversation gets none, unless they made the change.
    """

    row: MessageRow
    conversation: ConversationRow
    member_ids: frozenset[int]
    visible_to: frozenset[int]
    recipients: frozenset[int]

    def append_update(self, tx: WriteTransaction, change: Change) -> None:
        """Appends an event for the recipients only: an entry that delivery leaves out would still wake a stream."""
        tx.events.append(self.recipients, EventKind.MESSAGE_UPDATED, self.row.id, detail=change)


def hide(tx: WriteTransaction, subject: Subject, user_ids: Iterable[int]) -> None:
    """Permanently hides the message from these people: it no longer counts as unread, and they get an event."""
    people = sorted(set(user_ids))
    hidden.put(tx, people, subject.row.id)
    forget_unread(tx, subject, people)
    recipients = subject.recipients.intersection(people)
    tx.events.append(recipients, EventKind.MESSAGE_REMOVED, subject.row.id, detail=Removal.DELETED_FOR_VIEWER)
    tx.events.append(recipients, EventKind.CONVERSATION_UPDATED, subject.conversation.id)


def forget_unread(tx: Transaction, subject: Subject, user_ids: Iterable[int]) -> None:
    """Lowers the unread count of those people who had not read the message."""
    row = subject.row
    others = [user_id for user_id in user_ids if user_id != row.sender_id]
    if others and row.deleted_at is None:
        conversation_id = subject.conversation.id
        tx.run(members.FORGET_UNREAD, conversation=conversation_id, users=id_list(others), seq=seq_of(row.id))


def get_subject(tx: Transaction, viewer_id: int, id_: int) -> Subject:
    """Raises NotFound, with the same sentence, if the message does not exist or the viewer cannot see it."""
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
    """Those of `visible_to` who get events of the conversation: all members except those who have declined it."""
    return visible_to - {each.user_id for each in rows if each.request_state == RequestState.DECLINED}


def check_own(subject: Subject, viewer_id: int, action: str) -> None:
    """Raises PermissionDenied if somebody else sent the message."""
    if subject.row.sender_id != viewer_id:
        raise PermissionDenied(f"Only the sender of a message can {action} it.")


def check_not_deleted(subject: Subject, action: str) -> None:
    """Raises PermissionDenied if the message was deleted for everyone."""
    if subject.row.deleted_at is not None:
        raise PermissionDenied(f"This message was deleted, so you can no longer {action} it.")


def check_window(subject: Subject, now: int, window_seconds: int, action: str) -> None:
    """Raises TooLate if more than `window_seconds` have passed since sending; 0: no limit. `now` in ms since 1970."""
    if window_seconds and now - subject.row.created_at > window_seconds * 1000:
        raise TooLate(f"A message can be {action} within {window_seconds} seconds of sending it.", window_seconds)


def check_reach(tx: Transaction, users: UserService, subject: Subject, viewer_id: int) -> None:
    """Raises PermissionDenied if the viewer could not send a message here now: a change reaches people as one does.

    In a direct conversation, that is if the viewer cannot write to the other person. In a group, if the operator has
    audiences checked for every message and a member's audience excludes the viewer; members who joined by a request
    are not checked, because they answer the request themselves.
    """
    is_direct = subject.conversation.kind == ConversationKind.DIRECT
    if not is_direct and not users.policy.for_each_send:
        return
    rows = members.members_of(tx, [subject.conversation.id])[subject.conversation.id]
    agreed = {row.user_id for row in rows if not is_direct and row.request_state != RequestState.NONE}
    others = users.load(tx, viewer_id, subject.member_ids - agreed - {viewer_id}).values()
    if any(each.exclusion for each in others):
        raise PermissionDenied(
            "Somebody here does not accept messages from you at the moment, so you cannot change any."
        )
    if is_direct and not (others and all(each.row.is_active and not each.is_blocked for each in others)):
        raise PermissionDenied("This person cannot receive messages or changes from you at the moment.")
