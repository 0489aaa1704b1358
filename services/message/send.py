"""Sending: decided and stored in one transaction."""

from dataclasses import dataclass, replace

from models import conversation as conversations
from models import hidden, job
from models import member as members
from models import message as messages
from models.base import message_id
from models.event import EventKind, Receipt
from models.message import MessageRow
from models.transaction import Transaction
from services.file.attached_upload import resolve_files
from services.file.attachment import AttachmentService
from services.file.file import StoredFiles
from services.guard import GuardedDatabase
from services.limit import Limits
from services.message.consent import accept
from services.message.draft import Draft, check_draft
from services.message.idempotency import Outcome, Written
from services.message.message import MessageService
from services.message.message_view import MessageView
from services.message.part import ALL_OF_MESSAGE, MessageParts
from services.message.receipt import record_receipt
from services.message.send_check import Addressees, Recipients, SendChecks
from services.person.user import UserService
from services.rate import RateLimiter
from services.rejection import RecipientRejection
from services.transaction import WriteTransaction
from services.viewer import Right, Viewer


@dataclass(slots=True)
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

    async def send(self, viewer: Viewer, draft: Draft, parts: MessageParts = ALL_OF_MESSAGE) -> Sent:
        """Sends one message to one person, to the group of exactly these people, or into a conversation.

        1. Counts the call against the rate. 2. If it has files, decides as in 3, so that no bytes are stored for a
        refused send; then checks the files, reports all rejections, and writes the bytes to the storage. 3. In one
        transaction, looks up the idempotency key, with which a retry gets the first result, even if the sender has been
        blocked since; checks the input and reports all issues; checks the recipients and reports all rejections; then
        stores everything, including the file rows, or nothing. 4. Publishes hints after the commit.

        A crash before the commit leaves at most files without an owner, which the sweeper deletes. A crash after it
        loses the answer: the sender repeats the call with the same `clientMessageId` and gets it.
        """
        written = await self._send(viewer, draft, parts)
        outcome = written.outcomes[0]
        assert outcome.message_id is not None
        return Sent(outcome.message_id, written.was_duplicate, written.views.get(outcome.message_id))

    async def send_to_each(self, viewer: Viewer, draft: Draft, parts: MessageParts = ALL_OF_MESSAGE) -> list[Outcome]:
        """Sends the same content to each person separately, in their direct conversations; see `send` for the steps.

        A rejected recipient gets an outcome with the rejection; the others still get the message. A person who is
        named twice gets one message, which both outcomes contain.
        """
        draft = replace(draft, users_path=("recipients",))
        written = await self._send(viewer, draft, parts, is_for_each=True)
        return [replace(each, view=written.views.get(each.message_id or 0)) for each in written.outcomes]

    async def _send(self, viewer: Viewer, draft: Draft, parts: MessageParts, *, is_for_each: bool = False) -> Written:
        viewer.check(Right.SEND)
        self._rate.take(viewer.user_id)
        checks = SendChecks(self._users, viewer.user_id, draft, parts, is_for_each=is_for_each)
        if not draft.files:
            return await self._database.send_for(viewer, self._store, checks, StoredFiles())
        decided = await self._database.read(self._check, checks)
        if isinstance(decided, Written):
            return decided
        files = await self._files.store(viewer, decided.files)
        try:
            written = await self._database.send_for(viewer, self._store, decided, files)
        except BaseException:
            await self._files.abandon(files)
            raise
        await self._files.forget(written.unused_keys)
        return written

    def _check(self, tx: Transaction, checks: SendChecks) -> SendChecks | Written:
        """Decides before the bytes of files are stored; the transaction of the send decides again."""
        with_files = checks.with_files(resolve_files(tx, checks.viewer_id, checks.draft.files))
        decided = self._decide(tx, with_files)
        return decided if isinstance(decided, Written) else with_files

    def _decide(self, tx: Transaction, checks: SendChecks) -> Recipients | Written:
        """To whom the message goes; or the result of the first call with its key.

        Raises IdempotencyConflict, InvalidInput, NotFound, RecipientsRejected.
        """
        draft = checks.draft
        # A list longer than the limit was never stored under any key, so it is not looked up.
        is_known = len(draft.users or ()) <= self._limits.max_recipients
        if is_known and (first := checks.find_first_result(tx)) is not None:
            # Loaded in the same transaction: a read after the commit could fail although the send succeeded.
            views = self._messages.load_visible(tx, checks.viewer_id, first.message_ids, checks.parts)
            return replace(first, views=views)
        check_draft(draft, checks.kind, self._limits)
        return checks.get_recipients(tx)

    def _store(self, tx: WriteTransaction, checks: SendChecks, files: StoredFiles) -> Written:
        """Stores everything or nothing; runs inside `Database.write`, whose lock orders sends and blocks."""
        decided = self._decide(tx, checks)
        if isinstance(decided, Written):
            return replace(decided, unused_keys=files.new_keys)
        sent: dict[frozenset[int], MessageRow] = {}  # by the members: a person who is named twice gets one message
        outcomes: list[Outcome] = []
        for index, target in enumerate(decided.targets):
            if isinstance(target, RecipientRejection):
                outcomes.append(Outcome(index, rejection=target))
                continue
            if (row := sent.get(target.member_ids)) is None:
                row = sent[target.member_ids] = _put_message(tx, checks, target)
            outcomes.append(Outcome(index, row.id))
        rows = list(sent.values())
        unused = self._files.attach(
            tx, checks.viewer_id, [row.id for row in rows], files, are_as_files=checks.draft.is_as_file
        )
        if rows:  # a send that every recipient rejected may be repeated
            checks.key.put_result(tx, decided.named_ids, outcomes)
        views = {view.row.id: view for view in self._messages.load(tx, checks.viewer_id, rows, checks.parts)}
        return Written(outcomes, unused_keys=unused, views=views)


