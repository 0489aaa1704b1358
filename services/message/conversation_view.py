"""Conversations as one of their members sees them, and how several are loaded together."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_

from models import member as members
from models import message as messages
from models.base import conversation_of, message_id, now_ms
from models.conversation import ConversationKind, ConversationRow
from models.inbox import Folder
from models.member import MemberIdRow, MemberRow, RequestState
from models.message import MessageRow
from models.prepared import Query, id_list
from models.transaction import Transaction
from services.cursor import Signer
from services.error import SottoError
from services.message.consent import groups_reaching_nobody
from services.message.message_page import MOST_AT_ONCE, MessagePageRequest
from services.message.message_view import MessageBatch, MessageView, shown_page
from services.message.part import NOTHING_OF_MESSAGE, ConversationParts
from services.message.participant import (
    Members,
    ParticipantView,
    exclusions_of,
    group_restriction_of,
)
from services.page import Page
from services.part import MISSING, Missing, NotLoaded
from services.person.person_batch import PersonBatch
from services.person.policy import Eligibility
from services.person.user import Person, PersonDetail, UserService


@dataclass(frozen=True, slots=True)
class LoadedPage:
    """A page of messages that was read with its conversation, or why there is none."""

    wanted: MessagePageRequest
    result: Page[MessageView] | SottoError


@dataclass(slots=True)
class ConversationView:
    """A conversation with the parts that were asked for; reading one that was not raises NotLoaded.

    `reaches_nobody` is set for a group whose other members have not accepted it and get no more messages until they
    do. `requested_by` is the person who sent the viewer the request, even after the viewer has answered or that person
    has left the group. `first_unread` and `page` are MISSING or None if they were not loaded along.
    """

    row: ConversationRow
    viewer_id: int
    members_part: Members | Missing = MISSING
    last_message_part: MessageView | Missing | None = MISSING
    reaches_nobody_part: bool | Missing = MISSING
    requested_by_part: Person | Missing | None = MISSING
    first_unread: MessageView | Missing | None = MISSING
    page: LoadedPage | None = None

    @property
    def members(self) -> Members:
        """The members and what they share with the viewer."""
        if self.members_part is MISSING:
            raise NotLoaded("The participants of this conversation were not loaded.")
        return self.members_part

    @property
    def participants(self) -> Sequence[ParticipantView]:
        """The members, by user id."""
        return self.members.participants

    @property
    def last_message(self) -> MessageView | None:
        """The newest message that the viewer may see."""
        if self.last_message_part is MISSING:
            raise NotLoaded("The last message of this conversation was not loaded.")
        return self.last_message_part

    @property
    def requested_by(self) -> Person | None:
        """See the class."""
        if self.requested_by_part is MISSING:
            raise NotLoaded("The sender of this request was not loaded.")
        return self.requested_by_part

    @property
    def reaches_nobody(self) -> bool:
        """See the class."""
        if self.reaches_nobody_part is MISSING:
            raise NotLoaded("Whom this group reaches was not loaded.")
        return self.reaches_nobody_part

    @property
    def others(self) -> list[ParticipantView]:
        """All members except the viewer."""
        return self.members.others

    @property
    def is_unread(self) -> bool:
        """Whether it has unread messages, or the viewer has marked it as unread."""
        return bool(self.row.unread or self.row.is_marked_unread)

    @property
    def folder(self) -> Folder | None:
        """The folder that lists it, as `models/inbox.py` does; None if it is empty or declined."""
        row, state = self.row, RequestState(self.row.request_state)
        if row.last_seq <= row.floor_seq or state is RequestState.DECLINED:
            return None
        if state is RequestState.PENDING:
            return Folder.REQUESTS
        return Folder.ARCHIVE if row.is_archived else Folder.INBOX

    @property
    def muted_until(self) -> int | None:
        """When the mute ends, in ms since 1970, or FOR_GOOD if it does not; None if not muted."""
        return self.row.muted_until if self.row.muted_until > now_ms() else None

    @property
    def is_reachable(self) -> bool:
        """See `Members`."""
        return self.members.is_reachable

    @property
    def send_restriction(self) -> Eligibility | None:
        """Why the viewer cannot write here; None if they can.

        A member can write to a group if at least one other member gets its messages and no audience that is checked
        for every message excludes them.
        """
        if self.row.kind == ConversationKind.GROUP:
            if self.reaches_nobody:
                return group_restriction_of(self.others)
            return next(iter(exclusions_of(self.row, self.others)), None)
        peer = self.others[0] if self.row.kind == ConversationKind.DIRECT else self.participants[0]
        return None if peer.person.eligibility.may_send else peer.person.eligibility


class ConversationBatch:
    """Conversations that are loaded together, in one statement for each kind of thing that is shown.

    The constructor reads all but the people, `views` reads them and builds the views.
    """

    def __init__(
        self,
        tx: Transaction,
        viewer_id: int,
        rows: Sequence[ConversationRow],
        parts: ConversationParts,
        users: UserService,
        signer: Signer,
    ) -> None:
        self._tx, self._viewer_id, self._rows, self._parts = tx, viewer_id, rows, parts
        self._users, self._signer = users, signer
        self._people = PersonBatch(users, tx, viewer_id)
        self._memberships = self._find_members()
        self._newest = self._find_newest() if parts.last_message else {}
        waiting = [row.id for row in rows if row.unread] if parts.first_unread else []
        self._unread = self._by_conversation(messages.OLDEST_UNREAD, waiting)
        self._pages = self._find_pages()
        self._messages = self._batch_of_messages()
        if parts.requester:
            self._people.want({row.requester_id for row in rows if row.requester_id is not None}, parts.requester)

    def views(self) -> list[ConversationView]:
        """The conversations, in their order."""
        self._people.load()
        parts, members_ = self._parts, self._members()
        views = [ConversationView(row, self._viewer_id, members_.get(row.id, MISSING)) for row in self._rows]
        shown = self._messages.views(members_ if parts.participants is PersonDetail.RELATION else {})
        if parts.last_message is not None:
            for each in views:
                each.last_message_part = _shown(shown, self._newest.get(each.row.id))
        if parts.first_unread is not None:
            for each in views:
                each.first_unread = _shown(shown, self._unread.get(each.row.id))
        if parts.requester:
            for each in views:
                each.requested_by_part = self._people.found.get(each.row.requester_id or 0)
        if parts.group_reach:
            silent = self._silent_groups()
            for each in views:
                each.reaches_nobody_part = each.row.id in silent
        for each in views if self._pages else ():
            each.page = self._page_of(each.row.id, shown)
        return views

    def _find_members(self) -> Mapping[int, Sequence[MemberRow | MemberIdRow]]:
        detail, ids = self._parts.participants, [row.id for row in self._rows]
        found: Mapping[int, Sequence[MemberRow | MemberIdRow]]
        match detail:
            case PersonDetail.ID:
                return {}
            case PersonDetail.PROFILE:
                found = members.member_ids_of(self._tx, ids)
            case PersonDetail.RELATION:
                found = members.members_of(self._tx, ids)
        self._people.want({row.user_id for rows in found.values() for row in rows}, detail)
        return found

    def _find_newest(self) -> dict[int, MessageRow]:
        """The newest visible message is the one at `last_seq`; where that is hidden, it is looked for."""
        last = [message_id(row.id, row.last_seq) for row in self._rows if row.last_seq > row.floor_seq]
        found = self._by_conversation(messages.UNHIDDEN, last)
        if len(found) < len(last):
            found |= self._by_conversation(messages.NEWEST_ROWS, {conversation_of(id_) for id_ in last} - found.keys())
        return found

    def _by_conversation(self, statement: Query[MessageRow], ids: Collection[int]) -> dict[int, MessageRow]:
        rows = self._tx.all(statement, viewer=self._viewer_id, ids=id_list(ids)) if ids else []
        return {conversation_of(row.id): row for row in rows}

    def _find_pages(self) -> dict[int, Page[MessageRow] | SottoError]:
        """The page of each conversation; none if they hold too many messages for one read."""
        part = self._parts.page
        if part is None or len(self._rows) * part.wanted.request.size > MOST_AT_ONCE:
            return {}
        found: dict[int, Page[MessageRow] | SottoError] = {}
        for row in self._rows:
            try:
                bounds = part.wanted.bounds(self._signer, self._viewer_id)
                found[row.id] = part.wanted.rows_of(self._tx, self._viewer_id, row, bounds)
            except SottoError as error:  # an error of the page, not of its conversation
                found[row.id] = error
        return found

    def _batch_of_messages(self) -> MessageBatch:
        """All messages that are shown, each once, with what any of them needs."""
        parts = self._parts
        pages = [page.items for page in self._pages.values() if isinstance(page, Page)]
        rows = {row.id: row for page in pages for row in page}
        rows |= {row.id: row for some in (self._newest, self._unread) for row in some.values()}
        needed = (parts.last_message, parts.first_unread, parts.page.parts if self._pages and parts.page else None)
        together = reduce(or_, (each for each in needed if each is not None), NOTHING_OF_MESSAGE)
        return MessageBatch(self._tx, self._viewer_id, list(rows.values()), together, self._people)

    def _members(self) -> dict[int, Members]:
        """The members of each conversation, if they were asked for."""
        people, found = self._people.found, self._memberships
        return {row.id: Members(row, self._viewer_id, found[row.id], people) for row in self._rows if row.id in found}

    def _silent_groups(self) -> frozenset[int]:
        """The groups in which a message of the viewer would reach nobody."""
        groups = [self._memberships[row.id] for row in self._rows if row.kind == ConversationKind.GROUP]
        rows = [[each for each in some if isinstance(each, MemberRow)] for some in groups]
        return groups_reaching_nobody(self._tx, self._users.policy, self._viewer_id, rows)

    def _page_of(self, id_: int, shown: Mapping[int, MessageView]) -> LoadedPage | None:
        found, part = self._pages.get(id_), self._parts.page
        if found is None or part is None:
            return None
        if isinstance(found, SottoError):
            return LoadedPage(part.wanted, found)
        return LoadedPage(part.wanted, shown_page(found, shown))


def _shown(shown: Mapping[int, MessageView], row: MessageRow | None) -> MessageView | None:
    return None if row is None else shown[row.id]
