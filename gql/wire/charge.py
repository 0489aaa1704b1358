"""Charges: what an operation costs is counted against who asked for it, and told when they want to know."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TypeVar

from strawberry.types.execution import ExecutionResult

from gql.context import Context
from gql.document.reading import Reader
from gql.document.survey import QueryLimits
from services.error import RequestError, ServerUnavailable
from services.live.signal import Revoked
from services.rate import network_of
from services.viewer import Viewer

REFUSED = 20  # of a request that is refused: its estimate, its answer
PER_ERROR = 5

Results = AsyncGenerator[ExecutionResult, None]
T = TypeVar("T")


def admit_reading(context: Context, expected: int) -> float:
    """Count what reading a document is expected to cost; raises RateLimited for those who have used up their rate.

    Returns what was counted.
    """
    return context.services.cost.begin(context.viewer, context.remote, expected)


def charge_reading(context: Context, counted: float, cost: int) -> None:
    """Count what reading has cost in the place of what was counted; refuses nothing, for it has been done."""
    context.services.cost.spend(context.viewer, context.remote, cost - counted)


def reader_of(context: Context) -> Reader:
    """For whom a document is read."""
    viewer = context.viewer
    return Reader(viewer.user_id if viewer else network_of(context.remote), is_stranger=viewer is None)


def charge_refusal(context: Context, errors: Sequence[object]) -> None:
    """Count a document that is not executed, known or not: its errors are told each time."""
    context.services.cost.spend(context.viewer, context.remote, REFUSED + len(errors) * PER_ERROR)


def charge(context: Context) -> None:
    """Count the estimate before anything is executed; raises RateLimited."""
    context.charged = context.services.cost.take(context.viewer, context.remote, context.estimated or 0)


async def reserved(signals: AsyncGenerator[T, None], context: Context) -> AsyncGenerator[T, None]:
    """Count the estimate of each event of a live stream before it is executed; wait where nothing is left.

    A hundred streams that one message wakes are then executed one after the other, as their person's allowance grows.
    The end of a session waits for nothing, and what waited beyond it is not delivered.
    """
    costs, viewer = context.services.cost, context.signed_in()
    async with aclosing(signals):
        async for each in signals:
            if isinstance(each, Revoked):
                context.charged = 0
            elif await costs.wait_for_event(viewer) and not await _is_live(context, viewer):
                continue  # the next signal says why the stream ends
            else:
                context.charged = costs.reserve_event(viewer, context.estimated or 0)
            yield each


async def _is_live(context: Context, viewer: Viewer) -> bool:
    """Whether the session is still good; True as well where a busy database cannot say so."""
    try:
        await context.services.authenticator.check_live(viewer)
    except ServerUnavailable:
        return True
    except RequestError:
        return False
    return True


async def charged(results: Results, context: Context, limits: QueryLimits) -> Results:
    """The results, each paid for: what the estimate took in excess is given back, for each event of a stream."""
    async with aclosing(results):
        async for result in results:
            spent, viewer = context.spent, context.viewer
            if not context.is_subscription and spent is not None:
                context.services.cost.spend(viewer, context.remote, spent - context.charged)
            if context.wants_cost:
                result.extensions = {**(result.extensions or {}), "cost": _report(context, limits)}
            yield result
            if context.is_subscription and spent is not None and viewer is not None:
                context.services.cost.settle_event(viewer, spent - context.charged)


def _report(context: Context, limits: QueryLimits) -> dict[str, object]:
    """The names are Shopify's, which clients know."""
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
