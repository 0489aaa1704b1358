"""Introspection: its answers are cached, because they are the same for everybody until the process ends."""

from collections import OrderedDict

import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLInputObjectType,
    OperationDefinitionNode,
    OperationType,
    print_ast,
)
from strawberry.schema.schema_converter import GraphQLCoreConverter

MOST_BYTES = 8 * 1024 * 1024
MOST_TOKENS = 1_000  # of a document whose answer is cached; that of the tools has 200
COST = 20  # of a cached answer: neither the document nor the answer is computed again

_INTROSPECTION = frozenset({"__schema", "__type", "__typename"})


def is_one_of(type_: object, _info: object) -> bool | None:
    """`__Type.isOneOf`: null for all but input objects (GraphQL §4.2.2), so also for lists and non-null types.

    Strawberry's own resolver reads `extensions`, which those two lack, and fails.
    """
    if not isinstance(type_, GraphQLInputObjectType):
        return None
    definition = type_.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    return definition is not None and definition.is_one_of


def key_of(document: DocumentNode, operation: OperationDefinitionNode) -> str | None:
    """What the operation requests, whatever its name and layout; None unless it is pure introspection.

    One with variables is executed each time: its answer depends on them.
    """
    selections = operation.selection_set.selections
    if (
        operation.operation is not OperationType.QUERY
        or document.token_count > MOST_TOKENS
        or operation.variable_definitions
        or operation.directives
        or not all(isinstance(each, FieldNode) and each.name.value in _INTROSPECTION for each in selections)
    ):
        return None
    fragments = [each for each in document.definitions if isinstance(each, FragmentDefinitionNode)]
    return "\n".join(print_ast(node) for node in (operation.selection_set, *fragments))


class IntrospectionCache:
    """Encoded answers by their key, least recently used first out."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, bytes] = OrderedDict()
        self._used_bytes = 0

    def get(self, key: str) -> ExecutionResult | None:
        """The answer, as bytes that the encoder passes on."""
        content = self._answers.get(key)
        if content is None:
            return None
        self._answers.move_to_end(key)
        return ExecutionResult(data=orjson.Fragment(content))  # type: ignore[arg-type]

    def put(self, key: str, result: ExecutionResult) -> None:
        """Cache an answer without errors, unless it is so long that it would displace most others."""
        if result.errors or key in self._answers:
            return
        content = orjson.dumps(result.data)
        if len(content) > MOST_BYTES // 2:
            return
        self._answers[key] = content
        self._used_bytes += len(content) + len(key)
        while self._used_bytes > MOST_BYTES:
            old, dropped = self._answers.popitem(last=False)
            self._used_bytes -= len(dropped) + len(old)
