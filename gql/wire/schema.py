"""The schema: the types, and the documents and executions of one process; built once per process."""

from functools import cache
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    NoSchemaIntrospectionCustomRule,
)
from graphql.execution.values import VariableValues
from strawberry import Schema
from strawberry.printer import print_schema
from strawberry.schema.config import StrawberryConfig

from gql.context import Context
from gql.document import introspection
from gql.document.cache import DocumentCache
from gql.document.limit import rules_for
from gql.document.prepared import PreparedOperation
from gql.document.survey import QueryLimits
from gql.handler import HANDLERS
from gql.mutation import Mutation
from gql.plan.planner import Planner
from gql.query import Query
from gql.scalar import SCALAR_MAP
from gql.subscription import Subscription
from gql.wire.budget import BudgetExecutor
from gql.wire.direct import resolve_directly

DEFAULT = QueryLimits()


class SottoSchema(Schema):
    """Strawberry's schema, without its ways to execute: `gql.wire.execution` prepares and executes operations."""

    def __init__(
        self,
        *,
        limits: QueryLimits = DEFAULT,
        has_introspection: bool = True,
        has_plans: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        resolve_directly(self.core)
        self.limits = limits
        others = () if has_introspection else (NoSchemaIntrospectionCustomRule,)
        self.documents = DocumentCache(self.core, rules_for(limits, *others), limits)
        self.introspections = introspection.IntrospectionCache()
        self.planner = Planner(self, self.documents, limits)
        self.planner.is_enabled = has_plans

    @property
    def core(self) -> GraphQLSchema:
        """The schema of graphql-core."""
        return self._schema

    def _extend_introspection(self) -> None:
        super()._extend_introspection()
        introspection_type = self._schema.type_map["__Type"]
        assert isinstance(introspection_type, GraphQLObjectType)
        introspection_type.fields["isOneOf"].resolve = introspection.is_one_of

    def errors_of(self, text: str) -> list[GraphQLError]:
        """What the limits and rules of a request find in a document, except for its cost; none if it is valid."""
        return list(self.documents.get(text).errors)

    def executor_for(self, prepared: PreparedOperation, variables: VariableValues, context: Context) -> BudgetExecutor:
        """The executor of one operation or subscription, for what plans do not know."""
        return BudgetExecutor.of(self.core, prepared, variables, context, self.limits)

    def text(self) -> str:
        """The schema definition, as in `schema.graphql`; ends in a newline."""
        return print_schema(self) + "\n"

    def possible_types(self) -> dict[str, list[str]]:
        """The object types of each interface and union: `possibleTypes` of Apollo's InMemoryCache."""
        found = {}
        for name, type_ in sorted(self._schema.type_map.items()):
            if isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
                found[name] = sorted(each.name for each in self._schema.get_possible_types(type_))
        return found


def build_schema(*, introspection: bool = True, limits: QueryLimits = DEFAULT, has_plans: bool = True) -> SottoSchema:
    """The schema that is served, built once for each combination; `introspection` False disables it for everybody.

    Without plans, graphql-core executes all operations.
    """
    return _build(introspection, limits, has_plans)


@cache  # positional, because it tells a default that is given from one that is left out
def _build(introspection: bool, limits: QueryLimits, has_plans: bool) -> SottoSchema:
    return SottoSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        limits=limits,
        has_introspection=introspection,
        has_plans=has_plans,
        exception_handlers=HANDLERS,
        config=StrawberryConfig(scalar_map=SCALAR_MAP),
    )


@cache
def schema_text() -> str:
    """The schema definition without a server."""
    return build_schema().text()
