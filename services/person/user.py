"""People as a viewer sees them: found by any reference, with whether the viewer can write to them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import TypeVar

from models import profile as profiles
from models import user as users
from models.prepared import Query, id_list
from models.profile import ProfileRow
from models.send import RecipientRow
from models.transaction import Transaction
from models.user import UserRow
from services.cursor import Signer
from services.error import BadRequest, NotFound
from services.guard import GuardedDatabase
from services.limit import Limits
from services.page import Page, PageRequest
from services.part import NotLoaded
from services.person.policy import Eligibility, Policy
from services.rate import RateLimiter
from services.viewer import Right, Viewer

SeenRow = TypeVar("SeenRow", UserRow, RecipientRow)


class ReferenceKind(Enum):
    """The kinds of reference to a person."""

    ID = "id"
    USERNAME = "username"
    EMAIL = "email"
    EXTERNAL_ID = "external_id"


_BY = {
    ReferenceKind.ID: users.BY_ID,
    ReferenceKind.USERNAME: users.BY_USERNAME,
    ReferenceKind.EMAIL: users.BY_EMAIL,
    ReferenceKind.EXTERNAL_ID: users.BY_EXTERNAL_ID,
}
_WAYS = {
    ReferenceKind.ID: "has the id",
    ReferenceKind.USERNAME: "has the username",
    ReferenceKind.EMAIL: "can be found by the email address",
    ReferenceKind.EXTERNAL_ID: "has the external id",
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference to a person. `user_id` is set for the kind ID if the id is well-formed; `text` is as given."""

    kind: ReferenceKind
    text: str
    user_id: int | None = None


def not_found(reference: Reference) -> str:
    """A sentence with the reference that was not found (Zulip: `Invalid email '…'`), cut to a readable length."""
    return f"Nobody {_WAYS[reference.kind]} '{reference.text[:64]}'."


class PersonDetail(IntEnum):
    """How much of a person is loaded; each includes those before it."""

    ID = 0  # nothing is read
    PROFILE = 1
    RELATION = 2  # also their settings, and blocks, mutes, follows and requests between them and the viewer


@dataclass(slots=True)
class Person:
    """A user as the viewer sees them; all but `row` requires that the relation was loaded, and raises NotLoaded."""

    row: ProfileRow | UserRow
    viewer_id: int
    policy: Policy

    @property
    def has_relation(self) -> bool:
        """Whether it was loaded with the relation."""
        return isinstance(self.row, UserRow)

    @property
    def relation(self) -> UserRow:
        """The row with the viewer's relation to them."""
        if isinstance(self.row, UserRow):
            return self.row
        raise NotLoaded("Only the profile of this person was loaded.")

    @property
    def eligibility(self) -> Eligibility:
        """The outcome of a direct message of the viewer to them."""
        return self.policy.eligibility_of(self.viewer_id, self.relation)

    @property
    def exclusion(self) -> Eligibility | None:
        """Why the viewer cannot write to a conversation that both are in; None if they can."""
        return None if self.row.id == self.viewer_id else self.policy.exclusion_of(self.relation)

    @property
    def group_refusal(self) -> Eligibility:
        """Why they get no more messages of a group that nobody has accepted."""
        return self.policy.group_refusal_of(self.relation)

    @property
    def is_blocked(self) -> bool:
        """Whether there is a block between this person and the viewer, from either side."""
        return bool(self.relation.has_blocked or self.relation.is_blocked_by)


