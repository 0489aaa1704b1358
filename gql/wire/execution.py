"""Execution: what answers a prepared operation, and what it costs in the end."""

import asyncio
from collections.abc import AsyncGenerator
from collections.abc import Set as AbstractSet
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

from graphql import ExecutionResult, GraphQLError, OperationType
from graphql.execution import create_source_event_stream, get_variable_values, map_source_to_response_event
from graphql.execution.values import VariableValues

from gql.charge import end_event
from gql.context import Context
from gql.document.introspection import COST
from gql.document.prepared import PreparedOperation
from gql.error import present_all
from gql.live import LiveSource
from gql.pace import give_way
from gql.wire.answer import Answer, encoded
from gql.wire.budget import BudgetExecutor
from gql.wire.operation import Operation, Resolve
from gql.wire.preparation import WrongOperation, prepare
from gql.wire.schema import SottoSchema

Answers = AsyncGenerator[Answer, None]

MAX_COERCION_ERRORS = 50  # graphql-core's limit in `execute`
PRESENTED_AT_ONCE = 100  # errors: about a millisecond


async def execute(
    schema: SottoSchema, resolve: Resolve, operation: Operation, context: Context, allowed: AbstractSet[OperationType]
) -> "Answers | LiveExecution":
    """Prepare an operation and execute it: one answer, or one per event of a subscription, which `aclose` stops.

    The order for every transport: `resolve` decides which document it is, then `prepare`, then `answer` or `subscribe`.
    """
    operation = resolve(operation, context)
    try:
        prepared = await prepare(schema, operation, context, allowed)
    except WrongOperation as error:
        prepared = refused(error)
    return await answers_of(schema, prepared, operation, context)


def refused(error: WrongOperation) -> Answer:
    """The answer to a document without an operation that can be executed."""
    return Answer(None, [GraphQLError(error.detail, extensions={"code": error.code})], is_refused=True)


async def answers_of(
    schema: SottoSchema, prepared: PreparedOperation | Answer, operation: Operation, context: Context
) -> "Answers | LiveExecution":
    """The answers to what `prepare` returned; a live source is for the transport to follow (gql/wire/live.py)."""
    if isinstance(prepared, PreparedOperation) and prepared.is_subscription:
        return await subscribe(schema, prepared, operation, context)
    return _one(schema, prepared, operation, context)


async def _one(
    schema: SottoSchema, prepared: PreparedOperation | Answer, operation: Operation, context: Context
) -> Answers:
    yield await answer(schema, prepared, operation, context)


async def answer(
    schema: SottoSchema, prepared: PreparedOperation | Answer, operation: Operation, context: Context
) -> Answer:
    """Execute a query or a mutation, and refund what its estimate charged in excess; or complete a refusal."""
    if isinstance(prepared, Answer):
        found = prepared
    else:
        key = prepared.introspection_key
        known = schema.introspections.get(key) if key is not None else None
        if known is not None:
            context.spent = COST
            found = Answer(known.data)
        else:
            found = await _run(schema, prepared, operation, context)
        if context.spent is not None and context.spent != context.charged:
            context.services.cost.spend(context.viewer, context.remote, context.spent - context.charged)
    if context.wants_cost:
        _report_cost(found, context, schema)
    return found


async def _run(schema: SottoSchema, prepared: PreparedOperation, operation: Operation, context: Context) -> Answer:
    """Execute a query or a mutation; the answer to an introspection is cached."""
    try:
        variables = _coerce(schema, prepared, operation)
        if isinstance(variables, list):
            return Answer(None, await _presented(variables, context))
        # The only place where a query or a mutation is executed: by its plan, or as a whole by graphql-core.
        plan = await schema.planner.plan_for(operation.query, prepared, variables.coerced, context)
        if plan is not None:
            result = await schema.planner.execute(plan, context, variables)
        else:
            executor = schema.executor_for(prepared, variables, context)
            executed = executor.execute_operation()
            result = cast("ExecutionResult", await executed if executor.is_awaitable(executed) else executed)
    except Exception as error:  # noqa: BLE001 -- masked
        return Answer(None, await _presented([_as_graphql(error)], context), is_refused=True)
    if prepared.introspection_key is not None:
        schema.introspections.put(prepared.introspection_key, result)
    errors = await _presented(result.errors, context)
    await give_way()  # the transport encodes it
    return Answer(result.data, errors)


