"""Drafts: a message before it is sent, and the checks that need no query."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import orjson

from models.message import MessageKind
from services.error import InvalidInput
from services.file.attachment import KIND_NUMBERS
from services.file.file import AttachedFile, ResolvedFile
from services.limit import Limits
from services.person.user import Reference
from services.rejection import Issue, IssueReason
from services.text import is_blank, text_issues


@dataclass(frozen=True, slots=True)
class Draft:
    """A message as its sender wrote it. Exactly one of `users` and `conversation_id` is set.

    `expected_kind` is the kind that the client expects; it is checked, and FILE sends every attachment as a plain
    file. A malformed id is -1, which no row has.
    """

    text: str | None = None
    files: Sequence[AttachedFile] = ()
    users: Sequence[Reference] | None = None
    conversation_id: int | None = None
    reply_to_id: int | None = None
    expected_kind: MessageKind | None = None
    is_system_expected: bool = False
    client_message_id: str | None = None
    metadata: object = None
    users_path: tuple[str, ...] = field(default=("to", "users"))

    @property
    def is_as_file(self) -> bool:
        """Whether its files are offered for download and never displayed inline (MongoDB chat: `type: file`)."""
        return bool(self.files) and self.expected_kind is MessageKind.FILE

    def kind_with(self, files: Iterable[ResolvedFile]) -> MessageKind:
        """TEXT without files; the files' kind if all have the same; FILE if they differ or are sent as files."""
        kinds = {KIND_NUMBERS[file.kind] for file in files}
        if not kinds:
            return MessageKind.TEXT
        if self.is_as_file:
            return MessageKind.FILE
        return kinds.pop() if len(kinds) == 1 else MessageKind.FILE

    @property
    def metadata_json(self) -> str | None:
        """Compact JSON, or None; the draft must have been checked."""
        return None if self.metadata is None else orjson.dumps(self.metadata).decode()

    def request_hash(self, user_ids: Sequence[int | None], contents: Sequence[tuple[str, str]]) -> bytes:
        """The hash by which a retry is recognized: of destination, text, files by name and hash, reply and metadata.

        People are compared by id, whatever reference names them and in whatever order; `user_ids` has None for nobody.
        `type` is left out because it adds no content.
        """
        if self.users is None:
            place: object = self.conversation_id
        else:
            named = zip(self.users, user_ids, strict=True)
            place = sorted({f"?{reference.text}" if user_id is None else str(user_id) for reference, user_id in named})
        request = (
            place,
            self.text,
            contents,
            self.reply_to_id,
            self.metadata,
        )
        try:
            text = json.dumps(request, sort_keys=True)  # ASCII: takes any text
        except RecursionError:  # metadata nested this deep is never stored, so it equals no request
            return b""
        return hashlib.sha256(text.encode()).digest()


def check_draft(draft: Draft, kind: MessageKind, limits: Limits) -> None:
    """Raises InvalidInput with every issue that can be found without a query; `kind` is that of the content."""
    issues = [*_content_issues(draft, limits), *_type_issues(draft, kind, limits), *_place_issues(draft, limits)]
    issues += _key_issues(draft, limits) + _metadata_issues(draft, limits)
    if issues:
        raise InvalidInput(issues)


def _content_issues(draft: Draft, limits: Limits) -> list[Issue]:
    issues = []
    if len(draft.files) > limits.max_attachments:
        detail = f"{len(draft.files)} files are too many; a message has at most {limits.max_attachments}."
        issues.append(Issue(("attachments",), IssueReason.TOO_MANY, detail, limits.max_attachments))
    blank = draft.text is None or is_blank(draft.text)
    if blank and (limits.require_text or not draft.files):  # SelfCommunity: text only when there is no file
        wanted = "needs text" if limits.require_text else "needs text or at least one attachment"
        issues.append(Issue(("text",), IssueReason.EMPTY, f"A message {wanted}; this one has no visible character."))
    if draft.text is not None:
        issues += text_issues(draft.text, limits)
    return issues


def _type_issues(draft: Draft, kind: MessageKind, limits: Limits) -> list[Issue]:
    is_given = draft.is_system_expected or draft.expected_kind is not None
    if not is_given and limits.require_type:
        detail = f"This server requires a `type` with every message; for this one it is {kind.name}."
        return [Issue(("type",), IssueReason.REQUIRED, detail)]
    if not is_given or draft.expected_kind is kind:
        return []
    # MongoDB chat: the type is checked against the content
    detail = f"The content makes this a message of type {kind.name}; `type` must be the same."
    return [Issue(("type",), IssueReason.MISMATCH, detail)]


def _place_issues(draft: Draft, limits: Limits) -> list[Issue]:
    if draft.users is None:
        return []
    if not draft.users:
        return [Issue(draft.users_path, IssueReason.REQUIRED, "Name at least one recipient.")]
    if len(draft.users) > limits.max_recipients:
        detail = f"{len(draft.users)} recipients are too many; at most {limits.max_recipients} are allowed."
        return [Issue(draft.users_path, IssueReason.TOO_MANY, detail, limits.max_recipients)]
    return []


def _key_issues(draft: Draft, limits: Limits) -> list[Issue]:
    key, path = draft.client_message_id, ("clientMessageId",)
    if key is None:
        return []
    if not key:
        return [Issue(path, IssueReason.EMPTY, "`clientMessageId` is empty; leave it out or give it a value.")]
    if len(key) > limits.max_client_message_id_length:
        limit = limits.max_client_message_id_length
        return [Issue(path, IssueReason.TOO_LONG, f"`clientMessageId` has at most {limit} characters.", limit)]
    if not key.isprintable():
        return [Issue(path, IssueReason.MALFORMED, "`clientMessageId` holds a character that is not printable.")]
    return []


def _metadata_issues(draft: Draft, limits: Limits) -> list[Issue]:
    path = ("metadata",)
    try:
        size = len(orjson.dumps(draft.metadata))
    except (TypeError, ValueError):
        return [Issue(path, IssueReason.MALFORMED, "`metadata` cannot be stored as JSON.")]
    if size > limits.max_metadata_bytes:
        limit = limits.max_metadata_bytes
        return [Issue(path, IssueReason.TOO_LONG, f"`metadata` takes {size} bytes as JSON; at most {limit}.", limit)]
    return []
