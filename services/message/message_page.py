"""Pages of the messages of a conversation."""

from dataclasses import dataclass

from models import message as messages
from models.base import SEQ_BITS, message_id, seq_of
from models.conversation import ConversationRow
from models.message import MessageRow
from models.transaction import Transaction
from services.cursor import Signer
from services.error import BadRequest, NotFound
from services.page import Page, PageRequest, backward, forward

MOST_AT_ONCE = 1_000  # messages in the pages of several conversations that are read together


@dataclass(frozen=True, slots=True)
class MessagePageRequest:
    """Which messages: the newest ones without `first` and `after`; `around` is the id of the one in the middle."""

    request: PageRequest
    around: int | None = None

    def bounds(self, signer: Signer, viewer_id: int) -> tuple[int | None, int | None]:
        """The ids of `after` and `before`, exclusive. Raises BadRequest and CursorInvalid."""
        request = self.request
        request.check()
        if self.around is not None and (request.after is not None or request.before is not None):
            raise BadRequest("`around` can be combined with `first` or `last`, but not with a cursor.")
        after, before = (
            None if cursor is None else signer.verify("message", viewer_id, cursor, 1)[0]
            for cursor in (request.after, request.before)
        )
        return after, before

    def rows_of(
        self, tx: Transaction, viewer_id: int, mine: ConversationRow | None, bounds: tuple[int | None, int | None]
    ) -> Page[MessageRow]:
        """The page, oldest first, in this conversation of the viewer; raises NotFound if `around` is not in it."""
        if mine is None:
            raise NotFound("There is no such conversation.")
        floor, top = message_id(mine.id, mine.floor_seq), message_id(mine.id, mine.last_seq) + 1
        if self.around is not None:
            return _page_around(tx, viewer_id, floor, top, self.around, self.request.size)
        after, before = bounds
        return _page_between(
            tx, viewer_id, floor, top, self.request, max(after or floor, floor), min(before or top, top)
        )


def _page_between(
    tx: Transaction, viewer_id: int, floor: int, top: int, request: PageRequest, after: int, before: int
) -> Page[MessageRow]:
    size = request.size
    if request.first is not None or (request.after is not None and request.last is None):
        rows = tx.all(messages.PAGE_FORWARD, viewer=viewer_id, after=after, before=before, count=size + 1)
        page = forward(rows, size, has_previous=after > floor)
        return Page(page.items, page.has_next or before < top, page.has_previous)
    rows = tx.all(messages.PAGE_BACKWARD, viewer=viewer_id, after=after, before=before, count=size + 1)
    page = backward(rows, size, has_next=before < top)
    return Page(page.items, page.has_next, page.has_previous or after > floor)


def _page_around(tx: Transaction, viewer_id: int, floor: int, top: int, around: int, size: int) -> Page[MessageRow]:
    if around >> SEQ_BITS != floor >> SEQ_BITS or not floor < around < top or not seq_of(around):
        raise NotFound("There is no such message in this conversation.")
    half = size // 2
    older = tx.all(messages.PAGE_BACKWARD, viewer=viewer_id, after=floor, before=around, count=half + 1)
    newer = tx.all(messages.PAGE_FORWARD, viewer=viewer_id, after=around - 1, before=top, count=size - half + 1)
    items = older[:half][::-1] + newer[: size - half]
    return Page(items, has_next=len(newer) > size - half, has_previous=len(older) > half)
