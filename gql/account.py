"""Accounts: the type Viewer, and the mutations that sign up, sign in, sign out and change a password."""

from functools import partial
from operator import itemgetter
from typing import Annotated

import strawberry

from gql.api_key import ApiKey
from gql.block import BlockConnection
from gql.connection import After, First
from gql.device import Device
from gql.id import Kind, encode
from gql.level import shared_field
from gql.loader import SharedReads, type_of
from gql.node import Info, Node, given
from gql.part import viewer_parts
from gql.refusal import (
    AlreadyExistsError,
    InvalidCredentialsError,
    InvalidInputError,
    PermissionDeniedError,
    RateLimitedError,
)
from gql.scalar import EventCursor
from gql.selection import Selection, selection_of
from gql.setting import MessagingSettings
from gql.user import User, UserConnection
from models.unread import UnreadRow
from services import viewer as services
from services.account.sign_up import SignUp
from services.message.viewer_view import ViewerView
from services.page import PageRequest
from services.part import MISSING
from services.person.user import Person

UNSET = strawberry.UNSET


@strawberry.type(
    description="The signed-in user, with everything that only they can see. Its `id` differs from that of `user`."
)
class Viewer(Node):
    view: strawberry.Private[ViewerView]
    reads: strawberry.Private[SharedReads]

    @classmethod
    def of(cls, view: ViewerView) -> "Viewer":
        return cls(view=view, reads=SharedReads(view.viewer))

    def global_id(self) -> strawberry.ID:
        return encode(Kind.VIEWER, self.view.viewer.user_id)

    @strawberry.field(description="The viewer's public profile.")
    def user(self) -> User:
        return User(person=self.view.person)

    @strawberry.field(
        description="The viewer's email address. Null if they have none, on a device that must still be confirmed, and "
        "for an API key without READ_MESSAGES."
    )
    def email(self) -> str | None:
        return self.view.person.row.email

    @shared_field(
        description="The number of unread messages in all conversations, including muted and archived ones, except "
        "message requests."
    )
    async def unread_message_count(self, info: Info) -> int:
        """One SQL statement, answered from an index."""
        return (await self._unread(info)).messages

    @shared_field(
        description="The number of unread messages to show in a badge: excludes muted conversations, muted users and "
        "message requests."
    )
    async def unmuted_unread_message_count(self, info: Info) -> int:
        """As `unread_message_count`; a viewer who has muted somebody reads the unread messages of groups too."""
        loaded = self.view.unmuted
        return await self.reads.of(info.context.services.conversation.count_unmuted) if loaded is MISSING else loaded

    @shared_field(
        description="The number of conversations whose `isUnread` is true, including muted and archived ones, except "
        "message requests."
    )
    async def unread_conversation_count(self, info: Info) -> int:
        """One SQL statement, answered from an index."""
        return (await self._unread(info)).conversations

    async def _unread(self, info: Info) -> UnreadRow:
        loaded = self.view.unread
        return await self.reads.of(info.context.services.conversation.unread) if loaded is MISSING else loaded

    @shared_field(description="The number of message requests that are waiting for the viewer's answer.")
    async def message_request_count(self, info: Info) -> int:
        """One SQL statement, answered from an index."""
        loaded = self.view.requests
        return await self.reads.of(info.context.services.conversation.count_requests) if loaded is MISSING else loaded

    @shared_field(description="The viewer's settings: who can write to them, and what others can see about them.")
    async def settings(self, info: Info) -> MessagingSettings:
        return MessagingSettings.of(await self.reads.of(info.context.services.setting.get))

    @shared_field(description="The devices on which the viewer is signed in, newest first; at most 100.")
    async def devices(self, info: Info) -> list[Device]:
        """At most 100, not paginated."""
        rows = await self.reads.of(info.context.services.device.list_of)
        return [Device(row=row, viewer_device_id=self.view.viewer.device_id) for row in rows]

    @shared_field(description="The viewer's API keys without their secrets, newest first; at most 50.")
    async def api_keys(self, info: Info) -> list[ApiKey]:
        """At most 50, not paginated."""
        return [ApiKey(row=row) for row in await self.reads.of(info.context.services.api_key.list_of)]

    @shared_field(description="The users the viewer has muted, most recent first.")
    async def muted_users(self, info: Info, first: First = UNSET, after: After = UNSET) -> UserConnection:
        relation = info.context.services.relation
        page = await self.reads.of(relation.page_of_muted, PageRequest(given(first), given(after)))

        def cursor_of(item: tuple[Person, int]) -> str:
            return relation.muted_cursor_of(self.view.viewer, *item)

        return UserConnection(page=page, cursor_of=cursor_of, person_of=itemgetter(0))

    @shared_field(
        description="The viewer's current position in the event stream, taken before anything else in this request "
        "is read. Query first, then subscribe with `after` set to it: nothing is missed."
    )
    async def event_cursor(self, info: Info) -> EventCursor:
        """Taken by `gql.operation.execute`; after a sign-up or sign-in in the same request, it is now."""
        stream = info.context.services.stream
        position, asker = info.context.event_position, info.context.viewer
        if position is None or asker is None or asker.user_id != self.view.viewer.user_id:
            position = await self.reads.of(stream.position)
        return EventCursor(stream.cursor_of(self.view.viewer, position))

    @shared_field(description="The users the viewer has blocked, most recent first.")
    async def blocked_users(self, info: Info, first: First = UNSET, after: After = UNSET) -> BlockConnection:
        blocks = info.context.services.block
        page = await self.reads.of(blocks.page_of, PageRequest(given(first), given(after)))

        def cursor_of(item: tuple[Person, int]) -> str:
            return blocks.cursor_of(self.view.viewer, *item)

        return BlockConnection(page=page, cursor_of=cursor_of, reads=self.reads)


