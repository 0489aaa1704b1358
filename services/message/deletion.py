"""Deletions of messages: for oneself, or for everyone, which leaves no trace at first and a tombstone later."""

from collections.abc import Iterable

import structlog

from models import attachment as attachments
from models import deletion as deletions
from models import edit as edits
from models import job, reaction
from models import member as members
from models import message as messages
from models import report as reports
from models.base import conversation_of, now_ms, seq_of
from models.deletion import DeletedFileRow
from models.event import Change, EventKind, Removal
from models.prepared import id_list
from models.transaction import Transaction
from services.guard import GuardedDatabase
from services.limit import Limits
from services.message.change import Subject, check_own, check_window, forget_unread, get_subject, hide
from services.message.message import MessageService
from services.message.message_view import MessageView
from services.transaction import WriteTransaction
from services.viewer import Viewer
from storage.base import Storage, StorageError

_log = structlog.get_logger("sotto.deletion")

FILE_BATCH = 20  # messages between two checks of the storage for room


class DeletionService:
    """Deletes messages, for one member or for everyone.

    Deleting for oneself hides the message from that member only. Deleting for everyone removes it, apart from a copy
    for reports, which nobody can read. The members who had the message can report it within the report window. Files
    are kept with the copy only if the storage still has room for one file of the maximum size; otherwise they are
    deleted at once.
    """

    def __init__(self, database: GuardedDatabase, storage: Storage, messages: MessageService, limits: Limits) -> None:
        self._database = database
        self._storage = storage
        self._messages = messages
        self._limits = limits

    async def delete_for_me(self, viewer: Viewer, id_: int) -> None:
        """Permanently hides the message from the viewer, on all of their devices. Raises NotFound."""
        await self._database.write_for(viewer, _hide, viewer.user_id, id_)

    async def delete_for_everyone(self, viewer: Viewer, id_: int) -> MessageView | None:
        """Removes the message for all members; returns its tombstone, or None if it leaves no trace.

        SelfCommunity: a message deleted within 60 s of sending leaves no trace.

        1. Checks whether the storage has room for one file of the maximum size. 2. In one transaction, deletes the row
        or its text, with its files, reactions and earlier texts. Copies the message and its earlier texts for reports
        until the report window ends (see `sweep`), and its files only if there is room or an open report shows them.
        3. After the commit, deletes the bytes that no other row refers to. A crash between 2 and 3 leaves bytes
        without an owner, which the sweeper deletes; their URLs have already stopped working.

        Raises NotFound, PermissionDenied if the viewer is not the sender, TooLate after the operator's window.
        """
        has_room = await self._storage.has_room(self._limits.max_attachment_bytes)
        view, keys = await self._database.write_for(viewer, self._delete, viewer.user_id, id_, has_room=has_room)
        await self._delete_bytes(keys)
        return view

    async def sweep(self) -> None:
        """Deletes the copies that can no longer be reported and that no open report shows. Rows first, then bytes.

        If the storage has no room, deletes files early, the oldest first; the texts stay.
        """
        before = now_ms() - self._limits.report_window_seconds * 1000
        count = 1
        while count:
            count, keys = await self._database.write(_forget_expired, before)
            await self._delete_bytes(keys)
        await self._make_room()

    async def _make_room(self) -> None:
        """Stops when deleting frees nothing, so that no more reportable files are lost for no gain."""
        messages = files = 0
        while not await self._storage.has_room(self._limits.max_attachment_bytes):
            count, keys = await self._database.write(_forget_files)
            deleted = await self._delete_bytes(keys)
            messages, files = messages + count, files + deleted
            if not count or (keys and not deleted):
                break
        if messages:
            _log.warning("deleted files not kept", messages=messages, files=files)

    async def _delete_bytes(self, keys: Iterable[str]) -> int:
        """Returns the number of files whose bytes were deleted."""
        deleted = 0
        for key in keys:
            try:
                await self._storage.delete(key)
                deleted += 1
            except StorageError as error:  # the sweeper deletes them later
                _log.warning("bytes not deleted", cause=type(error).__name__)
        return deleted

    def _delete(
        self, tx: WriteTransaction, viewer_id: int, id_: int, *, has_room: bool
    ) -> tuple[MessageView | None, list[str]]:
        subject = get_subject(tx, viewer_id, id_)
        check_own(subject, viewer_id, "delete for everyone")
        if subject.row.deleted_at is not None:
            return self._messages.load_visible(tx, viewer_id, [id_])[id_], []
        check_window(subject, tx.at, self._limits.delete_for_everyone_window_seconds, "deleted for everyone")
        forget_unread(tx, subject, subject.visible_to - {viewer_id})
        had_by = subject.visible_to if self._limits.report_window_seconds else frozenset[int]()
        is_reported = tx.value(reports.SHOWING, message=id_) is not None
        retains_text = is_reported or bool(self._limits.report_window_seconds)
        retains_files = is_reported or (retains_text and has_room)
        keys = _delete_content(tx, subject, tx.at, had_by, retains_text=retains_text, retains_files=retains_files)
        is_silent = tx.at - subject.row.created_at < self._limits.silent_delete_window_seconds * 1000
        if is_silent:
            tx.run(messages.DELETE, id=id_)
            tx.events.append(subject.recipients, EventKind.MESSAGE_REMOVED, id_, detail=Removal.DELETED_SILENTLY)
            _fall_back(tx, subject)
            return None, keys
        tx.run(messages.MARK_DELETED, id=id_, at=tx.at)
        subject.append_update(tx, Change.STATE)
        tx.events.append(subject.recipients, EventKind.CONVERSATION_UPDATED, subject.conversation.id)
        return self._messages.load_visible(tx, viewer_id, [id_])[id_], keys


