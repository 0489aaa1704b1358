"""Preferences: a member's mute, archive and pin of a conversation; clearing it, and leaving a group."""

from dataclasses import dataclass

from models import conversation as conversations
from models import member as members
from models import message as messages
from models import receipt as receipts
from models.base import conversation_of, message_id, seq_of
from models.conversation import ConversationKind, ConversationRow
from models.event import EventKind, Removal
from models.member import FOR_GOOD, RequestState
from models.prepared import id_list
from models.transaction import Transaction
from services.error import InvalidInput, NotFound, PermissionDenied
from services.guard import GuardedDatabase
from services.message.change import recipients_of
from services.message.conversation import ConversationService
from services.message.conversation_view import ConversationView
from services.message.part import ALL_OF_CONVERSATION, ConversationParts
from services.rejection import Issue, IssueReason
from services.transaction import WriteTransaction
from services.viewer import Viewer

_WHY_STAY = {
    RequestState.PENDING: "This group is waiting for your answer: decline it to get no more messages from it.",
    RequestState.DECLINED: "You have declined this group and get no messages from it; accept it to leave it.",
}


@dataclass(frozen=True, slots=True)
class PreferenceChange:
    """The fields to change; None leaves a field as it is. `muted_until` is in ms since 1970; given alone, it mutes."""

    is_muted: bool | None = None
    muted_until: int | None = None
    is_archived: bool | None = None
    is_pinned: bool | None = None


class PreferenceService:
    """Changes preferences, which concern the viewer only; the other members get an event only of a leave."""

    def __init__(self, database: GuardedDatabase, conversations: ConversationService) -> None:
        self._database = database
        self._conversations = conversations

    async def prefer(
        self,
        viewer: Viewer,
        conversation_id: int,
        change: PreferenceChange,
        parts: ConversationParts = ALL_OF_CONVERSATION,
    ) -> ConversationView:
        """Mutes, archives or pins the conversation.

        The next message takes the conversation out of the archive, unless it is muted at that time. Raises NotFound,
        and InvalidInput for a mute that ends in the past, or for `muted_until` with `is_muted` false.
        """
        return await self._database.write_for(viewer, self._prefer, viewer.user_id, conversation_id, change, parts)

    async def clear(
        self, viewer: Viewer, conversation_id: int, up_to_id: int | None, parts: ConversationParts = ALL_OF_CONVERSATION
    ) -> ConversationView:
        """Clears the conversation for the viewer, up to a message or completely; the next message shows it again.

        Raises NotFound.
        """
        return await self._database.write_for(viewer, self._clear, viewer.user_id, conversation_id, up_to_id, parts)

    async def leave(self, viewer: Viewer, conversation_id: int) -> None:
        """Leaves a group permanently: the viewer no longer sees any of it, including earlier messages.

        The same people can create a new group, without the old one's messages. Raises NotFound, and PermissionDenied
        if the conversation is not a group, or is a request, which must be declined instead.
        """
        await self._database.write_for(viewer, _leave, viewer.user_id, conversation_id)

    def _prefer(
        self,
        tx: WriteTransaction,
        viewer_id: int,
        conversation_id: int,
        change: PreferenceChange,
        parts: ConversationParts,
    ) -> ConversationView:
        mine = _get(tx, viewer_id, conversation_id)
        if issues := _issues_of(change, tx.at):
            raise InvalidInput(issues)
        before = (mine.muted_until, mine.is_archived, mine.is_pinned)
        after = (
            _muted_until(mine.muted_until, change),
            mine.is_archived if change.is_archived is None else int(change.is_archived),
            mine.is_pinned if change.is_pinned is None else int(change.is_pinned),
        )
        if after != before:
            names = ("muted_until", "is_archived", "is_pinned")
            values = dict(zip(names, after, strict=True))
            tx.run(members.PREFER, user=viewer_id, conversation=mine.id, **values)
            tx.events.append([viewer_id], EventKind.CONVERSATION_UPDATED, mine.id)
        return self._conversations.load_by_id(tx, viewer_id, [mine.id], parts)[mine.id]

    def _clear(
        self,
        tx: WriteTransaction,
        viewer_id: int,
        conversation_id: int,
        up_to_id: int | None,
        parts: ConversationParts,
    ) -> ConversationView:
        mine = _get(tx, viewer_id, conversation_id)
        up_to = message_id(mine.id, mine.last_seq) if up_to_id is None else up_to_id
        if conversation_of(up_to) != mine.id or not 0 <= seq_of(up_to) <= mine.last_seq:
            raise NotFound("There is no such message in this conversation.")
        seq = seq_of(up_to)
        if seq > mine.floor_seq:
            tx.run(members.CLEAR, user=viewer_id, conversation=mine.id, seq=seq)
            seen = max(mine.seen_seq, seq)
            after, before = message_id(mine.id, seen), message_id(mine.id, mine.last_seq) + 1
            unread = tx.value(messages.COUNT_UNREAD, viewer=viewer_id, after=after, before=before)
            values = {"seen": seen, "unread": unread, "is_marked_unread": 0}
            tx.run(members.SET_SEEN, user=viewer_id, conversation=mine.id, **values)
            tx.events.append([viewer_id], EventKind.MESSAGE_REMOVED, up_to, detail=Removal.CLEARED)
            is_empty = seq >= mine.last_seq
            kind = EventKind.CONVERSATION_REMOVED if is_empty else EventKind.CONVERSATION_UPDATED
            tx.events.append([viewer_id], kind, mine.id)
        return self._conversations.load_by_id(tx, viewer_id, [mine.id], parts)[mine.id]


def _leave(tx: WriteTransaction, viewer_id: int, conversation_id: int) -> None:
    mine = _get(tx, viewer_id, conversation_id)
    if mine.kind != ConversationKind.GROUP:
        raise PermissionDenied("Only a group can be left; clear this conversation, or block the other person.")
    if (
        mine.request_state in _WHY_STAY
    ):  # deleting the row would also delete the decline, so that a new request could come
        raise PermissionDenied(_WHY_STAY[RequestState(mine.request_state)])
    tx.run(members.DELETE, user=viewer_id, conversation=mine.id)
    tx.run(receipts.DELETE_OF, user=viewer_id, conversation=mine.id)
    tx.run(conversations.FORGET_HASH, conversation=mine.id)
    tx.events.append([viewer_id], EventKind.CONVERSATION_REMOVED, mine.id)
    rows = members.members_of(tx, [mine.id]).get(mine.id, [])
    recipients = recipients_of(rows, frozenset(each.user_id for each in rows))
    tx.events.append(recipients, EventKind.CONVERSATION_UPDATED, mine.id)


def _get(tx: Transaction, viewer_id: int, conversation_id: int) -> ConversationRow:
    mine = tx.first(conversations.BY_IDS, viewer=viewer_id, ids=id_list([conversation_id]))
    if mine is None:
        raise NotFound("There is no such conversation.")
    return mine


def _issues_of(change: PreferenceChange, now: int) -> list[Issue]:
    if change.muted_until is None:
        return []
    path = ("mutedUntil",)
    if change.is_muted is False:
        return [Issue(path, IssueReason.MISMATCH, "`isMuted` is false: leave `mutedUntil` out.")]
    if change.muted_until <= now:
        return [Issue(path, IssueReason.OUT_OF_RANGE, "`mutedUntil` must be in the future.")]
    return []


def _muted_until(before: int, change: PreferenceChange) -> int:
    if change.is_muted is False:
        return 0
    if change.muted_until is not None:
        return change.muted_until
    return FOR_GOOD if change.is_muted else before
