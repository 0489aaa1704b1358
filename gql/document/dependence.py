"""What the answers to a subscription's events depend on: streams for which that is equal can share them."""

from collections import Counter
from collections.abc import Iterable, Iterator

from graphql import FieldNode, FragmentDefinitionNode, Node, OperationDefinitionNode, SelectionSetNode, VariableNode

CURSOR = "after"  # the argument of a subscription that says where it begins, and changes no event


class Dependence:
    """The names of the fields that are selected, and the variable that only says where the subscription begins, if any.

    Clients resume with a cursor each: if it counted, no two of them would share an answer.
    """

    __slots__ = ("cursor_variable", "field_names")

    def __init__(self, operation: OperationDefinitionNode, fragments: Iterable[FragmentDefinitionNode]) -> None:
        parts = [operation.selection_set, *(operation.directives or ()), *fragments]
        nodes = [node for part in parts for node in _nodes_in(part)]
        self.field_names = frozenset(node.name.value for node in nodes if isinstance(node, FieldNode))
        used = Counter(node.name.value for node in nodes if isinstance(node, VariableNode))
        cursor = _cursor_in(operation.selection_set)
        self.cursor_variable = cursor if cursor is not None and used[cursor] == 1 else None


def _cursor_in(selections: SelectionSetNode) -> str | None:
    """The variable that the root field has for its cursor; None if that is not in the operation itself."""
    for field in selections.selections:
        for argument in (field.arguments or ()) if isinstance(field, FieldNode) else ():
            if argument.name.value == CURSOR and isinstance(argument.value, VariableNode):
                return argument.value.name.value
    return None


def _nodes_in(node: Node) -> Iterator[Node]:
    """The node and all below it, in no particular order."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        for key in found.keys:
            value = getattr(found, key, None)
            below = value if isinstance(value, list | tuple) else (value,)
            waiting += [each for each in below if isinstance(each, Node)]