@dataclass(frozen=True, slots=True)
class LiveExecution:
    """A subscription with a live source: executes the operation for one event at a time."""

    schema: SottoSchema
    prepared: PreparedOperation
    operation: Operation
    variables: VariableValues
    source: LiveSource

    async def encode(self, event: object, context: Context) -> bytes:
        """The answer to an event, as JSON. The context is for this event alone; it has the cost afterwards."""
        planner = self.schema.planner
        plan = await planner.plan_for(self.operation.query, self.prepared, self.variables.coerced, context)
        if plan is not None:
            result = await planner.show(plan, context, self.variables, event)
        else:
            executor = self.schema.executor_for(self.prepared, self.variables, context)
            executor.root_value = event
            executed = executor.execute_operation(serially=False)
            result = cast("ExecutionResult", await executed if executor.is_awaitable(executed) else executed)
        found = Answer(result.data, await _presented(result.errors, context))
        end_event(context)
        if context.wants_cost:
            _report_cost(found, context, self.schema)
        await give_way()
        return encoded(found.body(), context)[0]

    def encode_failure(self, error: Exception, context: Context) -> bytes:
        """The last answer, if the source has failed."""
        return encoded(_failure(error, context).body(), context)[0]


async def subscribe(
    schema: SottoSchema, prepared: PreparedOperation, operation: Operation, context: Context
) -> Answers | LiveExecution:
    """Begin a subscription: its variables, then its source."""
    try:
        variables = _coerce(schema, prepared, operation)
        if isinstance(variables, list):
            return _alone(Answer(None, await _presented(variables, context), is_refused=True))
        executor = schema.executor_for(prepared, variables, context)
        created = create_source_event_stream(executor)
        source: Any = await created if executor.is_awaitable(created) else created
        if isinstance(source, ExecutionResult):
            return _alone(Answer(None, await _presented(source.errors, context), is_refused=True))
    except Exception as error:  # noqa: BLE001 -- masked
        return _alone(_failure(error, context))
    if isinstance(source, LiveSource):
        executor.discard()
        return LiveExecution(schema, prepared, operation, variables, source)
    return _answers_from(source, executor, schema, context)


async def _alone(found: Answer) -> Answers:
    yield found


async def _answers_from(source: Any, executor: BudgetExecutor, schema: SottoSchema, context: Context) -> Answers:
    """The answer to each event of a generator; an exception is the last one."""
    try:
        async with aclosing(map_source_to_response_event(executor, source)) as results:
            async for result in results:
                found = Answer(result.data, await _presented(result.errors, context))
                if context.wants_cost:
                    _report_cost(found, context, schema)
                await give_way()  # the transport encodes it
                yield found
    except Exception as error:  # noqa: BLE001 -- masked
        yield _failure(error, context)


def _failure(error: Exception, context: Context) -> Answer:
    errors = [_as_graphql(error)]
    present_all(errors, context.request_id)
    return Answer(None, errors)


def _coerce(
    schema: SottoSchema, prepared: PreparedOperation, operation: Operation
) -> VariableValues | list[GraphQLError]:
    """The values of the variables, by their types; the errors if one is wrong."""
    definitions = prepared.node.variable_definitions or ()
    return get_variable_values(schema.core, definitions, operation.variables or {}, max_errors=MAX_COERCION_ERRORS)


async def _presented(errors: list[GraphQLError] | None, context: Context) -> list[GraphQLError]:
    """The errors as the client may see them; thousands take several turns of the loop."""
    found = errors or []
    shown: list[GraphQLError] = []
    for start in range(0, len(found), PRESENTED_AT_ONCE):
        await give_way()
        some = found[start : start + PRESENTED_AT_ONCE]
        present_all(some, context.request_id)
        shown += some
    return shown


def _as_graphql(error: Exception) -> GraphQLError:
    return error if isinstance(error, GraphQLError) else GraphQLError(str(error), original_error=error)


def _report_cost(found: Answer, context: Context, schema: SottoSchema) -> None:
    """Add the cost; the names are Shopify's, which clients know."""
    allowance = context.services.cost.allowance(context.viewer, context.remote)
    found.extensions["cost"] = {
        "requestedQueryCost": context.estimated,
        "actualQueryCost": context.spent,
        "maximumQueryCost": schema.limits.cost,
        "throttleStatus": allowance
        and {
            "maximumAvailable": allowance.most,
            "currentlyAvailable": allowance.left,
            "restoreRate": round(allowance.per_second, 2),
        },
    }


class Steps:
    """Answers one by one: the wait for each can have a time-out, which loses no answer. Close it with `aclose`."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._upcoming: asyncio.Task[Answer | None] | None = None

    @property
    def upcoming(self) -> asyncio.Task[Answer | None]:
        """The task of the next answer, the same until `take`; None at the end."""
        if self._upcoming is None:
            self._upcoming = asyncio.create_task(self._step())
        return self._upcoming

    async def _step(self) -> Answer | None:
        return await anext(self._answers, None)

    async def take(self) -> Answer | None:
        """Wait for the next answer."""
        found = await self.upcoming
        self._upcoming = None
        return found

    async def aclose(self) -> None:
        """Stop the operation, and wait until it has stopped."""
        if self._upcoming is not None:
            self._upcoming.cancel()
            await asyncio.gather(self._upcoming, return_exceptions=True)
        await self._answers.aclose()
