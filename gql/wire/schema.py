"""The schema: how it prepares, executes and refuses an operation; built once per process."""

from collections.abc import Callable
from functools import cache
from typing import Any

from graphql import (
    ExecutionResult,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
)
from strawberry import Schema
from strawberry.extensions import DisableIntrospection, SchemaExtension
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.printer import print_schema
from strawberry.schema.config import StrawberryConfig
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.types.execution import ExecutionContext, PreExecutionError
from strawberry.types.graphql import OperationType

from gql.charge import charge, charge_refusal
from gql.context import Context
from gql.document import introspection
from gql.document.limit import DocumentCache, DocumentLimit, QueryLimits, limit_extensions, rules_for
from gql.error import WRONG_OPERATION, present_all, present_document_error
from gql.handler import HANDLERS
from gql.mutation import Mutation
from gql.query import Query
from gql.scalar import SCALAR_MAP
from gql.subscription import Subscription
from gql.wire.budget import executor_for
from gql.wire.log import log_start

DEFAULT = QueryLimits()


class NoOperation(CannotGetOperationTypeError):
    """Only fragments: a request error (GraphQL §6.1)."""

    def as_http_error_reason(self) -> str:
        """The sentence for the client, over HTTP and WebSocket."""
        return "The document holds no operation, only fragments: send a query, a mutation or a subscription."


class AmbiguousOperation(CannotGetOperationTypeError):
    """Several operations and no operationName: a request error (GraphQL §6.1); Strawberry would run the first."""

    def as_http_error_reason(self) -> str:
        """The sentence for the client, over HTTP and WebSocket."""
        return "The document holds several operations: say by operationName which of them to execute."


class SottoSchema(Schema):
    """Strawberry's schema; the errors of every result have been through `present`."""

    limits: QueryLimits = QueryLimits()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._introspections = introspection.IntrospectionCache()
        self.documents = DocumentCache(self.limits)
        self.has_introspection = True

    def _extend_introspection(self) -> None:
        super()._extend_introspection()
        introspection_type = self._schema.type_map["__Type"]
        assert isinstance(introspection_type, GraphQLObjectType)
        introspection_type.fields["isOneOf"].resolve = introspection.is_one_of

    def errors_of(self, text: str) -> list[GraphQLError]:
        """What the limits and rules of a request find in a document, except for its cost; none if it is valid."""
        others = () if self.has_introspection else (NoSchemaIntrospectionCustomRule,)
        return self.documents.get(text).errors(self._schema, rules_for(self.limits, *others))

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

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Present the errors in place: Strawberry calls this for every result, and each event of a subscription."""
        present_all(errors, getattr(execution_context.context, "request_id", None) if execution_context else None)

    async def _prepare_operation_async(
        self, context: ExecutionContext, extensions_runner: SchemaExtensionsRunner
    ) -> PreExecutionError | None:
        """Parse and validate; an error becomes a result with a code, over every transport.

        Otherwise an exception in an extension's hook would leave `Schema.stream` and close the WebSocket.
        """
        limit = _limit_of(extensions_runner)
        if limit is not None:
            await limit.prepare()
        try:
            refused = await super()._prepare_operation_async(context, extensions_runner)
        except WRONG_OPERATION as error:
            if isinstance(error, CannotGetOperationTypeError) and error.operation_name is None:
                raise NoOperation(None) from None
            raise
        except GraphQLError as error:
            return PreExecutionError(data=None, errors=[present_document_error(error)])
        except Exception as error:  # noqa: BLE001 -- masked by process_errors
            return PreExecutionError(data=None, errors=[GraphQLError(str(error), original_error=error)])
        if refused is not None:
            refused.errors = [present_document_error(error) for error in refused.errors or ()]
            if isinstance(context.context, Context):
                charge_refusal(context.context, refused.errors)
            return refused
        _check_one_operation(context)
        if isinstance(context.context, Context):
            charge(context.context)
        _notify_transport(context)
        return None

    async def _execute_operation(
        self, execution_context: ExecutionContext, extensions_runner: SchemaExtensionsRunner, *args: Any
    ) -> Any:
        """Execute, or return the cached answer of an introspection; raises RateLimited before that."""
        limit, context = _limit_of(extensions_runner), execution_context.context
        reading = limit.reading if limit else None
        key = reading.introspection_key(execution_context.operation_name) if reading else None
        if key is None or not isinstance(context, Context):
            return await super()._execute_operation(execution_context, extensions_runner, *args)
        found = self._introspections.get(key)
        if found is not None:
            context.spent = introspection.COST
            return found
        result = await super()._execute_operation(execution_context, extensions_runner, *args)
        if isinstance(result, ExecutionResult):
            self._introspections.put(key, result)
        return result


def _limit_of(extensions_runner: SchemaExtensionsRunner) -> DocumentLimit | None:
    return next((each for each in extensions_runner.extensions if isinstance(each, DocumentLimit)), None)


def _check_one_operation(context: ExecutionContext) -> None:
    """Raise AmbiguousOperation if there are several operations and no name was sent."""
    if context._provided_operation_name is None and context.graphql_document is not None:  # noqa: SLF001
        definitions = context.graphql_document.definitions
        if sum(isinstance(definition, OperationDefinitionNode) for definition in definitions) > 1:
            raise AmbiguousOperation(None)


def _notify_transport(context: ExecutionContext) -> None:
    """Report to the transport what will be executed: a mutation is never cut short, a subscription is a stream."""
    if hasattr(context.context, "prepared"):
        context.context.operation_type = context.operation_type
        context.context.operation_name = context.operation_name
        if context.operation_type is OperationType.SUBSCRIPTION:
            log_start(context.context)
        if context.context.on_prepared is not None:
            context.context.on_prepared()
        context.context.prepared.set()


@cache
def build_schema(*, introspection: bool = True, limits: QueryLimits = DEFAULT) -> SottoSchema:
    """The schema that is served, one per process; `introspection` False disables introspection for everybody."""
    documents = DocumentCache(limits)
    extensions: list[Callable[[], SchemaExtension]] = [*limit_extensions(limits, documents)]
    if not introspection:
        extensions.append(DisableIntrospection)
    schema = SottoSchema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        extensions=extensions,
        execution_context_class=executor_for(limits),
        exception_handlers=HANDLERS,
        config=StrawberryConfig(scalar_map=SCALAR_MAP),
    )
    schema.limits, schema.documents, schema.has_introspection = limits, documents, introspection
    return schema


@cache
def schema_text() -> str:
    """The schema definition without a server."""
    return build_schema().text()
