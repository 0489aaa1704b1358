"""Messages as one member sees them, and how several are loaded together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models import attachment as attachments
from models import message as messages
from models.attachment import AttachmentRow
from models.base import conversation_of, now_ms
from models.message import MessageRow
from models.transaction import Transaction
from services.error import BadRequest
from services.message.part import MessageParts
from services.message.participant import Members
from services.message.reaction_group import ReactionGroup, groups_of
from services.message.reaction_group import rows_of_visible as reactions_of
from services.page import Page
from services.part import MISSING, Missing, NotLoaded
from services.person.person_batch import PersonBatch
from services.person.user import Person
from services.text import is_blank


@dataclass(slots=True)
class MessageView:
    """A message with the parts that were asked for; reading `sender` or `attachments` raises NotLoaded without them.

    The others are MISSING if they were not loaded along: `reactions`, `reply_to` (None for a message that the viewer
    cannot see), and `members` of its conversation.
    """

    row: MessageRow
    is_own: bool
    sender_part: Person | Missing | None = MISSING
    attachments_part: Sequence[AttachmentRow] | Missing = MISSING
    reactions: Sequence[ReactionGroup] | Missing = MISSING
    reply_to: "MessageView | Missing | None" = MISSING
    members: Members | Missing = MISSING

    @property
    def sender(self) -> Person | None:
        """Who sent it; None if the account no longer exists."""
        if self.sender_part is MISSING:
            raise NotLoaded("The sender of this message was not loaded.")
        return self.sender_part

    @property
    def attachments(self) -> Sequence[AttachmentRow]:
        """Its files, by position."""
        if self.attachments_part is MISSING:
            raise NotLoaded("The files of this message were not loaded.")
        return self.attachments_part

    def is_within(self, window_seconds: int) -> bool:
        """Whether it is not deleted and was sent at most `window_seconds` ago; 0 means no limit."""
        age = now_ms() - self.row.created_at
        return self.row.deleted_at is None and (not window_seconds or age <= window_seconds * 1000)

    def preview(self, max_length: int | None) -> str:
        """One line of at most 1 to 1,000 characters (120 for None): the text, or the names of the files."""
        length = 120 if max_length is None else max_length
        if not 1 <= length <= 1000:
            raise BadRequest(f"`maxLength` must be between 1 and 1000; it is {length}.")
        text = self.row.body if self.row.body and not is_blank(self.row.body) else None
        line = " ".join((text or ", ".join(each.filename for each in self.attachments)).split())
        return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


class MessageBatch:
    """Messages that are loaded together: their rows are given, and the constructor reads all but the people.

    It `want`s these. The caller has checked that the viewer may see the messages.
    """

    def __init__(
        self, tx: Transaction, viewer_id: int, rows: Sequence[MessageRow], parts: MessageParts, people: PersonBatch
    ) -> None:
        self._viewer_id, self._rows, self._parts, self._people = viewer_id, rows, parts, people
        with_files = [row.id for row in rows if row.attachments] if parts.attachments else []
        self._files = attachments.of_messages(tx, with_files) if with_files else {}
        people.want({row.sender_id for row in rows}, parts.sender)
        self._reactions = []
        if parts.reactions is not None:
            self._reactions = reactions_of(tx, viewer_id, [row.id for row in rows])
            people.want({row.user_id for row in self._reactions}, parts.reactions)
        self._replied_to: MessageBatch | None = None
        if parts.reply_to is not None:
            ids = {row.reply_to_id for row in rows if row.reply_to_id is not None}
            found = list(messages.find_visible(tx, viewer_id, ids).values()) if ids else []
            self._replied_to = MessageBatch(tx, viewer_id, found, parts.reply_to, people)

    def views(self, members: Mapping[int, Members] | None = None) -> dict[int, MessageView]:
        """The messages by id, once the people are loaded; `members` are those of conversations, as far as known."""
        parts, viewer_id = self._parts, self._viewer_id
        views = [MessageView(row, row.sender_id == viewer_id) for row in self._rows]
        if parts.sender:
            people = self._people.found
            for view in views:
                view.sender_part = people.get(view.row.sender_id)
        if parts.attachments:
            for view in views:
                view.attachments_part = self._files.get(view.row.id, ())
        self._put_reactions(views)
        if self._replied_to is not None:
            replied_to = self._replied_to.views(members)
            for view in views:
                view.reply_to = replied_to.get(view.row.reply_to_id or 0)
        if members:
            for view in views:
                view.members = members.get(conversation_of(view.row.id), MISSING)
        return {view.row.id: view for view in views}

    def _put_reactions(self, views: Sequence[MessageView]) -> None:
        if self._parts.reactions is not None:
            groups = groups_of(self._reactions, self._viewer_id, self._people if self._parts.reactions else None)
            for view in views:
                view.reactions = groups.get(view.row.id, ())


def shown_page(page: Page[MessageRow], views: Mapping[int, MessageView]) -> Page[MessageView]:
    """The page with what shows its rows."""
    return Page([views[row.id] for row in page.items], page.has_next, page.has_previous)
