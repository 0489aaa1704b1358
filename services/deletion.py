"""Deletes: of a message for oneself, or for everyone: without a trace at first, later with a tombstone."""

import structlog

from models import attachment as attachments
from models import edit as edits
from models import hidden, job, reaction
from models import member as members
from models import message as messages
from models.base import conversation_of, seq_of
from models.event import Change, EventKind, Removal
from models.prepared import id_list
from models.transaction import Transaction
from pubsub.base import Hint, PubSub
from services.announcement import Announcement
from services.change import Subject, check_own, check_window, forget_unread, get_subject, hide
from services.guard import GuardedDatabase
from services.limit import Limits
from services.message import MessageService, MessageView
from services.viewer import Viewer
from storage.base import Storage, StorageError

_log = structlog.get_logger("sotto.deletion")


class DeletionService:
    """What a member deletes for themselves leaves the others'; what its sender deletes for everyone is gone."""

    def __init__(
        self, database: GuardedDatabase, pubsub: PubSub, storage: Storage, messages: MessageService, limits: Limits
    ) -> None:
        self._database = database
        self._pubsub = pubsub
        self._storage = storage
        self._messages = messages
        self._limits = limits

    async def delete_for_me(self, viewer: Viewer, id_: int) -> None:
        """Hides the message from the viewer, on all of their devices, for good. Raises NotFound."""
        self._pubsub.publish(await self._database.write_for(viewer, self._hide, viewer.user_id, id_))

    async def delete_for_everyone(self, viewer: Viewer, id_: int) -> MessageView | None:
        """Takes the message from all; returns its tombstone, None where no trace is left (SelfCommunity: 60 s).

        1. the row, or its text, with files, reactions and former texts; 2. after the commit the bytes that no other
        message has. A crash in between leaves bytes without an owner, for the sweeper; their URLs are dead before.
        Raises NotFound, PermissionDenied for what is not one's own, TooLate past the operator's window.
        """
        view, hints, keys = await self._database.write_for(viewer, self._delete, viewer.user_id, id_)
        self._pubsub.publish(hints)
        for key in keys:
            try:
                await self._storage.delete(key)
            except StorageError as error:  # the sweeper will
                _log.warning("bytes not deleted", cause=type(error).__name__)
        return view

    def _hide(self, tx: Transaction, viewer_id: int, id_: int) -> list[Hint]:
        subject = get_subject(tx, viewer_id, id_)
        told = Announcement(tx)
        hide(tx, subject, [viewer_id], told)
        return told.hints

    def _delete(self, tx: Transaction, viewer_id: int, id_: int) -> tuple[MessageView | None, list[Hint], list[str]]:
        subject = get_subject(tx, viewer_id, id_)
        told = Announcement(tx)
        check_own(subject, viewer_id, "delete for everyone")
        if subject.row.deleted_at is not None:
            return self._messages.load_visible(tx, viewer_id, [id_])[id_], [], []
        check_window(subject, told.at, self._limits.delete_for_everyone_window_seconds, "deleted for everyone")
        keys = _take_content(tx, subject)
        seers = subject.member_ids - set(tx.values(hidden.FROM, message=id_, users=id_list(subject.member_ids)))
        forget_unread(tx, subject, seers - {viewer_id})
        is_silent = told.at - subject.row.created_at < self._limits.silent_delete_window_seconds * 1000
        if is_silent:
            tx.run(messages.DELETE, id=id_)
            told.tell(seers, EventKind.MESSAGE_REMOVED, id_, detail=Removal.DELETED_SILENTLY)
            _fall_back(tx, subject, seers, told)
            return None, told.hints, keys
        tx.run(messages.ENTOMB, id=id_, at=told.at)
        subject.tell(told, Change.STATE)
        told.tell(seers, EventKind.CONVERSATION_UPDATED, subject.conversation.id)
        return self._messages.load_visible(tx, viewer_id, [id_])[id_], told.hints, keys


def _take_content(tx: Transaction, subject: Subject) -> list[str]:
    """Reactions, former texts, files, the entry of the search index; returns the keys of bytes that nobody has now."""
    id_ = subject.row.id
    tx.run(reaction.DELETE_ALL, message=id_)
    tx.run(edits.DELETE, message=id_)
    job.index_anew(tx, id_, subject.row.body, None)
    rows = attachments.of_messages(tx, [id_]).get(id_, ())
    if not rows:
        return []
    keys = {key for row in rows for key in (row.storage_key, row.thumbnail_key) if key}
    tx.run(attachments.DELETE, message=id_)
    tx.run(attachments.DELETE_UPLOADS, message=id_)
    return attachments.unused(tx, keys)


def _fall_back(tx: Transaction, subject: Subject, seers: frozenset[int], told: Announcement) -> None:
    """No trace: the conversation ends, for each member, where it ended before; one that began so is gone."""
    conversation_id = subject.conversation.id
    for user_id in sorted(seers):
        newest = tx.value(messages.NEWEST, viewer=user_id, ids=id_list([conversation_of(subject.row.id)]))
        row = messages.find_visible(tx, user_id, [newest]).get(newest) if newest is not None else None
        seq, at = (seq_of(row.id), row.created_at) if row is not None else (0, None)
        tx.run(members.FALL_BACK, user=user_id, conversation=conversation_id, seq=seq, at=at)
        kind = EventKind.CONVERSATION_UPDATED if row is not None else EventKind.CONVERSATION_REMOVED
        told.tell([user_id], kind, conversation_id)
