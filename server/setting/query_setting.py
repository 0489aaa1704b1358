"""The settings of what one GraphQL request may ask for, and cost."""

from typing import Annotated

from pydantic import BaseModel, ByteSize, Field

from gql.document.survey import QueryLimits
from server.setting.field import Bytes, Count, Rate
from services.limit import Limits

_DEFAULT = QueryLimits()
_LIMITS = Limits()

Levels = Annotated[int, Field(gt=0, le=100)]  # the parser's own bound is 200 braces


class QuerySettings(BaseModel):
    """The part of the settings that `QueryLimits` is made of."""

    max_document_bytes: Bytes = Field(
        ByteSize(_DEFAULT.document_bytes), description="Longest document, in bytes of UTF-8."
    )
    max_document_tokens: Count = Field(_DEFAULT.tokens, description="Most tokens of a document, comments included.")
    max_document_directives: Count = Field(_DEFAULT.directives, description="Most directives in a document.")
    max_document_operations: Count = Field(_DEFAULT.operations, description="Most operations in a document.")
    max_document_fragments: Count = Field(_DEFAULT.fragments, description="Most fragments defined in a document.")
    max_document_spreads: Count = Field(_DEFAULT.spreads, description="Most fragment spreads in a document.")
    max_document_selections: Count = Field(
        _DEFAULT.selections,
        description="Most fields, spreads and inline fragments of an operation, its fragments expanded.",
    )
    max_query_depth: Levels = Field(_DEFAULT.depth, description="Most levels of fields in an operation.")
    max_introspection_depth: Levels = Field(
        _DEFAULT.introspection_depth, description="Most levels of fields below `__schema` and `__type`."
    )
    max_root_fields: Count = Field(_DEFAULT.root_fields, description="Most root fields of an operation.")
    max_variable_values: Count = Field(
        _DEFAULT.values, description="Most values in the variables of a request, at any depth."
    )
    max_query_cost: Count = Field(
        _DEFAULT.cost, description="Highest cost of an operation as it is estimated before it is executed."
    )
    max_executed_cost: Count = Field(
        _DEFAULT.executed_cost, description="Highest cost of an operation as it turns out while it is executed."
    )
    max_response_bytes: Bytes = Field(
        ByteSize(_DEFAULT.response_bytes), description="Longest answer of an operation, in bytes, about."
    )
    cost_rate_per_minute: Rate = Field(
        _LIMITS.cost_rate_per_minute,
        description="Most that the requests of one user may cost in a minute; 0 = no limit.",
    )
    anonymous_cost_rate_per_minute: Rate = Field(
        _LIMITS.anonymous_cost_rate_per_minute,
        description="Most that requests without an account may cost in a minute, by address; 0 = no limit.",
    )

    @property
    def query_limits(self) -> QueryLimits:
        """The bounds as the GraphQL layer knows them."""
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
