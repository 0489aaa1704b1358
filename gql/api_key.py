"""API keys of the viewer: the type, and the mutations that create and revoke one."""

from datetime import datetime
from functools import reduce
from operator import or_
from typing import Annotated

import strawberry

from gql.enum import described
from gql.id import Kind, encode, number_of
from gql.node import Info, Node, given
from gql.refusal import InvalidInputError, NotFoundError, PermissionDeniedError
from gql.result import viewer_field
from gql.scalar import Moment, ms_of
from models.api_key import ApiKeyRow, Scope

described(
    Scope,
    "ApiScope",
    "A permission of an API key.",
    {
        "READ_MESSAGES": "Read everything that the owner can read, except devices and API keys, and subscribe to "
        "events.",
        "SEND_MESSAGES": "Send messages. Together with READ_MESSAGES, also edit and react to messages, mark them as "
        "read, and change the owner's settings and conversations.",
        "ACT_AS_ANY_USER": "Use the key's other scopes on behalf of the user named in the `X-Act-As` header. Only the "
        "operator can grant it.",
        "ADMIN": "Reserved for the administration API; it grants nothing yet. Only the operator can grant it.",
    },
)


@strawberry.type(
    description="A credential for programs. Send its secret as `Authorization: Bearer <secret>`, or as the HTTP Basic "
    "password with its owner's email address or username."
)
class ApiKey(Node):
    """Shown only to its owner, and never with its secret."""

    row: strawberry.Private[ApiKeyRow]

    def global_id(self) -> strawberry.ID:
        return encode(Kind.API_KEY, self.row.id)

    @strawberry.field(description="The name that its owner gave it.")
    def name(self) -> str:
        return self.row.name

    @strawberry.field(description="The permissions of the key, at least one.")
    def scopes(self) -> list[Scope]:
        return [scope for scope in Scope if scope & self.row.scopes]

    @strawberry.field(description="When the key was created.")
    def created_at(self) -> Moment:
        return Moment(self.row.created_at)

    @strawberry.field(description="When the key expires. Null if it never expires.")
    def expires_at(self) -> Moment | None:
        return None if self.row.expires_at is None else Moment(self.row.expires_at)

    @strawberry.field(
        description="When the key was last used, accurate to within five minutes. Null if it has never been used."
    )
    def last_used_at(self) -> Moment | None:
        return None if self.row.last_used_at is None else Moment(self.row.last_used_at)


@strawberry.input(description="The API key to create.")
class CreateApiKeyInput:
    name: str = strawberry.field(description="A name that says what the key is for: 1 to 64 characters.")
    scopes: list[Scope] = strawberry.field(
        description="The permissions of the key, at least one. ACT_AS_ANY_USER and ADMIN are refused."
    )
    expires_at: datetime | None = strawberry.field(
        default=strawberry.UNSET,
        description="When the key expires, which must be in the future. Never if omitted or null.",
    )


@strawberry.type(description="The API key was created.")
class CreateApiKeySuccess:
    api_key: ApiKey = strawberry.field(description="The new key, without its secret.")
    secret: str = strawberry.field(
        description="The secret to send with requests. It is returned only once and cannot be read again."
    )
    viewer = viewer_field()


@strawberry.input(description="The API key to revoke.")
class RevokeApiKeyInput:
    api_key_id: strawberry.ID = strawberry.field(description="The id of one of `viewer.apiKeys`.")


@strawberry.type(description="The API key was revoked and no longer works.")
class RevokeApiKeySuccess:
    api_key_id: strawberry.ID = strawberry.field(description="The id of the revoked key.")


CreateApiKeyResult = Annotated[
    CreateApiKeySuccess | InvalidInputError | PermissionDeniedError,
    strawberry.union("CreateApiKeyResult", description="The result of `createApiKey`."),
]
RevokeApiKeyResult = Annotated[
    RevokeApiKeySuccess | NotFoundError,
    strawberry.union("RevokeApiKeyResult", description="The result of `revokeApiKey`."),
]


@strawberry.mutation(description="Creates an API key with which a program can act for the viewer.")
async def create_api_key(
    info: Info, input: Annotated[CreateApiKeyInput, strawberry.argument(description="The input of `createApiKey`.")]
) -> CreateApiKeyResult:
    viewer, expires_at = info.context.signed_in(), given(input.expires_at)
    row, secret = await info.context.services.api_key.create(
        viewer, input.name, reduce(or_, input.scopes, Scope(0)), None if expires_at is None else ms_of(expires_at)
    )
    return CreateApiKeySuccess(api_key=ApiKey(row=row), secret=secret)


@strawberry.mutation(description="Revokes one of the viewer's API keys.")
async def revoke_api_key(
    info: Info, input: Annotated[RevokeApiKeyInput, strawberry.argument(description="The input of `revokeApiKey`.")]
) -> RevokeApiKeyResult:
    await info.context.services.api_key.revoke(info.context.signed_in(), number_of(Kind.API_KEY, input.api_key_id))
    return RevokeApiKeySuccess(api_key_id=input.api_key_id)