class UserService:
    """Finds people; never shows that somebody has blocked the viewer."""

    def __init__(self, database: GuardedDatabase, signer: Signer, limits: Limits) -> None:
        self._database = database
        self._signer = signer
        self._limits = limits
        self.searches = RateLimiter(limits.search_rate_per_minute, "searches")
        self.policy = Policy(
            accept_from=limits.accept_messages_from,
            from_others=limits.from_others,
            add_to_groups=limits.who_may_add_to_groups,
            widest_audience=limits.widest_audience,
            request_messages=limits.max_request_messages,
            self_conversations=limits.self_conversations,
            for_each_send=limits.audience_for_each_send,
        )

    async def find(self, viewer: Viewer, reference: Reference) -> Person | None:
        """The person with this reference, or None."""
        viewer.check(Right.PEOPLE)
        return (await self._database.read(self.resolve, viewer.user_id, [reference]))[0]

    async def find_many(
        self, viewer: Viewer, user_ids: Iterable[int], detail: PersonDetail = PersonDetail.RELATION
    ) -> dict[int, Person]:
        """The people with these ids, as far as they exist."""
        viewer.check(Right.PEOPLE)
        return await self._database.read(self.load, viewer.user_id, list(user_ids), detail)

    def check_self(self, viewer: Viewer) -> None:
        """Raises as `get_self` does, but reads nothing; a device that is not trusted yet can see its own viewer."""
        if not viewer.is_restricted:
            viewer.check(Right.PEOPLE)

    async def get_self(self, viewer: Viewer, detail: PersonDetail = PersonDetail.RELATION) -> Person:
        """The viewer as a person.

        The email address is left out for a device that is not trusted yet, because its user may only have got hold of
        the password, and for a key without the right to read, which may act for anybody.
        """
        self.check_self(viewer)
        return await self._database.read(self.load_self, viewer, detail)

    async def find_self_by_id(self, viewer: Viewer, ids: Collection[int]) -> dict[int, Person]:
        """As `get_self`, by id, if one of the ids is the viewer's own: nobody is another person's viewer."""
        person = await self.get_self(viewer)
        return {person.row.id: person} if person.row.id in ids else {}

    async def page_of_messageable(self, viewer: Viewer, search: str, request: PageRequest) -> Page[Person]:
        """People the viewer may write to whose username starts with `search`, ignoring case; sorted by name.

        Raises BadRequest and RateLimited.
        """
        request.check()
        viewer.check(Right.PEOPLE)
        self.searches.take(viewer.user_id)
        prefix = users.fold(search.strip())
        if not prefix:
            raise BadRequest("`search` needs at least one character of a username.")
        if not prefix.isprintable():  # in no username, and it may have no successor or fail as an SQL parameter
            return Page([])
        after = ""
        if request.after is not None:
            found = await self.find_many(viewer, self._signer.verify("user", viewer.user_id, request.after, 1))
            after = next((person.row.username.casefold() for person in found.values()), "")
        return await self._database.read(self._messageable, viewer.user_id, prefix, after, request.size)

    def cursor_of(self, viewer: Viewer, person: Person) -> str:
        """The cursor of a person in `page_of_messageable`."""
        return self._signer.sign("user", viewer.user_id, person.row.id)

    def resolve(self, tx: Transaction, viewer_id: int, references: Sequence[Reference]) -> list[Person | None]:
        """The person for each reference, in order; runs inside a transaction."""
        rows = self.find_rows(tx, viewer_id, references, users.BY_IDS, _BY)
        return [None if row is None else self.seen(viewer_id, row) for row in rows]

    def find_rows(
        self,
        tx: Transaction,
        viewer_id: int,
        references: Sequence[Reference],
        by_ids: Query[SeenRow],
        by: Mapping[ReferenceKind, Query[SeenRow]],
    ) -> list[SeenRow | None]:
        """The row for each reference, in order, from these queries: one statement for all ids, one for each name."""
        if len(references) == 1:
            return [self._find_row(tx, viewer_id, references[0], by)]
        ids = {each.user_id for each in references if each.user_id is not None}
        found = tx.all(by_ids, viewer=viewer_id, ids=id_list(ids)) if ids else []
        by_id = {row.id: row for row in found}
        return [
            by_id.get(each.user_id or 0) if each.kind is ReferenceKind.ID else self._find_row(tx, viewer_id, each, by)
            for each in references
        ]

    def load(
        self,
        tx: Transaction,
        viewer_id: int,
        user_ids: Iterable[int],
        detail: PersonDetail = PersonDetail.RELATION,
    ) -> dict[int, Person]:
        """The people with these ids that exist, in one statement; runs inside a transaction."""
        rows: Mapping[int, ProfileRow | UserRow]
        if detail is PersonDetail.RELATION:
            rows = users.find_many(tx, viewer_id, user_ids)
        else:
            rows = profiles.find_many(tx, user_ids)
        return {id_: Person(row, viewer_id, self.policy) for id_, row in rows.items()}

    def load_self(self, tx: Transaction, viewer: Viewer, detail: PersonDetail) -> Person:
        """See `get_self`; runs inside a transaction."""
        person = self.load(tx, viewer.user_id, [viewer.user_id], detail)[viewer.user_id]
        if viewer.may(Right.READ):
            return person
        return Person(person.row._replace(email=None), person.viewer_id, person.policy)

    def seen(self, viewer_id: int, row: UserRow) -> Person:
        """The person of a row."""
        return Person(row, viewer_id, self.policy)

    def _find_row(
        self, tx: Transaction, viewer_id: int, reference: Reference, by: Mapping[ReferenceKind, Query[SeenRow]]
    ) -> SeenRow | None:
        kind, key = reference.kind, reference.text
        if kind is ReferenceKind.ID:
            return tx.first(by[kind], viewer=viewer_id, key=reference.user_id)
        if len(key) > 320 or not key.isprintable() or (kind is ReferenceKind.EMAIL and not self._limits.email_lookup):
            return None
        return tx.first(by[kind], viewer=viewer_id, key=key if kind is ReferenceKind.EXTERNAL_ID else users.fold(key))

    def _messageable(self, tx: Transaction, viewer_id: int, prefix: str, after: str, size: int) -> Page[Person]:
        found: list[Person] = []
        beyond = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        has_previous, count = bool(after), size + 1
        while len(found) <= size:
            rows = tx.all(users.BY_PREFIX, viewer=viewer_id, prefix=prefix, beyond=beyond, after=after, count=count)
            people = (self.seen(viewer_id, row) for row in rows)
            found += [person for person in people if person.eligibility.may_send]
            if len(rows) < count:
                break
            after = users.fold(rows[-1].username)
        return Page(found[:size], has_next=len(found) > size, has_previous=has_previous)


def get_id(tx: Transaction, username: str) -> int:
    """The id of the user with this username, or after `externalId:` this external id; raises NotFound."""
    way, colon, external_id = username.partition(":")
    row = (
        tx.first(users.CREDENTIAL_STATUS_BY_EXTERNAL_ID, key=external_id)
        if colon and way == "externalId"
        else tx.first(users.CREDENTIAL, key=users.fold(username))
    )
    if row is None:
        raise NotFound(f"Nobody has the username '{username[:64]}'.")
    return row.id
