"""Receipts: delivered and read, stored as one position per member and not as one row per message."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from models import contact as contacts
from models import conversation as conversations
from models import member as members
from models import message as messages
from models import receipt as receipts
from models import unread as unreads
from models.base import conversation_of, message_id, now_ms, seq_of
from models.conversation import ConversationRow
from models.event import EventKind, Receipt
from models.member import UNANSWERED_STATES
from models.prepared import id_list
from models.receipt import MessageTimesRow, ReceiptTimeRow
from models.transaction import Transaction
from models.unread import PositionRow
from services.error import NotFound
from services.guard import GuardedDatabase
from services.limit import Limits
from services.message.conversation import ConversationService
from services.message.conversation_view import ConversationView
from services.message.part import ALL_OF_CONVERSATION, ConversationParts
from services.message.viewer_view import unread_of
from services.rate import RateLimiter
from services.transaction import WriteTransaction
from services.viewer import Right, Viewer

EXACT_MS = 90 * 86_400_000  # older times are accurate to the hour
MERGE_MS = 86_400_000
MERGE_BATCH = 1000
READ_ALL_BATCH = 50  # conversations in one transaction: 3 ms of the writer's time, 8 ms in groups of ten


@dataclass(frozen=True, slots=True)
class Marked:
    """The conversation after a mark, and the viewer's total number of unread messages."""

    conversation: ConversationView
    unread_messages: int


class ReceiptService:
    """Moves positions. Receipts that others see only move forward; a viewer's own read marker may move back."""

    def __init__(self, database: GuardedDatabase, conversations: ConversationService, limits: Limits) -> None:
        self._database = database
        self._conversations = conversations
        self._read_all_rate = RateLimiter(limits.read_all_rate_per_minute, "calls of `markAllConversationsRead`")
        self._merged_at = 0

    async def times_of(self, viewer: Viewer, message_ids: Iterable[int]) -> dict[int, dict[int, MessageTimesRow]]:
        """When each message was delivered to and first read by each member, by message id and user id.

        Later marks do not change these times. `services.message.participant` decides whose times the viewer may see.
        """
        return await self._database.read_for(viewer, receipts.times_of, viewer.user_id, set(message_ids))

    async def merge(self) -> None:
        """Deletes all but the last move of each hour, for moves more than 90 days old.

        The table therefore grows with the hours in which people read and not with the messages. Does nothing if less
        than a day has passed since the last run, so it may be called more often.
        """
        now = now_ms()
        if now - self._merged_at < MERGE_MS:
            return
        rows: list[ReceiptTimeRow] = []
        key = (0, 0, 0, 0)
        while rows := await self._database.read(_batch_behind, key):
            unused = receipts.unused_rows(rows, now - EXACT_MS)
            if unused:
                await self._database.write(_delete, unused)
            last = rows[-1]
            # the next batch begins with the last row, to compare it with the row that follows
            key = last[:4] if len(rows) < MERGE_BATCH else (*last[:3], last.seq - 1)
            await asyncio.sleep(0)
        self._merged_at = now

    async def acknowledge(
        self, viewer: Viewer, conversation_id: int, up_to_id: int, parts: ConversationParts = ALL_OF_CONVERSATION
    ) -> Marked:
        """Marks all messages up to this one as delivered to the viewer. Raises NotFound."""
        return await self._mark(viewer, conversation_id, up_to_id, _deliver, parts)

    async def mark_read(
        self, viewer: Viewer, conversation_id: int, up_to_id: int | None, parts: ConversationParts = ALL_OF_CONVERSATION
    ) -> Marked:
        """Marks all messages up to this one, or for None up to the newest, as read. Raises NotFound."""
        return await self._mark(viewer, conversation_id, up_to_id, _read, parts)

    async def mark_all_read(self, viewer: Viewer, *, include_archived: bool) -> int:
        """Marks all conversations with something unread as read, except message requests; returns how many changed.

        1. Lists these conversations, each with its newest message: what comes later stays unread. 2. Marks them as
        `mark_read` does, with the same events and receipts, in batches. Each batch is a transaction, so that other
        writes do not wait for all of them.

        If the server crashes or an error is raised between two batches, the conversations of the earlier batches are
        read, and their events will be delivered; the others are unchanged, and another call marks them. Raises
        RateLimited.
        """
        viewer.check(Right.WRITE)
        self._read_all_rate.take(viewer.user_id)
        positions = await self._database.read_for(
            viewer, _unread_positions, viewer.user_id, with_archived=include_archived
        )
        changed = 0
        for start in range(0, len(positions), READ_ALL_BATCH):
            batch = positions[start : start + READ_ALL_BATCH]
            changed += await self._database.write_for(viewer, _read_each, viewer.user_id, batch)
        return changed

    async def mark_unread(
        self, viewer: Viewer, conversation_id: int, from_id: int | None, parts: ConversationParts = ALL_OF_CONVERSATION
    ) -> Marked:
        """Marks this message and all later ones as unread for the viewer; None only flags the conversation.

        Other members get no event, and the receipts that they see do not change. Raises NotFound.
        """
        return await self._mark(viewer, conversation_id, from_id, _unread, parts)

    async def _mark(
        self, viewer: Viewer, conversation_id: int, id_: int | None, move: "_Move", parts: ConversationParts
    ) -> Marked:
        return await self._database.write_for(viewer, self._move, viewer.user_id, conversation_id, id_, move, parts)

    def _move(
        self,
        tx: WriteTransaction,
        viewer_id: int,
        conversation_id: int,
        id_: int | None,
        move: "_Move",
        parts: ConversationParts,
    ) -> Marked:
        mine = tx.first(conversations.BY_IDS, viewer=viewer_id, ids=id_list([conversation_id]))
        if mine is None:
            raise NotFound("There is no such conversation.")
        if id_ is not None and not (conversation_of(id_) == mine.id and 0 < seq_of(id_) <= mine.last_seq):
            raise NotFound("There is no such message in this conversation.")
        move(tx, viewer_id, mine, None if id_ is None else seq_of(id_))
        unread = unread_of(tx, viewer_id)
        view = self._conversations.load_by_id(tx, viewer_id, [mine.id], parts)[mine.id]
        return Marked(view, unread.messages)


