"""The budget of an operation: execution stops when it costs more than allowed, and yields to other operations."""

import asyncio
from collections.abc import Awaitable, Iterator
from typing import Any, Self

from graphql import (
    ExecutionResult,
    GraphQLObjectType,
    GraphQLSchema,
    default_field_resolver,
    default_type_resolver,
    get_named_type,
    is_composite_type,
)
from graphql.execution import Executor
from graphql.execution.values import VariableValues
from graphql.pyutils import Path, gather_with_cancel
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from gql.context import Context
from gql.document.cost import ERROR, ITEM, LOCATED, MERGED, weights_of
from gql.document.prepared import PreparedOperation
from gql.document.spending import Spending
from gql.document.survey import QueryLimits
from gql.pace import pace_of_loop
from services.share import begin_share

SHORT = 8  # list items completed between two looks at the clock; an item may itself be a list


class BudgetExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes every operation of SottoSchema.

    Once the budget is exceeded, nothing more is resolved and the response is one error. Every field above would catch,
    locate and collect an exception raised inside; so the remaining fields get empty values, and the data is dropped.
    """

    def __init__(self, *args: Any, limits: QueryLimits, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.limits = limits
        self._field_weights = weights_of(self.schema)
        self.pace = pace_of_loop()
        self._begin()

    @classmethod
    def of(
        cls,
        schema: GraphQLSchema,
        prepared: PreparedOperation,
        variables: VariableValues,
        context: Context,
        limits: QueryLimits,
    ) -> Self:
        """The executor of a prepared operation: what graphql-core's `build` makes, without looking at the document."""
        return cls(
            schema,
            prepared.fragments,
            prepared.fragment_details,
            None,
            context,
            prepared.node,
            variables,
            default_field_resolver,
            default_type_resolver,
            default_field_resolver,
            is_awaitable=optimized_is_awaitable,
            limits=limits,
        )

    def discard(self) -> None:
        """Free what it holds: it has reference cycles, which the garbage collector would find much later."""
        vars(self).clear()

    def _begin(self) -> None:
        """An operation begins, or one event of a subscription."""
        begin_share()
        self.spending = Spending(self.limits)
        self._weights: dict[int, tuple[object, int]] = {}

    def build_per_event_executor(self, payload: Any) -> Executor[Any]:
        """The executor of one event of a subscription, with its own budget and memo.

        graphql-core 3.3.2 copies the subscription's executor shallowly, so all its events share one memo of collected
        sub-fields. The keys are ids of lists that are created for each event, and the memo keeps those lists alive: no
        event finds an entry of another one, and no entry is ever dropped (2 kB per event).
        """
        executor = super().build_per_event_executor(payload)
        assert isinstance(executor, BudgetExecutor)
        executor._relevant_sub_fields = {}  # noqa: SLF001
        executor._begin()  # noqa: SLF001
        return executor

    def build_response(self, data: dict[str, Any] | None) -> Any:
        """The response; a single error if the budget is exceeded."""
        response = super().build_response(data)
        if isinstance(self.context_value, Context):
            self.context_value.spent = self.spending.cost
        if self.spending.is_over or self.spending.weigh_answer(data, self.collected_errors.errors):
            return ExecutionResult(None, [self.spending.refusal()])
        return response

    def execute_fields(
        self, parent_type: GraphQLObjectType, source_value: Any, path: Path | None, grouped_field_set: Any, *rest: Any
    ) -> Any:
        """Count the fields of one object, then execute them."""
        known = self._weights.get(id(grouped_field_set)) or self._weigh(parent_type, grouped_field_set)
        spending = self.spending
        spending.left -= known[1]
        if spending.left < 0:
            spending.ended_at = spending.ended_at or path
            return {}
        return super().execute_fields(parent_type, source_value, path, grouped_field_set, *rest)

    async def execute_fields_serially(
        self, parent_type: GraphQLObjectType, source_value: Any, path: Path | None, grouped_field_set: Any, *rest: Any
    ) -> dict[str, Any]:
        """Execute the root fields of a mutation one by one; stop when the budget is exceeded."""
        results: dict[str, Any] = {}
        for name, details in grouped_field_set.items():
            one = {name: details}
            if self.spending.add(self._weigh(parent_type, one)[1], Path(path, name, parent_type.name)):
                break
            done = super().execute_fields_serially(parent_type, source_value, path, one, *rest)
            results.update(await done if isinstance(done, Awaitable) else done)
        return results

    async def complete_awaitable_value(
        self, return_type: Any, field_details_list: Any, info: Any, path: Path, result: Any, position_context: Any
    ) -> Any:
        """Resolve and complete one field, each step when there is time.

        Starting a field is cheap, and the loader batches fields that start in the same turn; so starting may use two
        slices.
        """
        try:
            if self.pace.is_over(2) and not self.spending.is_over:
                await self.pace.turn()
            if self.spending.is_over:
                _close(result)
                return None
        except BaseException:
            _close(result)
            raise
        try:
            resolved = await result
            if self.pace.is_over() and not self.spending.is_over:
                await self.pace.turn()
            completed = self.complete_value(return_type, field_details_list, info, path, resolved, position_context)
            return await completed if self.is_awaitable(completed) else completed
        except Exception as raw_error:  # noqa: BLE001 -- as graphql-core does
            self.handle_field_error(raw_error, return_type, field_details_list, path)
            return None

    def handle_field_error(self, raw_error: Exception, return_type: Any, field_details_list: Any, path: Path) -> None:
        """Count an error and its locations: one for each node of the document that requests the field."""
        self.spending.add(ERROR + len(field_details_list) // LOCATED, path)
        super().handle_field_error(raw_error, return_type, field_details_list, path)

    def complete_iterable_value(
        self, item_type: Any, field_details_list: Any, info: Any, path: Path, items: Any, position_context: Any
    ) -> Any:
        """Complete a list; once the slice is used up, the remaining items follow in later turns of the event loop."""
        if isinstance(items, list) and len(items) <= SHORT:
            if self.spending.add(self._weight_of(item_type) * len(items), path):
                return []
            return super().complete_iterable_value(item_type, field_details_list, info, path, items, position_context)
        listing = _Listing(self, (item_type, field_details_list, info), path, position_context, enumerate(items))
        if listing.complete_some():
            return listing.results if not listing.awaited else listing.gather()
        return listing.complete_rest()

    def _weight_of(self, item_type: Any) -> int:
        return ITEM if is_composite_type(get_named_type(item_type)) else 0

    def _weigh(self, parent_type: GraphQLObjectType, grouped_field_set: Any) -> tuple[object, int]:
        """The weight of these fields; cached together with them, so that no other object can get their id."""
        cost = sum(
            self._field_weights.get((parent_type.name, details[0].node.name.value), 1) + len(details) // MERGED
            for details in grouped_field_set.values()
        )
        known = self._weights[id(grouped_field_set)] = (grouped_field_set, cost)
        return known


class _Listing:
    """A list that is being completed, item by item."""

    def __init__(
        self,
        executor: BudgetExecutor,
        details: tuple[Any, Any, Any],
        path: Path,
        position_context: Any,
        items: Iterator[Any],
    ) -> None:
        self.results: list[Any] = []
        self.awaited: list[int] = []  # indices of the results so far that are coroutines
        self._executor = executor
        self._details = details
        self._path = path
        self._position_context = position_context
        self._items = items
        self._weight = executor._weight_of(details[0])  # noqa: SLF001

    def complete_some(self) -> bool:
        """Complete items until the slice is used up; returns whether all are complete."""
        executor, pace = self._executor, self._executor.pace
        item_type, field_details_list, info = self._details
        try:
            for index, item in self._items:
                path = self._path.add_key(index, None)
                if executor.spending.add(self._weight, path):
                    return True
                if executor.is_awaitable(item):
                    each = executor.complete_awaitable_list_item_value(
                        item, item_type, field_details_list, info, path, self._position_context
                    )
                    self.results.append(each)
                    self.awaited.append(index)
                elif executor.complete_list_item_value(
                    item, self.results, item_type, field_details_list, info, path, self._position_context
                ):
                    self.awaited.append(index)
                if pace.is_over():
                    return False
        except Exception:
            executor.settle_in_background([self.results[index] for index in self.awaited])
            raise
        return True

    async def complete_rest(self) -> list[Any]:
        """Complete the remaining items, in as many turns as that takes, then wait for the asynchronous ones."""
        try:
            is_done = False
            while not is_done:
                if not self._executor.spending.is_over:
                    await self._executor.pace.turn()
                is_done = self.complete_some()
        except asyncio.CancelledError:
            # They hold other coroutines that only they can close: let them run, without resolving anything.
            self._executor.spending.stop()
            self._executor.settle_in_background([self.results[index] for index in self.awaited])
            raise
        return await self.gather() if self.awaited else self.results

    async def gather(self) -> list[Any]:
        """Wait for the items that are not complete."""
        found = await gather_with_cancel(*(self.results[index] for index in self.awaited))
        for index, each in zip(self.awaited, found, strict=True):
            self.results[index] = each
        return self.results


def _close(awaitable: Any) -> None:
    """Close a coroutine that will not be awaited, so that Python does not warn about it."""
    if hasattr(awaitable, "close"):
        awaitable.close()
