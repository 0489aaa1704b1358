"""Execution: what answers a prepared operation, and what it costs in the end."""

import asyncio
from collections.abc import AsyncGenerator
from collections.abc import Set as AbstractSet
from contextlib import aclosing
from typing import Any, cast

from graphql import ExecutionResult, GraphQLError, OperationType
from graphql.execution import create_source_event_stream, get_variable_values, map_source_to_response_event
from graphql.execution.values import VariableValues

from gql.charge import end_event
from gql.context import Context
from gql.document.introspection import COST
from gql.document.prepared import PreparedOperation
from gql.error import present_all
from gql.pace import give_way
from gql.plan.tree import Plan
from gql.wire.answer import Answer
from gql.wire.operation import Operation, Resolve
from gql.wire.preparation import WrongOperation, prepare
from gql.wire.schema import SottoSchema

Answers = AsyncGenerator[Answer, None]

MAX_COERCION_ERRORS = 50  # graphql-core's limit in `execute`


async def execute(
    schema: SottoSchema, resolve: Resolve, operation: Operation, context: Context, allowed: AbstractSet[OperationType]
) -> Answers:
    """Prepare an operation and execute it: one answer, or one per event of a subscription, which `aclose` stops.

    The order for every transport: `resolve` decides which document it is, then `prepare`, then `answer` or `stream`.
    """
    operation = resolve(operation, context)
    try:
        prepared = await prepare(schema, operation, context, allowed)
    except WrongOperation as error:
        prepared = refused(error)
    return answers_of(schema, prepared, operation, context)


def refused(error: WrongOperation) -> Answer:
    """The answer to a document without an operation that can be executed."""
    return Answer(None, [GraphQLError(error.detail, extensions={"code": error.code})], is_refused=True)


def answers_of(
    schema: SottoSchema, prepared: PreparedOperation | Answer, operation: Operation, context: Context
) -> Answers:
    """The answers to what `prepare` returned."""
    if isinstance(prepared, PreparedOperation) and prepared.is_subscription:
        return stream(schema, prepared, operation, context)
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
        found = await _run(schema, prepared, operation, context)
        if context.spent is not None and context.spent != context.charged:
            context.services.cost.spend(context.viewer, context.remote, context.spent - context.charged)
    if context.wants_cost:
        _report_cost(found, context, schema)
    return found


async def _run(schema: SottoSchema, prepared: PreparedOperation, operation: Operation, context: Context) -> Answer:
    """Answer an introspection from the cache, and everything else by executing it."""
    key = prepared.introspection_key
    if key is not None and (known := schema.introspections.get(key)) is not None:
        context.spent = COST
        return Answer(known.data)
    try:
        variables = _coerce(schema, prepared, operation)
        if isinstance(variables, list):
            return Answer(None, _presented(variables, context))
        # The only place where a query or a mutation is executed: by its plan, or as a whole by graphql-core.
        plan = schema.planner.plan_for(operation.query, prepared, variables.coerced)
        if plan is not None:
            result = await schema.planner.execute(plan, context, variables)
        else:
            executor = schema.executor_for(prepared, variables, context)
            executed = executor.execute_operation()
            result = cast("ExecutionResult", await executed if executor.is_awaitable(executed) else executed)
    except Exception as error:  # noqa: BLE001 -- masked
        return Answer(None, _presented([_as_graphql(error)], context), is_refused=True)
    if key is not None:
        schema.introspections.put(key, result)
    await give_way()  # the transport encodes it
    return Answer(result.data, _presented(result.errors, context))


async def stream(schema: SottoSchema, prepared: PreparedOperation, operation: Operation, context: Context) -> Answers:
    """Execute a subscription: an answer per event, each charged by itself."""
    async with aclosing(_events(schema, prepared, operation, context)) as events:
        async for each in events:
            spent, viewer = context.spent, context.viewer
            end_event(context)
            if context.wants_cost:
                _report_cost(each, context, schema)
            await give_way()  # the transport encodes it
            yield each
            if spent is not None and viewer is not None:
                context.services.cost.settle_event(viewer, spent - context.charged)


async def _events(schema: SottoSchema, prepared: PreparedOperation, operation: Operation, context: Context) -> Answers:
    """Subscribe, and execute each event; an exception is the last answer."""
    try:
        variables = _coerce(schema, prepared, operation)
        if isinstance(variables, list):
            yield Answer(None, _presented(variables, context), is_refused=True)
            return
        executor = schema.executor_for(prepared, variables, context)
        created = create_source_event_stream(executor)
        source: Any = await created if executor.is_awaitable(created) else created
        if isinstance(source, ExecutionResult):
            yield Answer(None, _presented(source.errors, context), is_refused=True)
            return
        plan = schema.planner.plan_for(operation.query, prepared, variables.coerced)
        results = (
            map_source_to_response_event(executor, source)
            if plan is None
            else _planned(schema, plan, context, variables, source)
        )
        async with aclosing(results):
            async for result in results:
                yield Answer(result.data, _presented(result.errors, context))
    except Exception as error:  # noqa: BLE001 -- masked
        yield Answer(None, _presented([_as_graphql(error)], context))


async def _planned(
    schema: SottoSchema, plan: Plan, context: Context, variables: VariableValues, source: AsyncGenerator[object, None]
) -> AsyncGenerator[ExecutionResult, None]:
    """Execute each event of a subscription by its plan."""
    async with aclosing(source):
        async for event in source:
            yield await schema.planner.show(plan, context, variables, event)


def _coerce(
    schema: SottoSchema, prepared: PreparedOperation, operation: Operation
) -> VariableValues | list[GraphQLError]:
    """The values of the variables, by their types; the errors if one is wrong."""
    definitions = prepared.node.variable_definitions or ()
    return get_variable_values(schema.core, definitions, operation.variables or {}, max_errors=MAX_COERCION_ERRORS)


def _presented(errors: list[GraphQLError] | None, context: Context) -> list[GraphQLError]:
    """The errors as the client may see them."""
    if not errors:
        return []
    present_all(errors, context.request_id)
    return errors


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
