"""What a schema knows of a field, an input and two types, in the form in which a proof of validity asks for it."""

from dataclasses import dataclass, replace
from functools import cache

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLCompositeType,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInt,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    SchemaMetaFieldDef,
    TypeMetaFieldDef,
    TypeNameMetaFieldDef,
    Undefined,
    get_named_type,
    is_composite_type,
    is_required_argument,
    is_required_input_field,
)
from graphql.utilities import do_types_overlap

# The kinds of literals that each scalar accepts whatever their value is; all other literals are left to graphql-core.
LITERALS: dict[GraphQLScalarType, frozenset[str]] = {
    GraphQLInt: frozenset({"int_value"}),
    GraphQLFloat: frozenset({"int_value"}),
    GraphQLString: frozenset({"string_value"}),
    GraphQLBoolean: frozenset({"boolean_value"}),
    GraphQLID: frozenset({"string_value", "int_value"}),
}


@dataclass(frozen=True, slots=True)
class KnownInput:
    """An argument or a field of an input object: its type, and whether it has a default value."""

    type: GraphQLInputType
    default: object


@dataclass(frozen=True, slots=True)
class KnownInputs:
    """The arguments of a field, or the fields of an input object."""

    inputs: dict[str, KnownInput]
    required: frozenset[str]
    is_one_of: bool = False


@dataclass(frozen=True, slots=True)
class KnownField:
    """A field of an object, an interface or a union; `below` is the type of its selections, None for a leaf."""

    type_text: str
    below: GraphQLCompositeType | None
    arguments: KnownInputs
    is_introspection: bool = False


NO_INPUTS = KnownInputs({}, frozenset())


class KnownSchema:
    """Fields and inputs by their names, looked up in the schema once."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self._fields: dict[str, dict[str, KnownField]] = {}
        self._inputs: dict[str, KnownInputs] = {}
        self._overlaps: dict[tuple[str, str], bool] = {}

    def fields_of(self, named: GraphQLCompositeType) -> dict[str, KnownField]:
        """The fields of a type, with `__typename`, and at the root of queries those of introspection."""
        found = self._fields.get(named.name)
        if found is None:
            found = {name: _known(each) for name, each in getattr(named, "fields", {}).items()}
            found["__typename"] = _known(TypeNameMetaFieldDef)
            if named is self.schema.query_type:
                for name, each in (("__schema", SchemaMetaFieldDef), ("__type", TypeMetaFieldDef)):
                    found[name] = replace(_known(each), is_introspection=True)
            self._fields[named.name] = found
        return found

    def inputs_of(self, named: GraphQLInputObjectType) -> KnownInputs:
        """The fields of an input object."""
        found = self._inputs.get(named.name)
        if found is None:
            definition = named.extensions.get("strawberry-definition")
            found = self._inputs[named.name] = KnownInputs(
                {name: KnownInput(each.type, _default_of(each)) for name, each in named.fields.items()},
                frozenset(name for name, each in named.fields.items() if is_required_input_field(each)),
                is_one_of=named.is_one_of or (definition is not None and definition.is_one_of),
            )
        return found

    def overlap(self, one: GraphQLCompositeType, other: GraphQLCompositeType) -> bool:
        """Whether an object may be of both types."""
        if one is other:
            return True
        names = (one.name, other.name)
        found = self._overlaps.get(names)
        if found is None:
            found = self._overlaps[names] = do_types_overlap(self.schema, one, other)
        return found


@cache
def known_of(schema: GraphQLSchema) -> KnownSchema:
    """What is known of this schema; always the same object."""
    return KnownSchema(schema)


def _known(definition: GraphQLField) -> KnownField:
    named = get_named_type(definition.type)
    arguments = KnownInputs(
        {name: KnownInput(each.type, _default_of(each)) for name, each in definition.args.items()},
        frozenset(name for name, each in definition.args.items() if is_required_argument(each)),
    )
    below = named if is_composite_type(named) else None
    return KnownField(str(definition.type), below, arguments if definition.args else NO_INPUTS)


def _default_of(definition: GraphQLArgument | GraphQLInputField) -> object:
    """The default as graphql-core's rule for variables sees it; Undefined if there is none."""
    return Undefined if definition.default is None and definition.default_value is Undefined else definition
