"""Errors on their way out: every one gets a code, unexpected ones are masked, and the log learns no secrets."""

import re
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog
from graphql import (
    ExecutionResult,
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSyntaxError,
    OperationDefinitionNode,
)
from strawberry import Schema
from strawberry.exceptions import MissingQueryError
from strawberry.extensions.runner import SchemaExtensionsRunner
from strawberry.schema.exceptions import CannotGetOperationTypeError, InvalidOperationTypeError
from strawberry.types.execution import ExecutionContext, PreExecutionError
from strawberry.types.graphql import OperationType

from gql.context import Context
from gql.document import introspection
from gql.document.limit import DocumentLimit, QueryLimits
from gql.wire.charge import charge, charge_refusal
from gql.wire.log import log_start
from services.cause import causes_of
from services.error import RequestError, SottoError, Unauthenticated

log = structlog.get_logger(__name__)

BAD_REQUEST = "BAD_REQUEST"
INTERNAL = "INTERNAL"
PARSE_FAILED = "GRAPHQL_PARSE_FAILED"
VALIDATION_FAILED = "GRAPHQL_VALIDATION_FAILED"

_LONG_NUMBER = re.compile(rf"(?<![0-9])[0-9]{{{sys.get_int_max_str_digits() + 1}}}")

WRONG_OPERATION = (CannotGetOperationTypeError, InvalidOperationTypeError, MissingQueryError)


@dataclass(eq=False)
class HttpRefusal(Exception):
    """Ends an HTTP request before GraphQL begins: a status, and the one error of the JSON body."""

    status: int
    code: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict)
    extensions: Mapping[str, object] = field(default_factory=dict)

    def body(self) -> dict[str, object]:
        """The response of GraphQL's shape; without `data`, because nothing was executed."""
        return {"errors": [{"message": self.message, "extensions": {"code": self.code, **self.extensions}}]}


class NoOperation(CannotGetOperationTypeError):
    """Fragments alone: a request error (GraphQL §6.1)."""

    def as_http_error_reason(self) -> str:
        """The sentence for the client, over HTTP and WebSocket alike."""
        return "The document holds no operation, only fragments: send a query, a mutation or a subscription."


class AmbiguousOperation(CannotGetOperationTypeError):
    """Several operations and no operationName: a request error (GraphQL §6.1), where Strawberry would run the first."""

    def as_http_error_reason(self) -> str:
        """The sentence for the client, over HTTP and WebSocket alike."""
        return "The document holds several operations: say by operationName which of them to execute."


def extensions_of(error: SottoError) -> dict[str, object]:
    """`code`, and `retryAfterSeconds` where the error knows it."""
    found: dict[str, object] = {"code": error.code}
    seconds = getattr(error, "retry_after_seconds", None)
    if seconds is not None:
        found["retryAfterSeconds"] = seconds
    return found


def refusal_of(error: SottoError, status: int | None = None) -> HttpRefusal:
    """An error that was raised before execution, with its HTTP status, unless one is given, and its headers."""
    extensions = extensions_of(error)
    seconds = extensions.get("retryAfterSeconds")
    headers: dict[str, str] = {}
    if isinstance(error, Unauthenticated):
        headers["WWW-Authenticate"] = "Bearer"  # RFC 9110 §11.6.1: a 401 must carry a challenge
    if isinstance(seconds, int | float):
        headers["Retry-After"] = str(max(1, round(seconds)))
    if status is None:
        status = error.http_status if isinstance(error, RequestError) else 429 if seconds is not None else 400
    return HttpRefusal(status, error.code, error.detail, headers, extensions)


def mask(error: BaseException, request_id: str | None, field_name: str | None = None) -> tuple[str, str]:
    """Log an unexpected exception under a new error id; returns the sentence for the client, and the id.

    The log gets what `causes_of` may tell, and the field's name in the schema; its alias is a word of the client's.
    """
    error_id = secrets.token_hex(8)
    log.error("unexpected_error", error_id=error_id, request_id=request_id, field=field_name, causes=causes_of(error))
    return f"Something went wrong on our side; error id {error_id}.", error_id


def mask_refusal(error: BaseException, request_id: str | None) -> HttpRefusal:
    """An unexpected exception outside execution, logged and masked: status 500."""
    message, error_id = mask(error, request_id)
    return HttpRefusal(500, INTERNAL, message, extensions={"errorId": error_id})


def present(error: GraphQLError, request_id: str | None = None) -> GraphQLError:
    """The error as the client may see it: with a code, or masked; one that was presented before comes back as it is."""
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if isinstance(cause, SottoError):
        return _with(error, cause.detail, extensions_of(cause))
    if isinstance(cause, WRONG_OPERATION):
        return _with(error, error.message or "The request holds no GraphQL document.", {"code": BAD_REQUEST})
    if cause is None or isinstance(cause, GraphQLError):
        if isinstance((error.extensions or {}).get("code"), str):
            return error  # by limit.py, or presented before
        if isinstance(error, GraphQLSyntaxError):
            return _with(error, error.message, {"code": PARSE_FAILED})
        # Without a path it is about the request as a whole: variables that do not fit their types.
        if error.path is None or _is_of_argument(cause):
            return _with(error, error.message, {"code": BAD_REQUEST})
    message, error_id = mask(cause or error, request_id, _field_of(error))
    return _with(error, message, {"code": INTERNAL, "errorId": error_id}, forget=True)


