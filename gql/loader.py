"""What is loaded below the root: per level, for all parents in one call; made anew for each operation.

Nothing is cached: a subscription's operation lives for days, and each of its events wants the truth of its moment.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING, Any, TypeVar, cast

from strawberry.dataloader import DataLoader

from gql.node import Info, wants_only_id
from models.base import conversation_of
from services.error import NotFound
from services.service import Services
from services.viewer import Viewer

if TYPE_CHECKING:
    from gql.conversation import Conversation
    from gql.message import Message
    from gql.presence import Presence
    from gql.reaction import ReactionGroup
    from models.receipt import MessageTimesRow

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class ConversationNumber:
    """All that is known of a conversation of which the client asks for nothing but the id."""

    number: int


@singledispatch
def type_of(view: object) -> Any:
    """The object of the schema's type that shows a view of the services.

    The module of each type registers it here: so fields may lead from a message to its conversation and back, and no
    import does.
    """
    raise NotImplementedError(f"No type of the schema shows {type(view).__name__}.")


class Loader:
    """Conversations and messages by what points at them; None where the viewer may not see them.

    What a level of the answer needs is loaded by one call of a service, so 50 messages cost as many SQL statements as
    one.
    """

    def __init__(self, services: Services, viewer: Viewer) -> None:
        self._conversations = _loader(services.conversation.find_many, viewer)
        self._directs = _loader(services.conversation.find_directs, viewer)
        self._messages = _loader(services.message.find_many, viewer)
        self._presences = _loader(services.presence.find_many, viewer)
        self._reactions = _loader(services.reaction.find_many, viewer)
        self._receipt_times = _loader(services.receipt.times_of, viewer)

    async def conversation(self, conversation_id: int) -> "Conversation | None":
        return cast("Conversation | None", _shown(await self._conversations.load(conversation_id)))

    async def conversation_of(self, message_id: int, info: Info) -> "Conversation":
        """That of a message which the viewer sees; read only where more than its id is asked for.

        Raises NotFound for who has left between two reads.
        """
        number = conversation_of(message_id)
        view = ConversationNumber(number) if wants_only_id(info) else await self._conversations.load(number)
        if view is None:
            raise NotFound("There is no such conversation.")
        return cast("Conversation", type_of(view))

    async def direct_with(self, user_id: int) -> "Conversation | None":
        return cast("Conversation | None", _shown(await self._directs.load(user_id)))

    async def message(self, message_id: int) -> "Message | None":
        return cast("Message | None", _shown(await self._messages.load(message_id)))

    async def presence(self, user_id: int) -> "Presence | None":
        return cast("Presence | None", _shown(await self._presences.load(user_id)))

    async def reactions(self, message_id: int) -> "list[ReactionGroup]":
        return [type_of(view) for view in await self._reactions.load(message_id) or []]

    async def receipt_times(self, message_id: int) -> "dict[int, MessageTimesRow]":
        """Of a message, by the ids of the people."""
        return await self._receipt_times.load(message_id) or {}


def loader_of(info: Info) -> Loader:
    """The loader of this operation."""
    context = info.context
    if not isinstance(context.loader, Loader):
        context.loader = Loader(context.services, context.signed_in())
    return context.loader


def _shown(view: object) -> object:
    return None if view is None else type_of(view)


def _loader(
    find_many: Callable[[Viewer, list[int]], Awaitable[dict[int, V]]], viewer: Viewer
) -> DataLoader[int, V | None]:
    async def load(keys: list[int]) -> list[V | None]:
        found = await find_many(viewer, keys)
        return [found.get(key) for key in keys]

    return DataLoader(load_fn=load, cache=False)
