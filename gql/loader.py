"""What is loaded below the root: per level, for all parents in one call; made anew for each operation.

Nothing is cached: a subscription's operation lives for days, and each of its events wants the truth of its moment.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

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
T = TypeVar("T")


class Loader:
    """Conversations and messages by what points at them; None where the viewer may not see them."""

    def __init__(self, services: Services, viewer: Viewer) -> None:
        from gql.conversation import Conversation  # noqa: PLC0415 - the types refer to each other
        from gql.message import Message  # noqa: PLC0415
        from gql.presence import Presence  # noqa: PLC0415
        from gql.reaction import ReactionGroup  # noqa: PLC0415

        self._named = Conversation.named
        self._conversations = _loader(services.conversation.find_many, viewer, Conversation.of)
        self._directs = _loader(services.conversation.find_directs, viewer, Conversation.of)
        self._messages = _loader(services.message.find_many, viewer, Message.of)
        self._presences = _loader(services.presence.find_many, viewer, Presence.of)
        self._reactions = _loader(services.reaction.find_many, viewer, ReactionGroup.of_all)
        self._receipt_times = _loader(services.receipt.times_of, viewer, lambda times: times)

    async def conversation(self, conversation_id: int) -> "Conversation | None":
        """By its number."""
        return await self._conversations.load(conversation_id)

    async def conversation_of(self, message_id: int, info: Info) -> "Conversation":
        """That of a message which the viewer sees; read only where more than its id is asked for.

        Raises NotFound for who has left between two reads.
        """
        number = conversation_of(message_id)
        found = self._named(number) if wants_only_id(info) else await self.conversation(number)
        if found is None:
            raise NotFound("There is no such conversation.")
        return found

    async def direct_with(self, user_id: int) -> "Conversation | None":
        """The direct one with somebody."""
        return await self._directs.load(user_id)

    async def message(self, message_id: int) -> "Message | None":
        """By its number."""
        return await self._messages.load(message_id)

    async def presence(self, user_id: int) -> "Presence | None":
        """Of somebody who lets the viewer know."""
        return await self._presences.load(user_id)

    async def reactions(self, message_id: int) -> "list[ReactionGroup]":
        """Those on a message."""
        return await self._reactions.load(message_id) or []

    async def receipt_times(self, message_id: int) -> "dict[int, MessageTimesRow]":
        """Of a message, by person."""
        return await self._receipt_times.load(message_id) or {}


def loader_of(info: Info) -> Loader:
    """The loader of this operation."""
    context = info.context
    if not isinstance(context.loader, Loader):
        context.loader = Loader(context.services, context.signed_in())
    return context.loader


def _loader(
    find_many: Callable[[Viewer, list[int]], Awaitable[dict[int, V]]], viewer: Viewer, build: Callable[[V], T]
) -> DataLoader[int, T | None]:
    async def load(keys: list[int]) -> list[T | None]:
        found = await find_many(viewer, keys)
        return [build(found[key]) if key in found else None for key in keys]

    return DataLoader(load_fn=load, cache=False)
