"""API keys of the viewer: the type, and the mutations that create and revoke one."""

from datetime import datetime
from functools import reduce
from operator import or_
from typing import Annotated

import strawberry

from gql.enum import described
from gql.id import Kind, encode, number_of
from gql.node import Info, Node, given, moment_of, ms_of
from gql.refusal import InvalidInputError, NotFoundError, PermissionDeniedError
from models.api_key import ApiKeyRow, Scope

described(
    Scope,
    "ApiScope",
    "What an API key may do.",
    {
        "READ_MESSAGES": "Read what its owner can read, and listen.",
        "SEND_MESSAGES": "Send. With READ_MESSAGES as well: edit, react, mark as read, and change what is its owner's.",
        "ACT_AS_ANY_USER": "Do what its other scopes allow for anybody, named by the header `X-Act-As`. Only the "
        "operator gives it.",
        "ADMIN": "Kept for what an operator will be able to do by the API. Only the operator gives it.",
    },
)


@strawberry.type(
    description="A key for a program, sent as `Authorization: Bearer`, or as HTTP Basic with its owner's e-mail "
    "address or user name."
)
class ApiKey(Node):
    """Shown only to its owner, and never with its secret."""

    name: str = strawberry.field(description="What its owner called it.")
    scopes: list[Scope] = strawberry.field(description="What it may do.")
    created_at: datetime = strawberry.field(description="When it was made.")
    expires_at: datetime | None = strawberry.field(description="When it ends; null for never.")
    last_used_at: datetime | None = strawberry.field(
        description="When it was last used, to within five minutes; null for never."
    )

    @classmethod
    def of(cls, row: ApiKeyRow) -> "ApiKey":
        return cls(
            id=encode(Kind.API_KEY, row.id),
            name=row.name,
            scopes=[scope for scope in Scope if scope & row.scopes],
            created_at=moment_of(row.created_at),
            expires_at=None if row.expires_at is None else moment_of(row.expires_at),
            last_used_at=None if row.last_used_at is None else moment_of(row.last_used_at),
        )


@strawberry.input(description="A new key of the viewer's.")
class CreateApiKeyInput:
    name: str = strawberry.field(description="What it is for, at most 64 characters.")
    scopes: list[Scope] = strawberry.field(description="What it may do; at least one.")
    expires_at: datetime | None = strawberry.field(
        default=strawberry.UNSET, description="When it ends; null for never."
    )


@strawberry.type(description="The key was made.")
class CreateApiKeySuccess:
    api_key: ApiKey = strawberry.field(description="The key as it will be listed.")
    secret: str = strawberry.field(description="The key itself. It is shown only here.")


@strawberry.input(description="Which key to end.")
class RevokeApiKeyInput:
    api_key_id: strawberry.ID = strawberry.field(description="From `viewer.apiKeys`.")


@strawberry.type(description="The key is good for nothing any more.")
class RevokeApiKeySuccess:
    api_key_id: strawberry.ID = strawberry.field(description="The key that is gone.")


CreateApiKeyResult = Annotated[
    CreateApiKeySuccess | InvalidInputError | PermissionDeniedError,
    strawberry.union("CreateApiKeyResult", description="What becomes of `createApiKey`."),
]
RevokeApiKeyResult = Annotated[
    RevokeApiKeySuccess | NotFoundError,
    strawberry.union("RevokeApiKeyResult", description="What becomes of `revokeApiKey`."),
]


@strawberry.mutation(description="Makes an API key for a program of the viewer's.")
async def create_api_key(
    info: Info, input: Annotated[CreateApiKeyInput, strawberry.argument(description="The key.")]
) -> CreateApiKeyResult:
    viewer, expires_at = info.context.signed_in(), given(input.expires_at)
    row, secret = await info.context.services.api_key.create(
        viewer, input.name, reduce(or_, input.scopes, Scope(0)), None if expires_at is None else ms_of(expires_at)
    )
    return CreateApiKeySuccess(api_key=ApiKey.of(row), secret=secret)


@strawberry.mutation(description="Ends an API key of the viewer's.")
async def revoke_api_key(
    info: Info, input: Annotated[RevokeApiKeyInput, strawberry.argument(description="The key.")]
) -> RevokeApiKeyResult:
    await info.context.services.api_key.revoke(info.context.signed_in(), number_of(Kind.API_KEY, input.api_key_id))
    return RevokeApiKeySuccess(api_key_id=input.api_key_id)
