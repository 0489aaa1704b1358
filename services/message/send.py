"""Sending: checked early for a quick refusal, decided and stored in one transaction."""

from dataclasses import dataclass, replace

import orjson

from models import conversation as conversations
from models import hidden, idempotency, job
from models import member as members
from models import message as messages
from models.base import message_id
from models.block import BLOCKERS
from models.event import EventKind, Receipt
from models.prepared import id_list
from models.transaction import Transaction
from services.file.attached_upload import resolve_files
from services.file.attachment import AttachmentService
from services.file.file import StoredFiles
from services.guard import GuardedDatabase
from services.limit import Limits
from services.message.consent import accept
from services.message.draft import Draft, check_draft
from services.message.message import MessageService, MessageView
from services.message.receipt import record_receipt
from services.message.send_check import Addressees, Outcome, SendChecks, Written
from services.person.user import UserService
from services.rate import RateLimiter
from services.rejection import RecipientRejection
from services.transaction import WriteTransaction
from services.viewer import Right, Viewer


@dataclass(frozen=True, slots=True)
class Sent:
    """The result of a send: the new message, or for a duplicate the one that the first call stored."""

    message_id: int
    was_duplicate: bool
    view: MessageView | None  # None for a duplicate that the sender can no longer see


class SendService:
    """Sends messages."""

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

        1. Counts the call against the rate. 2. Looks up the idempotency key: a retry gets the first result, even if
        the sender has been blocked since. 3. Checks the input and reports all issues. 4. Checks the recipients and
        reports all rejections. 5. Checks the files and reports all rejections. 6. Writes the bytes to the storage.
        7. In one transaction, repeats 2 and 4, then stores everything, including the file rows, or nothing.
        8. Publishes hints after the commit.

        A crash before 7 leaves files without an owner, which the sweeper deletes. A crash after 7 loses the answer:
        the sender repeats the call with the same `clientMessageId` and gets it.
        """
        written = await self._send(viewer, draft)
        outcome = written.outcomes[0]
        assert outcome.message_id is not None
        return Sent(outcome.message_id, written.was_duplicate, written.views.get(outcome.message_id))

    async def send_to_each(self, viewer: Viewer, draft: Draft) -> list[Outcome]:
        """Sends the same content to each person separately, in their direct conversations; see `send` for the steps.

        A rejected recipient gets an outcome with the rejection; the others still get the message. A person who is
        named twice gets one message, which both outcomes contain.
        """
        written = await self._send(viewer, replace(draft, users_path=("recipients",)), is_for_each=True)
        return [replace(each, view=written.views.get(each.message_id or 0)) for each in written.outcomes]

    async def _send(self, viewer: Viewer, draft: Draft, *, is_for_each: bool = False) -> Written:
        viewer.check(Right.SEND)
        self._rate.take(viewer.user_id)
        checks = await self._database.read(self._check, viewer.user_id, draft, is_for_each)
        if isinstance(checks, Written):
            return checks
        files = await self._files.store(viewer, checks.files)
        try:
            written = await self._database.send_for(viewer, self._store, checks, files)
        except BaseException:
            await self._files.abandon(files)
            raise
        await self._files.forget(written.unused_keys)
        return written

    def _check(self, tx: Transaction, viewer_id: int, draft: Draft, is_for_each: bool) -> SendChecks | Written:
        """Makes the checks that precede storing bytes, in the order of `send`; or returns the first call's result.

        Raises IdempotencyConflict, InvalidInput, NotFound, RecipientsRejected.
        """
        checks = SendChecks(
            self._users, viewer_id, draft, resolve_files(tx, viewer_id, draft.files), is_for_each=is_for_each
        )
        # A list longer than the limit was never stored under any key, so it is not looked up.
        if len(draft.users or ()) <= self._limits.max_recipients and (replay := checks.find_replay(tx)) is not None:
            return self._with_views(tx, viewer_id, replay)
        check_draft(draft, checks.kind, self._limits)
        checks.get_recipients(tx)
        return checks

    def _store(self, tx: WriteTransaction, checks: SendChecks, files: StoredFiles) -> Written:
        """Stores everything or nothing; runs inside `Database.write`, whose lock orders sends and blocks."""
        if (replay := checks.find_replay(tx)) is not None:
            return self._with_views(tx, checks.viewer_id, replace(replay, unused_keys=files.new_keys))
        recipients = checks.get_recipients(tx)
        sent: dict[Addressees, int] = {}
        outcomes: list[Outcome] = []
        for index, target in enumerate(recipients.targets):
            if isinstance(target, RecipientRejection):
                outcomes.append(Outcome(index, rejection=target))
                continue
            if target not in sent:
                sent[target] = _put_message(tx, checks, target)
            outcomes.append(Outcome(index, sent[target]))
        unused = self._files.attach(
            tx, checks.viewer_id, list(sent.values()), files, are_as_files=checks.draft.is_as_file
        )
        if checks.key and sent:  # no row if every recipient was rejected
            result = orjson.dumps([each.to_json() for each in outcomes]).decode()
            hash_ = checks.request_hash(recipients.people)
            tx.run(idempotency.PUT, key=checks.key, user=checks.viewer_id, request_hash=hash_, result=result, at=tx.at)
        return self._with_views(tx, checks.viewer_id, Written(outcomes, unused_keys=unused))

    def _with_views(self, tx: Transaction, viewer_id: int, written: Written) -> Written:
        """Loads the answer in the same transaction: a read after the commit could fail although the send succeeded."""
        return replace(written, views=self._messages.load_visible(tx, viewer_id, written.message_ids))


def _conversation_with(tx: WriteTransaction, checks: SendChecks, to: Addressees) -> int:
    """Finds or creates the conversation by its unique key; all members of a new one get an event."""
    if (found := conversations.find_with(tx, to.member_ids)) is not None:
        return found
    conversation_id = conversations.put_with(tx, to.member_ids, tx.at, checks.viewer_id, to.asked)
    tx.events.append(to.member_ids, EventKind.CONVERSATION_CREATED, conversation_id)
    return conversation_id


def _put_message(tx: WriteTransaction, checks: SendChecks, to: Addressees) -> int:
    """Stores the message, all members' positions, one event per member and the job for the search index."""
    draft, sender_id = checks.draft, checks.viewer_id
    conversation_id = to.conversation_id or _conversation_with(tx, checks, to)
    seq = tx.value(conversations.NEXT_SEQ, conversation=conversation_id)
    assert seq is not None
    id_ = message_id(conversation_id, seq)
    tx.run(
        messages.PUT,
        id=id_,
        sender=sender_id,
        at=tx.at,
        kind=int(checks.kind),
        body=draft.text,
        attachments=len(draft.files),
        reply_to=draft.reply_to_id,
        client_message_id=draft.client_message_id,
        metadata=draft.metadata_json,
    )
    # In a group a member who has blocked the sender never gets the message, even after unblocking them.
    blockers = set(tx.values(BLOCKERS, user=sender_id, ids=id_list(to.member_ids))) if to.is_group else set()
    hidden.put(tx, blockers, id_)
    hidden.withhold(tx, to.withheld - blockers, id_)
    unreached = to.withheld | blockers
    _advance(tx, conversation_id, sender_id, seq, to, unreached)
    tx.events.append(to.member_ids - unreached, EventKind.MESSAGE_CREATED, id_)
    if draft.text:
        tx.run(job.PUT, kind=int(job.JobKind.INDEX_MESSAGE), ref=id_)
    return id_


def _advance(
    tx: WriteTransaction, conversation_id: int, sender_id: int, seq: int, to: Addressees, unreached: frozenset[int]
) -> None:
    """Moves the members' positions. Sending marks all earlier messages as read and accepts a pending request."""
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
