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
    "Whether the viewer may write to somebody now, and what stands in the way.",
    {
        "ALLOWED": "A message would be accepted.",
        "ALLOWED_AS_REQUEST": "A message would be accepted, and wait as a message request.",
        "SELF": "It is the viewer, and this server has no conversations with oneself.",
        "BLOCKED_BY_VIEWER": "The viewer has blocked them, and can undo that.",
        "MUST_BE_FOLLOWED": "They accept messages only from people they follow.",
        "NOT_ACCEPTING": "They do not accept messages from the viewer, or have not yet answered requests of the viewer "
        "that can hold no more: a send to them then says REQUEST_PENDING.",
        "UNAVAILABLE": "The account is suspended or was deactivated.",
    },
)


@strawberry.type(description="A person or a bot.")
class User(Node):
    """Built from a Person: a row and the viewer's relation to it."""

    username: str = strawberry.field(description="Unique without case: 3 to 32 letters, digits, `_`, `.` and `-`.")
    display_name: str = strawberry.field(description="The name to show; not unique.")
    external_id: str | None = strawberry.field(
        description="The id that the host application knows this person by; null for accounts of Sotto's own."
    )
    avatar_url: URL | None = strawberry.field(description="A picture of the person; null where none is set.")
    is_bot: bool = strawberry.field(description="Whether a program writes here.")
    is_active: bool = strawberry.field(description="False once the account was suspended or deactivated.")
    viewer_has_blocked: bool = strawberry.field(
        description="Whether the viewer has blocked this person. Nobody learns who has blocked them."
    )
    viewer_has_muted: bool = strawberry.field(
        description="Whether the viewer gets no notifications for messages of this person. They are not told."
    )
    viewer_is_following: bool = strawberry.field(description="Whether the viewer follows this person.")
    is_following_viewer: bool = strawberry.field(description="Whether this person follows the viewer.")
    viewer_can_message: bool = strawberry.field(description="Whether a message to this person would be accepted now.")
    message_eligibility: Eligibility = strawberry.field(description="What a message to this person alone would meet.")
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
        description="Whether they are there; null unless they share it and have a conversation with the viewer."
    )
    async def presence(self, info: Info) -> Annotated["Presence", strawberry.lazy("gql.presence")] | None:
        return await loader_of(info).presence(self.person.row.id)

    @strawberry.field(description="The viewer's direct conversation with this person; null before the first message.")
    async def conversation(self, info: Info) -> Annotated["Conversation", strawberry.lazy("gql.conversation")] | None:
        return await loader_of(info).direct_with(self.person.row.id)


@strawberry.type(description="A person in a list.")
class UserEdge(Edge[User]):
    node: User = strawberry.field(description="The person.")


@strawberry.type(description="A list of people.")
class UserConnection(Connection[UserEdge, User]):
    edges: list[UserEdge] = strawberry.field(description="The people with their cursors.")
    nodes: list[User] = strawberry.field(description="The people without their cursors.")


@strawberry.input(
    one_of=True, description="Names a person in exactly one way; a list may mix the ways. All are compared whole."
)
class UserReference:
    id: strawberry.ID | None = strawberry.field(default=strawberry.UNSET, description="The id of the `User`.")
    username: str | None = strawberry.field(default=strawberry.UNSET, description="The user name, in any case.")
    email: str | None = strawberry.field(
        default=strawberry.UNSET,
        description="The e-mail address, in any case; finds nobody unless the server has the feature EMAIL_LOOKUP.",
    )
    external_id: str | None = strawberry.field(
        default=strawberry.UNSET, description="The id that the host application knows this person by."
    )

    def to_reference(self) -> Reference:
        if (id_ := given(self.id)) is not None:
            return Reference(ReferenceKind.ID, id_, number_of(Kind.USER, id_))
        if (username := given(self.username)) is not None:
            return Reference(ReferenceKind.USERNAME, username)
        if (email := given(self.email)) is not None:
            return Reference(ReferenceKind.EMAIL, email)
        return Reference(ReferenceKind.EXTERNAL_ID, self.external_id or "")
