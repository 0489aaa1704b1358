"""Documents: the result of reading one, with its operations; cached by cache.py."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from graphql import DocumentNode, GraphQLError, GraphQLSchema, OperationDefinitionNode

from gql.document.prepared import PreparedOperation

MOST_PREPARED = 4  # operations of one document; each may take a fifth of the document's memory
COST_PER_TOKEN = 1  # of a parsed document, with the proof that it is valid: 5 µs
COST_OF_RULES = 2  # per token that the rules visit, if there is no proof: 10 µs, and their errors
CHARACTERS_PER_TOKEN = 5  # of an ordinary document, for the estimate before parsing
UNREAD = 500  # of a document that fails to parse: for the part that was parsed


@dataclass(slots=True)
class Reading:
    """The result of reading a document: parsed or not, and its errors; valid if there are none."""

    document: DocumentNode | None
    errors: Sequence[GraphQLError]
    operations: tuple[OperationDefinitionNode, ...] = ()
    is_proved: bool = False  # without the rules
    _prepared: dict[str | None, PreparedOperation] = field(default_factory=dict)

    @property
    def cost(self) -> int:
        """The cost of reading it, in the unit of cost.py: the parser and the rules visit each token many times."""
        if self.document is None:
            return UNREAD
        return self.document.token_count * (COST_PER_TOKEN if self.is_proved else COST_PER_TOKEN + COST_OF_RULES)

    def find(self, name: str | None) -> OperationDefinitionNode | None:
        """The operation of this name, or the first one if that is None."""
        if name is None:
            return self.operations[0] if self.operations else None
        return next((each for each in self.operations if each.name and each.name.value == name), None)

    def prepare(self, schema: GraphQLSchema, name: str | None) -> PreparedOperation | None:
        """Prepare the operation that `find` returns, once per name; the document must be valid."""
        found, node = self._prepared.get(name), None
        if found is None and self.document is not None:
            node = self.find(name)
        if node is not None and self.document is not None:
            found = PreparedOperation(schema, self.document, node)
            if len(self._prepared) < MOST_PREPARED:
                self._prepared[name] = found
        return found

    def holds(self, prepared: PreparedOperation) -> bool:
        """Whether the operation stays prepared as long as this document is cached."""
        return any(each is prepared for each in self._prepared.values())
