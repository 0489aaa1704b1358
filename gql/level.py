"""Level fields: fields whose values are found for all objects of a level of the answer in one call."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Hashable, Sequence
from functools import wraps
from types import UnionType
from typing import Any, Union, get_args, get_origin

import strawberry
from strawberry.dataloader import DataLoader

from gql.node import Info

LEVEL = "level"  # the key of the function in a field's metadata

Level = Callable[..., Awaitable[Sequence[Any]]]
Method = Callable[..., Awaitable[Any]]


def level_field(*, description: str) -> Callable[[Level], Any]:
    """Declare a field by a function for many objects: `async def (parents, info, **arguments) -> Sequence[item]`.

    It returns one item for each parent, in their order, and the schema's type of the field is that of an item. An item
    that is an exception becomes the error of its object; what the function raises becomes the error of all. Arguments
    must be hashable. `metadata[LEVEL]` of the field is the function.
    """

    def declare(level: Level) -> Any:
        signature = inspect.signature(level)
        return _field_of(level, signature, _item_of(signature.return_annotation), description)

    return declare


def shared_field(*, description: str) -> Callable[[Method], Any]:
    """Declare a field by a coroutine method that is called once for each object, however often a level shows it.

    It is a level field: all events of a page show the same viewer.
    """

    def declare(method: Method) -> Any:
        @wraps(method)
        async def level(parents: Sequence[Any], info: Info, **arguments: Any) -> Sequence[Any]:
            once = {id(each): each for each in parents}
            pending = (method(each, info, **arguments) for each in once.values())
            found = dict(zip(once, await asyncio.gather(*pending, return_exceptions=True), strict=True))
            return [found[id(each)] for each in parents]

        signature = inspect.signature(method)
        return _field_of(level, signature, signature.return_annotation, description)

    return declare


def _field_of(level: Level, signature: inspect.Signature, item: Any, description: str) -> Any:
    """The field of a function; the signature is of the function, or of a method whose type is that of an item."""

    async def resolve(self: Any, info: Info, **arguments: Any) -> Any:
        return await _loader_of(info, level, arguments).load(self)

    _parents, *parameters = signature.parameters.values()
    this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    resolve.__signature__ = signature.replace(parameters=[this, *parameters], return_annotation=item)  # type: ignore[attr-defined]
    resolve.__annotations__ = {**{each.name: each.annotation for each in parameters}, "return": item}
    resolve.__name__, resolve.__module__, resolve.__doc__ = level.__name__, level.__module__, level.__doc__
    return strawberry.field(resolver=resolve, description=description, metadata={LEVEL: level})


def _item_of(returned: Any) -> Any:
    """The item type of a sequence, without the exceptions that may stand in the place of an item."""
    [item] = get_args(returned)
    if get_origin(item) not in {Union, UnionType}:
        return item
    return Union[tuple(each for each in get_args(item) if each is not Exception)]  # noqa: UP007 -- of a tuple


def _loader_of(info: Info, level: Level, arguments: dict[str, Any]) -> DataLoader[Any, Any]:
    """The loader of those who ask for the same field with the same arguments and the same selection below it.

    It serves one call: whoever asks after that belongs to another level.
    """
    nodes = info._raw_info.field_nodes  # noqa: SLF001 -- Strawberry's `selected_fields` converts the whole tree
    selected = tuple(id(node.selection_set) for node in nodes if node.selection_set)
    key: Hashable = (level, tuple(arguments.items()), selected)
    loaders = info.context.levels

    async def load(parents: list[Any]) -> Sequence[Any]:
        loaders.pop(key, None)
        return await level(parents, info, **arguments)

    if key not in loaders:
        loaders[key] = DataLoader(load_fn=load, cache=False)
    return loaders[key]
