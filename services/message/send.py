"""Sending: checked early for a quick refusal, decided and stored in one transaction."""

from dataclasses import dataclass, replace

import orjson

from models import attachment as attachments
from models import conversation as conversations
from models import hidden, idempotency, job
from models import member as members
from models import message as messages
from models.attachment import FileState, UploadRow
from models.base import message_id, now_ms
from models.block import BLOCKERS
from models.event import EventKind, Receipt
from models.job import JobKind
from models.prepared import id_list
from models.transaction import Transaction
from services.error import AttachmentsRejected
from services.file.attached_upload import chosen_rejection, find_uploads
from services.file.attachment import AttachmentService
from services.file.file import ChosenUpload, KeptFiles
from services.guard import GuardedDatabase
from services.limit import Limits
from services.message.consent import accept
from services.message.draft import Draft
from services.message.message import MessageService, MessageView
from services.message.receipt import record_receipt
from services.message.recipient import rejection_of
from services.message.send_check import Addressees, Outcome, Plan, Written
from services.person.policy import Eligibility
from services.person.user import UserService
from services.rate import RateLimiter
from services.rejection import AttachmentRejection, AttachmentRejectionReason
from services.transaction import WriteTransaction
from services.viewer import Right, Viewer

_Thumbnails = dict[int | None, UploadRow]  # by the upload that they are for


@dataclass(frozen=True, slots=True)
class Sent:
    """What a send answers: the message, new or (a duplicate) the one that the first call stored."""

    message_id: int
    was_duplicate: bool
    view: MessageView | None  # None for a duplicate that its sender can no longer see


class SendService:
    """The main job."""

    def __init__(
        self,
        database: GuardedDatabase,
        users: UserService,
        messages: MessageService,
        files: AttachmentService,
        limits: Limits,
    ) -> None:
        self._messages = messages
        self._database = database
        self._users = users
        self._files = files
        self._limits = limits
        self._rate = RateLimiter(limits.send_rate_per_minute, "messages")

    async def send(self, viewer: Viewer, draft: Draft) -> Sent:
        """Sends one message to one person, to the group of exactly these people, or into a conversation.

        1. rate; 2. idempotency: a retry answers with the first result, even if blocked since; 3. input, all issues;
        4. recipients, all offenders; 5. files, all offenders; 6. bytes into the storage, rows staged; 7. one
        transaction that asks 2 and 4 again and then stores everything or nothing; 8. after its commit, hints.

        A crash before 7 leaves files without an owner, for the sweeper. One after 7 loses the answer: the sender asks
        again with the same `clientMessageId` and gets it.
        """
        written = await self._send(Plan(self._users, viewer.user_id, draft), viewer)
        outcome = written.outcomes[0]
        assert outcome.message_id is not None
        return Sent(outcome.message_id, written.was_duplicate, written.views.get(outcome.message_id))

    async def send_to_each(self, viewer: Viewer, draft: Draft) -> list[Outcome]:
        """Sends the same content to each person separately, in their direct conversations; see `send` for the steps.

        A recipient who cannot be written to is an outcome of their own and does not keep the others from getting the
        message. Somebody named twice gets one message, which both outcomes show.
        """
        each = replace(draft, users_path=("recipients",))
        return (await self._send(Plan(self._users, viewer.user_id, each, is_for_each=True), viewer)).outcomes

    async def _send(self, plan: Plan, viewer: Viewer) -> Written:
        viewer.check(Right.SEND)
        self._rate.take(viewer.user_id)
        draft = plan.draft
        if (replay := await self._database.read(self._prepare, plan)) is not None:
            return replay
        pictures = await self._files.check(draft.files)
        kept = await self._files.keep(viewer, draft.files, pictures)
        kept.are_as_files = draft.is_as_file
        try:
            written = await self._database.send_for(viewer, self._store, plan, kept)
        except BaseException:
            await self._files.abandon(kept)
            raise
        if written.was_duplicate or not written.message_ids:
            await self._files.abandon(kept)
        return written

    def _prepare(self, tx: Transaction, plan: Plan) -> Written | None:
        find_uploads(tx, plan.viewer_id, plan.draft.files)
        replay = plan.prepare(tx, self._limits)
        return None if replay is None else self._with_views(tx, plan, replay)

    def _store(self, tx: WriteTransaction, plan: Plan, kept: KeptFiles) -> Written:
        written = (_store_for_each if plan.is_for_each else _store)(tx, plan, kept)
        return self._with_views(tx, plan, written)

    def _with_views(self, tx: Transaction, plan: Plan, written: Written) -> Written:
        """The answer is loaded where the message is stored: a read after the commit could fail, and deny it."""
        written.views = self._messages.load_visible(tx, plan.viewer_id, written.message_ids)
        return written


