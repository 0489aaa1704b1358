"""People: the type User, lists of it, and the reference by which a client names a user."""

from typing import TYPE_CHECKING, Annotated

import strawberry

from gql.connection import Connection, Edge
from gql.enum import described
from gql.id import Kind, encode, number_of
from gql.loader import loader_of
from gql.node import Info, Node, given
from gql.scalar import URL
from services.person.policy import Eligibility
from services.person.user import Person, Reference, ReferenceKind

if TYPE_CHECKING:
    from gql.conversation import Conversation
    from gql.presence import Presence

described(
    Eligibility,
    "MessageEligibility",
    "Whether the viewer can send a message to a user now, and if not, why not.",
    {
        "ALLOWED": "A message would be delivered.",
        "ALLOWED_AS_REQUEST": "A message would be delivered as a message request.",
        "SELF": "The user is the viewer, and the server does not have the feature SELF_CONVERSATIONS.",
        "BLOCKED_BY_VIEWER": "The viewer has blocked this user.",
        "MUST_BE_FOLLOWED": "The user accepts messages only from users they follow.",
        "REQUEST_PENDING": "The user has not answered the viewer's message requests yet, and these already hold "
        "`maxRequestMessages` messages.",
        "NOT_ACCEPTING": "The user does not accept messages from the viewer.",
        "UNAVAILABLE": "The account is suspended or deactivated.",
    },
)


@strawberry.type(description="The account of a human or a bot.")
class User(Node):
    """Built from a Person: a row and the viewer's relation to it."""

    username: str = strawberry.field(
        description="The unique username: 3 to 32 letters A to Z, digits, `_`, `.` and `-`. Comparisons ignore case."
    )
    display_name: str = strawberry.field(description="The name to show. It is not unique.")
    external_id: str | None = strawberry.field(
        description="The id of the user in the host application. Null for accounts that were created in Sotto."
    )
    avatar_url: URL | None = strawberry.field(description="The URL of the user's picture. Null if none is set.")
    is_bot: bool = strawberry.field(description="Whether the account belongs to a program.")
    is_active: bool = strawberry.field(description="False if the account is suspended or deactivated.")
    viewer_has_blocked: bool = strawberry.field(
        description="Whether the viewer has blocked this user. There is no way to see who has blocked the viewer."
    )
    viewer_has_muted: bool = strawberry.field(
        description="Whether the viewer has muted this user: clients should not notify them of the user's messages. "
        "The user is not told."
    )
    viewer_is_following: bool = strawberry.field(description="Whether the viewer follows this user.")
    is_following_viewer: bool = strawberry.field(description="Whether this user follows the viewer.")
    viewer_can_message: bool = strawberry.field(
        description="Whether a message from the viewer to this user would be accepted now."
    )
    message_eligibility: Eligibility = strawberry.field(
        description="Whether the viewer can start or continue a direct conversation with this user, and if not, why "
        "not."
    )
    person: strawberry.Private[Person]

    @classmethod
    def of(cls, person: Person) -> "User":
        row = person.row
        return cls(
            id=encode(Kind.USER, row.id),
            username=row.username,
            display_name=row.display_name,
            external_id=row.external_id,
            avatar_url=URL(row.avatar_url) if row.avatar_url else None,
            is_bot=bool(row.is_bot),
            is_active=row.is_active,
            viewer_has_blocked=bool(row.has_blocked),
            viewer_has_muted=bool(row.has_muted),
            viewer_is_following=bool(row.is_followed),
            is_following_viewer=bool(row.is_following),
            viewer_can_message=person.eligibility.may_send,
            message_eligibility=person.eligibility,
            person=person,
        )

    @strawberry.field(
        description="Whether the user is online. Null if the viewer cannot see it, for example because the user does "
        "not share it or has no conversation with the viewer."
    )
    async def presence(self, info: Info) -> Annotated["Presence", strawberry.lazy("gql.presence")] | None:
        return await loader_of(info).presence(self.person.row.id)

    @strawberry.field(description="The viewer's direct conversation with this user. Null before its first message.")
    async def conversation(self, info: Info) -> Annotated["Conversation", strawberry.lazy("gql.conversation")] | None:
        return await loader_of(info).direct_with(self.person.row.id)


@strawberry.type(description="An edge of a list of users.")
class UserEdge(Edge[User]):
    node: User = strawberry.field(description="The user of this edge.")


@strawberry.type(description="A page of users.")
class UserConnection(Connection[UserEdge, User]):
    edges: list[UserEdge] = strawberry.field(description="The edges of this page, with cursors.")
    nodes: list[User] = strawberry.field(description="The users of this page.")


@strawberry.input(
    one_of=True,
    description="Identifies a user by exactly one of these fields, whose value must match completely. A list can mix "
    "them.",
)
class UserReference:
    id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="The `id` of the `User`.")
    username: str | None = strawberry.field(default=strawberry.UNSET, description="The username, ignoring case.")
    email: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The email address, ignoring case. Matches nobody unless the server has the feature EMAIL_LOOKUP.",
    )
    external_id: str | None = strawberry.field(
        default=strawberry.UNSET, description="The id of the user in the host application."
    )

    def to_reference(self) -> Reference:
        if (id_ := given(self.id)) is not None:
            return Reference(ReferenceKind.ID, id_, number_of(Kind.USER, id_))
        if (username := given(self.username)) is not None:
            return Reference(ReferenceKind.USERNAME, username)
        if (email := given(self.email)) is not None:
            return Reference(ReferenceKind.EMAIL, email)
        return Reference(ReferenceKind.EXTERNAL_ID, self.external_id or "")
