"""People: the type User, lists of it, and the reference by which a client names a user."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

import strawberry

from gql.connection import Connection, Edge, cursor_field, page_info_field
from gql.enum import described
from gql.id import Kind, encode, number_of
from gql.level import level_field
from gql.loader import loader_of, shown
from gql.node import Info, Node, given
from gql.part import conversation_parts
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


@lru_cache(4096)  # the same people on every page
def _id_of(number: int) -> strawberry.ID:
    return encode(Kind.USER, number)


@strawberry.type(description="The account of a human or a bot.")
class User(Node):
    """Shows a Person: a row and the viewer's relation to it."""

    person: strawberry.Private[Person]

    def global_id(self) -> strawberry.ID:
        return _id_of(self.person.row.id)

    @strawberry.field(
        description="The unique username: 3 to 32 letters A to Z, digits, `_`, `.` and `-`. Comparisons ignore case."
    )
    def username(self) -> str:
        return self.person.row.username

    @strawberry.field(description="The name to show. It is not unique.")
    def display_name(self) -> str:
        return self.person.row.display_name

    @strawberry.field(
        description="The id of the user in the host application. Null for accounts that were created in Sotto."
    )
    def external_id(self) -> str | None:
        return self.person.row.external_id

    @strawberry.field(description="The URL of the user's picture. Null if none is set.")
    def avatar_url(self) -> URL | None:
        url = self.person.row.avatar_url
        return URL(url) if url else None

    @strawberry.field(description="Whether the account belongs to a program.")
    def is_bot(self) -> bool:
        return bool(self.person.row.is_bot)

    @strawberry.field(description="False if the account is suspended or deactivated.")
    def is_active(self) -> bool:
        return self.person.row.is_active

    @strawberry.field(
        description="Whether the viewer has blocked this user. There is no way to see who has blocked the viewer."
    )
    def viewer_has_blocked(self) -> bool:
        return bool(self.person.relation.has_blocked)

    @strawberry.field(
        description="Whether the viewer has muted this user: clients should not notify them of the user's messages. "
        "The user is not told."
    )
    def viewer_has_muted(self) -> bool:
        return bool(self.person.relation.has_muted)

    @strawberry.field(description="Whether the viewer follows this user.")
    def viewer_is_following(self) -> bool:
        return bool(self.person.relation.is_followed)

    @strawberry.field(description="Whether this user follows the viewer.")
    def is_following_viewer(self) -> bool:
        return bool(self.person.relation.is_following)

    @strawberry.field(description="Whether a message from the viewer to this user would be accepted now.")
    def viewer_can_message(self) -> bool:
        return self.person.eligibility.may_send

    @strawberry.field(
        description="Whether the viewer can start or continue a direct conversation with this user, and if not, why "
        "not."
    )
    def message_eligibility(self) -> Eligibility:
        return self.person.eligibility

    @level_field(
        description="Whether the user is online. Null if the viewer cannot see it, for example because the user does "
        "not share it or has no conversation with the viewer."
    )
    async def presence(
        parents: Sequence["User"], info: Info
    ) -> Sequence[Annotated["Presence", strawberry.lazy("gql.presence")] | None]:
        return shown(await loader_of(info).presences([user.person.row.id for user in parents], None))

    @level_field(description="The viewer's direct conversation with this user. Null before its first message.")
    async def conversation(
        parents: Sequence["User"], info: Info
    ) -> Sequence[Annotated["Conversation", strawberry.lazy("gql.conversation")] | None]:
        return shown(await loader_of(info).directs([user.person.row.id for user in parents], conversation_parts(info)))


@strawberry.type(description="An edge of a list of users.")
class UserEdge(Edge[Any]):
    person_of: strawberry.Private[Callable[[Any], Person]]

    cursor = cursor_field()

    @strawberry.field(description="The user of this edge.")
    def node(self) -> User:
        return User(person=self.person_of(self.view))


@strawberry.type(description="A page of users.")
class UserConnection(Connection[Any]):
    """A page of anything that has a person."""

    person_of: strawberry.Private[Callable[[Any], Person]]

    @strawberry.field(description="The edges of this page, with cursors.")
    def edges(self) -> list[UserEdge]:
        return [UserEdge(view=view, cursor_of=self.cursor_of, person_of=self.person_of) for view in self.page.items]

    @strawberry.field(description="The users of this page.")
    def nodes(self) -> list[User]:
        return [User(person=self.person_of(view)) for view in self.page.items]

    page_info = page_info_field()


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
