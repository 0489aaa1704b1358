"""Reactions: an emoji on a message, and who set it."""

from collections.abc import Iterable
from dataclasses import dataclass

import emoji as emojis

from models import reaction as reactions
from models.event import Change
from models.prepared import id_list
from models.transaction import Transaction
from services.error import InvalidInput
from services.guard import GuardedDatabase
from services.limit import Limits
from services.message.change import check_not_deleted, check_reach, get_subject
from services.message.message import MessageService, MessageView
from services.person.user import Person, UserService
from services.rejection import Issue, IssueReason
from services.transaction import WriteTransaction
from services.viewer import Viewer

MAX_EMOJI_LENGTH = 32  # code points; the longest of Unicode's list has 10


@dataclass(frozen=True, slots=True)
class ReactionGroup:
    """One emoji on a message and the people who set it, in the order in which they did."""

    emoji: str
    people: list[Person]
    viewer_has_reacted: bool


class ReactionService:
    """Sets and removes reactions; a viewer who sees a message and can write to its conversation can react to it."""

    def __init__(self, database: GuardedDatabase, users: UserService, messages: MessageService, limits: Limits) -> None:
        self._database = database
        self._users = users
        self._messages = messages
        self._limits = limits

    async def react(self, viewer: Viewer, id_: int, emoji: str, *, is_set: bool) -> MessageView:
        """Sets or removes the viewer's emoji; appends no event if nothing changes.

        Raises InvalidInput if `emoji` is not one emoji or exceeds the limit of different emoji, NotFound, and
        PermissionDenied if the message is deleted or the viewer cannot write to the conversation.
        """
        if len(emoji) > MAX_EMOJI_LENGTH or not emojis.is_emoji(emoji):
            raise InvalidInput([Issue(("emoji",), IssueReason.MALFORMED, "Send exactly one Unicode emoji.")])
        return await self._database.write_for(viewer, self._react, viewer.user_id, id_, emoji, is_set)

    async def find_many(self, viewer: Viewer, ids: Iterable[int]) -> dict[int, list[ReactionGroup]]:
        """The reactions to messages, the oldest emoji first, in two statements; none for messages that the viewer
        cannot see.
        """
        return await self._database.read_for(viewer, self._load, viewer.user_id, list(ids))

    def _react(self, tx: WriteTransaction, viewer_id: int, id_: int, emoji: str, is_set: bool) -> MessageView:
        subject = get_subject(tx, viewer_id, id_)
        check_not_deleted(subject, "react to")
        check_reach(tx, self._users, subject, viewer_id)
        if is_set:
            changed = tx.run(reactions.PUT, message=id_, user=viewer_id, emoji=emoji, at=tx.at)
            limit = self._limits.max_reactions
            if changed and tx.value(reactions.COUNT, message=id_) > limit:
                detail = f"A message holds at most {limit} different emoji."
                raise InvalidInput([Issue(("emoji",), IssueReason.TOO_MANY, detail, limit)])
        else:
            changed = tx.run(reactions.DELETE, message=id_, user=viewer_id, emoji=emoji)
        if changed:
            subject.append_update(tx, Change.REACTIONS)
        return self._messages.load_visible(tx, viewer_id, [id_])[id_]

    def _load(self, tx: Transaction, viewer_id: int, ids: list[int]) -> dict[int, list[ReactionGroup]]:
        rows = sorted(tx.all(reactions.OF_MESSAGES, viewer=viewer_id, ids=id_list(ids)), key=lambda row: row.at)
        people = self._users.load(tx, viewer_id, {row.user_id for row in rows})
        found: dict[int, dict[str, list[Person]]] = {}
        for row in rows:
            found.setdefault(row.message_id, {}).setdefault(row.emoji, []).append(people[row.user_id])
        return {
            id_: [
                ReactionGroup(emoji, some, any(person.row.id == viewer_id for person in some))
                for emoji, some in by_emoji.items()
            ]
            for id_, by_emoji in found.items()
        }