def _hide(tx: WriteTransaction, viewer_id: int, id_: int) -> None:
    hide(tx, get_subject(tx, viewer_id, id_), [viewer_id])


def _delete_content(
    tx: Transaction, subject: Subject, at: int, had_by: frozenset[int], *, retains_text: bool, retains_files: bool
) -> list[str]:
    """Deletes reactions, earlier texts, files and the search index entry; returns the keys of bytes without a row.

    `retains_text` keeps the texts, and `retains_files` the files, for reports only. `had_by` are those who may report
    it.
    """
    id_ = subject.row.id
    tx.run(reaction.DELETE_ALL, message=id_)
    job.reindex(tx, id_, subject.row.body, None)
    files = attachments.of_messages(tx, [id_]).get(id_, ())
    tx.run(attachments.DELETE, message=id_)
    if retains_text:
        deletions.put(tx, subject.row, at, had_by)
    else:
        tx.run(edits.DELETE, message=id_)
    if retains_files:
        for file in files:
            values = {name: getattr(file, name) for name in DeletedFileRow._fields}
            tx.run(deletions.PUT_FILE, **values)
    else:
        tx.run(attachments.DELETE_UPLOADS, message=id_)
    return attachments.unused(tx, {key for row in files for key in (row.storage_key, row.thumbnail_key) if key})


def _forget_expired(tx: Transaction, before: int) -> tuple[int, list[str]]:
    """Deletes a batch of copies made before `before` (ms); returns its size and the keys of bytes without a row."""
    ids = tx.values(deletions.EXPIRED, before=before)
    keys: set[str] = set()
    for id_, files in deletions.files_of(tx, ids).items():
        keys |= {file.storage_key for file in files} | set(tx.values(attachments.UPLOAD_KEYS, message=id_))
    present = set(tx.values(messages.PRESENT, ids=id_list(ids)))
    for id_ in ids:
        deletions.forget(tx, id_)
        if id_ not in present:  # if still present: an edit hid it from some, others still see it
            tx.run(edits.DELETE, message=id_)
            tx.run(attachments.DELETE_UPLOADS, message=id_)
    return len(ids), attachments.unused(tx, keys)


def _forget_files(tx: Transaction) -> tuple[int, list[str]]:
    """Deletes the files of a batch of deleted messages; returns its size and the keys of bytes without a row."""
    ids = tx.values(deletions.WITH_FILES, before=now_ms() + 1, count=FILE_BATCH)
    keys = {file.storage_key for files in deletions.files_of(tx, ids).values() for file in files}
    for id_ in ids:
        tx.run(deletions.DELETE_FILES, message=id_)
        tx.run(attachments.DELETE_UPLOADS, message=id_)
    return len(ids), attachments.unused(tx, keys)


def _fall_back(tx: WriteTransaction, subject: Subject) -> None:
    """Puts each member's conversation back to the newest message that they still see; removes one that has none."""
    conversation_id = subject.conversation.id
    for user_id in sorted(subject.visible_to):
        newest = tx.value(messages.NEWEST, viewer=user_id, ids=id_list([conversation_of(subject.row.id)]))
        row = messages.find_visible(tx, user_id, [newest]).get(newest) if newest is not None else None
        seq, at = (seq_of(row.id), row.created_at) if row is not None else (0, None)
        tx.run(members.FALL_BACK, user=user_id, conversation=conversation_id, seq=seq, at=at)
        kind = EventKind.CONVERSATION_UPDATED if row is not None else EventKind.CONVERSATION_REMOVED
        tx.events.append(subject.recipients.intersection([user_id]), kind, conversation_id)