def _batch_behind(tx: Transaction, key: tuple[int, int, int, int]) -> list[ReceiptTimeRow]:
    conversation_id, user_id, kind, seq = key
    after = {"conversation": conversation_id, "user": user_id, "kind": kind, "seq": seq}
    return tx.all(receipts.AFTER, **after, count=MERGE_BATCH)


def _delete(tx: Transaction, rows: list[ReceiptTimeRow]) -> None:
    for row in rows:
        tx.run(receipts.DELETE, conversation=row.conversation_id, user=row.user_id, kind=row.kind, seq=row.seq)


def _deliver(tx: WriteTransaction, viewer_id: int, mine: ConversationRow, seq: int | None) -> None:
    seq = mine.last_seq if seq is None else seq
    if tx.run(members.DELIVER, user=viewer_id, conversation=mine.id, seq=seq, at=tx.at):
        record_receipt(tx, viewer_id, mine.id, seq, Receipt.DELIVERED)
        tx.events.append([viewer_id], EventKind.CONVERSATION_UPDATED, mine.id)


def _read(tx: WriteTransaction, viewer_id: int, mine: ConversationRow, seq: int | None) -> None:
    seq = mine.last_seq if seq is None else seq
    moved = tx.run(members.READ, user=viewer_id, conversation=mine.id, seq=seq, at=tx.at)
    if moved:
        record_receipt(tx, viewer_id, mine.id, seq, Receipt.READ)
    _see(tx, viewer_id, mine, max(mine.seen_seq, seq), is_marked=False, has_moved=bool(moved))


def _unread_positions(tx: Transaction, viewer_id: int, *, with_archived: bool) -> list[PositionRow]:
    return tx.all(unreads.POSITIONS, viewer=viewer_id, archived=int(with_archived))


def _read_each(tx: WriteTransaction, viewer_id: int, positions: Sequence[PositionRow]) -> int:
    """Marks these conversations as read up to the positions; returns how many of them still had something unread."""
    up_to = {row.conversation_id: row.last_seq for row in positions}
    rows = [
        row
        for row in tx.all(conversations.BY_IDS, viewer=viewer_id, ids=id_list(up_to))
        if row.request_state not in UNANSWERED_STATES
        and (row.is_marked_unread or (row.unread and row.seen_seq < up_to[row.id]))
    ]
    for row in rows:
        _read(tx, viewer_id, row, min(up_to[row.id], row.last_seq))
    return len(rows)


def _unread(tx: WriteTransaction, viewer_id: int, mine: ConversationRow, seq: int | None) -> None:
    seen = mine.seen_seq if seq is None else min(mine.seen_seq, seq - 1)
    is_listed = mine.last_seq > mine.floor_seq  # an empty conversation is not flagged
    _see(tx, viewer_id, mine, seen, is_marked=is_listed)


_Move = Callable[[WriteTransaction, int, ConversationRow, int | None], None]


def _see(
    tx: WriteTransaction,
    viewer_id: int,
    mine: ConversationRow,
    seen: int,
    *,
    is_marked: bool,
    has_moved: bool = False,
) -> None:
    """Sets the viewer's seen position and recounts their unread messages; a change appends an event for the viewer."""
    after = message_id(mine.id, max(seen, mine.floor_seq))
    before = message_id(mine.id, mine.last_seq) + 1
    unread = tx.value(messages.COUNT_UNREAD, viewer=viewer_id, after=after, before=before)
    new = {"seen": seen, "unread": unread, "is_marked_unread": int(is_marked)}
    if has_moved or (seen, unread, int(is_marked)) != (mine.seen_seq, mine.unread, mine.is_marked_unread):
        tx.run(members.SET_SEEN, user=viewer_id, conversation=mine.id, **new)
        tx.events.append([viewer_id], EventKind.CONVERSATION_UPDATED, mine.id)


def record_receipt(tx: WriteTransaction, viewer_id: int, conversation_id: int, seq: int, receipt: Receipt) -> None:
    """Stores the time at which a position moved, and appends an event for those who may see it now.

    Nobody else gets an entry: one that delivery leaves out would still move their cursor. Delivery checks again who
    may see it.
    """
    tx.run(receipts.PUT, conversation=conversation_id, user=viewer_id, kind=int(receipt), seq=seq, at=tx.at)
    learning = contacts.LEARNING_READ if receipt is Receipt.READ else contacts.LEARNING_DELIVERY
    others = tx.values(learning, viewer=viewer_id, conversation=conversation_id)
    up_to = message_id(conversation_id, seq)
    tx.events.append(others, EventKind.RECEIPT_UPDATED, up_to, actor_id=viewer_id, detail=receipt)
