"""Prepared operations: everything about one operation of a valid document that does not depend on its variables."""

from graphql import DocumentNode, FragmentDefinitionNode, GraphQLSchema, OperationDefinitionNode, OperationType
from graphql.execution.collect_fields import FragmentDetails

from gql.document.cost import CostModel
from gql.document.dependence import Dependence
from gql.document.introspection import key_of

EVENT_CURSOR = "eventCursor"  # a field whose value must be older than all others of the answer


class PreparedOperation:
    """An operation that need not be looked at again before it is executed; cached with its document.

    `fragments` are those of the document by name, and `fragment_details` the same for graphql-core's executor. `tokens`
    is the length of the document. `plans` belongs to `gql.plan`, which compiles the operation when it is executed.
    `dependence` is that of a subscription's events.
    """

    __slots__ = (
        "cost_model",
        "dependence",
        "fragment_details",
        "fragments",
        "introspection_key",
        "kind",
        "name",
        "node",
        "plans",
        "tokens",
        "wants_position",
    )

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, node: OperationDefinitionNode) -> None:
        self.node = node
        self.name = node.name.value if node.name else None
        self.kind = node.operation
        self.fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }
        self.fragment_details = {name: FragmentDetails(each, None) for name, each in self.fragments.items()}
        self.cost_model = CostModel(schema, document, node)
        self.dependence = Dependence(node, self.fragments.values()) if self.is_subscription else None
        self.introspection_key = key_of(document, node)
        self.tokens = document.token_count or 0
        self.plans: object = None
        self.wants_position = document.loc is not None and EVENT_CURSOR in document.loc.source.body

    @property
    def is_mutation(self) -> bool:
        return self.kind is OperationType.MUTATION

    @property
    def is_subscription(self) -> bool:
        return self.kind is OperationType.SUBSCRIPTION
