"""Deletes: of a message for oneself, or for everyone: without a trace at first, later with a tombstone."""

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
from services.message.message import MessageService, MessageView
from services.transaction import WriteTransaction
from services.viewer import Viewer
from storage.base import Storage, StorageError

_log = structlog.get_logger("sotto.deletion")

FILE_BATCH = 20  # messages, before the storage is asked again whether there is room


class DeletionService:
    """What a member deletes for themselves leaves the others'; what its sender deletes for everyone is gone.

    For a while it can be reported by whoever had it, and nobody can read it. Its files are put aside with it only while
    the storage has room for a file as large as one may be: where it has not, deleting makes room at once.
    """

    def __init__(self, database: GuardedDatabase, storage: Storage, messages: MessageService, limits: Limits) -> None:
        self._database = database
        self._storage = storage
        self._messages = messages
        self._limits = limits

    async def delete_for_me(self, viewer: Viewer, id_: int) -> None:
        """Hides the message from the viewer, on all of their devices, for good. Raises NotFound."""
        await self._database.write_for(viewer, _hide, viewer.user_id, id_)

    async def delete_for_everyone(self, viewer: Viewer, id_: int) -> MessageView | None:
        """Takes the message from all; returns its tombstone, None where no trace is left (SelfCommunity: 60 s).

        1. the row, or its text, with files, reactions and former texts, which are put aside as long as the message can
        be reported (see `sweep`), files only where there is room or a report shows them; 2. after the commit the bytes
        that no other message has. A crash in between leaves bytes without an owner, for the sweeper; their URLs are
        dead before.
        Raises NotFound, PermissionDenied for what is not one's own, TooLate past the operator's window.
        """
        has_room = await self._storage.has_room(self._limits.max_attachment_bytes)
        view, keys = await self._database.write_for(viewer, self._delete, viewer.user_id, id_, has_room=has_room)
        await self._delete_bytes(keys)
        return view

    async def sweep(self) -> None:
        """Forgets what was deleted, once nobody can report it and no open report shows it. Row before bytes.

        Files go before their time, the oldest first, while the storage has no room; the texts stay.
        """
        before = now_ms() - self._limits.report_window_seconds * 1000
        count = 1
        while count:
            count, keys = await self._database.write(_forget_expired, before)
            await self._delete_bytes(keys)
        await self._make_room()

    async def _make_room(self) -> None:
        """Stops where the storage deletes nothing: files that can be reported are not given up in vain."""
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
        """Returns of how many files the bytes are gone."""
        deleted = 0
        for key in keys:
            try:
                await self._storage.delete(key)
                deleted += 1
            except StorageError as error:  # the sweeper will
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
        is_kept = is_reported or bool(self._limits.report_window_seconds)
        keeps_files = is_reported or (is_kept and has_room)
        keys = _take_content(tx, subject, tx.at, had_by, is_kept=is_kept, keeps_files=keeps_files)
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


def _take_content(
    tx: Transaction, subject: Subject, at: int, had_by: frozenset[int], *, is_kept: bool, keeps_files: bool
) -> list[str]:
    """Reactions, former texts, files, the entry of the search index; returns the keys of bytes that nobody has now.

    With `is_kept` texts, and with `keeps_files` files, are put aside, for reports alone; these people may make one.
    """
    id_ = subject.row.id
    tx.run(reaction.DELETE_ALL, message=id_)
    job.reindex(tx, id_, subject.row.body, None)
    files = attachments.of_messages(tx, [id_]).get(id_, ())
    tx.run(attachments.DELETE, message=id_)
    if is_kept:
        deletions.put(tx, subject.row, at, had_by)
    else:
        tx.run(edits.DELETE, message=id_)
    if keeps_files:
        for file in files:
            kept = {name: getattr(file, name) for name in DeletedFileRow._fields}
            tx.run(deletions.PUT_FILE, **kept)
    else:
        tx.run(attachments.DELETE_UPLOADS, message=id_)
    return attachments.unused(tx, {key for row in files for key in (row.storage_key, row.thumbnail_key) if key})


def _forget_expired(tx: Transaction, before: int) -> tuple[int, list[str]]:
    """Forgets a batch of what was deleted before a time; returns its size and keys of bytes that nobody has now."""
    ids = tx.values(deletions.EXPIRED, before=before)
    keys: set[str] = set()
    for id_, files in deletions.files_of(tx, ids).items():
        keys |= {file.storage_key for file in files} | set(tx.values(attachments.UPLOAD_KEYS, message=id_))
    present = set(tx.values(messages.PRESENT, ids=id_list(ids)))
    for id_ in ids:
        deletions.forget(tx, id_)
        if id_ not in present:  # else some lost it to an edit, and others have it
            tx.run(edits.DELETE, message=id_)
            tx.run(attachments.DELETE_UPLOADS, message=id_)
    return len(ids), attachments.unused(tx, keys)


def _forget_files(tx: Transaction) -> tuple[int, list[str]]:
    """Forgets the files of a few deleted messages; returns of how many, and the keys of bytes that nobody has now."""
    ids = tx.values(deletions.WITH_FILES, before=now_ms() + 1, count=FILE_BATCH)
    keys = {file.storage_key for files in deletions.files_of(tx, ids).values() for file in files}
    for id_ in ids:
        tx.run(deletions.DELETE_FILES, message=id_)
        tx.run(attachments.DELETE_UPLOADS, message=id_)
    return len(ids), attachments.unused(tx, keys)


def _fall_back(tx: WriteTransaction, subject: Subject) -> None:
    """No trace: the conversation ends, for each member, where it ended before; one that began so is gone."""
    conversation_id = subject.conversation.id
    for user_id in sorted(subject.visible_to):
        newest = tx.value(messages.NEWEST, viewer=user_id, ids=id_list([conversation_of(subject.row.id)]))
        row = messages.find_visible(tx, user_id, [newest]).get(newest) if newest is not None else None
        seq, at = (seq_of(row.id), row.created_at) if row is not None else (0, None)
        tx.run(members.FALL_BACK, user=user_id, conversation=conversation_id, seq=seq, at=at)
        kind = EventKind.CONVERSATION_UPDATED if row is not None else EventKind.CONVERSATION_REMOVED
        tx.events.append(subject.recipients.intersection([user_id]), kind, conversation_id)
