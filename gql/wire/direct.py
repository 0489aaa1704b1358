"""Fields that need nothing but their object, resolved by graphql-core without Strawberry in between."""

from collections.abc import Callable
from typing import Any, cast

from graphql import GraphQLObjectType, GraphQLSchema
from strawberry.types.field import StrawberryField


def resolve_directly(schema: GraphQLSchema) -> None:
    """Let such fields call their method: Strawberry makes an Info and reads the arguments first, which costs 5 µs."""
    for named in schema.type_map.values():
        if isinstance(named, GraphQLObjectType):
            for each in named.fields.values():
                method = _method_of(each.extensions.get("strawberry-definition"))
                if method is not None:
                    each.resolve = _resolver_of(method)


def _method_of(definition: object) -> Callable[[Any], Any] | None:
    """The method of a field that has no parameter but `self`; None for other fields."""
    if not isinstance(definition, StrawberryField) or definition.is_async or definition.extensions:
        return None
    resolver = definition.base_resolver
    if resolver is None or resolver.self_parameter is None or len(resolver.signature.parameters) != 1:
        return None
    return cast("Callable[[Any], Any]", resolver.wrapped_func)


def _resolver_of(method: Callable[[Any], Any]) -> Callable[..., Any]:
    def resolve(source: Any, _info: Any) -> Any:
        return method(source)

    return resolve
