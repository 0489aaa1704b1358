"""Preparation: what happens to an operation before anything of it is executed."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

from graphql import GraphQLError, OperationType

from gql.charge import admit_reading, charge, charge_reading, charge_refusal
from gql.context import Context
from gql.document.document import CHARACTERS_PER_TOKEN, COST_PER_TOKEN, Reading
from gql.document.prepared import PreparedOperation
from gql.document.reading import Reader
from gql.document.survey import LimitExceeded, TooExpensive, check_values
from gql.error import present_all, present_document_error
from gql.wire.answer import Answer
from gql.wire.log import log_start
from gql.wire.operation import Operation
from gql.wire.schema import SottoSchema
from services.error import BadRequest
from services.viewer import Right


class WrongOperation(BadRequest):
    """The document has not exactly one operation that this request can execute (GraphQL §6.1)."""


class OperationNotAllowed(WrongOperation):
    """An operation of a kind that this transport does not execute."""

    def __init__(self, kind: OperationType) -> None:
        super().__init__(f"This transport does not execute a {kind.value}.")
        self.kind = kind


async def prepare(
    schema: SottoSchema, operation: Operation, context: Context, allowed: AbstractSet[OperationType]
) -> PreparedOperation | Answer:
    """Prepare an operation of one of these kinds; a refusal is an answer.

    1 its text is read, within the rate and the limits; 2 the operation is chosen; 3 the rules; 4 its cost is estimated,
    and 5 charged. Then the transport may rely on it that execution begins. Raises WrongOperation, RateLimited, and
    ServerUnavailable if too many documents wait to be read.
    """
    context.wants_cost = context.wants_cost or (operation.extensions or {}).get("cost") == "report"
    reading = schema.documents.find(operation.query)
    try:
        if operation.variables:
            check_values(operation.variables, schema.limits)
        if reading is None or reading.errors:
            reading = await _read(schema, operation, context, reading)
    except LimitExceeded as error:
        admit_reading(context, 0)
        return _refuse([error.with_traceback(None)], context)
    if reading.document is not None:
        _check_kind(reading, operation.name, allowed)
    if reading.errors:
        return _refuse(reading.errors, context)
    if operation.name is None and len(reading.operations) > 1:
        raise WrongOperation("The document holds several operations: say by operationName which of them to execute.")
    prepared = reading.prepare(schema.core, operation.name)
    assert prepared is not None
    context.estimated = estimate = prepared.cost_model.estimate(operation.variables)
    if estimate > schema.limits.cost:
        charge_reading(context, 0, prepared.cost_model.visited)  # all that will be charged for it
        path = prepared.cost_model.dearest(operation.variables)
        return _refuse([TooExpensive(estimate, schema.limits.cost, path)], context)
    if prepared.wants_position and context.viewer is not None and context.viewer.may(Right.READ):
        # Taken before any read, so that a subscription from this cursor misses nothing that the query showed.
        context.event_position = await context.services.stream.position(context.viewer)
    _begin(prepared, context)
    return prepared


async def _read(schema: SottoSchema, operation: Operation, context: Context, known: Reading | None) -> Reading:
    """Read a document that is not cached; raises RateLimited first if the viewer's rate is used up, also for others.

    A cached document costs nothing, and if it is valid, its operation is charged next.
    """
    text = operation.query
    tokens = min(len(text) // CHARACTERS_PER_TOKEN, schema.limits.tokens)
    counted = admit_reading(context, 0 if known else tokens * COST_PER_TOKEN)
    if known is not None:
        return known
    reading = await schema.documents.prepare(text, operation.name, Reader.of(context))
    charge_reading(context, counted, reading.cost)
    return reading


def _check_kind(reading: Reading, name: str | None, allowed: AbstractSet[OperationType]) -> None:
    """Raise WrongOperation unless the operation exists and may be executed; other errors of the document come after."""
    found = reading.find(name)
    if found is None and name is not None:
        raise WrongOperation(f'Unknown operation named "{name}".')
    if found is None:
        sentence = "The document holds no operation, only fragments: send a query, a mutation or a subscription."
        raise WrongOperation(sentence)
    if found.operation not in allowed:
        raise OperationNotAllowed(found.operation)


def _begin(prepared: PreparedOperation, context: Context) -> None:
    """Charge the operation, and tell the transport: a mutation is never cut short, a subscription is a stream."""
    charge(context)
    context.operation_type, context.operation_name = prepared.kind, prepared.name
    if prepared.is_subscription:
        log_start(context)
    if context.on_prepared is not None:
        context.on_prepared()


def _refuse(errors: Sequence[GraphQLError], context: Context) -> Answer:
    """The answer that holds these errors, each with a code."""
    shown = [present_document_error(error) for error in errors]
    charge_refusal(context, shown)
    present_all(shown, context.request_id)
    return Answer(None, shown, is_refused=True)
