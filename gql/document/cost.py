"""The cost of an operation, estimated before execution: its fields, multiplied by the lengths of the lists around them.

The unit is about one resolved field, ten microseconds; fields that read from the database weigh more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_composite_type,
    is_list_type,
    is_object_type,
)

from gql.document.length import Length, Lengths, PageLength, Variables
from gql.document.survey import SATURATED

LOADED = 5  # a field whose value is loaded at once for all objects of a level
PAGED = 20  # a field that reads a separate page for each object
WRITTEN = 50  # a root field of a mutation
ITEM = 3  # an object of a list, without its fields
MERGED = 32  # nodes of one field that are processed for the price of one more
ERROR = 10  # of a field that fails, in addition
LOCATED = 2  # places in the document that an error names for the price of one field

MOST_KNOWN = 8  # estimates kept for different lengths of pages
MOST_VISITS = 20_000  # selections that the estimate visits before it calls a document too complex


@dataclass(slots=True)
class _Part:
    """One field with sub-fields: its weight, and how often these are executed."""

    name: str
    weight: float
    below: "_Level"
    length: Length | PageLength | None = None  # length of its own list
    page: PageLength | None = None  # length of the lists in its object
    is_of_page: bool = False  # a list as long as the page of the field above

    def cost(self, costs: dict[int, tuple[float, float]], variables: Variables) -> tuple[float, float]:
        """Its cost once, and for each item of the page above it."""
        fixed, each = costs[id(self.below)]
        below = fixed + each * (self.page.of(variables) if self.page else 1.0)
        if self.is_of_page:
            return self.weight, below + ITEM
        if self.length is None:
            return self.weight + below, 0.0
        return self.weight + (below + ITEM) * self.length.of(variables), 0.0


@dataclass(slots=True)
class _Level:
    """Merged selection sets: the fields of an object type, or for an abstract type the levels of its object types.

    Of the fields without sub-fields only the weights are kept.
    """

    leaves: float = 0.0
    heaviest_leaf: float = 0.0
    parts: list[_Part] = field(default_factory=list)
    choices: Sequence["_Level"] = ()

    def cost(self, costs: dict[int, tuple[float, float]], variables: Variables) -> tuple[float, float]:
        """The sum of the parts and the most expensive choice: once, and for each item of the page above."""
        fixed, each = self.leaves, 0.0
        for part in self.parts:
            own, of_page = part.cost(costs, variables)
            fixed += own
            each += of_page
        if self.choices:
            choices = [costs[id(choice)] for choice in self.choices]
            fixed += max(own for own, _ in choices)
            each += max(of_page for _, of_page in choices)
        return fixed, each


class _FieldCost(NamedTuple):
    """A field of an object type: its weight, and the type of its sub-fields if it has some."""

    weight: int
    definition: GraphQLField
    below: GraphQLCompositeType | None


class CostModel:
    """The cost of one operation as a function of its variables; for valid documents.

    Selection sets that execution merges are merged here, so each execution is counted once. Each group of them is
    visited once per type, however many fragments lead to it. Among types that exclude each other the most expensive one
    counts. Fields with `@skip` or `@include` always count.
    """

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        self.visited = 0
        self._schema = schema
        self._costs = _costs_of(schema)
        self._lengths = Lengths(schema, operation)
        self._fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self._levels: dict[tuple[str, frozenset[int]], _Level] = {}
        self._order: list[_Level] = []  # the nested levels come first
        root = schema.get_root_type(operation.operation)
        assert root is not None
        self._root = self._level_of(root, [operation.selection_set])
        self._levels.clear()  # the keys of the visits; what follows needs only their order
        self._known: dict[tuple[float, ...], int] = {}  # costs by the lengths that depend on variables

    @property
    def is_complete(self) -> bool:
        """Whether the whole document was visited; otherwise it is only known to be too complex."""
        return self.visited <= MOST_VISITS

    def estimate(self, variables: Variables | None) -> int:
        """The cost with these variables, as the client sent them."""
        if not self.is_complete:
            return SATURATED
        variables = variables or {}
        lengths = tuple([each.of(variables) for each in self._lengths.of_variables])
        found = self._known.get(lengths)
        if found is None:
            found = round(self._cost_by_level(variables)[id(self._root)][0])
            if len(self._known) < MOST_KNOWN:
                self._known[lengths] = found
        return found

    def _cost_by_level(self, variables: Variables) -> dict[int, tuple[float, float]]:
        costs: dict[int, tuple[float, float]] = {}
        for level in self._order:
            costs[id(level)] = level.cost(costs, variables)
        return costs

    def dearest(self, variables: Variables | None) -> tuple[str, ...]:
        """The path of the page or list that causes most of the cost.

        It is the deepest one; if none causes most, the most expensive outermost one.
        """
        if not self.is_complete:
            return ()
        variables = variables or {}
        costs = self._cost_by_level(variables)
        most = costs[id(self._root)][0] / 2
        level, times, length = self._root, 1.0, 1.0  # executions of the level, length of the page above
        path: tuple[str, ...] = ()
        dearest: tuple[str, ...] = ()
        while True:
            while level.choices:
                level = max(level.choices, key=lambda choice: _total(costs[id(choice)], length))
            spent = [(times * _total(part.cost(costs, variables), length), part) for part in level.parts]
            cost, part = max(spent, key=itemgetter(0), default=(0.0, None))
            if part is None or cost < times * level.heaviest_leaf:
                return dearest
            path += (part.name,)
            if (part.page or part.length) and (cost > most or not dearest):
                dearest = path
            times *= length if part.is_of_page else part.length.of(variables) if part.length else 1.0
            level, length = part.below, part.page.of(variables) if part.page else 1.0

    def _level_of(self, named: GraphQLCompositeType, group: list[SelectionSetNode]) -> _Level:
        key = (named.name, frozenset(map(id, group)))
        known = self._levels.get(key)
        if known is not None:
            return known
        level = self._levels[key] = _Level()
        if is_abstract_type(named):
            possible = self._schema.get_possible_types(named)
            level.choices = [self._level_of(each, group) for each in possible if self.is_complete]
        elif is_object_type(named):
            for name, nodes in self._fields_of(named, group).items():
                self._add(level, named, name, nodes)
        self._order.append(level)
        return level

    def _fields_of(self, named: GraphQLObjectType, group: list[SelectionSetNode]) -> dict[str, list[FieldNode]]:
        """The fields of merged selection sets by response name (the specification's CollectFields)."""
        fields: dict[str, list[FieldNode]] = {}
        seen: set[str] = set()
        queue = list(group)
        for selection_set in queue:  # grows during the loop
            self.visited += len(selection_set.selections)
            if not self.is_complete:
                return {}
            for selection in selection_set.selections:
                if isinstance(selection, FieldNode):
                    fields.setdefault((selection.alias or selection.name).value, []).append(selection)
                    continue
                fragment: Any = selection
                if isinstance(selection, FragmentSpreadNode):
                    if selection.name.value in seen:
                        continue
                    seen.add(selection.name.value)
                    fragment = self._fragments[selection.name.value]
                if self._is_about(fragment, named):
                    queue.append(fragment.selection_set)
        return fields

    def _is_about(self, fragment: InlineFragmentNode | FragmentDefinitionNode, named: GraphQLObjectType) -> bool:
        if fragment.type_condition is None or fragment.type_condition.name.value == named.name:
            return True
        about = self._schema.get_type(fragment.type_condition.name.value)
        return is_abstract_type(about) and self._schema.is_sub_type(about, named)

    def _add(self, level: _Level, parent: GraphQLObjectType, name: str, nodes: list[FieldNode]) -> None:
        """Add a field to a level, under its response name."""
        node = nodes[0]
        key = (parent.name, node.name.value)
        found = self._costs.get(key)
        if found is None:
            found = self._costs[key] = _cost_of(self._schema, parent, node.name.value)
        weight = found.weight + len(nodes) // MERGED
        if found.below is None:
            level.leaves += weight
            level.heaviest_leaf = max(level.heaviest_leaf, weight)
            return
        below = self._level_of(found.below, [each.selection_set for each in nodes if each.selection_set])
        part = _Part(name, weight, below)
        part.page = self._lengths.page_of(parent, found.definition, node)
        part.length = self._lengths.of(parent, found.definition, node)
        part.is_of_page = part.length is None and self._lengths.is_of_page(parent, found.definition)
        level.parts.append(part)


@cache
def _costs_of(schema: GraphQLSchema) -> dict[tuple[str, str], _FieldCost]:
    """The fields by type and name, filled as documents select them; always the same dictionary."""
    del schema
    return {}


def _cost_of(schema: GraphQLSchema, parent: GraphQLObjectType, name: str) -> _FieldCost:
    definition = schema.get_field(parent, name)
    assert definition is not None
    named = get_named_type(definition.type)
    weight = weights_of(schema).get((parent.name, name), 1)
    return _FieldCost(weight, definition, named if is_composite_type(named) else None)


def _total(cost: tuple[float, float], length: float) -> float:
    """The total of a cost that arises once and one that arises for each item of a page of this length."""
    once, each = cost
    return once + each * length


def _has_pages(definition: GraphQLField) -> bool:
    """A list that is no connection is cut from what was loaded for all objects of a level."""
    return "first" in definition.args and not is_list_type(get_nullable_type(definition.type))


@cache
def weights_of(schema: GraphQLSchema) -> dict[tuple[str, str], int]:
    """The cost of executing a field once, by type and field; 1 if not listed."""
    return {
        (named.name, name): WRITTEN if named is schema.mutation_type else PAGED if _has_pages(each) else LOADED
        for named in schema.type_map.values()
        if is_object_type(named)
        for name, each in named.fields.items()
        if getattr(each.extensions.get("strawberry-definition"), "is_async", False)
    }
