"""Relations to other people: the mutations that follow and mute."""

from typing import Annotated

import strawberry

from gql.node import Info
from gql.refusal import InvalidInputError, NotFoundError, PermissionDeniedError
from gql.user import User, UserReference


@strawberry.input(description="Whom to follow.")
class FollowUserInput:
    user: UserReference = strawberry.field(description="The person.")


@strawberry.type(description="The viewer follows this person, now or before.")
class FollowUserSuccess:
    user: User = strawberry.field(description="The person, with `viewerIsFollowing` true.")


@strawberry.input(description="Whom to follow no longer.")
class UnfollowUserInput:
    user: UserReference = strawberry.field(description="The person.")


@strawberry.type(description="The viewer does not follow this person (any more).")
class UnfollowUserSuccess:
    user: User = strawberry.field(description="The person, with `viewerIsFollowing` false.")


@strawberry.input(description="Whom to mute, or not any more.")
class MuteUserInput:
    user: UserReference = strawberry.field(description="The person, who is not told.")
    is_muted: bool = strawberry.field(description="True mutes, false takes it back.")


@strawberry.type(description="The mute is as it was asked for.")
class MuteUserSuccess:
    user: User = strawberry.field(description="The person, with `viewerHasMuted` as it is now.")


FollowUserResult = Annotated[
    FollowUserSuccess | InvalidInputError | NotFoundError | PermissionDeniedError,
    strawberry.union("FollowUserResult", description="What becomes of `followUser`."),
]
UnfollowUserResult = Annotated[
    UnfollowUserSuccess | NotFoundError,
    strawberry.union("UnfollowUserResult", description="What becomes of `unfollowUser`."),
]
MuteUserResult = Annotated[
    MuteUserSuccess | InvalidInputError | NotFoundError,
    strawberry.union("MuteUserResult", description="What becomes of `muteUser`."),
]


@strawberry.mutation(description="Follows somebody, who is then in the audience FOLLOWED_BY_ME.")
async def follow_user(
    info: Info, input: Annotated[FollowUserInput, strawberry.argument(description="Whom.")]
) -> FollowUserResult:
    relation = info.context.services.relation
    return FollowUserSuccess(user=User.of(await relation.follow(info.context.signed_in(), input.user.to_reference())))


@strawberry.mutation(description="Follows no longer.")
async def unfollow_user(
    info: Info, input: Annotated[UnfollowUserInput, strawberry.argument(description="Whom.")]
) -> UnfollowUserResult:
    relation = info.context.services.relation
    person = await relation.unfollow(info.context.signed_in(), input.user.to_reference())
    return UnfollowUserSuccess(user=User.of(person))


@strawberry.mutation(description="Mutes somebody: the viewer gets no notifications for their messages.")
async def mute_user(
    info: Info, input: Annotated[MuteUserInput, strawberry.argument(description="Whom, and whether.")]
) -> MuteUserResult:
    relation = info.context.services.relation
    change = relation.mute if input.is_muted else relation.unmute
    return MuteUserSuccess(user=User.of(await change(info.context.signed_in(), input.user.to_reference())))
