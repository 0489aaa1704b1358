"""The compiler: from a valid document to a plan."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from graphql import (
    BooleanValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    is_abstract_type,
)
from graphql.execution.values import get_argument_values

from gql.document.cost import MERGED
from gql.document.prepared import PreparedOperation
from gql.plan.error import TooLarge, Unplannable
from gql.plan.shape import FieldShape, Shapes
from gql.plan.tree import FieldPlan, ObjectPlan, Plan

MOST_FIELDS = 20_000  # of a plan: more than any operation has whose estimated cost is accepted
_IMMUTABLE = (str, int, float, bool, type(None))


def compile_plan(
    shapes: Shapes, prepared: PreparedOperation, variables: Mapping[str, Any], most_fields: int = MOST_FIELDS
) -> Plan:
    """Compile an operation of a valid document, for coerced variables.

    Takes 2 to 5 µs for each selected field. Raises Unplannable for introspection, and TooLarge for more fields.
    """
    compiler = _Compiler(shapes, prepared, variables, most_fields)
    try:
        return compiler.compile(prepared.node)
    except Unplannable as error:
        error.size, error.depends_on_values = compiler.size, compiler.depends_on_values
        raise


class _Compiler:
    """The state of one compilation: the conditions that it met, and the number of fields."""

    def __init__(
        self, shapes: Shapes, prepared: PreparedOperation, variables: Mapping[str, Any], most_fields: int
    ) -> None:
        self._shapes = shapes
        self._fragments = prepared.fragments
        self._variables = variables
        self._conditions: dict[str, bool] = {}
        self._most_fields = most_fields
        self.size = 0
        self.depends_on_values = False

    def compile(self, operation: OperationDefinitionNode) -> Plan:
        root_type = self._shapes.schema.get_root_type(operation.operation)
        assert root_type is not None
        root = self._object_plan(root_type, [operation.selection_set], None)
        return Plan(operation.operation, root, self._conditions, self.size)

    def _object_plan(
        self, named: GraphQLObjectType, sets: Sequence[SelectionSetNode], owner: FieldPlan | None
    ) -> ObjectPlan:
        plan = ObjectPlan(named.name, owner)
        for key, nodes in self._collect(named, sets).items():
            self.size += 1
            if self.size > self._most_fields:
                raise TooLarge(f"it has more than {self._most_fields:,} fields with its fragments expanded")
            if nodes[0].name.value == "__typename":
                plan.add_typename(key, 1 + len(nodes) // MERGED)
            else:
                shape = self._shapes.shape_of(named, nodes[0].name.value)
                plan.add(self._field_plan(key, shape, nodes, plan))
        return plan

    def _field_plan(self, key: str, shape: FieldShape, nodes: list[FieldNode], parent: ObjectPlan) -> FieldPlan:
        cost = shape.weight + len(nodes) // MERGED
        plan = FieldPlan(key, shape, nodes, parent, self._fragments, self._arguments_of(shape, nodes[0]), cost)
        if not shape.is_leaf:
            sets = [node.selection_set for node in nodes if node.selection_set]
            classes = self._shapes.type_of_class
            possible = set(self._shapes.possible_of(shape.named))
            plan.objects = {
                class_: self._object_plan(named, sets, plan) for class_, named in classes.items() if named in possible
            }
        return plan

    def _arguments_of(self, shape: FieldShape, node: FieldNode) -> dict[str, Any] | None:
        """The arguments if they are the same in every request and nobody can change them; otherwise None."""
        if not shape.definition.args:
            return {}
        if any(_has_variables(each.value) for each in node.arguments or ()):
            return None
        try:
            found = self._shapes.arguments_of(shape, get_argument_values(shape.definition, node))
        except Exception:  # noqa: BLE001 -- raised again where it belongs, when the field is executed
            return None
        return found if all(isinstance(value, _IMMUTABLE) for value in found.values()) else None

    def _collect(self, named: GraphQLObjectType, sets: Iterable[SelectionSetNode]) -> dict[str, list[FieldNode]]:
        """The specification's CollectFields, with `@skip` and `@include` decided."""
        fields: dict[str, list[FieldNode]] = {}
        seen: set[str] = set()
        for selection_set in sets:
            self._visit(named, selection_set, fields, seen)
        return fields

    def _visit(
        self,
        named: GraphQLObjectType,
        selection_set: SelectionSetNode,
        fields: dict[str, list[FieldNode]],
        seen: set[str],
    ) -> None:
        for each in selection_set.selections:
            if each.directives and not self._is_included(each):
                continue
            if isinstance(each, FieldNode):
                fields.setdefault((each.alias or each.name).value, []).append(each)
                continue
            fragment: Any = each
            if isinstance(each, FragmentSpreadNode):
                if each.name.value in seen:
                    continue
                fragment = self._fragments[each.name.value]
            if self._is_about(fragment, named):
                if isinstance(each, FragmentSpreadNode):
                    seen.add(each.name.value)
                self._visit(named, fragment.selection_set, fields, seen)

    def _is_about(self, fragment: InlineFragmentNode | FragmentDefinitionNode, named: GraphQLObjectType) -> bool:
        if fragment.type_condition is None or fragment.type_condition.name.value == named.name:
            return True
        schema = self._shapes.schema
        about = schema.get_type(fragment.type_condition.name.value)
        return is_abstract_type(about) and schema.is_sub_type(about, named)

    def _is_included(self, node: SelectionNode) -> bool:
        for directive in node.directives or ():
            name = directive.name.value
            if name not in ("skip", "include"):
                raise Unplannable(f"@{name} is unknown to plans")
            [condition] = directive.arguments or ()
            if self._condition_of(condition.value) is (name == "skip"):
                return False
        return True

    def _condition_of(self, value: ValueNode) -> bool:
        if isinstance(value, BooleanValueNode):
            return value.value
        assert isinstance(value, VariableNode)
        name = value.name.value
        found = self._variables.get(name)
        self.depends_on_values = True
        if not isinstance(found, bool):
            raise Unplannable(f"${name} is null, which is an error")
        self._conditions[name] = found
        return found


def _has_variables(value: ValueNode) -> bool:
    if isinstance(value, VariableNode):
        return True
    inner = getattr(value, "values", None) or [each.value for each in getattr(value, "fields", ())]
    return any(_has_variables(each) for each in inner)
