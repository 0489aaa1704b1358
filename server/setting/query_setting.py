"""Settings of GraphQL documents: which ones are executed, and the limits of their size and cost."""

from typing import Annotated

from pydantic import BaseModel, ByteSize, Field

from gql.document.survey import QueryLimits
from server.setting.field import Bytes, Count, ManifestPath, Rate
from services.limit import Limits

_DEFAULT = QueryLimits()
_LIMITS = Limits()

Levels = Annotated[int, Field(gt=0, le=100)]  # the parser itself stops at 200 braces


class DocumentSettings(BaseModel):
    """Which GraphQL documents are executed."""

    persisted_queries: bool = Field(
        default=True,
        description="Whether clients can register a document under its hash and then send only the hash (automatic "
        "persisted queries); not with `trusted_documents`.",
    )
    compiled_plans: bool = Field(
        default=True,
        description="Whether operations are compiled to plans; without them graphql-core gives the same answers, "
        "several times more slowly.",
    )
    trusted_documents: ManifestPath = Field(
        None, description="JSON manifest of the only GraphQL documents that are executed; see clients.md."
    )


class QuerySettings(BaseModel):
    """The limits of GraphQL documents, and the cost budgets."""

    max_document_bytes: Bytes = Field(
        ByteSize(_DEFAULT.document_bytes), description="Maximum size of a document, in bytes of UTF-8."
    )
    max_document_tokens: Count = Field(
        _DEFAULT.tokens, description="Maximum number of tokens in a document, including comments."
    )
    max_document_directives: Count = Field(
        _DEFAULT.directives, description="Maximum number of directives in a document."
    )
    max_document_operations: Count = Field(
        _DEFAULT.operations, description="Maximum number of operations in a document."
    )
    max_document_fragments: Count = Field(
        _DEFAULT.fragments, description="Maximum number of fragment definitions in a document."
    )
    max_document_spreads: Count = Field(
        _DEFAULT.spreads, description="Maximum number of fragment spreads in a document."
    )
    max_document_selections: Count = Field(
        _DEFAULT.selections,
        description="Maximum number of fields, spreads and inline fragments in an operation after its fragments "
        "are expanded.",
    )
    max_query_depth: Levels = Field(_DEFAULT.depth, description="Maximum depth of fields in an operation.")
    max_introspection_depth: Levels = Field(
        _DEFAULT.introspection_depth, description="Maximum depth of fields below `__schema` and `__type`."
    )
    max_root_fields: Count = Field(_DEFAULT.root_fields, description="Maximum number of root fields in an operation.")
    max_variable_values: Count = Field(
        _DEFAULT.values, description="Maximum number of values in the variables of a request, at any depth."
    )
    max_query_cost: Count = Field(
        _DEFAULT.cost, description="Maximum cost of an operation, as estimated before execution."
    )
    max_executed_cost: Count = Field(
        _DEFAULT.executed_cost, description="Maximum cost of an operation, as measured during execution."
    )
    max_response_bytes: Bytes = Field(
        ByteSize(_DEFAULT.response_bytes),
        description="Approximate maximum size of the response to an operation, in bytes.",
    )
    cost_rate_per_minute: Rate = Field(
        _LIMITS.cost_rate_per_minute,
        description="Maximum total cost of the requests of a user per minute; 0 = no limit.",
    )
    anonymous_cost_rate_per_minute: Rate = Field(
        _LIMITS.anonymous_cost_rate_per_minute,
        description="Maximum total cost of requests without an account, per address per minute; 0 = no limit.",
    )

    @property
    def query_limits(self) -> QueryLimits:
        """These settings as the GraphQL layer reads them."""
        return QueryLimits(
            document_bytes=self.max_document_bytes,
            tokens=self.max_document_tokens,
            directives=self.max_document_directives,
            operations=self.max_document_operations,
            fragments=self.max_document_fragments,
            spreads=self.max_document_spreads,
            selections=self.max_document_selections,
            depth=self.max_query_depth,
            introspection_depth=self.max_introspection_depth,
            root_fields=self.max_root_fields,
            values=self.max_variable_values,
            cost=self.max_query_cost,
            executed_cost=self.max_executed_cost,
            response_bytes=self.max_response_bytes,
        )
