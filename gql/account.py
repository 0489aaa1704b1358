"""Accounts: the type Viewer, and the mutations that sign up, sign in, sign out and change a password."""

from functools import partial
from typing import Annotated

import strawberry

from gql.api_key import ApiKey
from gql.block import BlockConnection, BlockEdge
from gql.connection import After, First
from gql.device import Device
from gql.node import Info, given, moment_of
from gql.refusal import (
    AlreadyExistsError,
    InvalidCredentialsError,
    InvalidInputError,
    PermissionDeniedError,
    RateLimitedError,
)
from gql.scalar import EventCursor
from gql.setting import MessagingSettings
from gql.user import User, UserConnection, UserEdge
from services import viewer as services
from services.account.account import SignUp
from services.page import PageRequest
from services.person.user import Person

UNSET = strawberry.UNSET


@strawberry.type(description="The signed-in person, with what nobody else may see of them.")
class Viewer:
    user: User = strawberry.field(description="The viewer as others see them.")
    email: str | None = strawberry.field(
        description="The viewer's e-mail address; null where none was given, on a device that waits to be trusted, and "
        "for an API key without READ_MESSAGES."
    )
    viewer: strawberry.Private[services.Viewer]

    @classmethod
    def of(cls, viewer: services.Viewer, person: Person) -> "Viewer":
        return cls(user=User.of(person), email=person.row.email, viewer=viewer)

    @strawberry.field(
        description="Unread messages in all conversations, muted ones included; message requests do not count."
    )
    async def unread_message_count(self, info: Info) -> int:
        """One SQL statement, answered from an index."""
        return (await info.context.services.conversation.unread(self.viewer)).messages

    @strawberry.field(
        description="Unread messages for a badge: without those of muted conversations and of muted people."
    )
    async def unmuted_unread_message_count(self, info: Info) -> int:
        """As `unread_message_count`; a viewer who has muted somebody reads the unread messages of groups too."""
        return await info.context.services.conversation.count_unmuted(self.viewer)

    @strawberry.field(description="Conversations with unread messages.")
    async def unread_conversation_count(self, info: Info) -> int:
        """One SQL statement, answered from an index."""
        return (await info.context.services.conversation.unread(self.viewer)).conversations

    @strawberry.field(description="Message requests that wait for the viewer's answer.")
    async def message_request_count(self, info: Info) -> int:
        """One SQL statement, answered from an index."""
        return await info.context.services.conversation.count_requests(self.viewer)

    @strawberry.field(description="Who may write to the viewer, and what the viewer lets others know.")
    async def settings(self, info: Info) -> MessagingSettings:
        return MessagingSettings.of(await info.context.services.setting.get(self.viewer))

    @strawberry.field(description="Where the viewer is signed in, newest first.")
    async def devices(self, info: Info) -> list[Device]:
        """At most 100, not paginated."""
        rows = await info.context.services.device.list_of(self.viewer)
        return [Device.of(row, self.viewer.device_id) for row in rows]

    @strawberry.field(description="The viewer's API keys, newest first, without their secrets.")
    async def api_keys(self, info: Info) -> list[ApiKey]:
        """At most 50, not paginated."""
        return [ApiKey.of(row) for row in await info.context.services.api_key.list_of(self.viewer)]

    @strawberry.field(description="Whom the viewer has muted, newest first.")
    async def muted_users(self, info: Info, first: First = UNSET, after: After = UNSET) -> UserConnection:
        relation = info.context.services.relation
        page = await relation.page_of_muted(self.viewer, PageRequest(given(first), given(after)))

        def cursor_of(item: tuple[Person, int]) -> str:
            return relation.muted_cursor_of(self.viewer, *item)

        return UserConnection.of(page, cursor_of, lambda item: UserEdge(cursor=cursor_of(item), node=User.of(item[0])))

    @strawberry.field(
        description="The place in the viewer's stream of events, taken before anything else of this request was read: "
        "query, then subscribe after it, and nothing is missed."
    )
    async def event_cursor(self, info: Info) -> EventCursor:
        """Taken by `gql.operation.execute`; after a sign-up or sign-in in the same request, it is now."""
        stream = info.context.services.stream
        position, asker = info.context.event_position, info.context.viewer
        if position is None or asker is None or asker.user_id != self.viewer.user_id:
            position = await stream.position(self.viewer)
        return EventCursor(stream.cursor_of(self.viewer, position))

    @strawberry.field(description="Whom the viewer has blocked, newest first.")
    async def blocked_users(self, info: Info, first: First = UNSET, after: After = UNSET) -> BlockConnection:
        blocks = info.context.services.block
        page = await blocks.page_of(self.viewer, PageRequest(given(first), given(after)))

        def cursor_of(item: tuple[Person, int]) -> str:
            return blocks.cursor_of(self.viewer, *item)

        return BlockConnection.of(
            page,
            cursor_of,
            lambda item: BlockEdge(cursor=cursor_of(item), node=User.of(item[0]), blocked_at=moment_of(item[1])),
        )


