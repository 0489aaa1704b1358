"""Blocks: the list of blocked people, and the mutations that block and unblock."""

from typing import Annotated

import strawberry

from gql.connection import Connection, Edge, cursor_field, page_info_field
from gql.level import shared_field
from gql.loader import SharedReads
from gql.node import Info
from gql.refusal import InvalidInputError, NotFoundError
from gql.result import viewer_field
from gql.scalar import Moment
from gql.user import User, UserReference
from services.person.user import Person


@strawberry.type(description="An edge of a list of blocked users: a user and when they were blocked.")
class BlockEdge(Edge[tuple[Person, int]]):
    cursor = cursor_field()

    @strawberry.field(description="The blocked user.")
    def node(self) -> User:
        return User(person=self.view[0])

    @strawberry.field(description="When the viewer blocked this user.")
    def blocked_at(self) -> Moment:
        return Moment(self.view[1])


@strawberry.type(description="A page of the users the viewer has blocked.")
class BlockConnection(Connection[tuple[Person, int]]):
    reads: strawberry.Private[SharedReads]

    @strawberry.field(description="The edges of this page, with cursors and times.")
    def edges(self) -> list[BlockEdge]:
        return [BlockEdge(view=item, cursor_of=self.cursor_of) for item in self.page.items]

    @strawberry.field(description="The users of this page.")
    def nodes(self) -> list[User]:
        return [User(person=person) for person, _blocked_at in self.page.items]

    page_info = page_info_field()

    @shared_field(description="The total number of users the viewer has blocked, across all pages.")
    async def total_count(self, info: Info) -> int:
        """One SQL statement."""
        return await self.reads.of(info.context.services.block.count)


@strawberry.input(description="The user to block.")
class BlockUserInput:
    user: UserReference = strawberry.field(description="Identifies the user to block.")


@strawberry.type(description="The user is now blocked. Blocking them again changes nothing.")
class BlockUserSuccess:
    user: User = strawberry.field(description="The blocked user, with `viewerHasBlocked` true.")
    viewer = viewer_field()


@strawberry.input(description="The user to unblock.")
class UnblockUserInput:
    user: UserReference = strawberry.field(description="Identifies the user to unblock.")


@strawberry.type(description="The user is no longer blocked. Unblocking them again changes nothing.")
class UnblockUserSuccess:
    user: User = strawberry.field(description="The unblocked user, with `viewerHasBlocked` false.")
    viewer = viewer_field()


BlockUserResult = Annotated[
    BlockUserSuccess | InvalidInputError | NotFoundError,
    strawberry.union("BlockUserResult", description="The result of `blockUser`."),
]
UnblockUserResult = Annotated[
    UnblockUserSuccess | NotFoundError,
    strawberry.union("UnblockUserResult", description="The result of `unblockUser`."),
]


@strawberry.mutation(
    description="Blocks a user: neither can write to the other directly, and the viewer gets none of the user's new "
    "messages in groups. The user is not told."
)
async def block_user(
    info: Info, input: Annotated[BlockUserInput, strawberry.argument(description="The input of `blockUser`.")]
) -> BlockUserResult:
    viewer = info.context.signed_in()
    return BlockUserSuccess(
        user=User(person=await info.context.services.block.block(viewer, input.user.to_reference()))
    )


@strawberry.mutation(description="Unblocks a user. Messages that were refused during the block are not delivered.")
async def unblock_user(
    info: Info, input: Annotated[UnblockUserInput, strawberry.argument(description="The input of `unblockUser`.")]
) -> UnblockUserResult:
    viewer = info.context.signed_in()
    person = await info.context.services.block.unblock(viewer, input.user.to_reference())
    return UnblockUserSuccess(user=User(person=person))
