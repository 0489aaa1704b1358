"""Reactions: one emoji on a message, with the people who reacted."""

from typing import Annotated

import strawberry

from gql.loader import type_of
from gql.node import Info
from gql.user import User
from services.error import BadRequest
from services.message.reaction import ReactionGroup as GroupView

MAX_USERS = 100


@strawberry.type(description="One emoji on a message, with the people who set it.")
class ReactionGroup:
    emoji: str = strawberry.field(description="The emoji.")
    count: int = strawberry.field(description="How many people set it, the viewer among them.")
    viewer_has_reacted: bool = strawberry.field(description="Whether the viewer is one of them.")
    view: strawberry.Private[GroupView]

    @classmethod
    def of(cls, view: GroupView) -> "ReactionGroup":
        return cls(emoji=view.emoji, count=len(view.people), viewer_has_reacted=view.viewer_has_reacted, view=view)

    @strawberry.field(description="The people, the first of them first.")
    def users(
        self,
        info: Info,
        first: Annotated[int | None, strawberry.argument(description="At most so many, 1 to 100.")] = 10,
    ) -> list[User]:
        """Reads nothing: the people were loaded with the group."""
        size = 10 if first is None else first
        if not 1 <= size <= MAX_USERS:
            raise BadRequest(f"`first` must be between 1 and {MAX_USERS}; it is {size}.")
        return [User.of(person) for person in self.view.people[:size]]


type_of.register(GroupView, ReactionGroup.of)
