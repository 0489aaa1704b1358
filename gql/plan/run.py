"""The execution of a plan: queued lists are filled and queued fields loaded, level by level, in turns of the loop."""

import inspect
from collections.abc import Sequence
from typing import Any

from graphql import ExecutionResult
from graphql.execution.values import VariableValues
from graphql.pyutils import gather_with_cancel

from gql.context import Context
from gql.document.survey import LimitExceeded, QueryLimits
from gql.pace import pace_of_loop
from gql.plan.failure import settle
from gql.plan.render import Renderer, Waiting
from gql.plan.shape import Kind, Shapes
from gql.plan.tree import FieldPlan, Plan
from services.share import begin_share


class Run:
    """One execution of a plan: an operation, or one event of a subscription.

    Asynchronous fields are loaded in rounds: when nothing else is left to render, each field that is waiting is loaded
    for all objects that show it. Loads of a round run at the same time; the next round begins when all have ended.
    """

    __slots__ = ("_context", "_last", "_limits", "_pace", "_plan", "_renderer")

    def __init__(
        self, plan: Plan, shapes: Shapes, context: Context, variables: VariableValues, limits: QueryLimits
    ) -> None:
        self._plan = plan
        self._context = context
        self._limits = limits
        self._renderer = Renderer(shapes, context, variables, limits.executed_cost)
        self._pace = pace_of_loop()
        self._last: FieldPlan | None = None  # where the budget was exceeded

    async def execute(self) -> ExecutionResult:
        """Execute a query; a mutation field by field, each with all that is below it."""
        begin_share()
        root, renderer = self._plan.root, self._renderer
        data = root.template.copy()
        renderer.size_bytes += root.size_bytes
        renderer.left -= root.weight - sum(field.cost for field in root.fields)  # `__typename`
        for fields in [[field] for field in root.fields] if self._plan.is_serial else [root.fields]:
            renderer.left -= sum(field.cost for field in fields)
            for field in fields:
                if self._is_over(field):
                    return await self._result(data)
                if field.shape.kind in (Kind.READ, Kind.CALLED):
                    renderer.call(field, data, None)
                else:
                    renderer.defer(field, data, None)
            await self._settle()
        return await self._result(data)

    async def show(self, event: object) -> ExecutionResult:
        """Execute one event of a subscription: a value that the resolver of its root field yielded."""
        begin_share()
        root = self._plan.root
        data = root.template.copy()
        self._renderer.left -= root.weight
        self._renderer.size_bytes += root.size_bytes
        self._renderer.put(root.fields[0], data, event)
        await self._settle()
        return await self._result(data)

    async def _result(self, data: dict[str, Any]) -> ExecutionResult:
        """The response; a single error if the budget is exceeded."""
        limits, renderer = self._limits, self._renderer
        spent = self._context.spent = limits.executed_cost - renderer.left
        if renderer.left < 0:
            path = _path_to(self._last)
            refusal = LimitExceeded("Cost of the operation as executed", spent, limits.executed_cost, path=path)
            return ExecutionResult(None, [refusal])
        if renderer.size_bytes > limits.response_bytes:
            refusal = LimitExceeded("Bytes of the answer", renderer.size_bytes, limits.response_bytes, path=[])
            return ExecutionResult(None, [refusal])
        if not renderer.failures:
            return ExecutionResult(data, None)
        shown, errors = await settle(data, renderer.failures)
        return ExecutionResult(shown, errors)

    def _is_over(self, field: FieldPlan) -> bool:
        """Whether the budget is exceeded, so that nothing more is resolved."""
        if self._renderer.left >= 0 and self._renderer.size_bytes <= self._limits.response_bytes:
            return False
        self._last = self._last or field
        return True

    async def _settle(self) -> None:
        """Fill the lists and load what was deferred, until nothing is left or the budget is exceeded."""
        renderer = self._renderer
        while True:
            while renderer.lists:
                lists, renderer.lists = renderer.lists, []
                for field, items, values in lists:
                    await self._fill(field, items, values)
                    if self._is_over(field):
                        return
            deferred, renderer.deferred = renderer.deferred, {}
            if not deferred or self._is_over(next(iter(deferred))):
                return
            loads = [self._load(field, waiting) for field, waiting in deferred.items()]
            if len(loads) == 1:
                await loads[0]
            else:
                await gather_with_cancel(*loads)

    async def _fill(self, field: FieldPlan, items: list[Any], values: Sequence[Any]) -> None:
        """Complete the items of a list; waits for a later turn of the loop when the slice of this one is used up."""
        pace, renderer, plans = self._pace, self._renderer, field.objects or {}
        most_bytes = self._limits.response_bytes
        for value in values:
            if pace.is_over():
                await pace.turn()
            plan = plans.get(type(value))
            if plan is not None:
                items.append(renderer.render(plan, value))
            else:
                renderer.put_item(field, items, value)
            if renderer.left < 0 or renderer.size_bytes > most_bytes:
                return

    async def _load(self, field: FieldPlan, waiting: list[Waiting]) -> None:
        """Resolve an asynchronous field for all objects that wait for it, and complete its values."""
        values = await self._values_of(field, [source for _, source in waiting])
        pace, put = self._pace, self._renderer.put
        for (out, _), value in zip(waiting, values, strict=True):
            if pace.is_over():
                await pace.turn()
            put(field, out, value)
            if self._is_over(field):
                return

    async def _values_of(self, field: FieldPlan, sources: list[Any]) -> Sequence[Any]:
        """A value for each source, or the exception that resolving it raised.

        A document can show a field under a thousand names, which begin in as many turns of the loop as that takes, two
        slices each, because whatever begins in the same turn is loaded together.
        """
        if self._pace.is_over(2):
            await self._pace.turn()
        arguments = self._renderer.arguments_of(field)
        if isinstance(arguments, Exception):
            return [arguments] * len(sources)
        if field.shape.kind is not Kind.LEVEL:
            if len(sources) == 1:
                return [await self._resolve(field, sources[0], arguments)]
            return await gather_with_cancel(*(self._resolve(field, source, arguments) for source in sources))
        try:
            return _one_for_each(sources, await field.shape.resolve(sources, **arguments))
        except Exception as error:  # noqa: BLE001 -- the error of each place
            return [error] * len(sources)

    async def _resolve(self, field: FieldPlan, source: object, arguments: dict[str, Any]) -> Any:
        """The value of an asynchronous field, what a handler makes of its refusal, or its exception."""
        if self._pace.is_over(2):
            await self._pace.turn()
        try:
            return await field.shape.resolve(source, **arguments)
        except Exception as error:  # noqa: BLE001 -- becomes the error of the field
            raised = error
        for types, handler in field.shape.handlers:  # the first that fits, as Strawberry does it
            if isinstance(raised, types):
                try:
                    shown = handler.handle(raised, field=field.shape.field, info=self._renderer.info_of(field))
                    if inspect.isawaitable(shown):
                        shown = await shown
                except Exception as error:  # noqa: BLE001 -- becomes the error of the field
                    return error
                return raised if shown is None else shown
        return raised


def _one_for_each(sources: Sequence[Any], found: Sequence[Any]) -> Sequence[Any]:
    if len(found) != len(sources):
        raise ValueError(f"A level field has {len(found)} values for {len(sources)} objects.")
    return found


def _path_to(field: FieldPlan | None) -> list[str | int]:
    """The response names from the root to a field, without the indices of lists."""
    names: list[str | int] = []
    while field is not None:
        names.append(field.key)
        field = field.parent.owner
    return names[::-1]
