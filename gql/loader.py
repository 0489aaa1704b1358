"""Loaders for data below the root: one call per level, for all parents; new for each operation and live event.

Nothing is cached: a subscription lives for days, and each of its events must show the current state.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from dataclasses import dataclass
from functools import singledispatch
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, cast

from strawberry.dataloader import DataLoader

from gql.node import Info
from gql.selection import selection_of
from models.base import conversation_of
from services.error import NotFound
from services.person.user import Person
from services.service import Services
from services.viewer import Viewer

if TYPE_CHECKING:
    from gql.account import Viewer as OwnViewer
    from gql.conversation import Conversation
    from gql.message import Message
    from gql.presence import Presence
    from gql.reaction import ReactionGroup
    from models.receipt import MessageTimesRow

V = TypeVar("V")
Read: TypeAlias = tuple[Callable[..., Awaitable[Any]], tuple[Any, ...]]  # a method of a service and its arguments


@dataclass(frozen=True, slots=True)
class ConversationNumber:
    """A conversation of which the client selects only the id: nothing else is known."""

    number: int


@dataclass(frozen=True, slots=True)
class ViewerView:
    """The viewer of this operation with their own person."""

    viewer: Viewer
    person: Person


class SharedReads:
    """Reads of the services for one viewer: those requested together are executed once, and nothing is kept after.

    A page of 200 events shows the viewer 200 times; each of their counters and lists costs one read all the same.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        self._loader: DataLoader[Read, Any] = DataLoader(load_fn=self._load, cache=False)

    async def of(self, read: Callable[..., Awaitable[V]], *arguments: Hashable) -> V:
        """The result of a method of a service for the viewer; an error is raised for all who share it.

        The method and its arguments after the viewer identify the read.
        """
        return cast("V", await self._loader.load((read, arguments)))

    async def _load(self, reads: list[Read]) -> list[Any]:
        once = list(dict.fromkeys(reads))
        pending = (read(self._viewer, *arguments) for read, arguments in once)
        found = dict(zip(once, await asyncio.gather(*pending, return_exceptions=True), strict=True))
        return [found[read] for read in reads]


class Once(Generic[V]):
    """What several fields below one object show, aliases among them: read when the first of them asks for it."""

    def __init__(self, read: Callable[[], Coroutine[Any, Any, V]]) -> None:
        self._read = read
        self._reading: asyncio.Task[V] | None = None

    async def get(self) -> V:
        """The result; an error is raised for all who ask."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        return await self._reading


@singledispatch
def type_of(view: object) -> Any:
    """The object of the schema's type that shows a view of the services.

    The module of each type registers it here, so that fields can lead from a message to its conversation and back
    without a circular import.
    """
    raise NotImplementedError(f"No type of the schema shows {type(view).__name__}.")


class Loader:
    """Loads conversations and messages by what refers to them; None if the viewer may not see them.

    One service call loads what a level of the answer needs, so 50 messages cost as many SQL statements as one.
    """

    def __init__(self, services: Services, viewer: Viewer) -> None:
        async def load_viewer(keys: list[Viewer]) -> list["OwnViewer"]:
            shown = type_of(ViewerView(viewer, await services.user.get_self(viewer)))
            return [shown] * len(keys)

        self._viewer = viewer
        self._viewers: DataLoader[Viewer, OwnViewer] = DataLoader(load_fn=load_viewer, cache=False)
        self._conversations = _loader(services.conversation.find_many, viewer)
        self._directs = _loader(services.conversation.find_directs, viewer)
        self._messages = _loader(services.message.find_many, viewer)
        self._oldest_unread = _loader(services.message.find_oldest_unread, viewer)
        self._presences = _loader(services.presence.find_many, viewer)
        self._reactions = _loader(services.reaction.find_many, viewer)
        self._receipt_times = _loader(services.receipt.times_of, viewer)

    async def viewer(self) -> "OwnViewer":
        """The viewer as they are now: one object for all that ask together, so that each of its fields is read once."""
        return await self._viewers.load(self._viewer)

    async def conversation(self, conversation_id: int) -> "Conversation | None":
        return cast("Conversation | None", _shown(await self._conversations.load(conversation_id)))

    async def conversation_of(self, message_id: int, info: Info) -> "Conversation":
        """The conversation of a visible message; read only if more than its id is selected.

        Raises NotFound if the viewer left it between two reads.
        """
        number = conversation_of(message_id)
        view = ConversationNumber(number) if selection_of(info).is_only_id else await self._conversations.load(number)
        if view is None:
            raise NotFound("There is no such conversation.")
        return cast("Conversation", type_of(view))

    async def direct_with(self, user_id: int) -> "Conversation | None":
        return cast("Conversation | None", _shown(await self._directs.load(user_id)))

    async def message(self, message_id: int) -> "Message | None":
        return cast("Message | None", _shown(await self._messages.load(message_id)))

    async def oldest_unread(self, conversation_id: int) -> "Message | None":
        return cast("Message | None", _shown(await self._oldest_unread.load(conversation_id)))

    async def presence(self, user_id: int) -> "Presence | None":
        return cast("Presence | None", _shown(await self._presences.load(user_id)))

    async def reactions(self, message_id: int) -> "list[ReactionGroup]":
        return [type_of(view) for view in await self._reactions.load(message_id) or []]

    async def receipt_times(self, message_id: int) -> "dict[int, MessageTimesRow]":
        """Receipt times of a message, by the ids of the people."""
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
