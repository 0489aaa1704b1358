"""The cost of an operation, estimated before execution: its fields, multiplied by the lengths of the lists around them.

The unit is about one resolved field, ten microseconds; fields that read from the database weigh more.
"""

from dataclasses import dataclass, field
from functools import cache
from operator import itemgetter
from typing import Any

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

MOST_KNOWN = 8  # estimates kept for different lengths of pages
MOST_VISITS = 20_000  # selections that the estimate visits before it calls a document too complex


@dataclass(slots=True)
class _Part:
    """One field: its weight, and how often its sub-fields are executed."""

    name: str
    weight: float
    below: "_Level | None" = None
    length: Length | PageLength | None = None  # length of its own list
    page: PageLength | None = None  # length of the lists in its object
    is_of_page: bool = False  # a list as long as the page of the field above

    def cost(self, costs: dict[int, tuple[float, float]], variables: Variables) -> tuple[float, float]:
        """Its cost once, and for each item of the page above it."""
        if self.below is None:
            return self.weight, 0.0
        fixed, each = costs[id(self.below)]
        below = fixed + each * (self.page.of(variables) if self.page else 1.0)
        if self.is_of_page:
            return self.weight, below + ITEM
        if self.length is None:
            return self.weight + below, 0.0
        return self.weight + (below + ITEM) * self.length.of(variables), 0.0


@dataclass(slots=True)
class _Level:
    """Merged selection sets: the fields of an object type, or for an abstract type the levels of its object types."""

    parts: list[_Part] = field(default_factory=list)
    choices: list["_Level"] = field(default_factory=list)

    def cost(self, costs: dict[int, tuple[float, float]], variables: Variables) -> tuple[float, float]:
        """The sum of the parts and the most expensive choice: once, and for each item of the page above."""
        parts = [part.cost(costs, variables) for part in self.parts]
        choices = [costs[id(choice)] for choice in self.choices]
        fixed = sum(own for own, _ in parts) + max((own for own, _ in choices), default=0.0)
        each = sum(of_page for _, of_page in parts) + max((of_page for _, of_page in choices), default=0.0)
        return fixed, each


@dataclass(frozen=True, slots=True)
class Estimate:
    """The estimated cost of an operation, and the path of the page or list that causes most of it."""

    cost: int
    path: tuple[str, ...]


class CostModel:
    """The cost of one operation as a function of its variables; for valid documents.

    Selection sets that execution merges are merged here, so each execution is counted once. Each group of them is
    visited once per type, however many fragments lead to it. Among types that exclude each other the most expensive one
    counts. Fields with `@skip` or `@include` always count.
    """

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        self.visited = 0
        self._schema = schema
        self._weights = weights_of(schema)
        self._lengths = Lengths(schema, operation)
        self._fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self._levels: dict[tuple[str, frozenset[int]], _Level] = {}
        self._order: list[_Level] = []  # the nested levels come first
        root = schema.get_root_type(operation.operation)
        assert root is not None
        self._root = self._level_of(root, [operation.selection_set])
        self._known: dict[tuple[float, ...], Estimate] = {}  # by the lengths that depend on variables

    @property
    def is_complete(self) -> bool:
        """Whether the whole document was visited; otherwise it is only known to be too complex."""
        return self.visited <= MOST_VISITS

    def estimate(self, variables: Variables | None) -> Estimate:
        """The cost with these variables, as the client sent them."""
        if not self.is_complete:
            return Estimate(SATURATED, ())
        variables = variables or {}
        lengths = tuple([each.of(variables) for each in self._lengths.of_variables])
        found = self._known.get(lengths)
        if found is None:
            found = self._estimate(variables)
            if len(self._known) < MOST_KNOWN:
                self._known[lengths] = found
        return found

    def _estimate(self, variables: Variables) -> Estimate:
        costs: dict[int, tuple[float, float]] = {}
        for level in self._order:
            costs[id(level)] = level.cost(costs, variables)
        return Estimate(round(costs[id(self._root)][0]), self._dearest(costs, variables))

    def _dearest(self, costs: dict[int, tuple[float, float]], variables: Variables) -> tuple[str, ...]:
        """The deepest page or list that causes most of the cost; if none does, the most expensive outermost one."""
        most = costs[id(self._root)][0] / 2
        level, times, length = self._root, 1.0, 1.0  # executions of the level, length of the page above
        path: tuple[str, ...] = ()
        dearest: tuple[str, ...] = ()
        while True:
            while level.choices:
                level = max(level.choices, key=lambda choice: _total(costs[id(choice)], length))
            spent = [(times * _total(part.cost(costs, variables), length), part) for part in level.parts]
            cost, part = max(spent, key=itemgetter(0), default=(0.0, None))
            if part is None:
                return dearest
            path += (part.name,)
            if (part.page or part.length) and (cost > most or not dearest):
                dearest = path
            if part.below is None:
                return dearest
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
            fields = self._fields_of(named, group)
            level.parts = [self._part_of(named, name, nodes) for name, nodes in fields.items()]
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

    def _part_of(self, parent: GraphQLObjectType, name: str, nodes: list[FieldNode]) -> _Part:
        node = nodes[0]
        definition = self._schema.get_field(parent, node.name.value)
        assert definition is not None
        weight = self._weights.get((parent.name, node.name.value), 1) + len(nodes) // MERGED
        part = _Part(name, weight)
        named = get_named_type(definition.type)
        if is_composite_type(named):
            part.page = self._lengths.page_of(parent, definition, node)
            part.length = self._lengths.of(parent, definition, node)
            part.is_of_page = part.length is None and self._lengths.is_of_page(parent, definition)
            part.below = self._level_of(named, [each.selection_set for each in nodes if each.selection_set])
        return part


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