def _store(tx: WriteTransaction, plan: Plan, kept: KeptFiles) -> Written:
    """Stores one message; runs inside `Database.write`, where block and send are ordered by the same lock."""
    if (replay := plan.find_replay(tx)) is not None:
        return replay
    written = Written()
    to = plan.check_recipients(tx)
    id_ = _put_message(tx, plan, to)
    if kept.upload_ids:
        _claim(tx, plan, id_, kept)
    written.outcomes.append(Outcome(0, id_))
    _remember(tx, plan, written)
    return written


def _store_for_each(tx: WriteTransaction, plan: Plan, kept: KeptFiles) -> Written:
    """Stores a message for each recipient who can be written to; runs inside `Database.write`."""
    if (replay := plan.find_replay(tx)) is not None:
        return replay
    written = Written()
    sent: dict[int, int] = {}
    for index, (reference, person) in enumerate(zip(plan.draft.users or (), plan.people(tx), strict=True)):
        rejection = rejection_of(index, reference, person)
        if rejection is not None or person is None:
            written.outcomes.append(Outcome(index, rejection=rejection))
            continue
        if person.row.id not in sent:
            is_asked = person.eligibility is Eligibility.ALLOWED_AS_REQUEST
            asked = frozenset({person.row.id}) if is_asked else frozenset[int]()
            to = Addressees(frozenset({plan.viewer_id, person.row.id}), asked=asked)
            sent[person.row.id] = _put_message(tx, plan, to)
        written.outcomes.append(Outcome(index, sent[person.row.id]))
    if kept.upload_ids and sent:
        first, *others = sent.values()
        thumbnails = _claim(tx, plan, first, kept)
        for id_ in others:
            _copy_files(tx, id_, kept, thumbnails)
    _remember(tx, plan, written)
    return written


def _conversation_with(tx: WriteTransaction, plan: Plan, to: Addressees) -> int:
    """Found or made by its unique key; all of a new one's members get an event of it."""
    conversation_id, is_new = conversations.get_or_put_with(tx, to.member_ids, tx.at, plan.viewer_id, to.asked)
    if is_new:
        tx.events.append(to.member_ids, EventKind.CONVERSATION_CREATED, conversation_id)
    return conversation_id


def _put_message(tx: WriteTransaction, plan: Plan, to: Addressees) -> int:
    """The message, everybody's positions, one event for each member, the job for the search index."""
    draft, sender_id = plan.draft, plan.viewer_id
    conversation_id = to.conversation_id or _conversation_with(tx, plan, to)
    seq = tx.value(conversations.NEXT_SEQ, conversation=conversation_id)
    assert seq is not None
    id_ = message_id(conversation_id, seq)
    tx.run(
        messages.PUT,
        id=id_,
        sender=sender_id,
        at=tx.at,
        kind=int(draft.kind),
        body=draft.text,
        attachments=len(draft.files),
        reply_to=draft.reply_to_id,
        client_message_id=draft.client_message_id,
        metadata=draft.metadata_json,
    )
    # In a group whoever has blocked the sender never gets the message, not even once the block is lifted.
    deaf = set(tx.values(BLOCKERS, user=sender_id, ids=id_list(to.member_ids))) if to.is_group else set()
    for user_id in deaf:
        tx.run(hidden.PUT, user=user_id, message=id_)
    for user_id in to.withheld - deaf:
        tx.run(hidden.WITHHOLD, user=user_id, message=id_)
    unreached = to.withheld | deaf
    _advance(tx, conversation_id, sender_id, seq, to, unreached)
    tx.events.append(to.member_ids - unreached, EventKind.MESSAGE_CREATED, id_)
    if draft.text:
        tx.run(job.PUT, kind=int(job.JobKind.INDEX_MESSAGE), ref=id_)
    return id_


