"""The rule for inputs of which exactly one field must be given (GraphQL §5.6.5)."""

from typing import Any

from graphql import (
    GraphQLNamedType,
    NonNullTypeNode,
    ObjectValueNode,
    OperationDefinitionNode,
    VariableNode,
    get_nullable_type,
    is_input_object_type,
)
from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule


class OneOfInput(OneOfInputValidationRule):
    """Strawberry's rule; variables are judged by the definitions of each operation that uses them.

    Strawberry's own fails with a KeyError at a variable that is not defined, and with an AttributeError in a fragment
    that comes before the operation.
    """

    def validate_one_of(self, node: ObjectValueNode, type: GraphQLNamedType) -> None:
        """Check an object in the document."""
        if len(node.fields) != 1 or not isinstance(node.fields[0].value, VariableNode):
            super().validate_one_of(node, type)

    def leave_operation_definition(self, node: OperationDefinitionNode, *_args: Any) -> None:
        """Check the variables that stand for the field, in the operation and its fragments."""
        definitions = {each.variable.name.value: each for each in node.variable_definitions or ()}
        for usage in self.context.get_recursive_variable_usages(node):
            name, parent = usage.node.name.value, get_nullable_type(usage.parent_type)
            if not is_input_object_type(parent) or not parent.extensions["strawberry-definition"].is_one_of:
                continue
            if name not in definitions or isinstance(definitions[name].type, NonNullTypeNode):
                continue
            sentence = f"Variable '{name}' must be non-nullable to be used for OneOf Input Object '{parent}'."
            self.report_error(StrawberryInputCoercionError(sentence, nodes=[usage.node]))
