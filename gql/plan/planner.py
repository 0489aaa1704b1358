"""The planner: which operations are executed by a plan, and their plans, compiled once."""

from collections.abc import Mapping
from functools import cached_property, partial
from typing import Any

from graphql import ExecutionResult, OperationType
from graphql.execution.values import VariableValues
from strawberry import Schema

from gql.charge import charge_compiling
from gql.context import Context
from gql.document.cache import DocumentCache
from gql.document.prepared import PreparedOperation
from gql.document.reading import Reader
from gql.document.survey import QueryLimits
from gql.plan.compiler import MOST_FIELDS, compile_plan
from gql.plan.error import TooLarge, Unplannable
from gql.plan.run import Run
from gql.plan.shape import Shapes
from gql.plan.tree import Plan

AT_ONCE = 1_000  # fields compiled on the event loop: 5 ms at most; the chat page's largest document has 190
MOST_VARIANTS = 4  # plans kept for one operation, for different `@skip` and `@include`
MOST_KEPT = 4_000  # fields of these plans together
BYTES_PER_FIELD = 1_800  # memory of a field with its selection and the source generated for it; by tracemalloc


class Planner:
    """Compiles and executes the operations of one schema; plans are kept as long as their documents are cached.

    With `is_enabled` False, graphql-core executes everything, with the same answers.
    """

    def __init__(self, schema: Schema, documents: DocumentCache, limits: QueryLimits) -> None:
        self.is_enabled = True
        self._schema = schema
        self._documents = documents
        self._limits = limits

    @cached_property
    def shapes(self) -> Shapes:
        """The fields of the schema as the compiler needs them."""
        return Shapes(self._schema)

    async def plan_for(
        self, text: str, prepared: PreparedOperation, variables: Mapping[str, Any], context: Context
    ) -> Plan | None:
        """The plan of an operation for requests with these variables, coerced; `text` is its document.

        None if graphql-core has to execute the operation: plans are turned off, or do not know something in it.
        Charges what is compiled. Raises ServerUnavailable if it is large, and too many documents are waiting.
        """
        if not self.is_enabled:
            return None
        plans = prepared.plans
        if not isinstance(plans, _Plans):
            prepared.plans = plans = _Plans()
        if plans.is_unplannable:
            return None
        found = plans.find(variables)
        if found is not None:
            return found
        try:
            compiled = await self._compile(prepared, variables, context)
        except Unplannable as error:
            charge_compiling(context, error.size)
            plans.is_unplannable = not error.depends_on_values
            return None
        charge_compiling(context, compiled.size)
        if plans.find(variables) is None and plans.has_room_for(compiled):  # another request may have been faster
            plans.variants.append(compiled)
            self._documents.add_weight(text, prepared, compiled.size * BYTES_PER_FIELD)
        return compiled

    async def _compile(self, prepared: PreparedOperation, variables: Mapping[str, Any], context: Context) -> Plan:
        """Compile here, or if that turns out to take long, in the thread that reads documents."""
        try:
            return compile_plan(self.shapes, prepared, variables, AT_ONCE)
        except TooLarge:
            work = partial(compile_plan, self.shapes, prepared, variables, MOST_FIELDS)
            return await self._documents.run_aside(work, Reader.of(context))

    async def execute(self, plan: Plan, context: Context, variables: VariableValues) -> ExecutionResult:
        """Execute a query or a mutation; the errors are located, and not presented yet."""
        assert plan.kind is not OperationType.SUBSCRIPTION
        return await Run(plan, self.shapes, context, variables, self._limits).execute()

    async def show(self, plan: Plan, context: Context, variables: VariableValues, event: object) -> ExecutionResult:
        """Execute one event of a subscription: a value that the resolver of its root field yielded."""
        return await Run(plan, self.shapes, context, variables, self._limits).show(event)


class _Plans:
    """The plans of one operation; one of which plans do not know something is never tried again."""

    __slots__ = ("is_unplannable", "variants")

    def __init__(self) -> None:
        self.is_unplannable = False
        self.variants: list[Plan] = []

    def find(self, variables: Mapping[str, Any]) -> Plan | None:
        """The plan for these variables."""
        return next((plan for plan in self.variants if plan.fits(variables)), None)

    def has_room_for(self, plan: Plan) -> bool:
        """Whether the plan can be kept beside the others."""
        return len(self.variants) < MOST_VARIANTS and sum(each.size for each in (*self.variants, plan)) <= MOST_KEPT
