"""Loaders for data below the root: one call per level, for all parents; new for each operation and live event.

Nothing is cached: a subscription lives for days, and each of its events must show the current state.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import reduce, singledispatch
from itertools import chain
from operator import or_
from typing import TYPE_CHECKING, Any, Generic, Self, TypeAlias, TypeVar, cast

from strawberry.dataloader import DataLoader

from gql.node import Info
from gql.pace import give_way
from gql.part import conversation_parts
from gql.selection import selection_of
from models.base import conversation_of
from services.error import NotFound
from services.message.part import ConversationParts, MessageParts
from services.message.viewer_view import ViewerParts
from services.part import MISSING, Missing
from services.person.user import PersonDetail
from services.service import Services
from services.viewer import Viewer

if TYPE_CHECKING:
    from gql.account import Viewer as OwnViewer
    from gql.conversation import Conversation

V = TypeVar("V")
P = TypeVar("P")
Read: TypeAlias = tuple[Callable[..., Awaitable[Any]], tuple[Any, ...]]  # a method of a service and its arguments


@dataclass(frozen=True, slots=True)
class ConversationNumber:
    """A conversation of which the client selects only the id, in the place where a ConversationView has it."""

    id: int

    @property
    def row(self) -> Self:
        return self


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


def shown(views: Iterable[object | None]) -> list[Any]:
    """What shows each of these views; None and exceptions stay what they are."""
    return [view if view is None or isinstance(view, Exception) else type_of(view) for view in views]


def filled(known: Iterable[V | Missing], loaded: Iterable[V]) -> list[V]:
    """What was loaded in the places where it was missing."""
    return [found if each is MISSING else each for each, found in zip(known, loaded, strict=True)]


class BatchedRead(Generic[V, P]):
    """A method of a service that finds objects by ids, called once for all that ask in the same turn.

    If the method takes the parts to load, `merge` makes of those that two ask for what satisfies both.
    """

    __slots__ = ("_find_many", "_loader", "_merge", "_viewer")

    def __init__(
        self, find_many: Callable[..., Awaitable[dict[int, V]]], viewer: Viewer, merge: Callable[[P, P], P]
    ) -> None:
        self._find_many = find_many
        self._viewer = viewer
        self._merge = merge
        self._loader: DataLoader[tuple[tuple[int, ...], P], dict[int, V]] | None = None  # made when somebody asks

    async def __call__(self, ids: Sequence[int | None], parts: P) -> list[V | None]:
        """What was found for each of the ids, None for None; reads nothing if there is no id."""
        asked = tuple([id_ for id_ in ids if id_ is not None])
        if not asked:
            return [None] * len(ids)
        if self._loader is None:
            self._loader = DataLoader(load_fn=self._load, cache=False)
        found = await self._loader.load((asked, parts))
        await give_way()  # whoever waited for the same continues in this turn
        return [None if id_ is None else found.get(id_) for id_ in ids]

    async def _load(self, asked: list[tuple[tuple[int, ...], P]]) -> list[dict[int, V]]:
        """The same for all who ask: what the ids of all of them find, with the parts that satisfy all."""
        ids = list(dict.fromkeys(chain.from_iterable(some for some, _parts in asked)))
        parts = reduce(self._merge, (parts for _some, parts in asked))
        find_many = self._find_many
        found = await (find_many(self._viewer, ids) if parts is None else find_many(self._viewer, ids, parts))
        return [found] * len(asked)

    async def each(self, ids: Sequence[int | None], parts: P) -> list[V | Exception | None]:
        """As a call, but an error stands in the place of each id: where there was none to read, nothing failed."""
        try:
            return list(await self(ids, parts))
        except Exception as error:  # noqa: BLE001 -- as graphql-core does for each field
            return [None if id_ is None else error for id_ in ids]


def no_parts(_one: None, _other: None) -> None:
    """For a method that takes no parts."""


class Loader:
    """Loads what level fields show by what refers to it; None for what the viewer may not see.

    One service call loads what a level of the answer needs, so 50 messages cost as many SQL statements as one.
    """

    def __init__(self, services: Services, viewer: Viewer) -> None:
        self._services = services
        self._viewer = viewer
        self._viewers: DataLoader[ViewerParts, OwnViewer] | None = None
        conversations, messages = services.conversation, services.message
        most: Callable[[PersonDetail, PersonDetail], PersonDetail] = max
        either: Callable[[ConversationParts, ConversationParts], ConversationParts] = or_
        any_: Callable[[MessageParts, MessageParts], MessageParts] = or_
        self.conversations = BatchedRead(conversations.find_many, viewer, either)
        self.directs = BatchedRead(conversations.find_directs, viewer, either)  # by the ids of the other people
        self.messages = BatchedRead(messages.find_many, viewer, any_)
        self.oldest_unread = BatchedRead(messages.find_oldest_unread, viewer, any_)  # by conversation
        self.presences = BatchedRead(services.presence.find_many, viewer, no_parts)
        self.reactions = BatchedRead(services.reaction.find_many, viewer, most)  # by message
        self.receipt_times = BatchedRead(services.receipt.times_of, viewer, no_parts)  # by message, then by person

    async def viewer(self, parts: ViewerParts) -> "OwnViewer":
        """The viewer as they are now: one object for all that ask together, so that each of its fields is read once."""
        if self._viewers is None:
            self._viewers = DataLoader(load_fn=self._load_viewer, cache=False)
        return await self._viewers.load(parts)

    async def _load_viewer(self, asked: list[ViewerParts]) -> list["OwnViewer"]:
        view = await self._services.conversation.get_viewer(self._viewer, reduce(or_, asked))
        return [type_of(view)] * len(asked)

    async def conversations_of(self, message_ids: Sequence[int], info: Info) -> "list[Conversation | Exception]":
        """The conversations of visible messages; read only if more than their ids is selected.

        NotFound stands in the place of a conversation that the viewer left between two reads.
        """
        numbers = [conversation_of(id_) for id_ in message_ids]
        if selection_of(info).is_only_id:
            return shown(map(ConversationNumber, numbers))
        views = await self.conversations(numbers, conversation_parts(info))
        return [NotFound("There is no such conversation.") if view is None else type_of(view) for view in views]


def loader_of(info: Info) -> Loader:
    """The loader of this operation."""
    context = info.context
    if not isinstance(context.loader, Loader):
        context.loader = Loader(context.services, context.signed_in())
    return context.loader
