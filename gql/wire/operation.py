"""One operation: the request parameters, with their types checked, and the one function that executes it."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import aclosing
from dataclasses import dataclass
from typing import cast

from strawberry.schema import BaseSchema
from strawberry.types.execution import ExecutionResult
from strawberry.types.graphql import OperationType

from gql.charge import end_event
from gql.context import Context
from gql.document.survey import QueryLimits
from gql.pace import give_way
from services.error import BadRequest
from services.viewer import Right

GET_OPERATIONS = frozenset({OperationType.QUERY})
POST_OPERATIONS = frozenset({OperationType.QUERY, OperationType.MUTATION})
STREAM_OPERATIONS = frozenset({OperationType.SUBSCRIPTION})
SOCKET_OPERATIONS = frozenset(OperationType)

Results = AsyncGenerator[ExecutionResult, None]


@dataclass(frozen=True, slots=True)
class Operation:
    """The parameters of a GraphQL request; `name` selects one of several operations of the document.

    `query` is empty if the request only names its document, by one of `document_ids` or by a hash in `extensions`.
    """

    query: str
    variables: dict[str, object] | None = None
    name: str | None = None
    extensions: dict[str, object] | None = None
    document_ids: tuple[str, ...] = ()


Resolve = Callable[[Operation, Context], Operation]  # `Documents.resolve`: the operation with the document to execute


def operation_of(value: object) -> Operation:
    """Check the decoded parameters (GraphQL over HTTP, "Request Parameters"); raises BadRequest if one is wrong.

    Keys that the draft does not define are ignored, as it requires.
    """
    if isinstance(value, list):
        raise BadRequest("Send one operation at a time: batches (a list) are not accepted.")
    if not isinstance(value, dict):
        raise BadRequest('Send a JSON object, such as {"query": "{ __typename }"}.')
    query, document_ids = value.get("query"), _document_ids_in(value)
    if is_reference(value):
        query = ""
    elif not isinstance(query, str) or not query.strip():
        raise BadRequest("`query` is required, and must be a string that holds a GraphQL document.")
    name = value.get("operationName")
    if name is not None and not isinstance(name, str):
        raise BadRequest("`operationName` must be a string or null.")
    for key in ("variables", "extensions"):
        if value.get(key) is not None and not isinstance(value[key], dict):
            raise BadRequest(f"`{key}` must be an object or null.")
    return Operation(query, value.get("variables"), name, value.get("extensions"), document_ids)


def is_reference(parameters: Mapping[str, object]) -> bool:
    """Whether the request names a persisted document and omits its text."""
    if parameters.get("query"):
        return False
    extensions = parameters.get("extensions")
    has_hash = isinstance(extensions, dict) and extensions.get("persistedQuery") is not None
    return has_hash or bool(_document_ids_in(parameters))


def _document_ids_in(parameters: Mapping[str, object]) -> tuple[str, ...]:
    """`documentId` (GraphQL over HTTP, appendix "Persisted Documents") and `doc_id`, as in the manual of Relay.

    Whether both name the same document is decided with `Documents`.
    """
    document_id, doc_id = parameters.get("documentId"), parameters.get("doc_id")
    if document_id is not None and (not isinstance(document_id, str) or not document_id):
        raise BadRequest("`documentId` must be a string that is not empty.")
    return tuple(each for each in (document_id, doc_id) if isinstance(each, str) and each)


async def execute(
    schema: BaseSchema, resolve: Resolve, operation: Operation, context: Context, allowed: AbstractSet[OperationType]
) -> Results:
    """Execute an operation; HTTP and WebSocket both use this function, and nothing else executes.

    So `resolve` decides here, for every transport, which document that is; raises its errors before anything is read.

    Yields one result, or one per event for a subscription; only a PreExecutionError if nothing was executed. The errors
    in the results have been through `gql.error.present`. Close the generator to stop a subscription.
    """
    operation = resolve(operation, context)
    if "eventCursor" in operation.query and context.viewer is not None and context.viewer.may(Right.READ):
        # Taken before any read, so that a subscription from this cursor misses nothing that the query showed.
        context.event_position = await context.services.stream.position(context.viewer)
    results = await schema.stream(
        operation.query,
        variable_values=operation.variables,
        context_value=context,
        operation_name=operation.name,
        operation_extensions=operation.extensions,
        allowed_operation_types=allowed,
    )
    context.wants_cost = context.wants_cost or (operation.extensions or {}).get("cost") == "report"
    # Incremental delivery, the other part of the union type, is off.
    return _charged(cast("Results", results), context, getattr(schema, "limits", QueryLimits()))


async def _charged(results: Results, context: Context, limits: QueryLimits) -> Results:
    """The results; refunds what the estimate charged in excess, for each event of a stream."""
    async with aclosing(results):
        async for result in results:
            spent, viewer = context.spent, context.viewer
            if context.taken:
                end_event(context)
            if not context.is_subscription and spent is not None:
                context.services.cost.spend(viewer, context.remote, spent - context.charged)
            if context.wants_cost:
                result.extensions = {**(result.extensions or {}), "cost": _report(context, limits)}
            await give_way()  # the transport encodes it
            yield result
            if context.is_subscription and spent is not None and viewer is not None:
                context.services.cost.settle_event(viewer, spent - context.charged)


def _report(context: Context, limits: QueryLimits) -> dict[str, object]:
    """The cost report; the names are Shopify's, which clients know."""
    allowance = context.services.cost.allowance(context.viewer, context.remote)
    return {
        "requestedQueryCost": context.estimated,
        "actualQueryCost": context.spent,
        "maximumQueryCost": limits.cost,
        "throttleStatus": allowance
        and {
            "maximumAvailable": allowance.most,
            "currentlyAvailable": allowance.left,
            "restoreRate": round(allowance.per_second, 2),
        },
    }


class Steps:
    """Results one by one: the wait for each can have a time-out, which loses no result. Close it with `aclose`."""

    def __init__(self, results: Results) -> None:
        self._results = results
        self._upcoming: asyncio.Task[ExecutionResult | None] | None = None

    @property
    def upcoming(self) -> asyncio.Task[ExecutionResult | None]:
        """The task of the next result, the same until `take`; None at the end."""
        if self._upcoming is None:
            self._upcoming = asyncio.create_task(self._step())
        return self._upcoming

    async def _step(self) -> ExecutionResult | None:
        return await anext(self._results, None)

    async def take(self) -> ExecutionResult | None:
        """Wait for the next result, and start to produce the one after it."""
        result = await self.upcoming
        self._upcoming = None
        return result

    @property
    def has_failed(self) -> bool:
        """Whether the next result is an exception."""
        return self.upcoming.done() and not self.upcoming.cancelled() and self.upcoming.exception() is not None

    async def aclose(self) -> None:
        """Stop the operation, and wait until it has stopped."""
        if self._upcoming is not None:
            self._upcoming.cancel()
            await asyncio.gather(self._upcoming, return_exceptions=True)
        await self._results.aclose()
