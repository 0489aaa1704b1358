"""The checks of a send: to whom it goes, and who cannot get it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from models import message as messages
from models import send as sends
from models.base import conversation_of
from models.conversation import ConversationKind, member_hash
from models.member import UNANSWERED_STATES, RequestState
from models.message import MessageRow
from models.prepared import id_list
from models.send import AddresseeRow, RecipientRow
from models.transaction import Transaction
from services.error import NotFound, RecipientsRejected
from services.file.file import ResolvedFile
from services.message.consent import reaches_nobody, withheld_from
from services.message.draft import Draft
from services.message.idempotency import IdempotencyKey, Written
from services.message.part import MessageParts
from services.message.recipient import refusal_of, rejection_of, rejections_of
from services.person.policy import Eligibility
from services.person.user import Reference, ReferenceKind, UserService
from services.rejection import RecipientRejection

_BY = {
    ReferenceKind.ID: sends.BY_ID,
    ReferenceKind.USERNAME: sends.BY_USERNAME,
    ReferenceKind.EMAIL: sends.BY_EMAIL,
    ReferenceKind.EXTERNAL_ID: sends.BY_EXTERNAL_ID,
}


@dataclass(slots=True)
class Addressees:
    """All members of the conversation that a message goes to, including the viewer.

    If it already exists, also its id and the position of its newest message. Members in `asked` get a new conversation
    as a request. Of a group's messages, members in `blockers` get none, and those in `withheld` get none now.
    `is_accepting`: the viewer answers a request by sending. `is_behind`: the viewer has not read everything.
    """

    member_ids: frozenset[int]
    conversation_id: int | None = None
    last_seq: int = 0
    asked: frozenset[int] = frozenset()
    withheld: frozenset[int] = frozenset()
    blockers: frozenset[int] = frozenset()
    is_group: bool = False
    is_accepting: bool = False
    is_behind: bool = False


@dataclass(slots=True)
class Recipients:
    """The targets of a send: one conversation, or each person separately; a rejection for a person who gets nothing.

    `named_ids` are the people that the draft names, in order; None for nobody.
    """

    named_ids: Sequence[int | None]
    targets: Sequence[Addressees | RecipientRejection]


class SendChecks:
    """What a viewer wants to send, and the checks against the database; `is_for_each` sends to each person separately.

    They run in the transaction that stores the message, which decides. A send with files also makes them before its
    files are taken in, so that no bytes are stored for one that is refused.
    """

    def __init__(
        self,
        users: UserService,
        viewer_id: int,
        draft: Draft,
        parts: MessageParts,
        *,
        is_for_each: bool,
        files: Sequence[ResolvedFile] = (),
    ) -> None:
        self._users = users
        self._policy = users.policy
        self.viewer_id = viewer_id
        self.draft = draft
        self.parts = parts  # what the answer shows
        self.files = files
        self._is_for_each = is_for_each
        self.kind = draft.kind_with(files)  # what the message will be
        self.key = IdempotencyKey(viewer_id, draft, files, is_for_each=is_for_each)

    def with_files(self, files: Sequence[ResolvedFile]) -> "SendChecks":
        """The same, with what is known of the draft's files."""
        return SendChecks(
            self._users, self.viewer_id, self.draft, self.parts, is_for_each=self._is_for_each, files=files
        )

    def row_of(self, message_id: int, at: int) -> MessageRow:
        """The message as it will be stored under this id; the draft must have been checked."""
        draft = self.draft
        return MessageRow(
            id=message_id,
            sender_id=self.viewer_id,
            created_at=at,
            kind=int(self.kind),
            body=draft.text,
            attachments=len(draft.files),
            reply_to_id=draft.reply_to_id,
            client_message_id=draft.client_message_id,
            metadata=draft.metadata_json,
            revision=1,
            edited_at=None,
            deleted_at=None,
        )

    def find_first_result(self, tx: Transaction) -> Written | None:
        """See `IdempotencyKey.find_result`."""
        return self.key.find_result(tx, lambda: _ids_of(self._resolve(tx)))

    def get_recipients(self, tx: Transaction) -> Recipients:
        """The recipients of the message, or of each message.

        Raises NotFound if the viewer cannot see the conversation or the message to reply to. Raises RecipientsRejected,
        except for a send to each, where a rejection is that recipient's outcome.
        """
        rows = self._resolve(tx)
        targets: list[Addressees | RecipientRejection]
        if self._is_for_each:
            named = zip(self.draft.users or (), rows, strict=True)
            targets = [self._target_of(index, reference, row) for index, (reference, row) in enumerate(named)]
        elif self.draft.users is not None:
            targets = [self._check_named(tx, self.draft.users, rows)]
        else:
            targets = [self._check_conversation(tx, self.draft.conversation_id or 0)]
        return Recipients(_ids_of(rows), targets)

    def _resolve(self, tx: Transaction) -> list[RecipientRow | None]:
        references = self.draft.users or ()
        return self._users.find_rows(tx, self.viewer_id, references, sends.BY_IDS, _BY) if references else []

    def _target_of(self, index: int, reference: Reference, row: RecipientRow | None) -> Addressees | RecipientRejection:
        found = None if row is None else self._policy.eligibility_of(self.viewer_id, row)
        if (rejection := rejection_of(index, reference, row, found)) is not None:
            return rejection
        assert row is not None
        return self._direct(row)

    def _check_named(
        self, tx: Transaction, references: Sequence[Reference], rows: Sequence[RecipientRow | None]
    ) -> Addressees:
        ids = frozenset({self.viewer_id, *(row.id for row in rows if row)})
        is_group = len(ids) > 2
        members = tx.all(sends.MEMBERS_OF_GROUP, viewer=self.viewer_id, hash=member_hash(ids)) if is_group else []
        if found := rejections_of(self._policy, self.viewer_id, references, rows, is_new=not members):
            raise RecipientsRejected(found)
        people = [row for row in rows if row]
        if members:
            return self._check_group(tx, members, [row.id for row in people])
        to = Addressees(ids, asked=self._asked(people), is_group=True) if is_group else self._direct(people[0])
        self._check_reply(tx, to.conversation_id)
        return to

    def _direct(self, row: RecipientRow) -> Addressees:
        """The conversation with this person, who may be written to."""
        ids = frozenset({self.viewer_id, row.id})
        if row.conversation_id is None:
            found = self._policy.eligibility_of(self.viewer_id, row)
            return Addressees(ids, asked=frozenset({row.id} if found is Eligibility.ALLOWED_AS_REQUEST else ()))
        return Addressees(
            ids,
            row.conversation_id,
            row.last_seq or 0,
            is_accepting=row.own_request in UNANSWERED_STATES,
            is_behind=(row.own_read_seq or 0) < (row.own_last_seq or 0),
        )

    def _asked(self, people: Iterable[RecipientRow]) -> frozenset[int]:
        """Those for whom a new group is a request."""
        return frozenset(
            row.id
            for row in people
            if self._policy.group_eligibility_of(self.viewer_id, row, is_new=True) is Eligibility.ALLOWED_AS_REQUEST
        )

    def _check_conversation(self, tx: Transaction, conversation_id: int) -> Addressees:
        members = tx.all(sends.MEMBERS, viewer=self.viewer_id, conversation=conversation_id)
        if not members:
            raise NotFound("There is no such conversation.")
        if members[0].kind == ConversationKind.GROUP:  # in which a block does not stop messages to the others
            return self._check_group(tx, members)
        peer_id = next((row.user_id for row in members if row.user_id != self.viewer_id), self.viewer_id)
        peer = tx.first(sends.BY_ID, viewer=self.viewer_id, key=peer_id)
        to = self._target_of(0, Reference(ReferenceKind.ID, str(peer_id)), peer)
        if isinstance(to, RecipientRejection):
            raise RecipientsRejected([to])
        self._check_reply(tx, conversation_id)
        return to

    def _check_group(self, tx: Transaction, members: Sequence[AddresseeRow], named: Sequence[int] = ()) -> Addressees:
        """An existing group; `named` are the people by whom it was found."""
        conversation_id = members[0].conversation_id
        self._check_reply(tx, conversation_id)
        mine = next(row for row in members if row.user_id == self.viewer_id)
        return Addressees(
            frozenset(row.user_id for row in members),
            conversation_id,
            mine.conversation_seq,
            withheld=self._withheld(tx, members, named),
            blockers=frozenset(row.user_id for row in members if row.is_blocker),
            is_group=True,
            is_accepting=mine.request_state in UNANSWERED_STATES,
            is_behind=mine.read_seq < mine.last_seq,
        )

    def _withheld(self, tx: Transaction, rows: Sequence[AddresseeRow], named: Sequence[int]) -> frozenset[int]:
        """The group's members who do not get its messages now; raises RecipientsRejected if no other member does."""
        if self._policy.for_each_send:
            self._check_audiences(tx, rows, named)
        others = [row for row in rows if row.user_id != self.viewer_id]
        if reaches_nobody(tx, self._policy, self.viewer_id, others):
            people = self._load(tx, [row.user_id for row in others])
            raise RecipientsRejected([refusal_of(0, each, self._policy.group_refusal_of(each)) for each in people])
        return withheld_from(tx, self._policy, others)

    def _check_audiences(self, tx: Transaction, rows: Sequence[AddresseeRow], named: Sequence[int]) -> None:
        """Checks each member's audience in a group, if the operator wants it for every message.

        Members who joined by a request are not checked: they answer the request. Raises RecipientsRejected with each
        member's index in `named`, or in the order of ids without it.
        """
        asked = [row.user_id for row in rows if row.request_state == RequestState.NONE]
        people = self._load(tx, sorted({*asked} - {self.viewer_id}))
        order = named or [each.id for each in people]
        rejections = [
            refusal_of(order.index(each.id), each, exclusion)
            for each in people
            if (exclusion := self._policy.exclusion_of(each)) is not None
        ]
        if rejections:
            raise RecipientsRejected(sorted(rejections, key=lambda each: each.index))

    def _load(self, tx: Transaction, ids: Iterable[int]) -> list[RecipientRow]:
        return tx.all(sends.BY_IDS, viewer=self.viewer_id, ids=id_list(ids))

    def _check_reply(self, tx: Transaction, conversation_id: int | None) -> None:
        reply_to = self.draft.reply_to_id
        if reply_to is None:
            return
        is_here = conversation_id is not None and conversation_of(reply_to) == conversation_id
        if not is_here or not messages.find_visible(tx, self.viewer_id, [reply_to]):
            raise NotFound("There is no such message to reply to in this conversation.")


def _ids_of(rows: Iterable[RecipientRow | None]) -> list[int | None]:
    return [None if row is None else row.id for row in rows]
