"""The checks of a send: made early, for a quick refusal, and again in the transaction that stores the message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from models import conversation as conversations
from models import idempotency
from models import member as members
from models import message as messages
from models.base import conversation_of
from models.conversation import ConversationKind
from models.member import MemberRow, RequestState
from models.prepared import id_list
from models.transaction import Transaction
from services.error import IdempotencyConflict, NotFound, RecipientsRejected
from services.file.file import ResolvedFile
from services.message.consent import reaches_nobody, withheld_from
from services.message.draft import Draft
from services.message.message import MessageView
from services.message.recipient import refusal_of, rejection_of, rejections_of
from services.person.policy import Eligibility
from services.person.user import Person, Reference, ReferenceKind, UserService
from services.rejection import RecipientRejection, RecipientRejectionReason

_KEY_OF_EACH = "each\x1f"  # in front of the keys of `send_to_each`; no valid clientMessageId starts with this


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result for one recipient of `send_to_each`; exactly one of `message_id` and `rejection` is set.

    `view` is the message, but for a duplicate that the sender can no longer see.
    """

    index: int
    message_id: int | None = None
    rejection: RecipientRejection | None = None
    view: MessageView | None = field(default=None, compare=False)

    def to_json(self) -> list[object]:
        """The form stored under an idempotency key."""
        rejection = self.rejection
        parts = None if rejection is None else [rejection.reason.value, rejection.detail, rejection.user_id]
        return [self.index, self.message_id, parts]

    @classmethod
    def from_json(cls, stored: list[Any]) -> "Outcome":
        """The inverse of `to_json`."""
        index, message_id, parts = stored
        if parts is None:
            return cls(index, message_id)
        reason, detail, user_id = parts
        return cls(index, rejection=RecipientRejection(index, RecipientRejectionReason(reason), detail, user_id))


@dataclass(frozen=True, slots=True)
class Addressees:
    """All members of the conversation that a message goes to, including the viewer; its id if it already exists.

    Members in `asked` get a new conversation as a request. Members in `withheld` do not get the group's messages now.
    """

    member_ids: frozenset[int]
    conversation_id: int | None = None
    asked: frozenset[int] = frozenset()
    withheld: frozenset[int] = frozenset()
    is_group: bool = False


@dataclass(frozen=True, slots=True)
class Recipients:
    """The targets of a send: one conversation, or each person separately; a rejection for a person who gets nothing.

    `people` are the people that the draft names, in order.
    """

    people: Sequence[Person | None]
    targets: Sequence[Addressees | RecipientRejection]


@dataclass(frozen=True, slots=True)
class Written:
    """What a send has stored, or the result of the first call with its key."""

    outcomes: list[Outcome]
    was_duplicate: bool = False
    unused_keys: Sequence[str] = ()  # of bytes stored for this send that no row refers to
    views: Mapping[int, MessageView] = field(default_factory=dict)

    @property
    def message_ids(self) -> list[int]:
        """The ids of the messages that were stored."""
        return [outcome.message_id for outcome in self.outcomes if outcome.message_id is not None]


