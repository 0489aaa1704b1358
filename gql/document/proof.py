"""The proof that a document is valid: one walk over it, where graphql-core's rules take twenty times as long.

What is proved has no errors by any of `PROVED`. What is not proved may be valid too: graphql-core's rules decide, and
only they have words for what is wrong.
"""

from collections.abc import Iterable
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLSchema,
    InlineFragmentNode,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    is_composite_type,
    is_input_type,
    is_non_null_type,
    specified_rules,
    type_from_ast,
)
from graphql.validation.rules.variables_in_allowed_position import allowed_variable_usage
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule

from gql.document.known import known_of
from gql.document.merge import MergeableFields, MergeProof
from gql.document.one_of import OneOfInput
from gql.document.uses import Unproved, Uses, require

PROVED = frozenset(
    {*specified_rules, MergeableFields, NoSchemaIntrospectionCustomRule, MaybeNullValidationRule, OneOfInput}
)

MOST_NESTED = 100  # selection sets in each other, of all definitions together; graphql-core gives up at 200
MOST_VISITS = 2_000  # selections that are visited to merge them, which takes 4 ms


def covers(rules: Iterable[type[ASTValidationRule]]) -> bool:
    """Whether a proof is one for all of these rules."""
    return PROVED.issuperset(rules)


class Proof:
    """The proof for one document."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._known = known_of(schema)
        self._document = document
        self._operations: list[Uses] = []
        self._fragments: dict[str, Uses] = {}
        self._types: dict[str, GraphQLCompositeType] = {}  # of the fragments

    def holds(self) -> bool:
        """Whether the document is proved to be valid."""
        try:
            self._collect()
            for each in (*self._operations, *self._fragments.values()):
                self._walk(each)
            self._check_fragments()
            self._check_operations()
        except Unproved:
            return False
        return MergeProof(self._known.schema, self._document, MOST_VISITS).holds()

    def _collect(self) -> None:
        """The definitions: only operations and fragments, with names that are unique, or one operation without."""
        names: set[str | None] = set()
        for node in self._document.definitions:
            if isinstance(node, OperationDefinitionNode):
                name = node.name.value if node.name else None
                require(name not in names)
                names.add(name)
                self._operations.append(Uses(self._known, node))
            elif isinstance(node, FragmentDefinitionNode):
                require(node.name.value not in self._fragments and not node.variable_definitions)
                self._fragments[node.name.value] = Uses(self._known, node)
                self._types[node.name.value] = self._composite(node.type_condition.name.value)
            else:
                raise Unproved
            require(not node.directives)
        require(bool(names) and (None not in names or len(names) == 1))

    def _composite(self, name: str) -> GraphQLCompositeType:
        found = self._known.schema.get_type(name)
        if not is_composite_type(found):
            raise Unproved
        return found

    def _walk(self, definition: Uses) -> None:
        """Check each selection of a definition by itself."""
        node, known = definition.node, self._known
        if isinstance(node, FragmentDefinitionNode):
            root: GraphQLCompositeType | None = self._types[node.name.value]
        else:
            root = known.schema.get_root_type(node.operation)
            if node.operation is OperationType.SUBSCRIPTION:
                _require_one_field(node.selection_set)
        if root is None:
            raise Unproved
        stack = [(node.selection_set, root, 1)]
        while stack:
            selection_set, parent, depth = stack.pop()
            definition.depth = max(definition.depth, depth)
            fields = known.fields_of(parent)
            require(bool(selection_set.selections))
            for selection in selection_set.selections:
                if selection.directives:
                    definition.check_directives(selection.directives)
                if isinstance(selection, FieldNode):
                    below = self._check_field(selection, fields, definition)
                    if below is not None:
                        stack.append((*below, depth + 1))
                elif isinstance(selection, InlineFragmentNode):
                    condition = selection.type_condition
                    about = self._composite(condition.name.value) if condition else parent
                    require(known.overlap(about, parent))
                    stack.append((selection.selection_set, about, depth + 1))
                else:
                    self._note_spread(selection, parent, definition)

    def _check_field(
        self, node: FieldNode, fields: dict[str, Any], definition: Uses
    ) -> tuple[SelectionSetNode, GraphQLCompositeType] | None:
        """Check a field and its arguments; returns what is to be walked below it."""
        field = fields.get(node.name.value)
        if field is None or field.is_introspection:
            raise Unproved
        if node.arguments or field.arguments.required:
            definition.check_inputs(node.arguments, field.arguments)
        if node.selection_set is None:
            require(field.below is None)
            return None
        if field.below is None:
            raise Unproved
        return node.selection_set, field.below

    def _note_spread(self, node: Any, parent: GraphQLCompositeType, definition: Uses) -> None:
        require(isinstance(node, FragmentSpreadNode) and not node.arguments)
        about = self._types.get(node.name.value)
        if about is None:
            raise Unproved
        require(self._known.overlap(about, parent))
        definition.spreads.append(node.name.value)

    def _check_fragments(self) -> None:
        """No fragment spreads itself, and they do not nest too deeply."""
        order: dict[str, bool] = {}  # False while a fragment is open
        stack = list(self._fragments)
        while stack:
            name = stack[-1]
            if name in order:
                order[stack.pop()] = True
                continue
            order[name] = False
            for spread in self._fragments[name].spreads:
                require(order.get(spread, True))
                if spread not in order:
                    stack.append(spread)
        require(sum(each.depth for each in (*self._operations, *self._fragments.values())) <= MOST_NESTED)

    def _check_operations(self) -> None:
        """Every fragment is used, and every variable is defined, used, and of a type that fits its places."""
        reached: set[str] = set()
        for each in self._operations:
            names = self._reach(each)
            reached |= names
            self._check_variables(each, [each, *(self._fragments[name] for name in names)])
        require(len(reached) == len(self._fragments))

    def _reach(self, operation: Uses) -> set[str]:
        """The fragments that an operation uses."""
        found: set[str] = set()
        queue = [operation]
        for each in queue:  # grows during the loop
            for name in each.spreads:
                if name not in found:
                    found.add(name)
                    queue.append(self._fragments[name])
        return found

    def _check_variables(self, operation: Uses, parts: list[Uses]) -> None:
        node, schema = operation.node, self._known.schema
        assert isinstance(node, OperationDefinitionNode)
        defined: dict[str, tuple[Any, Any]] = {}
        for each in node.variable_definitions or ():
            kind: Any = type_from_ast(schema, each.type)
            require(is_input_type(kind) and not each.directives and each.variable.name.value not in defined)
            defined[each.variable.name.value] = kind, each.default_value
            if each.default_value is not None:
                operation.check_value(each.default_value, kind)  # the parser accepts no variable in it
        used: set[str] = set()
        for part in parts:
            for name, wanted, default in part.usages:
                if name not in defined:
                    raise Unproved
                used.add(name)
                kind, value = defined[name]
                require(allowed_variable_usage(schema, kind, value, wanted, default))
            for name in part.never_null:
                require(is_non_null_type(defined[name][0]))
        require(len(used) == len(defined))


def _require_one_field(selection_set: SelectionSetNode) -> None:
    """A subscription of one field, without directives, that is not introspection."""
    selections = selection_set.selections
    require(len(selections) == 1 and isinstance(selections[0], FieldNode) and not selections[0].directives)
    require(isinstance(selections[0], FieldNode) and not selections[0].name.value.startswith("__"))
