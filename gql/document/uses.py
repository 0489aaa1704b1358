"""What one definition of a document uses, as far as a proof of validity can judge it by itself."""

from typing import Any

from graphql import (
    DirectiveNode,
    FragmentDefinitionNode,
    GraphQLBoolean,
    GraphQLInputType,
    GraphQLNonNull,
    OperationDefinitionNode,
    Undefined,
    VariableNode,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
    is_scalar_type,
)

from gql.document.known import LITERALS, KnownInput, KnownInputs, KnownSchema

INT_DIGITS = 9  # of a literal that fits into 32 bits whatever they are

_CONDITIONS = KnownInputs({"if": KnownInput(GraphQLNonNull(GraphQLBoolean), Undefined)}, frozenset({"if"}))
_DIRECTIVES = frozenset({"skip", "include"})


class Unproved(Exception):
    """Something that the proof does not know, or that is wrong."""


def require(condition: bool) -> None:
    """Raise Unproved unless this is true."""
    if not condition:
        raise Unproved


class Uses:
    """What an operation or a fragment uses: variables with the types of their places, and fragments.

    `never_null` are the variables whose type must be non-null, whatever their default is. The methods check what needs
    nothing else of the document, and raise Unproved.
    """

    __slots__ = ("_known", "depth", "never_null", "node", "spreads", "usages")

    def __init__(self, known: KnownSchema, node: OperationDefinitionNode | FragmentDefinitionNode) -> None:
        self._known = known
        self.node = node
        self.depth = 0
        self.usages: list[tuple[str, GraphQLInputType, object]] = []
        self.never_null: list[str] = []
        self.spreads: list[str] = []

    def check_directives(self, directives: tuple[DirectiveNode, ...]) -> None:
        """Only `@skip` and `@include`, each once."""
        names = [each.name.value for each in directives]
        require(_DIRECTIVES.issuperset(names) and len(set(names)) == len(names))
        for each in directives:
            self.check_inputs(each.arguments, _CONDITIONS)

    def check_inputs(self, nodes: Any, known: KnownInputs) -> None:
        """Check arguments, or the fields of an input object: known, unique, of the right type, and complete."""
        names = {each.name.value for each in nodes or ()}
        require(len(names) == len(nodes or ()) and known.required <= names)
        for each in nodes or ():
            wanted = known.inputs.get(each.name.value)
            if wanted is None:
                raise Unproved
            self.check_value(each.value, wanted.type, wanted.default)

    def check_value(self, value: Any, wanted: GraphQLInputType, default: object = Undefined) -> None:
        """Check a literal by the type that is wanted, or note a variable; `default` is that of the place."""
        if isinstance(value, VariableNode):
            self.usages.append((value.name.value, wanted, default))
            return
        nullable: Any = wanted.of_type if is_non_null_type(wanted) else wanted
        if is_list_type(nullable):
            require(value.kind == "list_value")
            for each in value.values:
                self.check_value(each, nullable.of_type)
        elif is_input_object_type(nullable):
            require(value.kind == "object_value")
            self._check_object(value, self._known.inputs_of(nullable))
        elif is_enum_type(nullable):
            require(value.kind == "enum_value" and value.value in nullable.values)
        else:
            require(is_scalar_type(nullable) and value.kind in LITERALS.get(nullable, ()))
            require(value.kind != "int_value" or len(value.value) <= INT_DIGITS)

    def _check_object(self, node: Any, known: KnownInputs) -> None:
        self.check_inputs(node.fields, known)
        if known.is_one_of:
            require(len(node.fields) == 1)
            if isinstance(node.fields[0].value, VariableNode):
                self.never_null.append(node.fields[0].value.name.value)
