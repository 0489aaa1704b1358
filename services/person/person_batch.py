"""People who are loaded together."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from models.profile import ProfileRow
from models.transaction import Transaction
from services.person.user import Person, PersonDetail, UserService

_DETAILS = tuple(PersonDetail)  # to iterate over an enum takes a microsecond


class PersonBatch:
    """The people whom one read shows, each loaded once: `want` them all, then `load`. It ends with the transaction.

    `profiles` were read before, in the same transaction.
    """

    def __init__(
        self,
        users: UserService,
        tx: Transaction,
        viewer_id: int,
        profiles: Mapping[int, ProfileRow] = MappingProxyType({}),
    ) -> None:
        self._users = users
        self._tx = tx
        self._viewer_id = viewer_id
        self._profiles = profiles
        self._wanted: dict[PersonDetail, set[int]] = {detail: set() for detail in _DETAILS}
        self._asked: dict[PersonDetail, set[int]] = {detail: set() for detail in _DETAILS}  # whether they exist or not
        self._found: dict[int, Person] = {}

    def want(self, user_ids: Iterable[int], detail: PersonDetail) -> None:
        """Notes that these people are needed; reads nothing."""
        self._wanted[detail].update(user_ids)

    def load(self) -> None:
        """Loads those who are wanted and not there yet, in at most one statement for each detail."""
        known = self._asked[PersonDetail.RELATION]
        self._load(self._wanted[PersonDetail.RELATION] - known, PersonDetail.RELATION)
        self._load(self._wanted[PersonDetail.PROFILE] - known - self._asked[PersonDetail.PROFILE], PersonDetail.PROFILE)

    def _load(self, ids: set[int], detail: PersonDetail) -> None:
        if not ids:
            return
        self._asked[detail] |= ids
        if detail is PersonDetail.PROFILE and self._profiles:
            known = {id_: self._profiles[id_] for id_ in ids if id_ in self._profiles}
            self._found |= {id_: Person(row, self._viewer_id, self._users.policy) for id_, row in known.items()}
            ids -= known.keys()
        if ids:
            self._found |= self._users.load(self._tx, self._viewer_id, ids, detail)

    @property
    def found(self) -> Mapping[int, Person]:
        """Those who were loaded and exist, by id."""
        return self._found

    def __getitem__(self, user_id: int) -> Person:
        return self._found[user_id]
