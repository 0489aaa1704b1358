"""Charges: what an operation costs is counted against the rate of whoever asked for it."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TypeVar

from gql.context import Context
from gql.pace import give_way
from services.error import RequestError, ServerUnavailable
from services.live.signal import Revoked
from services.viewer import Viewer

REFUSED = 20  # of a request that is refused: its estimate, its answer
PER_ERROR = 5

T = TypeVar("T")


def admit_reading(context: Context, expected: int) -> float:
    """Count what reading a document is expected to cost; raises RateLimited for those who have used up their rate.

    Returns what was counted.
    """
    return context.services.cost.begin(context.viewer, context.remote, expected)


def charge_reading(context: Context, counted: float, cost: int) -> None:
    """Count what reading has cost in the place of what was counted; refuses nothing, for it has been done."""
    context.services.cost.spend(context.viewer, context.remote, cost - counted)


def charge_refusal(context: Context, errors: Sequence[object]) -> None:
    """Count a document that is not executed, known or not: its errors are formatted each time."""
    context.services.cost.spend(context.viewer, context.remote, REFUSED + len(errors) * PER_ERROR)


def charge(context: Context) -> None:
    """Count the estimate before anything is executed; raises RateLimited."""
    context.charged = context.services.cost.take(context.viewer, context.remote, context.estimated or 0)


async def reserved(signals: AsyncGenerator[T, None], context: Context) -> AsyncGenerator[T, None]:
    """Count the estimate of each event of a live stream before it is executed; wait where nothing is left.

    A hundred streams that one message wakes are then executed one after the other, as their person's allowance grows,
    and no more at once than there is room for.
    The end of a session waits for nothing, and what waited beyond it is not delivered.
    """
    costs, viewer = context.services.cost, context.signed_in()
    async with aclosing(signals):
        async for each in signals:
            if isinstance(each, Revoked):
                context.charged = 0
                yield each
                continue
            estimate = context.estimated or 0
            must_wait = not costs.has_room(estimate)
            has_waited = await costs.wait_for_event(viewer)
            context.taken = await costs.begin_event(estimate)
            try:
                if (must_wait or has_waited) and not await _is_live(context, viewer):
                    continue  # the next signal says why the stream ends
                context.charged = costs.reserve_event(viewer, estimate)
                await give_way()
                yield each
            finally:
                end_event(context)


def end_event(context: Context) -> None:
    """An event has been executed, and others may be; does nothing where that is known."""
    taken, context.taken = context.taken, 0.0
    context.loader = None  # it holds what was loaded last, and the next event may be weeks away
    context.services.cost.end_event(taken)


async def _is_live(context: Context, viewer: Viewer) -> bool:
    """Whether the session is still good; True as well where a busy database cannot say so."""
    try:
        await context.services.authenticator.check_live(viewer)
    except ServerUnavailable:
        return True
    except RequestError:
        return False
    return True
