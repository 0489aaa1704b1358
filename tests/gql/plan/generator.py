"""Random operations over the whole schema, with values that exist in a world: more of them find something."""

from dataclasses import dataclass
from random import Random
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    is_required_argument,
    is_required_input_field,
    type_from_ast,
)

MOST_DEPTH = 5
MOST_FIELDS = 60  # of one document, so that it stays within the limits
CURSORS = {"after", "before"}
# The first letter of the ids that fit, by the name of the argument, or of the field whose `id` it is.
KINDS = {
    "conversationId": "Y",
    "conversation": "Y",
    "messageId": "b",
    "message": "b",
    "replyToId": "b",
    "upToMessageId": "b",
    "around": "b",
    "userId": "d",
}


@dataclass(frozen=True)
class Pool:
    """Values of a world: ids of all types, names of people, and texts."""

    ids: list[str]
    usernames: list[str]
    texts: list[str]


class Generator:
    """Writes one document after another; the same seed gives the same documents."""

    def __init__(self, schema: GraphQLSchema, pool: Pool, seed: int) -> None:
        self._schema = schema
        self._pool = pool
        self._random = Random(seed)
        self._fields = 0
        self._variables: dict[str, tuple[str, Any]] = {}
        self._fragments: list[str] = []

    def query(self) -> tuple[str, dict[str, Any]]:
        """A query with one to three root fields, and its variables."""
        root = self._schema.query_type
        assert root is not None
        return self._document("query", root, self._random.randint(1, 3))

    def mutation(self, name: str) -> tuple[str, dict[str, Any]]:
        """A mutation of this name, and its variables."""
        root = self._schema.mutation_type
        assert root is not None
        self._begin()
        return self._finished("mutation", self._field(root, name, 0))

    def variables_for(self, operation: OperationDefinitionNode) -> dict[str, Any]:
        """Values for the variables of a document that somebody else wrote."""
        found = {}
        for each in operation.variable_definitions or ():
            name = each.variable.name.value
            type_: Any = type_from_ast(self._schema, each.type)
            value = self._value(type_, name, 0)
            if value is not None or type_ is get_nullable_type(type_):
                found[name] = value
        return found

    def _begin(self) -> None:
        self._fields, self._variables, self._fragments = 0, {}, []

    def _document(self, kind: str, root: GraphQLObjectType, count: int) -> tuple[str, dict[str, Any]]:
        self._begin()
        names = self._random.sample(sorted(root.fields), count)
        return self._finished(kind, " ".join(self._field(root, name, 0) for name in names))

    def _finished(self, kind: str, selections: str) -> tuple[str, dict[str, Any]]:
        """The document, with the definitions of its variables, of which each is used."""
        head = ", ".join(f"${name}: {type_}" for name, (type_, _) in self._variables.items())
        values = {name: value for name, (_, value) in self._variables.items()}
        return f"{kind} Q{f'({head})' if head else ''} {{ {selections} }} {' '.join(self._fragments)}", values

    def _field(self, parent: GraphQLNamedType, name: str, depth: int) -> str:
        """A field with arguments, sometimes with an alias or a condition; the alias is the same for the same text."""
        assert isinstance(parent, GraphQLObjectType | GraphQLInterfaceType)
        definition = parent.fields[name]
        self._fields += 1
        arguments = self._arguments(definition.args, name)
        named = get_named_type(definition.type)
        below = "" if is_leaf_type(named) else f" {{ {self._selections(named, depth + 1)} }}"
        # Below another alias everything can differ, so no two fields are merged that must not be.
        alias = f"a{self._fields}: " if arguments or below or self._random.random() < 0.1 else f"{parent.name}_{name}: "
        return f"{alias}{name}{arguments}{self._condition()}{below}"

    def _condition(self) -> str:
        found = self._random.random()
        if found < 0.9:
            return ""
        name = self._variable("Boolean!", self._random.random() < 0.5)
        return f" @{'skip' if found < 0.95 else 'include'}(if: ${name})"

    def _variable(self, type_: str, value: Any) -> str:
        name = f"v{len(self._variables)}"
        self._variables[name] = (type_, value)
        return name

    def _arguments(self, arguments: dict[str, GraphQLArgument], field: str) -> str:
        """Some of the arguments, as variables; cursors seldom, because we have none."""
        given = []
        for name, each in arguments.items():
            chance = 0.02 if name in CURSORS else 0.4
            if is_required_argument(each) or self._random.random() < chance:
                value = self._value(each.type, field if name == "id" else name, 0)
                if value is not None or not is_required_argument(each):
                    given.append(f"{name}: ${self._variable(str(each.type), value)}")
        return f"({', '.join(given)})" if given else ""

    def _selections(self, named: GraphQLNamedType, depth: int) -> str:
        if isinstance(named, GraphQLUnionType | GraphQLInterfaceType):
            types = list(self._schema.get_possible_types(named))
            some = self._random.sample(types, min(len(types), 4))
            parts = [f"... on {each.name} {{ {self._selections(each, depth)} }}" for each in some]
            if isinstance(named, GraphQLInterfaceType):
                parts += [name for name, each in named.fields.items() if is_leaf_type(get_named_type(each.type))]
            return " ".join(["__typename", *parts])
        assert isinstance(named, GraphQLObjectType)
        names = [name for name in named.fields if self._may_select(named, name, depth)]
        chosen = self._random.sample(names, min(len(names), self._random.randint(3, 10)))
        selections = " ".join(["__typename", *(self._field(named, name, depth) for name in chosen)])
        if self._random.random() < 0.1:
            fragment = f"F{len(self._fragments)}"
            self._fragments.append(f"fragment {fragment} on {named.name} {{ {selections} }}")
            return f"...{fragment} ...{fragment}"
        return selections

    def _may_select(self, named: GraphQLObjectType, name: str, depth: int) -> bool:
        is_leaf = is_leaf_type(get_named_type(named.fields[name].type))
        return is_leaf or (depth < MOST_DEPTH and self._fields < MOST_FIELDS)

    def _value(self, type_: Any, name: str, depth: int) -> Any:
        """A value of an input type: mostly one that fits."""
        is_nullable = type_ is get_nullable_type(type_)
        type_ = get_nullable_type(type_)
        if is_nullable and self._random.random() < 0.15:
            return None
        if is_list_type(type_):
            return [self._value(type_.of_type, name, depth + 1) for _ in range(self._random.randint(0, 3))]
        if isinstance(type_, GraphQLEnumType):
            return self._random.choice(sorted(type_.values))
        if isinstance(type_, GraphQLInputObjectType):
            return self._input(type_, depth)
        return self._leaf(type_.name, name)

    def _input(self, type_: GraphQLInputObjectType, depth: int) -> dict[str, Any]:
        if type_.extensions["strawberry-definition"].is_one_of:
            names = [name for name in type_.fields if name not in {"file", "email", "externalId"}]
            name = self._random.choice(names)
            value = None
            while value is None:
                value = self._value(type_.fields[name].type, name, depth + 1)
            return {name: value}
        return {
            name: self._value(each.type, name, depth + 1)
            for name, each in type_.fields.items()
            if is_required_input_field(each) or self._random.random() < (0.02 if name in CURSORS else 0.4)
        }

    def _leaf(self, kind: str, name: str) -> Any:
        pool, random = self._pool, self._random
        if kind == "ID":
            fitting = [each for each in pool.ids if each[0] == KINDS.get(name) and random.random() < 0.9]
            return random.choice(fitting or pool.ids)
        if kind == "String":
            return random.choice(pool.usernames if "sername" in name or name == "search" else pool.texts)
        values: dict[str, list[Any]] = {
            "Int": [1, 2, 3, 5, 10, 20, 50, 50, 50, 50, 100, 200, 0, 201],
            "Boolean": [True, False],
            "DateTime": ["2026-01-31T12:00:00.000Z", "2031-01-31T12:00:00+02:00"],
            "JSON": [{"a": [1, None, "x"]}, "text", 1],
            "ByteSize": [1, 1000],
            "URL": ["https://example.org"],
        }
        return random.choice(values.get(kind, ["x"]))
