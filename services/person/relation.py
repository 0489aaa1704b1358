"""Relations: the people that a person follows, and those whose messages send them no notifications."""

from collections.abc import Callable
from dataclasses import dataclass

from models import follow, mute
from models.base import MAX_INTEGER
from models.event import EventKind
from models.prepared import Command
from models.transaction import Transaction
from services.cursor import Signer
from services.error import InvalidInput, NotFound
from services.guard import GuardedDatabase
from services.limit import Limits
from services.page import Page, PageRequest, forward
from services.person.user import Person, Reference, UserService, not_found
from services.rate import RateLimiter
from services.rejection import Issue, IssueReason
from services.transaction import WriteTransaction
from services.viewer import Viewer

MOST_FOLLOW_CHANGES = 10  # follows and unfollows of one person by another, per hour


@dataclass(frozen=True, slots=True)
class _Kind:
    """A kind of relation: how it is called and stored, and whether the other person can see it."""

    verb: str
    put: Command
    delete: Command
    is_visible: bool


_FOLLOW = _Kind("follow", follow.PUT, follow.DELETE, is_visible=True)
_MUTE = _Kind("mute", mute.PUT, mute.DELETE, is_visible=False)


class RelationService:
    """Changes the viewer's follows and mutes; the muted person cannot see a mute.

    A change appends an event for the viewer's devices. A follow, and its end, also append one for the followed person,
    unless either has blocked the other. They need have nothing in common with the viewer, so the viewer can change the
    follow of one person only MOST_FOLLOW_CHANGES times an hour, and cannot fill that person's log. A change beyond that
    is refused: if it were stored without an event, the person's devices would show the wrong state. It is refused
    between blocked people too, so that it reveals no block.

    All methods that change something raise RateLimited.
    """

    def __init__(self, database: GuardedDatabase, users: UserService, signer: Signer, limits: Limits) -> None:
        self._database = database
        self._users = users
        self._signer = signer
        self._rate = RateLimiter(limits.relation_rate_per_minute, "changes of follows and mutes")
        self._follows = RateLimiter(MOST_FOLLOW_CHANGES, "follows and unfollows of this person", seconds=3600)

    async def follow(self, viewer: Viewer, reference: Reference) -> Person:
        """Follows a person; repeating it does nothing. Raises NotFound, and InvalidInput for the viewer themselves."""
        return await self._change(viewer, self._put, reference, _FOLLOW)

    async def unfollow(self, viewer: Viewer, reference: Reference) -> Person:
        """Unfollows a person; does nothing if the viewer does not follow them. Raises NotFound."""
        return await self._change(viewer, self._delete, reference, _FOLLOW)

    async def mute(self, viewer: Viewer, reference: Reference) -> Person:
        """Mutes a person; repeating it does nothing. Raises NotFound, and InvalidInput for the viewer themselves."""
        return await self._change(viewer, self._put, reference, _MUTE)

    async def unmute(self, viewer: Viewer, reference: Reference) -> Person:
        """Unmutes a person; does nothing if they are not muted. Raises NotFound."""
        return await self._change(viewer, self._delete, reference, _MUTE)

    async def page_of_muted(self, viewer: Viewer, request: PageRequest) -> Page[tuple[Person, int]]:
        """The people the viewer has muted and when (ms since 1970), newest first."""
        request.check()
        at, user_id = MAX_INTEGER, MAX_INTEGER
        if request.after is not None:
            at, user_id = self._signer.verify("mute", viewer.user_id, request.after, 2)
        return await self._database.read_for(viewer, self._page, viewer.user_id, at, user_id, request.size)

    def muted_cursor_of(self, viewer: Viewer, person: Person, at: int) -> str:
        """The cursor of a person in `page_of_muted`."""
        return self._signer.sign("mute", viewer.user_id, at, person.row.id)

    async def _change(
        self,
        viewer: Viewer,
        change: Callable[[WriteTransaction, int, Reference, _Kind], Person],
        reference: Reference,
        kind: _Kind,
    ) -> Person:
        self._rate.take(viewer.user_id)
        return await self._database.write_for(viewer, change, viewer.user_id, reference, kind)

    def _put(self, tx: WriteTransaction, viewer_id: int, reference: Reference, kind: _Kind) -> Person:
        person = self._get(tx, viewer_id, reference)
        if person.row.id == viewer_id:
            raise InvalidInput([Issue(("user",), IssueReason.MISMATCH, f"You cannot {kind.verb} yourself.")])
        if tx.run(kind.put, viewer=viewer_id, user=person.row.id, at=tx.at):
            self._append_events(tx, viewer_id, person, kind)
        return self._get(tx, viewer_id, reference)

    def _delete(self, tx: WriteTransaction, viewer_id: int, reference: Reference, kind: _Kind) -> Person:
        person = self._get(tx, viewer_id, reference)
        if tx.run(kind.delete, viewer=viewer_id, user=person.row.id):
            self._append_events(tx, viewer_id, person, kind)
        return self._get(tx, viewer_id, reference)

    def _append_events(self, tx: WriteTransaction, viewer_id: int, person: Person, kind: _Kind) -> None:
        """Raises RateLimited, which undoes the change."""
        if kind.is_visible:
            self._follows.take((viewer_id, person.row.id))
        tx.events.append([viewer_id], EventKind.USER_UPDATED, person.row.id)
        if kind.is_visible and not person.is_blocked:
            tx.events.append([person.row.id], EventKind.USER_UPDATED, viewer_id)

    def _get(self, tx: Transaction, viewer_id: int, reference: Reference) -> Person:
        person = self._users.resolve(tx, viewer_id, [reference])[0]
        if person is None:
            raise NotFound(not_found(reference))
        return person

    def _page(self, tx: Transaction, viewer_id: int, at: int, user_id: int, size: int) -> Page[tuple[Person, int]]:
        rows = tx.all(mute.PAGE, viewer=viewer_id, before=at, before_user=user_id, count=size + 1)
        page = forward(rows, size, has_previous=at != MAX_INTEGER)
        people = self._users.load(tx, viewer_id, [row.muted_id for row in page.items])
        return Page([(people[row.muted_id], row.at) for row in page.items], page.has_next, page.has_previous)
