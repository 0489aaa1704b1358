"""Blocks: the list of blocked people, and the mutations that block and unblock."""

from datetime import datetime
from typing import Annotated

import strawberry

from gql.connection import Connection, Edge
from gql.node import Info
from gql.refusal import InvalidInputError, NotFoundError
from gql.user import User, UserReference


@strawberry.type(description="Somebody whom the viewer has blocked.")
class BlockEdge(Edge[User]):
    node: User = strawberry.field(description="The person.")
    blocked_at: datetime = strawberry.field(description="Since when.")


@strawberry.type(description="Whom the viewer has blocked.")
class BlockConnection(Connection[BlockEdge, User]):
    edges: list[BlockEdge] = strawberry.field(description="The people, and since when.")
    nodes: list[User] = strawberry.field(description="The people alone.")


@strawberry.input(description="Whom to block.")
class BlockUserInput:
    user: UserReference = strawberry.field(description="The person.")


@strawberry.type(description="The person is blocked, now or before.")
class BlockUserSuccess:
    user: User = strawberry.field(description="The person, with `viewerHasBlocked` true.")


@strawberry.input(description="Whom to unblock.")
class UnblockUserInput:
    user: UserReference = strawberry.field(description="The person.")


@strawberry.type(description="The person is not blocked by the viewer (any more).")
class UnblockUserSuccess:
    user: User = strawberry.field(description="The person, with `viewerHasBlocked` false.")


BlockUserResult = Annotated[
    BlockUserSuccess | InvalidInputError | NotFoundError,
    strawberry.union("BlockUserResult", description="What becomes of `blockUser`."),
]
UnblockUserResult = Annotated[
    UnblockUserSuccess | NotFoundError,
    strawberry.union("UnblockUserResult", description="What becomes of `unblockUser`."),
]


@strawberry.mutation(description="Blocks somebody: from now on neither can write to the other. They are not told.")
async def block_user(
    info: Info, input: Annotated[BlockUserInput, strawberry.argument(description="Whom.")]
) -> BlockUserResult:
    viewer = info.context.signed_in()
    return BlockUserSuccess(user=User.of(await info.context.services.block.block(viewer, input.user.to_reference())))


@strawberry.mutation(description="Takes a block back. What was refused meanwhile is not delivered later.")
async def unblock_user(
    info: Info, input: Annotated[UnblockUserInput, strawberry.argument(description="Whom.")]
) -> UnblockUserResult:
    viewer = info.context.signed_in()
    person = await info.context.services.block.unblock(viewer, input.user.to_reference())
    return UnblockUserSuccess(user=User.of(person))
