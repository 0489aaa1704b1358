"""Idempotency: a send that is repeated with its `clientMessageId` gets the first result."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from models import idempotency
from models.transaction import Transaction
from services.error import IdempotencyConflict
from services.file.file import ResolvedFile
from services.message.draft import Draft
from services.message.message_view import MessageView
from services.rejection import RecipientRejection, RecipientRejectionReason
from services.transaction import WriteTransaction

_EACH = "each\x1f"  # in front of the keys of `send_to_each`; no valid clientMessageId starts with this


@dataclass(slots=True)
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


@dataclass(slots=True)
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


class IdempotencyKey:
    """The key of a send, with which its result is stored for ever, and the hash of its request.

    Without a `clientMessageId`, or with an invalid one, nothing is found and nothing is stored.
    """

    def __init__(self, viewer_id: int, draft: Draft, files: Sequence[ResolvedFile], *, is_for_each: bool) -> None:
        self._viewer_id = viewer_id
        self._draft = draft
        # The hashes of the received bytes: pictures are cleaned later, and a retry sends the same bytes again.
        self._contents = [(file.filename, file.sha256) for file in files]
        key = draft.client_message_id
        self._is_valid = bool(key and len(key) <= 1024 and key.isprintable())
        # The key of this send, and the one that the other mutation would have stored for the same id.
        self._key, self._other = (f"{_EACH}{key}", key or "") if is_for_each else (key or "", f"{_EACH}{key}")

    def find_result(self, tx: Transaction, find_named: Callable[[], Sequence[int | None]]) -> Written | None:
        """The result of the first call with this key; raises IdempotencyConflict if its request was different.

        A call of the other mutation is different, so one id never stands for messages of both. `find_named` finds the
        ids of the people whom the draft names, in order, with None for nobody.
        """
        if not self._is_valid:
            return None
        rows = tx.all(idempotency.FIND, key=self._key, other=self._other, user=self._viewer_id)
        if not rows:
            return None
        row = next((each for each in rows if each.key == self._key), rows[0])  # both: of a version that kept them apart
        outcomes = [Outcome.from_json(each) for each in orjson.loads(row.result)]
        if row.key != self._key or row.request_hash != self._draft.request_hash(find_named(), self._contents):
            first = next((each.message_id for each in outcomes if each.message_id), None)
            raise IdempotencyConflict("This `clientMessageId` was used before, for another message.", first)
        return Written(outcomes, was_duplicate=True)

    def put_result(self, tx: WriteTransaction, named_ids: Sequence[int | None], outcomes: Sequence[Outcome]) -> None:
        """Stores the result; runs in the transaction that stores the messages."""
        if not self._is_valid:
            return
        tx.run(
            idempotency.PUT,
            key=self._key,
            user=self._viewer_id,
            request_hash=self._draft.request_hash(named_ids, self._contents),
            result=orjson.dumps([each.to_json() for each in outcomes]).decode(),
            at=tx.at,
        )
