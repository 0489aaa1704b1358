"""Which changes of a schema break clients: the rules of graphql-inspector, and one that it lacks.

`tests/codegen` gives the changes below to graphql-inspector too, which must come to the same verdicts.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from graphql import (
    BreakingChangeType,
    GraphQLArgument,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    find_schema_changes,
    is_required_argument,
    is_required_input_field,
)

SNAPSHOT = Path(__file__).with_name("released.graphql")
NOTHING = "# Nothing is released yet."

Place = GraphQLArgument | GraphQLInputField


@dataclass(frozen=True)
class Release:
    """The last release: its version, and its schema as text."""

    version: str
    text: str


def released(snapshot: str) -> Release | None:
    """The release of this snapshot, or None before the first; raises ValueError if the text is no snapshot."""
    head, _, text = snapshot.partition("\n")
    if head == NOTHING and not text:
        return None
    version = re.fullmatch(r"# Sotto (\d+\.\d+\.\d+)", head)
    if version is None or not text:
        raise ValueError(f"a snapshot begins with `# Sotto 1.2.3`, or is the line `{NOTHING}`")
    return Release(version[1], text)


def breaking_changes(old: GraphQLSchema, new: GraphQLSchema) -> list[str]:
    """A sentence for each change that can break a client of the old schema."""
    found = [each.description for each in find_schema_changes(old, new) if isinstance(each.type, BreakingChangeType)]
    return [*found, *_changed_roots(old, new), *_new_one_ofs(old, new), *_lost_defaults(old, new)]


def _changed_roots(old: GraphQLSchema, new: GraphQLSchema) -> Iterator[str]:
    """graphql-core compares types by name, and does not see that another one is the root."""
    for root in ("query", "mutation", "subscription"):
        before, after = getattr(old, f"{root}_type"), getattr(new, f"{root}_type")
        if before is not None and (after is None or after.name != before.name):
            yield f"The root type {before.name} of {root} was changed to {after.name if after else 'none'}."


def _new_one_ofs(old: GraphQLSchema, new: GraphQLSchema) -> Iterator[str]:
    for name, type_ in _inputs(old):
        after = new.type_map.get(name)
        if isinstance(after, GraphQLInputObjectType) and after.is_one_of and not type_.is_one_of:
            yield f"{name} was changed to @oneOf."


def _lost_defaults(old: GraphQLSchema, new: GraphQLSchema) -> Iterator[str]:
    """A required place that had a default could be left out. graphql-inspector calls this dangerous only."""
    places = dict(_places(new))
    for path, before in _places(old):
        after = places.get(path)
        had_default = isinstance(before.type, GraphQLNonNull) and not _must_be_given(before)
        if had_default and after is not None and _must_be_given(after):
            yield f"{path} is required now: its default was removed."


def _places(schema: GraphQLSchema) -> Iterator[tuple[str, Place]]:
    """Every argument and input field, by its coordinate."""
    for name, type_ in schema.type_map.items():
        if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
            for key, field in type_.fields.items():
                yield from ((f"{name}.{key}({each}:)", argument) for each, argument in field.args.items())
    for name, input_type in _inputs(schema):
        yield from ((f"{name}.{key}", field) for key, field in input_type.fields.items())


def _inputs(schema: GraphQLSchema) -> Iterator[tuple[str, GraphQLInputObjectType]]:
    for name, type_ in schema.type_map.items():
        if isinstance(type_, GraphQLInputObjectType):
            yield name, type_


def _must_be_given(place: Place) -> bool:
    return is_required_argument(place) if isinstance(place, GraphQLArgument) else is_required_input_field(place)


BASE = """\
interface Node { id: ID! }
interface Named { name: String }
type Query { thing(id: ID!, first: Int, size: Int! = 5): Thing things: [Thing!] find(by: By, filter: Filter): Result! }
type Mutation { add(name: String!): Thing }
type Subscription { added: Thing }
type Thing implements Node & Named { id: ID! name: String color: Color! at: Moment! tags: [String!]! }
type Missing { id: ID! detail: String! }
type Refused { id: ID! }
union Result = Thing | Missing | Refused
enum Color { RED GREEN }
input By { id: ID name: String }
input Filter { name: String! color: Color limit: Int! = 10 }
scalar Moment
"""


@dataclass(frozen=True)
class Change:
    """A change of BASE: the first text becomes the second; whether that breaks a client."""

    name: str
    old: str
    new: str
    breaks: bool
    is_ours: bool = False  # graphql-inspector does not call it breaking

    @property
    def text(self) -> str:
        """BASE after the change."""
        assert BASE.count(self.old) == 1, self.old
        return BASE.replace(self.old, self.new)

    def __str__(self) -> str:
        return self.name


CHANGES = [
    Change("nothing", "RED GREEN", "RED GREEN", breaks=False),
    Change("a field removed", " detail: String!", "", breaks=True),
    Change("a field renamed", "color: Color! at", "colour: Color! at", breaks=True),
    Change("a field added", "detail: String!", "detail: String! hint: String!", breaks=False),
    Change("a field made nullable", "detail: String!", "detail: String", breaks=True),
    Change("a field made non-null", "things: [Thing!]", "things: [Thing!]!", breaks=False),
    Change("an item made nullable", "tags: [String!]!", "tags: [String]!", breaks=True),
    Change("a list made a single value", "tags: [String!]!", "tags: String!", breaks=True),
    Change("a field of another type", "detail: String!", "detail: ID!", breaks=True),
    Change("an argument removed", ", first: Int", "", breaks=True),
    Change("an argument renamed", "first: Int", "last: Int", breaks=True),
    Change("an argument added", "first: Int", "first: Int, after: String", breaks=False),
    Change("a required argument added", "first: Int", "first: Int, after: String!", breaks=True),
    Change("a non-null argument with a default added", "first: Int", "first: Int, to: Int! = 1", breaks=False),
    Change("an argument made required", "first: Int", "first: Int!", breaks=True),
    Change("an argument made optional", "thing(id: ID!", "thing(id: ID", breaks=False),
    Change("a default changed", "size: Int! = 5", "size: Int! = 6", breaks=False),
    Change("a default removed, and the argument required", "size: Int! = 5", "size: Int!", breaks=True, is_ours=True),
    Change("an input field removed", " color: Color limit", " limit", breaks=True),
    Change("an input field added", "color: Color limit", "color: Color not: ID limit", breaks=False),
    Change("a required input field added", "color: Color limit", "color: Color not: ID! limit", breaks=True),
    Change("an input field made required", "color: Color limit", "color: Color! limit", breaks=True),
    Change("an input field made optional", "name: String! color:", "name: String color:", breaks=False),
    Change("a default removed, and the input field required", "Int! = 10", "Int!", breaks=True, is_ours=True),
    Change("an input made @oneOf", "input By {", "input By @oneOf {", breaks=True),
    Change("an enum value removed", "RED GREEN", "RED", breaks=True),
    Change("an enum value removed from input only", " color: Color! at", " at", breaks=True),
    Change("an enum value added", "RED GREEN", "RED GREEN BLUE", breaks=False),
    Change("a union member removed", " | Refused", "", breaks=True),
    Change("a union member added", "| Refused", "| Refused | Limited\ntype Limited { id: ID! }\n#", breaks=False),
    Change("an interface removed from a type", "implements Node & Named", "implements Node", breaks=True),
    Change("an interface added to a type", "type Refused {", "type Refused implements Node {", breaks=False),
    Change("a type renamed", "type Refused { id: ID! }\nunion Result = Thing | Missing | Refused",
           "type Declined { id: ID! }\nunion Result = Thing | Missing | Declined", breaks=True),
    Change("a type of another kind", "scalar Moment", "enum Moment { NOW }", breaks=True),
    Change("a type added", "scalar Moment", "scalar Moment\ntype New { id: ID! }", breaks=False),
    Change("a type removed", "type Refused { id: ID! }\nunion Result = Thing | Missing | Refused",
           "union Result = Thing | Missing", breaks=True),
    Change("mutations removed", "type Mutation { add(name: String!): Thing }\n", "", breaks=True),
    Change("another root", "scalar Moment",
           "scalar Moment\nschema { query: Query mutation: Mutation subscription: Mutation }", breaks=True),
    Change("a field deprecated", "detail: String!", 'detail: String! @deprecated(reason: "Use id.")', breaks=False),
    Change("a description changed", "scalar Moment", '"""When."""\nscalar Moment', breaks=False),
]  # fmt: skip
