"""The executor: graphql-core's, whose live streams forget each event once it has been answered."""

from typing import Any

from graphql.execution import Executor
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext


class SottoExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes every operation of SottoSchema."""

    def build_per_event_executor(self, payload: Any) -> Executor[Any]:
        """The executor of one event of a subscription, with a memo of its own.

        graphql-core 3.3.2 copies the subscription's executor shallowly, so that all its events share one memo of
        collected sub-fields. Its keys are ids of lists that are made anew for each event, and it keeps those lists
        alive: no event ever finds an entry of another, and none is ever dropped (2 kB an event).
        """
        executor = super().build_per_event_executor(payload)
        executor._relevant_sub_fields = {}  # noqa: SLF001
        return executor
