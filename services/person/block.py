"""Blocks: not hearing from somebody, and not being able to write to them either."""

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
    """Only the blocker ever learns of a block; the other side sees an inbox that is closed."""

    def __init__(self, database: GuardedDatabase, users: UserService, signer: Signer) -> None:
        self._database = database
        self._users = users
        self._signer = signer

    async def block(self, viewer: Viewer, reference: Reference) -> Person:
        """Blocks; a second time it does nothing. Once this returns, no message of theirs to the viewer appears.

        Raises NotFound, and InvalidInput for oneself.
        """
        return await self._change(viewer, reference, is_blocked=True)

    async def unblock(self, viewer: Viewer, reference: Reference) -> Person:
        """Lets somebody write again; does nothing where there is no block. Raises NotFound."""
        return await self._change(viewer, reference, is_blocked=False)

    async def page_of(self, viewer: Viewer, request: PageRequest) -> Page[tuple[Person, int]]:
        """Whom the viewer has blocked and when (ms since 1970), newest first."""
        request.check()
        at, user_id = (MAX_INTEGER, MAX_INTEGER)
        if request.after is not None:
            at, user_id = self._signer.verify("block", viewer.user_id, request.after, 2)
        return await self._database.read_for(viewer, self._page, viewer.user_id, at, user_id, request.size)

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
    """Block or unblock somebody, wherever that was asked for; where it is so already, there is no event.

    The viewer's devices get an event; whoever could see the other's presence, or can again, an ephemeral one.
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
    """Who of the two may know whether the other is there, each as (who, of whom)."""
    return {(one, other) for one, other in (pair, pair[::-1]) if may_watch(tx, one, other)}


def _presence_events(tx: Transaction, pair: tuple[int, int], before: set[tuple[int, int]]) -> list[EphemeralEvent]:
    """Presence ends, or begins, both ways at once; who saw nothing before sees no end of it, as of somebody private."""
    after = _watching(tx, pair)
    ended = [EphemeralEvent(one, EphemeralKind.PRESENCE_WITHDRAWN, other) for one, other in sorted(before - after)]
    return ended + [EphemeralEvent(one, EphemeralKind.PRESENCE, other) for one, other in sorted(after - before)]