def _advance(
    tx: WriteTransaction, conversation_id: int, sender_id: int, seq: int, to: Addressees, unreached: frozenset[int]
) -> None:
    """Whoever writes has read what was there before, and answers a request by it."""
    if accept(tx, sender_id, conversation_id, is_group=to.is_group):
        tx.events.append(to.member_ids - unreached, EventKind.CONVERSATION_UPDATED, conversation_id)
    if tx.run(members.ADVANCE_SENDER, conversation=conversation_id, sender=sender_id, at=tx.at):
        record_receipt(tx, sender_id, conversation_id, seq - 1, Receipt.READ)
    tx.run(
        members.ADVANCE,
        conversation=conversation_id,
        sender=sender_id,
        seq=seq,
        at=tx.at,
        hidden_from=id_list(unreached),
    )


def _claim(tx: Transaction, plan: Plan, id_: int, kept: KeptFiles) -> _Thumbnails:
    """One conditional UPDATE whose count is the answer: each file is the sender's and unused.

    Returns the thumbnails that came with them.
    """
    ids, now = id_list(kept.upload_ids), now_ms()
    claimed = tx.run(attachments.CLAIM, message=id_, owner=plan.viewer_id, ids=ids, now=now)
    if claimed != len(kept.upload_ids):
        find_uploads(tx, plan.viewer_id, plan.draft.files, but=id_)
        lost = [
            chosen_rejection(index, file)
            for index, file in enumerate(plan.draft.files)
            if isinstance(file, ChosenUpload) and file.rejection is not None
        ]
        detail = "A file is no longer there to be attached; send it again."
        reason = AttachmentRejectionReason.EXPIRED
        raise AttachmentsRejected(lost or [AttachmentRejection(0, reason, detail)])
    tx.run(attachments.CLAIM_THUMBNAILS, message=id_, owner=plan.viewer_id, ids=ids)
    given = tx.all(attachments.THUMBNAILS_FOR, owner=plan.viewer_id, ids=ids)
    thumbnails = {row.thumbnail_for: row for row in given}
    _copy_files(tx, id_, kept, thumbnails)
    return thumbnails


def _copy_files(tx: Transaction, id_: int, kept: KeptFiles, thumbnails: _Thumbnails) -> None:
    """The files of a message; a thumbnail that came with one is its own, other pictures get theirs by a job."""
    is_waiting = False
    put = attachments.PUT_AS_FILE if kept.are_as_files else attachments.PUT
    for position, upload_id in enumerate(kept.upload_ids):
        small = thumbnails.get(upload_id)
        waits = small is None and upload_id in kept.picture_ids and not kept.are_as_files
        state = FileState.PROCESSING if waits else FileState.READY
        tx.run(put, message=id_, position=position, state=int(state), upload=upload_id)
        if small is not None:
            tx.run(
                attachments.SET_THUMBNAIL,
                message=id_,
                position=position,
                state=int(FileState.READY),
                blurhash=None,
                key=small.storage_key,
                width=small.width,
                height=small.height,
            )
        is_waiting |= waits
    if is_waiting:
        tx.run(job.PUT, kind=int(JobKind.MAKE_THUMBNAILS), ref=id_)


def _remember(tx: WriteTransaction, plan: Plan, written: Written) -> None:
    if plan.key and written.message_ids:  # a refusal of all leaves no row
        result = orjson.dumps([each.to_json() for each in written.outcomes]).decode()
        hash_ = plan.draft.request_hash(plan.people(tx))
        tx.run(idempotency.PUT, key=plan.key, user=plan.viewer_id, request_hash=hash_, result=result, at=tx.at)
