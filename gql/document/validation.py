"""Validation: graphql-core's `validate`, with what it computes anew for each document computed once.

graphql-core asks every rule for its method for every kind of node, at each document, and finds what it knows about a
node by hashing the tree below it: that is two thirds of its time. Here a table of the methods that exist is made once,
nodes are told apart by identity, and those that no rule looks at, such as names, are not visited. The rules, their
order, their errors and the limit of errors are the same.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NamedTuple

from graphql import (
    BREAK,
    SKIP,
    ASTValidationRule,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    TypeInfo,
    ValidationContext,
    Visitor,
    assert_valid_schema,
    visit,
)
from graphql.language.visitor import EnterLeaveVisitor
from graphql.pyutils import RefMap
from graphql.validation.rules.unique_directives_per_location import UniqueDirectivesPerLocationRule
from graphql.validation.validate import FragmentNestingVisitor, ValidationAbortedError, query_document_keys_to_validate
from graphql.validation.validation_context import VariableUsage, VariableUsageVisitor

MAX_ERRORS = 100  # as graphql-core: then one more says that validation was aborted

Keys = dict[str, tuple[str, ...]]
_Method = Callable[..., Any]
_Names = tuple[tuple[int, str], ...]  # names of methods, with the number of the visitor that has it

# No rule has a method for names, and nothing is below them.
_KEYS: Keys = {
    kind: tuple(key for key in keys if key not in {"name", "alias"})
    for kind, keys in query_document_keys_to_validate.items()
}


class _Methods(NamedTuple):
    """What visitors do at one kind of node."""

    enter: _Names
    leave: _Names


class _Table:
    """The methods of visitors of these classes, by the kind of node."""

    def __init__(self, classes: Iterable[type[Visitor]]) -> None:
        self._classes = tuple(classes)
        self._methods: dict[str, _Methods] = {}

    def methods(self, kind: str) -> _Methods:
        """Those for this kind, in the order of the visitors."""
        found = self._methods.get(kind)
        if found is None:
            found = self._methods[kind] = _Methods(self._names("enter", kind), self._names("leave", kind))
        return found

    def _names(self, action: str, kind: str) -> _Names:
        names = (_name_of(each, action, kind) for each in self._classes)
        return tuple((number, name) for number, name in enumerate(names) if name is not None)


def _name_of(visitor: type[Visitor], action: str, kind: str) -> str | None:
    """The name of the method of a class for a kind of node; None if it has none."""
    if issubclass(visitor, UniqueDirectivesPerLocationRule) and "directives" not in _KEYS.get(kind, ()):
        return None  # enters every node, and looks only at those with directives
    return next((name for name in (f"{action}_{kind}", action) if getattr(visitor, name, None)), None)


_USAGES = _Table([VariableUsageVisitor])


class Validator:
    """Validates documents against a schema by these rules, in their order."""

    def __init__(self, schema: GraphQLSchema, rules: Iterable[type[ASTValidationRule]]) -> None:
        assert_valid_schema(schema)
        self._schema = schema
        self._rules = tuple(rules)
        self._table = _Table(self._rules)
        self._table_with_fragments = _Table((FragmentNestingVisitor, *self._rules))

    def validate(self, document: DocumentNode) -> list[GraphQLError]:
        """The errors that `graphql.validate` would return; none if the document is valid."""
        errors: list[GraphQLError] = []
        context = _Context(self._schema, document, TypeInfo(self._schema), partial(_add, errors))
        table = self._table
        visitors: list[Visitor] = [rule(context) for rule in self._rules]
        fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
        if fragments:
            table, visitors = self._table_with_fragments, [FragmentNestingVisitor(fragments), *visitors]
        try:
            visit(document, _TypedVisitor(context.type_info, visitors, table), _KEYS)
        except ValidationAbortedError as error:
            error.__context__ = None  # with its frames
            errors.append(error.with_traceback(None))
        except RecursionError:
            errors.append(ValidationAbortedError("Validation aborted."))
        return errors


def _add(errors: list[GraphQLError], error: GraphQLError) -> None:
    if len(errors) >= MAX_ERRORS:
        raise ValidationAbortedError("Too many validation errors, error limit reached. Validation aborted.")
    errors.append(error)


class _Context(ValidationContext):
    """graphql-core's context, with a table, and by the identity of nodes."""

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        type_info: TypeInfo,
        on_error: Callable[[GraphQLError], None],
    ) -> None:
        super().__init__(schema, document, type_info, on_error)
        self.type_info = type_info
        by_identity: Any = RefMap
        self._variable_usages = by_identity()
        self._recursive_variable_usages = by_identity()
        self._fragment_spreads = by_identity()

    def get_variable_usages(self, node: OperationDefinitionNode | FragmentDefinitionNode) -> list[VariableUsage]:
        """The uses of variables in one definition, without those in its fragments."""
        usages = self._variable_usages.get(node)
        if usages is None:
            fragment = node if isinstance(node, FragmentDefinitionNode) else None
            visitor = VariableUsageVisitor(self.type_info, fragment)
            visit(node, _TypedVisitor(self.type_info, [visitor], _USAGES), _KEYS)
            usages = self._variable_usages[node] = visitor.usages
        return usages


class _TypedVisitor(Visitor):
    """Visits with all visitors at once, like graphql-core's ParallelVisitor inside its TypeInfoVisitor.

    `_skipping` tells which visitors skip the nodes below; `_skipped` the nodes at which they began to.
    """

    def __init__(self, type_info: TypeInfo, visitors: list[Any], table: _Table) -> None:
        super().__init__()
        self._type_info = type_info
        self._visitors = visitors
        self._table = table
        self._skipping = [False] * len(visitors)
        self._skipped: list[tuple[Node, int]] = []

    def get_enter_leave_for_kind(self, kind: str) -> EnterLeaveVisitor:
        """The functions for a kind of node, made at the first one."""
        found = self.enter_leave_map.get(kind)
        if found is None:
            names = self._table.methods(kind)
            enter = self._enter(names.enter, getattr(self._type_info, f"enter_{kind}", None))
            leave = self._leave(names.leave, getattr(self._type_info, f"leave_{kind}", None))
            found = self.enter_leave_map[kind] = EnterLeaveVisitor(enter, leave)
        return found

    def _enter(self, names: _Names, note_type: _Method | None) -> _Method:
        skipping, skipped = self._skipping, self._skipped
        methods = [(number, getattr(self._visitors[number], name)) for number, name in names]

        def enter(node: Node, *place: Any) -> None:
            if note_type is not None:
                note_type(node)
            for number, method in methods:
                if skipping[number]:
                    continue
                result = method(node, *place)
                if result is SKIP or result is False:
                    skipped.append((node, number))
                    skipping[number] = True
                elif result is BREAK or result is True:
                    skipping[number] = True

        return enter

    def _leave(self, names: _Names, forget_type: _Method | None) -> _Method:
        skipping, skipped = self._skipping, self._skipped
        methods = [(number, getattr(self._visitors[number], name)) for number, name in names]

        def leave(node: Node, *place: Any) -> None:
            for number, method in methods:
                if not skipping[number]:
                    result = method(node, *place)
                    if result is BREAK or result is True:
                        skipping[number] = True
            while skipped and skipped[-1][0] is node:
                skipping[skipped.pop()[1]] = False
            if forget_type is not None:
                forget_type()

        return leave
