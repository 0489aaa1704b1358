"""The compiled form of an operation: a tree of objects and fields, which knows no request."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import FieldNode, OperationType

from gql.plan.leaf import Convert
from gql.plan.shape import FieldShape, Kind
from gql.selection import Fragments, Selection

Get = Callable[[Any], Any]

PUNCTUATION_BYTES = 6  # `"":"",` around a name and a value


@dataclass(slots=True, eq=False)
class FieldPlan:
    """One field of an object plan: a response name, and what it takes to resolve and complete its values.

    `objects` has the plan of the values for each class that they can have; None for a leaf. `nodes` are all places of
    the document that select the field. `arguments` are those of the resolver, or None if they depend on variables.
    `cost` is that of resolving it once.
    """

    key: str
    shape: FieldShape
    nodes: list[FieldNode]
    parent: "ObjectPlan"
    fragments: Fragments
    arguments: dict[str, Any] | None
    cost: int
    objects: dict[type, "ObjectPlan"] | None = None
    _selection: Selection | None = None

    @property
    def selection(self) -> Selection:
        """What is selected below the field."""
        if self._selection is None:
            self._selection = Selection.from_nodes(self.nodes, self.fragments)
        return self._selection


@dataclass(slots=True, eq=False)
class ObjectPlan:
    """The fields selected of an object of one type, by how they are resolved, and an empty object in their order.

    `owner` is the field whose values these are; None for the root. `plain` leaves are read from the source and are JSON
    already, `texts` are those that can be long, and `converted` ones become JSON by a function; True if null is an
    error. `nested` are objects, lists, and JSON. `weight` is the cost of one object, `size_bytes` about its length in
    JSON without what is nested and its texts. `function` does the same as all these lists, once `rendered` has shown
    that the plan is used, unless it `is_large`.
    """

    type_name: str
    owner: FieldPlan | None
    template: dict[str, Any] = field(default_factory=dict)
    fields: list[FieldPlan] = field(default_factory=list)
    plain: list[tuple[str, Get, bool]] = field(default_factory=list)
    texts: list[tuple[str, Get, bool]] = field(default_factory=list)
    converted: list[tuple[str, Get, Convert, bool]] = field(default_factory=list)
    nested: list[FieldPlan] = field(default_factory=list)
    called: list[FieldPlan] = field(default_factory=list)
    deferred: list[FieldPlan] = field(default_factory=list)
    weight: int = 0
    size_bytes: int = 0
    rendered: int = 0
    is_large: bool = False
    function: Callable[[Any, Any], dict[str, Any]] | None = None

    def add_typename(self, key: str, cost: int) -> None:
        """Add `__typename` under a response name."""
        self.template[key] = self.type_name
        self.weight += cost
        self.size_bytes += len(key) + len(self.type_name) + PUNCTUATION_BYTES

    def add(self, plan: FieldPlan) -> None:
        """Add a field; the order of calls is that of the response."""
        shape = plan.shape
        self.template[plan.key] = None
        self.weight += plan.cost
        self.size_bytes += len(plan.key) + PUNCTUATION_BYTES + shape.size_bytes
        self.fields.append(plan)
        if shape.kind is Kind.CALLED:
            self.called.append(plan)
        elif shape.kind is not Kind.READ:
            self.deferred.append(plan)
        elif not shape.is_leaf or shape.is_list or shape.is_json:
            self.nested.append(plan)
        elif shape.is_text:
            self.texts.append((plan.key, shape.resolve, not shape.is_nullable))
        elif shape.convert is None:
            self.plain.append((plan.key, shape.resolve, not shape.is_nullable))
        else:
            self.converted.append((plan.key, shape.resolve, shape.convert, not shape.is_nullable))


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A compiled operation, valid for all requests with the same values in `conditions`.

    These are the variables that decided about `@skip` and `@include`. `size` is the number of its fields.
    """

    kind: OperationType
    root: ObjectPlan
    conditions: Mapping[str, bool]
    size: int

    @property
    def is_serial(self) -> bool:
        """Whether the root fields are executed one after another (GraphQL §6.2.2)."""
        return self.kind is OperationType.MUTATION

    def fits(self, variables: Mapping[str, Any]) -> bool:
        """Whether the plan is valid for a request with these variables, coerced."""
        return all(variables.get(name) is value for name, value in self.conditions.items())