def _field_of(error: GraphQLError) -> str | None:
    """The name that the schema gives to the field that failed; None where nothing has been executed."""
    nodes = error.nodes if error.path is not None else None
    return next((node.name.value for node in nodes or () if isinstance(node, FieldNode)), None)


def _is_of_argument(cause: GraphQLError | None) -> bool:
    """Whether graphql-core found a wrong argument while executing, e.g. a null variable: those errors name its node."""
    return (
        cause is not None and bool(cause.nodes) and not any(isinstance(node, FieldNode) for node in cause.nodes or ())
    )


def _with(error: GraphQLError, message: str, extensions: dict[str, object], *, forget: bool = False) -> GraphQLError:
    """The same place in document and answer, another text; a masked error forgets its cause."""
    cause = None if forget else error.original_error
    presented = GraphQLError(message, path=error.path, original_error=cause, extensions=extensions)
    presented.nodes, presented.source, presented.positions = error.nodes, error.source, error.positions
    presented.locations = error.locations  # known already: to find them takes longer than all the rest
    return presented


class SottoSchema(Schema):
    """Strawberry's schema; the errors of whatever it executes have been through `present`."""

    limits: QueryLimits = QueryLimits()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._introspections = introspection.IntrospectionCache()

    def _extend_introspection(self) -> None:
        super()._extend_introspection()
        introspection_type = self._schema.type_map["__Type"]
        assert isinstance(introspection_type, GraphQLObjectType)
        introspection_type.fields["isOneOf"].resolve = introspection.is_one_of

    def process_errors(self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None) -> None:
        """Present the errors in place: Strawberry calls this once for every result, also for each of a subscription."""
        request_id = getattr(execution_context.context, "request_id", None) if execution_context else None
        for index, error in enumerate(errors):
            errors[index] = shown = present(error, request_id)
            code = (shown.extensions or {}).get("code")
            if code != INTERNAL:
                log.debug("refused", code=code, field=_field_of(shown), request_id=request_id)

    async def _prepare_operation_async(
        self, context: ExecutionContext, extensions_runner: SchemaExtensionsRunner
    ) -> PreExecutionError | None:
        """Parse and validate; what is wrong becomes a result with a code, over every transport.

        An exception of an extension's hook would otherwise leave `Schema.stream`, and take the WebSocket with it.
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
            return PreExecutionError(data=None, errors=[_of_document(error)])
        except Exception as error:  # noqa: BLE001 -- masked by process_errors
            return PreExecutionError(data=None, errors=[GraphQLError(str(error), original_error=error)])
        if refused is not None:
            refused.errors = [_of_document(error) for error in refused.errors or ()]
            if isinstance(context.context, Context):
                charge_refusal(context.context, refused.errors)
            return refused
        _check_one_operation(context)
        if isinstance(context.context, Context):
            charge(context.context)
        _tell_transport(context)
        return None

    async def _execute_operation(
        self, execution_context: ExecutionContext, extensions_runner: SchemaExtensionsRunner, *args: Any
    ) -> Any:
        """Execute, unless it is introspection that was executed before; RateLimited leaves before that."""
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


def _of_document(error: GraphQLError) -> GraphQLError:
    """An error of parsing or validation, with its code."""
    if _is_of_long_number(error):
        return _with(error, "A number in the document has too many digits.", {"code": VALIDATION_FAILED}, forget=True)
    if (
        isinstance(error, GraphQLSyntaxError)
        or error.original_error is not None
        or (error.extensions or {}).get("code")
    ):
        return error
    return _with(error, error.message, {"code": VALIDATION_FAILED})


def _is_of_long_number(error: GraphQLError) -> bool:
    """Whether Python refused to read an integer: graphql-core passes its ValueError on, as if a scalar had a bug."""
    places = [node.loc for node in error.nodes or () if node.loc is not None]
    return isinstance(error.original_error, ValueError) and any(
        _LONG_NUMBER.search(place.source.body, place.start, place.end) for place in places
    )


def _check_one_operation(context: ExecutionContext) -> None:
    """Raise AmbiguousOperation when there are several operations and no name was sent."""
    if context._provided_operation_name is None and context.graphql_document is not None:  # noqa: SLF001
        definitions = context.graphql_document.definitions
        if sum(isinstance(definition, OperationDefinitionNode) for definition in definitions) > 1:
            raise AmbiguousOperation(None)


def _tell_transport(context: ExecutionContext) -> None:
    """Tell the transport what will be executed: a mutation is not to be cut short, a subscription is a stream."""
    if hasattr(context.context, "prepared"):
        context.context.operation_type = context.operation_type
        context.context.operation_name = context.operation_name
        if context.operation_type is OperationType.SUBSCRIPTION:
            log_start(context.context)
        context.context.prepared.set()