async def viewer_of(info: Info, viewer: services.Viewer, selection: Selection) -> Viewer:
    """The viewer with what these fields show."""
    return Viewer.of(await info.context.services.conversation.get_viewer(viewer, viewer_parts(selection)))


type_of.register(ViewerView, Viewer.of)


@strawberry.input(description="The account to create.")
class SignUpInput:
    username: str = strawberry.field(
        description="The username: 3 to 32 letters A to Z, digits, `_`, `.` and `-`. Unique, ignoring case."
    )
    password: str = strawberry.field(
        description="The password: at least 8 characters (code points) and at most 1,024 bytes in UTF-8."
    )
    display_name: str | None = strawberry.field(
        default=UNSET, description="The name to show, at most 64 characters. The username if omitted or null."
    )
    email: str | None = strawberry.field(
        default=UNSET,
        description="An email address, shown only to the viewer. Unique, ignoring case, if the server has the feature "
        "EMAIL_LOOKUP. None if omitted or null.",
    )
    device_name: str | None = strawberry.field(
        default=UNSET,
        description="A name for this device, such as `Phone`: at most 64 characters. None if omitted or null.",
    )


@strawberry.type(description="The account was created and its first session was opened.")
class SignUpSuccess:
    token: str = strawberry.field(
        description="The session token. Send it as `Authorization: Bearer <token>`. It is returned only once."
    )
    viewer: Viewer = strawberry.field(description="The new user, signed in.")


@strawberry.input(description="The credentials to sign in with.")
class SignInInput:
    username: str = strawberry.field(description="The username, ignoring case.")
    password: str = strawberry.field(description="The password of this account.")
    device_name: str | None = strawberry.field(
        default=UNSET,
        description="A name for this device, such as `Phone`: at most 64 characters. None if omitted or null.",
    )


@strawberry.type(description="A new session was opened.")
class SignInSuccess:
    token: str = strawberry.field(
        description="The session token. Send it as `Authorization: Bearer <token>`. It is returned only once."
    )
    viewer: Viewer = strawberry.field(description="The signed-in user.")


@strawberry.input(description="The sessions to end.")
class SignOutInput:
    everywhere: bool = strawberry.field(
        default=False, description="True ends all of the viewer's sessions, false only this one."
    )


@strawberry.type(description="The sessions were ended, together with their subscriptions.")
class SignOutSuccess:
    ended_sessions: int = strawberry.field(description="The number of sessions that were ended.")


@strawberry.input(description="The current password and the new one.")
class ChangePasswordInput:
    current_password: str = strawberry.field(description="The viewer's current password.")
    new_password: str = strawberry.field(
        description="The new password: at least 8 characters (code points) and at most 1,024 bytes in UTF-8."
    )


@strawberry.type(description="The password was changed and the viewer's other sessions were ended.")
class ChangePasswordSuccess:
    ended_sessions: int = strawberry.field(
        description="The number of other sessions that were ended. This one continues."
    )


ChangePasswordResult = Annotated[
    ChangePasswordSuccess | InvalidInputError | InvalidCredentialsError | PermissionDeniedError | RateLimitedError,
    strawberry.union("ChangePasswordResult", description="The result of `changePassword`."),
]
SignUpResult = Annotated[
    SignUpSuccess | InvalidInputError | AlreadyExistsError | PermissionDeniedError | RateLimitedError,
    strawberry.union("SignUpResult", description="The result of `signUp`."),
]
SignInResult = Annotated[
    SignInSuccess | InvalidCredentialsError | RateLimitedError,
    strawberry.union("SignInResult", description="The result of `signIn`."),
]
SignOutResult = Annotated[
    SignOutSuccess | PermissionDeniedError,
    strawberry.union("SignOutResult", description="The result of `signOut`."),
]


@strawberry.mutation(description="Creates an account and signs in.")
async def sign_up(
    info: Info, input: Annotated[SignUpInput, strawberry.argument(description="The input of `signUp`.")]
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
    return SignUpSuccess(
        token=signed_in.token, viewer=await viewer_of(info, signed_in.viewer, selection_of(info).below("viewer"))
    )


@strawberry.mutation(description="Signs in with a username and a password.")
async def sign_in(
    info: Info, input: Annotated[SignInInput, strawberry.argument(description="The input of `signIn`.")]
) -> SignInResult:
    open_session = partial(info.context.services.account.sign_in, remote=info.context.remote)
    signed_in = await open_session(input.username, input.password, given(input.device_name))
    return SignInSuccess(
        token=signed_in.token, viewer=await viewer_of(info, signed_in.viewer, selection_of(info).below("viewer"))
    )


@strawberry.mutation(description="Signs out: ends this session, or all sessions of the viewer.")
async def sign_out(
    info: Info, input: Annotated[SignOutInput, strawberry.argument(description="The input of `signOut`.")]
) -> SignOutResult:
    viewer = info.context.signed_in()
    ended = await info.context.services.account.sign_out(viewer, everywhere=input.everywhere)
    return SignOutSuccess(ended_sessions=ended)


@strawberry.mutation(description="Changes the viewer's password and ends all their other sessions.")
async def change_password(
    info: Info, input: Annotated[ChangePasswordInput, strawberry.argument(description="The input of `changePassword`.")]
) -> ChangePasswordResult:
    change = info.context.services.account.change_password
    ended = await change(info.context.signed_in(), input.current_password, input.new_password)
    return ChangePasswordSuccess(ended_sessions=ended)
