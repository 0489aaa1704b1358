"""The inbox: which of the viewer's conversations a list shows, and in which order."""

from dataclasses import dataclass
from typing import Any

from models import inbox
from models.base import MAX_INTEGER
from models.conversation import ConversationKind, ConversationRow
from models.inbox import Folder
from models.name import words_of
from models.transaction import Transaction
from services.error import BadRequest
from services.page import Page, PageRequest, backward, forward
from services.person.user import Reference, UserService

MAX_SEARCH = 200
MAX_WORDS = 8  # each is looked up for each conversation


@dataclass(frozen=True, slots=True)
class ConversationFilter:
    """Conditions on the conversations of a list, all of which must hold; None is no condition."""

    kind: ConversationKind | None = None
    folder: Folder = Folder.INBOX
    is_unread: bool | None = None
    is_pinned: bool | None = None
    participant: Reference | None = None
    search: str | None = None

    def check(self) -> None:
        """Raises BadRequest for a `search` that is too long or has no word."""
        if self.search is None:
            return
        if len(self.search) > MAX_SEARCH:
            raise BadRequest(f"`search` has {len(self.search)} characters; at most {MAX_SEARCH} are allowed.")
        if not self.words:
            raise BadRequest("`search` needs at least one letter or digit.")

    @property
    def words(self) -> list[str]:
        """The words of `search`, as many as are used."""
        return [] if self.search is None else words_of(self.search)[:MAX_WORDS]


def rows_of(
    tx: Transaction,
    users: UserService,
    viewer_id: int,
    wanted: ConversationFilter,
    request: PageRequest,
    after: tuple[int, ...] | None,
    before: tuple[int, ...] | None,
) -> Page[ConversationRow]:
    """A page of the viewer's conversations, newest activity first; the cursors are (activity, id)."""
    params = _params(tx, users, viewer_id, wanted)
    if params is None:
        return Page([])
    size = request.size
    is_backward = request.last is not None or (before is not None and request.first is None)
    activity, id_ = (before or (-1, -1)) if is_backward else (after or (MAX_INTEGER, MAX_INTEGER))
    query = inbox.page(newest_first=not is_backward, **_form(wanted))
    rows = tx.all(query, activity=activity, conversation=id_, count=size + 1, **params)
    if is_backward:
        return backward(rows, size, has_next=before is not None)
    return forward(rows, size, has_previous=after is not None)


def count_of(tx: Transaction, users: UserService, viewer_id: int, wanted: ConversationFilter) -> int:
    """The number of conversations on all pages."""
    params = _params(tx, users, viewer_id, wanted)
    return 0 if params is None else tx.value(inbox.count(**_form(wanted)), **params)


def _params(
    tx: Transaction, users: UserService, viewer_id: int, wanted: ConversationFilter
) -> dict[str, int | str | None] | None:
    """The parameters of the statement; None if the filter names a person who does not exist."""
    params: dict[str, int | str | None] = {f"word{number}": f" {word}" for number, word in enumerate(wanted.words)}
    params |= {"viewer": viewer_id, "is_pinned": None if wanted.is_pinned is None else int(wanted.is_pinned)}
    if wanted.kind is not None:
        params["kind"] = int(wanted.kind)
    if wanted.participant is not None:
        person = users.resolve(tx, viewer_id, [wanted.participant])[0]
        if person is None:
            return None
        params["participant"] = person.row.id
    return params


def _form(wanted: ConversationFilter) -> dict[str, Any]:
    """What the text of the statement depends on."""
    return {
        "folder": wanted.folder,
        "is_unread": wanted.is_unread,
        "with_kind": wanted.kind is not None,
        "with_participant": wanted.participant is not None,
        "words": len(wanted.words),
    }
