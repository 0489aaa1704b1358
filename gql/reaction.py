"""Reactions: one emoji on a message, with the people who reacted."""

from functools import partial
from operator import attrgetter

import strawberry

from gql.connection import After, First
from gql.node import Info, given
from gql.user import UserConnection
from services.message.reaction_group import ReactionGroup as GroupView
from services.page import PageRequest

UNSET = strawberry.UNSET


@strawberry.type(description="One emoji on a message, with the users who reacted with it.")
class ReactionGroup:
    view: strawberry.Private[GroupView]

    @strawberry.field(description="The emoji itself, such as 👍.")
    def emoji(self) -> str:
        return self.view.emoji

    @strawberry.field(
        description="The number of users who reacted with this emoji, including the viewer if they did. Users whom the "
        "viewer has blocked do not count."
    )
    def count(self) -> int:
        return len(self.view.reactors)

    @strawberry.field(description="Whether the viewer has reacted with this emoji.")
    def viewer_has_reacted(self) -> bool:
        return self.view.viewer_has_reacted

    @strawberry.field(description="The users who reacted with this emoji, earliest first.")
    def users(self, info: Info, first: First = UNSET, after: After = UNSET) -> UserConnection:
        """Reads nothing: the people were loaded with the group."""
        viewer, reactions = info.context.signed_in(), info.context.services.reaction
        page = reactions.page_of_people(viewer, self.view, PageRequest(given(first), given(after)))
        cursor_of = partial(reactions.cursor_of, viewer)
        return UserConnection(page=page, cursor_of=cursor_of, person_of=attrgetter("person"))
