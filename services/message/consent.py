"""Consent: each member of a group answers their own request, and gets only a few messages until they accept."""

from collections.abc import Container, Iterable, Sequence

from models import conversation as conversations
from models import hidden
from models import member as members
from models import message as messages
from models import request as requests
from models.base import message_id, seq_of
from models.event import EventKind
from models.member import UNANSWERED_STATES, MemberRow, RequestState
from models.prepared import id_list
from models.send import AddresseeRow
from models.transaction import Transaction
from services.person.policy import Policy
from services.transaction import WriteTransaction

AnyRow = MemberRow | AddresseeRow  # both have what decides


def withheld_from(tx: Transaction, policy: Policy, rows: Iterable[AnyRow]) -> frozenset[int]:
    """The members of a group who do not get its messages now.

    A member who has declined gets none. A member who has not answered gets as many as a request may hold, counted over
    all requests of the same person to them. When they accept, they get the messages that were withheld.
    """
    found = list(rows)
    full = _full(tx, policy, found)
    return frozenset(row.user_id for row in found if _is_withheld(row, full))


def reaches_nobody(tx: Transaction, policy: Policy, viewer_id: int, rows: Iterable[AnyRow]) -> bool:
    """Whether nobody would get a message of the viewer to a group; makes no query if somebody has accepted it."""
    return bool(groups_reaching_nobody(tx, policy, viewer_id, [list(rows)]))


def groups_reaching_nobody(
    tx: Transaction, policy: Policy, viewer_id: int, groups: Iterable[Sequence[AnyRow]]
) -> frozenset[int]:
    """The ids of the groups in which nobody would get a message of the viewer; at most one statement."""
    others = [[row for row in rows if row.user_id != viewer_id] for rows in groups]
    asked = [rows for rows in others if rows and all(row.request_state in UNANSWERED_STATES for row in rows)]
    full = _full(tx, policy, [row for rows in asked for row in rows])
    return frozenset(rows[0].conversation_id for rows in asked if all(_is_withheld(row, full) for row in rows))


def _full(tx: Transaction, policy: Policy, rows: Iterable[AnyRow]) -> set[tuple[int, int]]:
    """The (conversation, member) pairs whose unanswered request holds no more messages; at most one statement."""
    ids = {row.conversation_id for row in rows if row.request_state == RequestState.PENDING}
    found = tx.all(requests.WAITING, ids=id_list(sorted(ids))) if ids else []
    return {(row.conversation_id, row.user_id) for row in found if row.messages >= policy.request_messages}


def _is_withheld(row: AnyRow, full: Container[tuple[int, int]]) -> bool:
    return row.request_state == RequestState.DECLINED or (row.conversation_id, row.user_id) in full


def accept(tx: WriteTransaction, user_id: int, conversation_id: int, *, is_group: bool) -> bool:
    """Accepts the request to this member; returns whether there was one.

    A direct conversation is then accepted for both people. In a group the member gets the messages that were withheld
    from them, and an event that makes their devices load the conversation again.
    """
    if not is_group:
        return bool(tx.run(members.ACCEPT, conversation=conversation_id, user=user_id))
    if not tx.run(members.ACCEPT_ALONE, conversation=conversation_id, user=user_id):
        return False
    if _release(tx, user_id, conversation_id):
        tx.events.append([user_id], EventKind.CONVERSATION_REMOVED, conversation_id)
    return True


def _release(tx: Transaction, user_id: int, conversation_id: int) -> bool:
    """Shows a member who has accepted the group the messages withheld from them; returns whether there were any."""
    after, before = message_id(conversation_id, 0), message_id(conversation_id + 1, 0)
    if not tx.run(hidden.RELEASE, user=user_id, after=after, before=before):
        return False
    mine = tx.first(conversations.BY_IDS, viewer=user_id, ids=id_list([conversation_id]))
    assert mine is not None
    floor = message_id(conversation_id, mine.floor_seq)
    newest = tx.first(messages.PAGE_BACKWARD, viewer=user_id, after=floor, before=before, count=1)
    if newest is not None:
        seq = seq_of(newest.id)
        tx.run(members.FALL_BACK, user=user_id, conversation=conversation_id, seq=seq, at=newest.created_at)
        seen = max(mine.seen_seq, mine.floor_seq)
        unread = tx.value(
            messages.COUNT_UNREAD, viewer=user_id, after=message_id(conversation_id, seen), before=newest.id + 1
        )
        marked = mine.is_marked_unread
        tx.run(
            members.SET_SEEN,
            user=user_id,
            conversation=conversation_id,
            seen=mine.seen_seq,
            unread=unread,
            is_marked_unread=marked,
        )
    return True