class SendChecks:
    """What a viewer wants to send, and the checks against the database; `is_for_each` sends to each person separately.

    The checks run twice: early, for a quick refusal, and in the transaction that stores the message, which decides.
    """

    def __init__(
        self, users: UserService, viewer_id: int, draft: Draft, files: Sequence[ResolvedFile], *, is_for_each: bool
    ) -> None:
        self._users = users
        self.viewer_id = viewer_id
        self.draft = draft
        self.files = files
        self._is_for_each = is_for_each
        self.kind = draft.kind_with(files)  # what the message will be
        # The hashes of the received bytes: pictures are cleaned later, and a retry sends the same bytes again.
        self._contents = [(file.filename, file.sha256) for file in files]

    @property
    def key(self) -> str | None:
        """The idempotency key; None if the client gave none, or an invalid one, which is never stored."""
        return self._keys[0] if self._keys else None

    @property
    def _keys(self) -> tuple[str, str] | None:
        """The key of this send, and the one that the other mutation would have stored for the same id."""
        key = self.draft.client_message_id
        if not key or len(key) > 1024 or not key.isprintable():
            return None
        return (_KEY_OF_EACH + key, key) if self._is_for_each else (key, _KEY_OF_EACH + key)

    def request_hash(self, people: Sequence[Person | None]) -> bytes:
        """The hash by which a retry is recognized; see `Draft.request_hash`."""
        return self.draft.request_hash(people, self._contents)

    def find_replay(self, tx: Transaction) -> Written | None:
        """The result of the first call with this key; raises IdempotencyConflict if its request was different.

        A call of the other mutation is different, so one id never stands for messages of both.
        """
        if self._keys is None:
            return None
        key, other = self._keys
        rows = tx.all(idempotency.FIND, key=key, other=other, user=self.viewer_id)
        if not rows:
            return None
        row = next((each for each in rows if each.key == key), rows[0])  # both: from a version that kept them apart
        outcomes = [Outcome.from_json(each) for each in orjson.loads(row.result)]
        if row.key != key or row.request_hash != self.request_hash(self._resolve(tx)):
            first = next((each.message_id for each in outcomes if each.message_id), None)
            raise IdempotencyConflict("This `clientMessageId` was used before, for another message.", first)
        return Written(outcomes, was_duplicate=True)

    def get_recipients(self, tx: Transaction) -> Recipients:
        """The recipients of the message, or of each message.

        Raises NotFound if the viewer cannot see the conversation or the message to reply to. Raises RecipientsRejected,
        except for a send to each, where a rejection is that recipient's outcome.
        """
        people = self._resolve(tx)
        if self._is_for_each:
            return Recipients(people, self._check_each(people))
        if self.draft.users is not None:
            return Recipients(people, [self._check_named(tx, self.draft.users, people)])
        return Recipients(people, [self._check_conversation(tx, self.draft.conversation_id or 0)])

    def _resolve(self, tx: Transaction) -> list[Person | None]:
        return self._users.resolve(tx, self.viewer_id, self.draft.users or ())

    def _check_each(self, people: Sequence[Person | None]) -> list[Addressees | RecipientRejection]:
        """A person who is named twice has equal targets, which get one message."""
        named = zip(self.draft.users or (), people, strict=True)
        return [self._target_of(index, reference, person) for index, (reference, person) in enumerate(named)]

    def _target_of(self, index: int, reference: Reference, person: Person | None) -> Addressees | RecipientRejection:
        if (rejection := rejection_of(index, reference, person)) is not None:
            return rejection
        assert person is not None
        asked = {person.row.id} if person.eligibility is Eligibility.ALLOWED_AS_REQUEST else set[int]()
        return Addressees(frozenset({self.viewer_id, person.row.id}), asked=frozenset(asked))

    def _check_conversation(self, tx: Transaction, conversation_id: int) -> Addressees:
        mine = tx.first(conversations.BY_IDS, viewer=self.viewer_id, ids=id_list([conversation_id]))
        if mine is None:
            raise NotFound("There is no such conversation.")
        rows = members.members_of(tx, [mine.id])[mine.id]
        found = frozenset(each.user_id for each in rows)
        is_group = mine.kind == ConversationKind.GROUP
        if not is_group:  # in a group a block does not stop messages to the others
            self._check_peer(tx, found)
        self._check_reply(tx, mine.id)
        withheld = self._withheld(tx, rows) if is_group else frozenset[int]()
        return Addressees(found, mine.id, withheld=withheld, is_group=is_group)

    def _check_named(
        self, tx: Transaction, references: Sequence[Reference], people: Sequence[Person | None]
    ) -> Addressees:
        ids = frozenset({self.viewer_id, *(person.row.id for person in people if person)})
        conversation_id = conversations.find_with(tx, ids)
        is_new = conversation_id is None
        if found := rejections_of(self._users.policy, self.viewer_id, references, people, is_new=is_new):
            raise RecipientsRejected(found)
        self._check_reply(tx, conversation_id)
        is_group = len(ids) > 2
        if conversation_id is not None and is_group:
            rows = members.members_of(tx, [conversation_id])[conversation_id]
            named = [each.row.id for each in people if each]
            return Addressees(ids, conversation_id, withheld=self._withheld(tx, rows, named), is_group=True)
        asked = frozenset(each.row.id for each in people if each and self._is_asked(each, is_group=is_group))
        return Addressees(ids, conversation_id, asked, is_group=is_group)

    def _is_asked(self, person: Person, *, is_group: bool) -> bool:
        """Whether a first message to this person is a request."""
        eligibility = person.eligibility
        if is_group:
            eligibility = self._users.policy.group_eligibility_of(self.viewer_id, person.relation, is_new=True)
        return eligibility is Eligibility.ALLOWED_AS_REQUEST

    def _withheld(self, tx: Transaction, rows: Sequence[MemberRow], named: Sequence[int] = ()) -> frozenset[int]:
        """The group's members who do not get its messages now; raises RecipientsRejected if no other member does."""
        policy = self._users.policy
        if policy.for_each_send:
            self._check_audiences(tx, rows, named)
        others = [row for row in rows if row.user_id != self.viewer_id]
        if reaches_nobody(tx, policy, self.viewer_id, others):
            people = self._users.load(tx, self.viewer_id, [row.user_id for row in others])
            raise RecipientsRejected([refusal_of(0, each, each.group_refusal) for each in people.values()])
        return withheld_from(tx, policy, others)

    def _check_peer(self, tx: Transaction, found: frozenset[int]) -> None:
        """Raises RecipientsRejected."""
        peer_id = next(iter(found - {self.viewer_id}), self.viewer_id)
        peer = self._users.load(tx, self.viewer_id, [peer_id]).get(peer_id)
        rejection = rejection_of(0, Reference(ReferenceKind.ID, str(peer_id)), peer)
        if rejection:
            raise RecipientsRejected([rejection])

    def _check_audiences(self, tx: Transaction, rows: Sequence[MemberRow], named: Sequence[int]) -> None:
        """Checks each member's audience in a group, if the operator wants it for every message.

        Members who joined by a request are not checked: they answer the request. Raises RecipientsRejected with each
        member's index in `named`, or in the order of ids without it.
        """
        asked = [row.user_id for row in rows if row.request_state == RequestState.NONE]
        people = self._users.load(tx, self.viewer_id, sorted({*asked} - {self.viewer_id}))
        order = named or list(people)
        rejections = [
            refusal_of(order.index(id_), each, each.exclusion) for id_, each in people.items() if each.exclusion
        ]
        if rejections:
            raise RecipientsRejected(sorted(rejections, key=lambda each: each.index))

    def _check_reply(self, tx: Transaction, conversation_id: int | None) -> None:
        reply_to = self.draft.reply_to_id
        if reply_to is None:
            return
        is_here = conversation_id is not None and conversation_of(reply_to) == conversation_id
        if not is_here or not messages.find_visible(tx, self.viewer_id, [reply_to]):
            raise NotFound("There is no such message to reply to in this conversation.")
