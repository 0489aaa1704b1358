"""The schema: the roots, put together once for a process."""

from collections.abc import AsyncGenerator, Callable
from functools import cache

import strawberry
from strawberry.extensions import DisableIntrospection, SchemaExtension
from strawberry.printer import print_schema
from strawberry.schema.config import StrawberryConfig

from gql.account import SignInResult, SignOutResult, SignUpResult, sign_in, sign_out, sign_up
from gql.block import BlockUserResult, UnblockUserResult, block_user, unblock_user
from gql.error import SottoSchema
from gql.event import PrivateMessageReceived, private_message_received
from gql.handler import HANDLERS
from gql.limit import limit_extensions
from gql.query import Query
from gql.scalar import SCALAR_MAP
from gql.send import (
    SendPrivateMessageResult,
    SendPrivateMessageToEachResult,
    send_private_message,
    send_private_message_to_each,
)


@strawberry.type(description="Everything that can be done. Each answers with a union: a success, or a typed refusal.")
class Mutation:
    """One service call each."""

    sign_up: SignUpResult = strawberry.mutation(resolver=sign_up, description="Makes an account and signs in.")
    sign_in: SignInResult = strawberry.mutation(resolver=sign_in, description="Opens a session.")
    sign_out: SignOutResult = strawberry.mutation(
        resolver=sign_out, description="Ends this session, or all of the viewer's."
    )
    send_private_message: SendPrivateMessageResult = strawberry.mutation(
        resolver=send_private_message,
        description="Sends one message, with its files, to one person, to a group, or into a conversation. All "
        "recipients and files pass, or nothing is stored and every offender is named.",
    )
    send_private_message_to_each: SendPrivateMessageToEachResult = strawberry.mutation(
        resolver=send_private_message_to_each,
        description="Sends the same message to several people separately; each gets it or has an outcome of their own.",
    )
    block_user: BlockUserResult = strawberry.mutation(
        resolver=block_user,
        description="Blocks somebody: from now on neither can write to the other. They are not told.",
    )
    unblock_user: UnblockUserResult = strawberry.mutation(
        resolver=unblock_user, description="Takes a block back. What was refused meanwhile is not delivered later."
    )


@strawberry.type(description="Everything that can be heard live, over graphql-transport-ws.")
class Subscription:
    """From the log, as the viewer may see it at the moment of delivery."""

    private_message_received: AsyncGenerator[PrivateMessageReceived, None] = strawberry.subscription(
        resolver=private_message_received,
        description="New messages of all the viewer's conversations, their own from other devices included; in order, "
        "none missing, none twice. A cursor that the server no longer holds fails with CURSOR_EXPIRED.",
    )


@cache
def build_schema(*, introspection: bool = True) -> SottoSchema:
    """The schema that is served, one for a process; `introspection` False hides it from whoever asks."""
    extensions: list[Callable[[], SchemaExtension]] = [*limit_extensions()]
    if not introspection:
        extensions.append(DisableIntrospection)
    return SottoSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        extensions=extensions,
        exception_handlers=HANDLERS,
        config=StrawberryConfig(scalar_map=SCALAR_MAP),
    )


@cache
def schema_text() -> str:
    """The schema in the definition language, as `schema.graphql` holds it; ends in a newline."""
    return print_schema(build_schema()) + "\n"