def _put_conversation(tx: WriteTransaction, sender_id: int, to: Addressees) -> int:
    """Creates the conversation; all members get an event."""
    conversation_id = conversations.put_with(tx, to.member_ids, tx.at, sender_id, to.asked)
    tx.events.append(to.member_ids, EventKind.CONVERSATION_CREATED, conversation_id)
    return conversation_id


def _put_message(tx: WriteTransaction, checks: SendChecks, to: Addressees) -> MessageRow:
    """Stores the message, all members' positions, one event per member and the job for the search index."""
    sender_id = checks.viewer_id
    conversation_id = to.conversation_id or _put_conversation(tx, sender_id, to)
    seq = to.last_seq + 1
    is_taken = tx.run(conversations.TAKE_SEQ, conversation=conversation_id, seq=seq)
    assert is_taken, "the writer has looked the number up in this transaction"
    row = checks.row_of(message_id(conversation_id, seq), tx.at)
    tx.run(messages.PUT, **row._asdict())
    # In a group a member who has blocked the sender never gets the message, even after unblocking them.
    hidden.put(tx, to.blockers, row.id)
    hidden.withhold(tx, to.withheld - to.blockers, row.id)
    reached = to.member_ids - to.withheld - to.blockers
    _answer(tx, conversation_id, sender_id, seq, to, reached)
    members.advance(tx, conversation_id, sender_id, seq, tx.at, to.member_ids - reached)
    tx.events.append(reached, EventKind.MESSAGE_CREATED, row.id)
    if row.body:
        tx.run(job.PUT, kind=int(job.JobKind.INDEX_MESSAGE), ref=row.id)
    return row


def _answer(
    tx: WriteTransaction, conversation_id: int, sender_id: int, seq: int, to: Addressees, reached: frozenset[int]
) -> None:
    """Sending accepts a pending request and marks all earlier messages as read."""
    has_accepted = to.is_accepting and accept(tx, sender_id, conversation_id, is_group=to.is_group)
    if has_accepted:
        tx.events.append(reached, EventKind.CONVERSATION_UPDATED, conversation_id)
    if not (has_accepted or to.is_behind):  # an accepted group shows messages that were withheld
        return
    if tx.run(members.ADVANCE_SENDER, conversation=conversation_id, sender=sender_id, at=tx.at):
        record_receipt(tx, sender_id, conversation_id, seq - 1, Receipt.READ)
