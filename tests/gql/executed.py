"""Executes an operation on a schema without a transport, in the way that all transports share."""

from types import SimpleNamespace
from typing import Any, cast

from gql.context import Context
from gql.wire.answer import Answer
from gql.wire.execution import execute
from gql.wire.operation import SOCKET_OPERATIONS, Operation
from gql.wire.schema import SottoSchema
from services.cost import CostService
from services.limit import Limits


def stranger() -> Context:
    """The context of an anonymous request, with nothing but a rate of cost."""
    services = cast("Any", SimpleNamespace(cost=CostService(Limits())))
    return Context(services=services, viewer=None, request_id="r1", remote="")


async def answers_to(
    schema: SottoSchema,
    text: str,
    variables: dict[str, object] | None = None,
    name: str | None = None,
    context: Context | None = None,
) -> list[Answer]:
    """All answers: one, or those of a subscription."""
    operation = Operation(text, variables, name)
    answers: Any = await execute(schema, lambda same, _: same, operation, context or stranger(), SOCKET_OPERATIONS)
    return [each async for each in answers]


async def answer_to(
    schema: SottoSchema, text: str, variables: dict[str, object] | None = None, context: Context | None = None
) -> Answer:
    """The only answer."""
    (answer,) = await answers_to(schema, text, variables, context=context)
    return answer