async def viewer_of(info: Info, viewer: services.Viewer) -> Viewer:
    return Viewer.of(viewer, await info.context.services.user.get_self(viewer))


@strawberry.input(description="A new account.")
class SignUpInput:
    username: str = strawberry.field(
        description="3 to 32 of the letters a to z, digits, `_`, `.` and `-`; unique without case."
    )
    password: str = strawberry.field(description="At least 8 characters (code points), at most 1,024 bytes in UTF-8.")
    display_name: str | None = strawberry.field(
        default=UNSET, description="The name to show, at most 64 characters; the user name if left out."
    )
    email: str | None = strawberry.field(
        default=UNSET,
        description="Shown to the viewer alone. Unique without case where the server has the feature EMAIL_LOOKUP.",
    )
    device_name: str | None = strawberry.field(default=UNSET, description="Where this is, such as `Phone`.")


@strawberry.type(description="The account was made, and its owner is signed in.")
class SignUpSuccess:
    token: str = strawberry.field(description="Send it as `Authorization: Bearer <token>`. It is shown only here.")
    viewer: Viewer = strawberry.field(description="The new person.")


@strawberry.input(description="A user name and its password.")
class SignInInput:
    username: str = strawberry.field(description="The user name, in any case.")
    password: str = strawberry.field(description="The password.")
    device_name: str | None = strawberry.field(default=UNSET, description="Where this is, such as `Phone`.")


@strawberry.type(description="A new session.")
class SignInSuccess:
    token: str = strawberry.field(description="Send it as `Authorization: Bearer <token>`. It is shown only here.")
    viewer: Viewer = strawberry.field(description="Who is signed in.")


@strawberry.input(description="Which sessions to end.")
class SignOutInput:
    everywhere: bool = strawberry.field(default=False, description="End all sessions of the viewer, not only this one.")


@strawberry.type(description="The sessions ended; their live streams end with them.")
class SignOutSuccess:
    ended_sessions: int = strawberry.field(description="How many sessions were ended.")


@strawberry.input(description="Another password for the viewer.")
class ChangePasswordInput:
    current_password: str = strawberry.field(description="The password until now.")
    new_password: str = strawberry.field(
        description="The password from now on: at least 8 characters (code points), at most 1,024 bytes in UTF-8."
    )


@strawberry.type(description="The password is another one, and the viewer's other sessions have ended.")
class ChangePasswordSuccess:
    ended_sessions: int = strawberry.field(description="How many sessions were ended; this one goes on.")


ChangePasswordResult = Annotated[
    ChangePasswordSuccess | InvalidInputError | InvalidCredentialsError | PermissionDeniedError | RateLimitedError,
    strawberry.union("ChangePasswordResult", description="What becomes of `changePassword`."),
]
SignUpResult = Annotated[
    SignUpSuccess | InvalidInputError | AlreadyExistsError | PermissionDeniedError | RateLimitedError,
    strawberry.union("SignUpResult", description="What becomes of `signUp`."),
]
SignInResult = Annotated[
    SignInSuccess | InvalidCredentialsError | RateLimitedError,
    strawberry.union("SignInResult", description="What becomes of `signIn`."),
]
SignOutResult = Annotated[
    SignOutSuccess | PermissionDeniedError,
    strawberry.union("SignOutResult", description="What becomes of `signOut`."),
]


@strawberry.mutation(description="Makes an account and signs in.")
async def sign_up(
    info: Info, input: Annotated[SignUpInput, strawberry.argument(description="The account.")]
) -> SignUpResult:
    form = SignUp(
        username=input.username,
        password=input.password,
        display_name=given(input.display_name),
        email=given(input.email),
        device_name=given(input.device_name),
        remote=info.context.remote,
    )
    signed_in = await info.context.services.account.sign_up(form)
    return SignUpSuccess(token=signed_in.token, viewer=await viewer_of(info, signed_in.viewer))


@strawberry.mutation(description="Opens a session.")
async def sign_in(
    info: Info, input: Annotated[SignInInput, strawberry.argument(description="The credentials.")]
) -> SignInResult:
    open_session = partial(info.context.services.account.sign_in, remote=info.context.remote)
    signed_in = await open_session(input.username, input.password, given(input.device_name))
    return SignInSuccess(token=signed_in.token, viewer=await viewer_of(info, signed_in.viewer))


@strawberry.mutation(description="Ends this session, or all of the viewer's.")
async def sign_out(
    info: Info, input: Annotated[SignOutInput, strawberry.argument(description="Which sessions.")]
) -> SignOutResult:
    viewer = info.context.signed_in()
    ended = await info.context.services.account.sign_out(viewer, everywhere=input.everywhere)
    return SignOutSuccess(ended_sessions=ended)


@strawberry.mutation(description="Changes the viewer's password and ends their other sessions.")
async def change_password(
    info: Info, input: Annotated[ChangePasswordInput, strawberry.argument(description="The passwords.")]
) -> ChangePasswordResult:
    change = info.context.services.account.change_password
    ended = await change(info.context.signed_in(), input.current_password, input.new_password)
    return ChangePasswordSuccess(ended_sessions=ended)
