"""Blocks: between two people, neither can write to the other."""

from models import block as blocks
from models.base import MAX_INTEGER
from models.event import EventKind
from models.transaction import Transaction
from pubsub.base import EphemeralEvent, EphemeralKind
from services.cursor import Signer
from services.error import InvalidInput, NotFound
from services.guard import GuardedDatabase
from services.page import Page, PageRequest, forward
from services.person.contact import may_watch
from services.person.user import Person, Reference, UserService, not_found
from services.rejection import Issue, IssueReason
from services.transaction import WriteTransaction
from services.viewer import Viewer


class BlockService:
    """Blocks and unblocks people. Only the blocker can see a block; to the blocked person the inbox looks closed."""

    def __init__(self, database: GuardedDatabase, users: UserService, signer: Signer) -> None:
        self._database = database
        self._users = users
        self._signer = signer

    async def block(self, viewer: Viewer, reference: Reference) -> Person:
        """Blocks a person; repeating it does nothing. After it returns, the viewer gets no new message from them.

        Raises NotFound, and InvalidInput for the viewer themselves.
        """
        return await self._change(viewer, reference, is_blocked=True)

    async def unblock(self, viewer: Viewer, reference: Reference) -> Person:
        """Unblocks a person; does nothing if they are not blocked. Raises NotFound."""
        return await self._change(viewer, reference, is_blocked=False)

    async def page_of(self, viewer: Viewer, request: PageRequest) -> Page[tuple[Person, int]]:
        """The people the viewer has blocked and when (ms since 1970), newest first."""
        request.check()
        at, user_id = (MAX_INTEGER, MAX_INTEGER)
        if request.after is not None:
            at, user_id = self._signer.verify("block", viewer.user_id, request.after, 2)
        return await self._database.read_for(viewer, self._page, viewer.user_id, at, user_id, request.size)

    async def count(self, viewer: Viewer) -> int:
        """The number of people the viewer has blocked."""
        return await self._database.read_for(viewer, lambda tx: tx.value(blocks.COUNT, viewer=viewer.user_id))

    def cursor_of(self, viewer: Viewer, person: Person, at: int) -> str:
        """The cursor of a block in `page_of`."""
        return self._signer.sign("block", viewer.user_id, at, person.row.id)

    async def _change(self, viewer: Viewer, reference: Reference, *, is_blocked: bool) -> Person:
        return await self._database.write_for(viewer, self._store, viewer.user_id, reference, is_blocked=is_blocked)

    def _store(self, tx: WriteTransaction, viewer_id: int, reference: Reference, *, is_blocked: bool) -> Person:
        person = self._users.resolve(tx, viewer_id, [reference])[0]
        if person is None:
            raise NotFound(not_found(reference))
        if person.row.id == viewer_id and is_blocked:
            raise InvalidInput([Issue(("user",), IssueReason.NOT_SUPPORTED, "You cannot block yourself.")])
        set_block(tx, viewer_id, person.row.id, is_blocked=is_blocked)
        return self._users.load(tx, viewer_id, [person.row.id])[person.row.id]

    def _page(self, tx: Transaction, viewer_id: int, at: int, user_id: int, size: int) -> Page[tuple[Person, int]]:
        rows = tx.all(blocks.PAGE, viewer=viewer_id, before=at, before_user=user_id, count=size + 1)
        page = forward(rows, size, has_previous=at != MAX_INTEGER)
        people = self._users.load(tx, viewer_id, [row.blocked_id for row in page.items])
        return Page([(people[row.blocked_id], row.at) for row in page.items], page.has_next, page.has_previous)


def set_block(tx: WriteTransaction, viewer_id: int, user_id: int, *, is_blocked: bool = True) -> None:
    """Blocks or unblocks a person; appends no event if nothing changes.

    The viewer's devices get an event. Each of the two who could see the other's presence, or can again, gets an
    ephemeral event.
    """
    pair = (viewer_id, user_id)
    watched = _watching(tx, pair)
    if is_blocked:
        changed = tx.run(blocks.PUT, viewer=viewer_id, user=user_id, at=tx.at)
    else:
        changed = tx.run(blocks.DELETE, viewer=viewer_id, user=user_id)
    if changed:
        kind = EventKind.USER_BLOCKED if is_blocked else EventKind.USER_UNBLOCKED
        tx.events.append([viewer_id], kind, user_id)
    tx.events.ephemeral += _presence_events(tx, pair, watched)


def _watching(tx: Transaction, pair: tuple[int, int]) -> set[tuple[int, int]]:
    """The pairs (watcher, watched) of these two people in which the watcher may see the other's presence."""
    return {(one, other) for one, other in (pair, pair[::-1]) if may_watch(tx, one, other)}


def _presence_events(tx: Transaction, pair: tuple[int, int], before: set[tuple[int, int]]) -> list[EphemeralEvent]:
    """Events that end or begin presence in both directions; one who saw no presence before gets no end of it."""
    after = _watching(tx, pair)
    ended = [EphemeralEvent(one, EphemeralKind.PRESENCE_WITHDRAWN, other) for one, other in sorted(before - after)]
    return ended + [EphemeralEvent(one, EphemeralKind.PRESENCE, other) for one, other in sorted(after - before)]
