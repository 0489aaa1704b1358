"""Consent: in a group each member answers for themselves, and gets little of it until they do."""

from collections.abc import Container, Iterable, Mapping, Sequence

from models import conversation as conversations
from models import hidden
from models import member as members
from models import message as messages
from models import request as requests
from models.base import message_id, seq_of
from models.event import EventKind
from models.member import UNANSWERED_STATES, MemberRow, RequestState
from models.prepared import id_list
from models.transaction import Transaction
from services.person.policy import Policy
from services.transaction import WriteTransaction


def withheld_from(tx: Transaction, policy: Policy, rows: Iterable[MemberRow]) -> frozenset[int]:
    """The members of a group to whom its messages do not come now.

    Who has declined gets none, who has not answered as many as a request may hold, over all that the same person asked
    of them. What was withheld is there once they accept.
    """
    found = list(rows)
    full = _full(tx, policy, found)
    return frozenset(row.user_id for row in found if _is_withheld(row, full))


def reaches_nobody(tx: Transaction, policy: Policy, viewer_id: int, rows: Iterable[MemberRow]) -> bool:
    """Whether a message of the viewer to a group would come to nobody; reads nothing where somebody has agreed."""
    return bool(groups_reaching_nobody(tx, policy, viewer_id, [list(rows)]))


def groups_reaching_nobody(
    tx: Transaction, policy: Policy, viewer_id: int, groups: Iterable[Sequence[MemberRow]]
) -> frozenset[int]:
    """The ids of the groups in which a message of the viewer would come to nobody; one statement at most."""
    others = [[row for row in rows if row.user_id != viewer_id] for rows in groups]
    asked = [rows for rows in others if rows and all(row.request_state in UNANSWERED_STATES for row in rows)]
    full = _full(tx, policy, [row for rows in asked for row in rows])
    return frozenset(rows[0].conversation_id for rows in asked if all(_is_withheld(row, full) for row in rows))


def requesters_of(viewer_id: int, members: Mapping[int, Iterable[MemberRow]]) -> dict[int, int]:
    """Who asked the viewer, by conversation; nobody may know of others whether they were asked."""
    mine = [row for rows in members.values() for row in rows if row.user_id == viewer_id]
    return {row.conversation_id: row.requester_id for row in mine if row.requester_id is not None}


def _full(tx: Transaction, policy: Policy, rows: Iterable[MemberRow]) -> set[tuple[int, int]]:
    """The conversations and members who have not answered, and to whom no more may be asked; one statement at most."""
    ids = {row.conversation_id for row in rows if row.request_state == RequestState.PENDING}
    found = tx.all(requests.WAITING, ids=id_list(sorted(ids))) if ids else []
    return {(row.conversation_id, row.user_id) for row in found if row.messages >= policy.request_messages}


def _is_withheld(row: MemberRow, full: Container[tuple[int, int]]) -> bool:
    return row.request_state == RequestState.DECLINED or (row.conversation_id, row.user_id) in full


def accept(tx: WriteTransaction, user_id: int, conversation_id: int, *, is_group: bool) -> bool:
    """Whether there was a request to this member, who agrees to it: in a direct conversation for both of the two.

    In a group with what was withheld from them, after which their devices load it anew.
    """
    if not is_group:
        return bool(tx.run(members.ACCEPT, conversation=conversation_id, user=user_id))
    if not tx.run(members.ACCEPT_ALONE, conversation=conversation_id, user=user_id):
        return False
    if _release(tx, user_id, conversation_id):
        tx.events.append([user_id], EventKind.CONVERSATION_REMOVED, conversation_id)
    return True


def _release(tx: Transaction, user_id: int, conversation_id: int) -> bool:
    """Gives a member who has agreed to be there what was withheld from them; whether there was anything."""
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
