"""A send under way: the questions that are asked twice, once early and once where the answer counts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from models import conversation as conversations
from models import idempotency
from models import member as members
from models import message as messages
from models.base import conversation_of
from models.conversation import ConversationKind
from models.prepared import id_list
from models.transaction import Transaction
from pubsub.base import Hint
from services.draft import Draft, check_draft
from services.error import IdempotencyConflict, NotFound, RecipientsRejected
from services.limit import Limits
from services.message import MessageView
from services.policy import Eligibility
from services.recipient import rejection_of, rejections_of
from services.rejection import RecipientRejection, RecipientRejectionReason
from services.user import Person, Reference, ReferenceKind, UserService

_KEY_OF_EACH = "each\x1f"  # no printable clientMessageId begins so: the two mutations have keys of their own


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one recipient of `send_to_each`; exactly one of the two is set."""

    index: int
    message_id: int | None = None
    rejection: RecipientRejection | None = None

    def to_json(self) -> list[object]:
        """What is kept under an idempotency key."""
        rejection = self.rejection
        said = None if rejection is None else [rejection.reason.value, rejection.detail, rejection.user_id]
        return [self.index, self.message_id, said]

    @classmethod
    def from_json(cls, kept: list[Any]) -> "Outcome":
        """The opposite of `to_json`."""
        index, message_id, said = kept
        if said is None:
            return cls(index, message_id)
        reason, detail, user_id = said
        return cls(index, rejection=RecipientRejection(index, RecipientRejectionReason(reason), detail, user_id))


@dataclass(frozen=True, slots=True)
class Addressees:
    """The members of the conversation that a message goes to, the viewer among them; its id where it is there yet.

    `is_request` when it has to wait for the recipient's answer.
    """

    member_ids: frozenset[int]
    conversation_id: int | None = None
    is_request: bool = False


@dataclass(slots=True)
class Written:
    """What a transaction leaves to be announced."""

    outcomes: list[Outcome] = field(default_factory=list)
    hints: list[Hint] = field(default_factory=list)
    was_duplicate: bool = False
    views: dict[int, MessageView] = field(default_factory=dict)

    @property
    def message_ids(self) -> list[int]:
        """The messages that there are now."""
        return [outcome.message_id for outcome in self.outcomes if outcome.message_id is not None]


class Plan:
    """What a viewer wants to send; `is_for_each` separately to each of the people."""

    def __init__(self, users: UserService, viewer_id: int, draft: Draft, *, is_for_each: bool = False) -> None:
        self.users = users
        self.viewer_id = viewer_id
        self.draft = draft
        self.is_for_each = is_for_each

    @property
    def key(self) -> str | None:
        """The idempotency key; None where the client gave none that could have been stored."""
        key = self.draft.client_message_id
        if not key or len(key) > 1024 or not key.isprintable():
            return None
        return _KEY_OF_EACH + key if self.is_for_each else key

    def people(self, tx: Transaction) -> list[Person | None]:
        """Those whom the draft names, in order."""
        return self.users.resolve(tx, self.viewer_id, self.draft.users or ())

    def prepare(self, tx: Transaction, limits: Limits) -> Written | None:
        """All that can be refused before a byte is kept, in the order of `send`; or what the first call answered.

        Raises IdempotencyConflict, InvalidInput, NotFound, RecipientsRejected.
        """
        # More people than can be named were never sent to under any key: they are not looked up.
        if len(self.draft.users or ()) <= limits.max_recipients and (replay := self.find_replay(tx)) is not None:
            return replay
        check_draft(self.draft, limits)
        self.check_recipients(tx)
        return None

    def find_replay(self, tx: Transaction) -> Written | None:
        """What the first call under this key answered; raises IdempotencyConflict where it asked for something else."""
        row = tx.first(idempotency.FIND, key=self.key, user=self.viewer_id) if self.key else None
        if row is None:
            return None
        outcomes = [Outcome.from_json(each) for each in orjson.loads(row.result)]
        if row.request_hash != self.draft.request_hash(self.people(tx)):
            first = next((each.message_id for each in outcomes if each.message_id), None)
            raise IdempotencyConflict("This `clientMessageId` was used before, for another message.", first)
        return Written(outcomes, was_duplicate=True)

    def check_recipients(self, tx: Transaction) -> Addressees:
        """Who will get the message.

        Raises NotFound for a conversation, or a message to reply to, that the viewer cannot see; RecipientsRejected.
        """
        draft = self.draft
        if self.is_for_each:
            return Addressees(frozenset())
        if draft.users is not None:
            return self._check_named(tx, draft.users)
        mine = tx.first(conversations.BY_IDS, viewer=self.viewer_id, ids=id_list([draft.conversation_id or 0]))
        if mine is None:
            raise NotFound("There is no such conversation.")
        found = frozenset(each.user_id for each in members.members_of(tx, [mine.id])[mine.id])
        is_request = False
        if mine.kind != ConversationKind.GROUP:  # in a group a block does not silence the others
            is_request = self._check_peer(tx, found)
        self._check_reply(tx, mine.id)
        return Addressees(found, mine.id, is_request)

    def _check_named(self, tx: Transaction, references: Sequence[Reference]) -> Addressees:
        people = self.people(tx)
        ids = frozenset({self.viewer_id, *(person.row.id for person in people if person)})
        conversation_id = conversations.find_with(tx, ids)
        is_new = conversation_id is None
        if found := rejections_of(self.users.policy, self.viewer_id, references, people, is_new=is_new):
            raise RecipientsRejected(found)
        self._check_reply(tx, conversation_id)
        return Addressees(ids, conversation_id, is_request=len(ids) == 2 and any(map(_is_request, people)))

    def _check_peer(self, tx: Transaction, found: frozenset[int]) -> bool:
        """Whether the message goes into a request."""
        peer_id = next(iter(found - {self.viewer_id}), self.viewer_id)
        peer = self.users.load(tx, self.viewer_id, [peer_id]).get(peer_id)
        rejection = rejection_of(0, Reference(ReferenceKind.ID, str(peer_id)), peer)
        if rejection:
            raise RecipientsRejected([rejection])
        return _is_request(peer)

    def _check_reply(self, tx: Transaction, conversation_id: int | None) -> None:
        reply_to = self.draft.reply_to_id
        if reply_to is None:
            return
        is_here = conversation_id is not None and conversation_of(reply_to) == conversation_id
        if not is_here or not messages.find_visible(tx, self.viewer_id, [reply_to]):
            raise NotFound("There is no such message to reply to in this conversation.")


def _is_request(person: Person | None) -> bool:
    return person is not None and person.eligibility is Eligibility.ALLOWED_AS_REQUEST
