"""Shapes: what the compiler must know of each field of the schema, found once per schema."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from functools import cached_property
from operator import attrgetter
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLOutputType,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from strawberry import Schema
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

from gql.document.cost import weights_of
from gql.plan.error import Unplannable
from gql.plan.leaf import Convert, converter_of, size_bytes_of


class Kind(Enum):
    """How the values of a field come about."""

    READ = auto()  # from the source object alone: an attribute, or a method without arguments
    CALLED = auto()  # a method with the context or arguments, which reads nothing
    LEVEL = auto()  # an async function, called once for all objects of a level
    AWAITED = auto()  # an async method, called for each object
    STREAMED = auto()  # the root field of a subscription


@dataclass(slots=True, weakref_slot=True, eq=False)
class FieldShape:
    """A field of an object type: how to resolve it, and how to complete its value.

    `resolve` takes the source object (for LEVEL, the list of them), and by name the arguments and `info_name` if it is
    not None. The type is a leaf or an object; `is_list` says whether it is in a list, whose items can be null if
    `has_nullable_items`.
    """

    parent_name: str
    name: str
    kind: Kind
    resolve: Callable[..., Any]
    info_name: str | None
    definition: GraphQLField
    field: StrawberryField
    named: GraphQLNamedType
    is_list: bool
    is_nullable: bool
    has_nullable_items: bool
    weight: int
    convert: Convert | None
    size_bytes: int  # about the length of a value in JSON; 0 if that depends on the value
    handlers: tuple[Any, ...]  # pairs of exception types and the handler that turns them into a member of the union

    @property
    def is_leaf(self) -> bool:
        """Whether the values have no fields."""
        return is_leaf_type(self.named)

    @property
    def is_text(self) -> bool:
        """Whether the values are strings that can be long."""
        return self.named.name == "String" and not self.is_list

    @property
    def is_json(self) -> bool:
        """Whether the values can be any JSON, of any length."""
        return self.named.name == "JSON"


class Shapes:
    """The shapes of a schema; raises Unplannable where a field is declared in a way that plans do not know."""

    def __init__(self, schema: Schema) -> None:
        self._converter = schema.schema_converter
        self.schema = schema._schema  # noqa: SLF001
        self._weights = weights_of(self.schema)
        self._known: dict[tuple[str, str], FieldShape] = {}

    @cached_property
    def type_of_class(self) -> Mapping[type, GraphQLObjectType]:
        """The object types by the classes whose instances they show."""
        found: dict[type, GraphQLObjectType] = {}
        for each in self.schema.type_map.values():
            definition = each.extensions.get("strawberry-definition")
            if isinstance(each, GraphQLObjectType) and definition is not None:
                found[definition.origin] = each
        return found

    def possible_of(self, named: GraphQLNamedType) -> list[GraphQLObjectType]:
        """The object types that a value of this type can have."""
        if is_abstract_type(named):
            return list(self.schema.get_possible_types(named))
        assert isinstance(named, GraphQLObjectType)
        return [named]

    def shape_of(self, parent: GraphQLObjectType, name: str) -> FieldShape:
        """The shape of a field; raises Unplannable for the fields of introspection, too."""
        known = self._known.get((parent.name, name))
        if known is None:
            known = self._known[parent.name, name] = self._build(parent, name)
        return known

    def arguments_of(self, shape: FieldShape, coerced: dict[str, Any]) -> dict[str, Any]:
        """The arguments as the resolver takes them, from those that graphql-core coerced."""
        return convert_arguments(
            coerced,
            shape.field.arguments,
            scalar_registry=self._converter.scalar_registry,
            config=self._converter.config,
        )

    def _build(self, parent: GraphQLObjectType, name: str) -> FieldShape:
        definition = parent.fields.get(name)
        field = definition.extensions.get("strawberry-definition") if definition else None
        if definition is None or not isinstance(field, StrawberryField):
            raise Unplannable(f"{parent.name}.{name} is introspection")
        if field.extensions:
            raise Unplannable(f"{parent.name}.{name} has an extension")
        kind, resolve, info_name = _resolver_of(field)
        # Strawberry's own choice of handlers for the field, so that both ways of executing agree.
        handlers = self._converter._get_field_exception_handlers(field)  # noqa: SLF001
        if handlers and kind in (Kind.READ, Kind.CALLED):
            kind, resolve = Kind.AWAITED, _as_awaited(resolve)
        is_list, is_nullable, has_nullable_items = _wrappers_of(definition.type, f"{parent.name}.{name}")
        named = get_named_type(definition.type)
        return FieldShape(
            parent_name=parent.name,
            name=name,
            kind=kind,
            resolve=resolve,
            info_name=info_name,
            definition=definition,
            field=field,
            named=named,
            is_list=is_list,
            is_nullable=is_nullable,
            has_nullable_items=has_nullable_items,
            weight=self._weights.get((parent.name, name), 1),
            convert=converter_of(named) if is_leaf_type(named) else None,
            size_bytes=size_bytes_of(named) if is_leaf_type(named) and not is_list else 0,
            handlers=handlers,
        )


def _resolver_of(field: StrawberryField) -> tuple[Kind, Callable[..., Any], str | None]:
    """How the field is resolved, the function, and the name of its parameter for the context."""
    resolver = field.base_resolver
    if resolver is None:
        return Kind.READ, attrgetter(field.python_name), None
    if resolver.root_parameter or resolver.parent_parameter:
        raise Unplannable(f"{field.python_name} takes its source in a way of its own")
    info_name = resolver.info_parameter.name if resolver.info_parameter else None
    level = field.metadata.get("level")
    if level is not None:
        return Kind.LEVEL, level, info_name
    function = resolver.wrapped_func
    assert callable(function)
    resolve = function if resolver.self_parameter else _without_source(function)
    if inspect.isasyncgenfunction(function):
        return Kind.STREAMED, resolve, info_name
    if field.is_async:
        return Kind.AWAITED, resolve, info_name
    return (Kind.CALLED if info_name or field.arguments else Kind.READ), resolve, info_name


def _without_source(function: Callable[..., Any]) -> Callable[..., Any]:
    """A resolver of a root field or a shared one, as if it took the source object."""
    return lambda _source, **arguments: function(**arguments)


def _as_awaited(function: Callable[..., Any]) -> Callable[..., Any]:
    """A resolver whose refusals have a handler, which may have to be awaited."""

    async def resolve(source: object, **arguments: Any) -> Any:
        return function(source, **arguments)

    return resolve


def _wrappers_of(declared: GraphQLOutputType, name: str) -> tuple[bool, bool, bool]:
    """Whether the type is a list, can be null, and has items that can be null."""
    is_nullable = not is_non_null_type(declared)
    inner: Any = declared if is_nullable else declared.of_type  # type: ignore[union-attr]
    if not is_list_type(inner):
        return False, is_nullable, False
    has_nullable_items = not is_non_null_type(inner.of_type)
    item = inner.of_type if has_nullable_items else inner.of_type.of_type
    if is_list_type(item):
        raise Unplannable(f"{name} is a list of lists")
    return True, is_nullable, has_nullable_items
