"""Relations to other people: the mutations that follow and mute."""

from typing import Annotated

import strawberry

from gql.node import Info
from gql.refusal import InvalidInputError, NotFoundError, PermissionDeniedError
from gql.result import viewer_field
from gql.user import User, UserReference


@strawberry.input(description="The user to follow.")
class FollowUserInput:
    user: UserReference = strawberry.field(description="Identifies the user to follow.")


@strawberry.type(description="The viewer now follows the user. Following them again changes nothing.")
class FollowUserSuccess:
    user: User = strawberry.field(description="The followed user, with `viewerIsFollowing` true.")


@strawberry.input(description="The user to unfollow.")
class UnfollowUserInput:
    user: UserReference = strawberry.field(description="Identifies the user to unfollow.")


@strawberry.type(description="The viewer no longer follows the user. Unfollowing them again changes nothing.")
class UnfollowUserSuccess:
    user: User = strawberry.field(description="The unfollowed user, with `viewerIsFollowing` false.")


@strawberry.input(description="The user to mute.")
class MuteUserInput:
    user: UserReference = strawberry.field(description="Identifies the user to mute.")


@strawberry.type(description="The user is now muted. Muting them again changes nothing.")
class MuteUserSuccess:
    user: User = strawberry.field(description="The muted user, with `viewerHasMuted` true.")
    viewer = viewer_field()


@strawberry.input(description="The user to unmute.")
class UnmuteUserInput:
    user: UserReference = strawberry.field(description="Identifies the user to unmute.")


@strawberry.type(description="The user is no longer muted. Unmuting them again changes nothing.")
class UnmuteUserSuccess:
    user: User = strawberry.field(description="The unmuted user, with `viewerHasMuted` false.")
    viewer = viewer_field()


FollowUserResult = Annotated[
    FollowUserSuccess | InvalidInputError | NotFoundError | PermissionDeniedError,
    strawberry.union("FollowUserResult", description="The result of `followUser`."),
]
UnfollowUserResult = Annotated[
    UnfollowUserSuccess | NotFoundError,
    strawberry.union("UnfollowUserResult", description="The result of `unfollowUser`."),
]
MuteUserResult = Annotated[
    MuteUserSuccess | InvalidInputError | NotFoundError,
    strawberry.union("MuteUserResult", description="The result of `muteUser`."),
]
UnmuteUserResult = Annotated[
    UnmuteUserSuccess | NotFoundError,
    strawberry.union("UnmuteUserResult", description="The result of `unmuteUser`."),
]


@strawberry.mutation(description="Follows a user, which adds them to the viewer's audience FOLLOWED_BY_ME.")
async def follow_user(
    info: Info, input: Annotated[FollowUserInput, strawberry.argument(description="The input of `followUser`.")]
) -> FollowUserResult:
    relation = info.context.services.relation
    return FollowUserSuccess(
        user=User(person=await relation.follow(info.context.signed_in(), input.user.to_reference()))
    )


@strawberry.mutation(description="Stops following a user.")
async def unfollow_user(
    info: Info, input: Annotated[UnfollowUserInput, strawberry.argument(description="The input of `unfollowUser`.")]
) -> UnfollowUserResult:
    relation = info.context.services.relation
    person = await relation.unfollow(info.context.signed_in(), input.user.to_reference())
    return UnfollowUserSuccess(user=User(person=person))


@strawberry.mutation(
    description="Mutes a user: clients should not notify the viewer of their messages. The user is not told."
)
async def mute_user(
    info: Info, input: Annotated[MuteUserInput, strawberry.argument(description="The input of `muteUser`.")]
) -> MuteUserResult:
    relation = info.context.services.relation
    person = await relation.mute(info.context.signed_in(), input.user.to_reference())
    return MuteUserSuccess(user=User(person=person))


@strawberry.mutation(description="Unmutes a user: clients can notify the viewer of their messages again.")
async def unmute_user(
    info: Info, input: Annotated[UnmuteUserInput, strawberry.argument(description="The input of `unmuteUser`.")]
) -> UnmuteUserResult:
    relation = info.context.services.relation
    return UnmuteUserSuccess(
        user=User(person=await relation.unmute(info.context.signed_in(), input.user.to_reference()))
    )
