"""Relations: the people that a person follows, and those whose messages send them no notifications."""

from models import follow, mute
from models.base import MAX_INTEGER, now_ms
from models.prepared import Command
from models.transaction import Transaction
from services.cursor import Signer
from services.error import InvalidInput, NotFound
from services.guard import GuardedDatabase
from services.page import Page, PageRequest, forward
from services.person.user import Person, Reference, UserService, not_found
from services.rejection import Issue, IssueReason
from services.viewer import Viewer


class RelationService:
    """Changes the viewer's follows and mutes; the muted person cannot see a mute."""

    def __init__(self, database: GuardedDatabase, users: UserService, signer: Signer) -> None:
        self._database = database
        self._users = users
        self._signer = signer

    async def follow(self, viewer: Viewer, reference: Reference) -> Person:
        """Follows a person; repeating it does nothing. Raises NotFound, and InvalidInput for the viewer themselves."""
        return await self._database.write_for(viewer, self._put, viewer.user_id, reference, follow.PUT, "follow")

    async def unfollow(self, viewer: Viewer, reference: Reference) -> Person:
        """Unfollows a person; does nothing if the viewer does not follow them. Raises NotFound."""
        return await self._database.write_for(viewer, self._delete, viewer.user_id, reference, follow.DELETE)

    async def mute(self, viewer: Viewer, reference: Reference) -> Person:
        """Mutes a person; repeating it does nothing. Raises NotFound, and InvalidInput for the viewer themselves."""
        return await self._database.write_for(viewer, self._put, viewer.user_id, reference, mute.PUT, "mute")

    async def unmute(self, viewer: Viewer, reference: Reference) -> Person:
        """Unmutes a person; does nothing if they are not muted. Raises NotFound."""
        return await self._database.write_for(viewer, self._delete, viewer.user_id, reference, mute.DELETE)

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

    def _put(self, tx: Transaction, viewer_id: int, reference: Reference, statement: Command, verb: str) -> Person:
        person = self._get(tx, viewer_id, reference)
        if person.row.id == viewer_id:
            raise InvalidInput([Issue(("user",), IssueReason.MISMATCH, f"You cannot {verb} yourself.")])
        tx.run(statement, viewer=viewer_id, user=person.row.id, at=now_ms())
        return self._get(tx, viewer_id, reference)

    def _delete(self, tx: Transaction, viewer_id: int, reference: Reference, statement: Command) -> Person:
        tx.run(statement, viewer=viewer_id, user=self._get(tx, viewer_id, reference).row.id)
        return self._get(tx, viewer_id, reference)

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
