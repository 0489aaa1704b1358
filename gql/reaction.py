"""Reactions: one emoji on a message, with the people who reacted."""

from functools import partial

import strawberry

from gql.connection import After, First
from gql.loader import type_of
from gql.node import Info, given
from gql.user import User, UserConnection, UserEdge
from services.message.reaction import ReactionGroup as GroupView
from services.page import PageRequest

UNSET = strawberry.UNSET


@strawberry.type(description="One emoji on a message, with the users who reacted with it.")
class ReactionGroup:
    emoji: str = strawberry.field(description="The emoji itself, such as 👍.")
    count: int = strawberry.field(
        description="The number of users who reacted with this emoji, including the viewer if they did. Users whom the "
        "viewer has blocked do not count."
    )
    viewer_has_reacted: bool = strawberry.field(description="Whether the viewer has reacted with this emoji.")
    view: strawberry.Private[GroupView]

    @classmethod
    def of(cls, view: GroupView) -> "ReactionGroup":
        return cls(emoji=view.emoji, count=len(view.reactors), viewer_has_reacted=view.viewer_has_reacted, view=view)

    @strawberry.field(description="The users who reacted with this emoji, earliest first.")
    def users(self, info: Info, first: First = UNSET, after: After = UNSET) -> UserConnection:
        """Reads nothing: the people were loaded with the group."""
        viewer, reactions = info.context.signed_in(), info.context.services.reaction
        page = reactions.page_of_people(viewer, self.view, PageRequest(given(first), given(after)))
        cursor_of = partial(reactions.cursor_of, viewer)
        return UserConnection.of(
            page, cursor_of, lambda each: UserEdge(cursor=cursor_of(each), node=User.of(each.person))
        )


type_of.register(GroupView, ReactionGroup.of)
