"""Charges: the cost of an operation counts against the viewer's rate."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import TypeVar

from gql.context import Context
from gql.pace import give_way
from services.error import RequestError, ServerUnavailable
from services.live.signal import Revoked
from services.viewer import Viewer

REFUSED = 20  # of a refused request: its estimate and its answer
PER_ERROR = 5
DELIVERY = 1  # of an event that was rendered to one more stream
REGISTRATION = 20  # of a document that is registered under its hash, in addition to its reading and execution

T = TypeVar("T")


def admit_reading(context: Context, expected: int) -> float:
    """Count the expected cost of reading a document, and return it; raises RateLimited if the rate is used up."""
    return context.services.cost.begin(context.viewer, context.remote, expected)


def charge_reading(context: Context, counted: float, cost: int) -> None:
    """Replace the expected cost of reading by the actual one; refuses nothing, because the work is done."""
    context.services.cost.spend(context.viewer, context.remote, cost - counted)


def charge_compiling(context: Context, fields: int) -> None:
    """Count the plan of an operation: compiling a field takes half of the time of executing one."""
    context.services.cost.spend(context.viewer, context.remote, fields / 2)


def charge_refusal(context: Context, errors: Sequence[object]) -> None:
    """Count a document that is not executed, cached or not: its errors are formatted each time."""
    context.services.cost.spend(context.viewer, context.remote, REFUSED + len(errors) * PER_ERROR)


def admit_refusal(context: Context) -> None:
    """Count a request whose document is not found or not accepted; raises RateLimited if the rate is used up."""
    context.services.cost.begin(context.viewer, context.remote, REFUSED + PER_ERROR)


def charge_registration(context: Context) -> None:
    """Count the registration of a document: its text stays in memory after the request."""
    context.services.cost.spend(context.viewer, context.remote, REGISTRATION)


def charge(context: Context) -> None:
    """Count the estimate before execution; raises RateLimited."""
    context.charged = context.services.cost.take(context.viewer, context.remote, context.estimated or 0)


async def reserved(signals: AsyncGenerator[T, None], context: Context) -> AsyncGenerator[T, None]:
    """Count the estimate of each event of a live stream before it is executed; wait while the rate is used up.

    So a hundred streams that one message wakes are executed one after the other, as the person's allowance grows and
    within the capacity of the server. The end of a session is delivered without waiting, and events that waited beyond
    it are dropped.
    """
    viewer = context.signed_in()
    async with aclosing(signals):
        async for each in signals:
            if isinstance(each, Revoked):
                context.charged = 0
                yield each
                continue
            try:
                if await _is_admitted(context, viewer):
                    _reserve(context, viewer, 0)
                    await give_way()
                    yield each
            finally:
                end_event(context)


async def reserve_shared(context: Context, others: int) -> None:
    """As `reserved`, for one event that is executed once and delivered to `others` more streams of the person.

    Each of those costs DELIVERY. Whether their sessions are still valid is seen when it is delivered.
    """
    viewer, estimate = context.signed_in(), context.estimated or 0
    begun = context.services.cost.begin_event_now(viewer, estimate, estimate + others * DELIVERY)
    if begun is not None:
        context.taken, context.charged = begun
    else:
        await _is_admitted(context, viewer, checks_session=False)
        _reserve(context, viewer, others)
    await give_way()


def _reserve(context: Context, viewer: Viewer, others: int) -> None:
    cost = (context.estimated or 0) + others * DELIVERY
    context.charged = context.services.cost.reserve_event(viewer, cost)


async def _is_admitted(context: Context, viewer: Viewer, *, checks_session: bool = True) -> bool:
    """Wait until the person has allowance left and the server has room; returns False if the session ended meanwhile.

    Both may be gone after each wait, because all streams of a person wait for the same: so both are asked again until
    neither took a wait.
    """
    costs, estimate, has_waited = context.services.cost, context.estimated or 0, False
    while True:
        has_waited |= await costs.wait_for_event(viewer) or not costs.has_room(estimate)
        context.taken = await costs.begin_event(estimate)
        if has_waited and checks_session and not await _is_live(context, viewer):
            return False  # the next signal says why the stream ends
        if not costs.must_wait(viewer):
            return True
        end_event(context)


def settle_event(context: Context, others: int = 0) -> None:
    """Give back what was reserved for an event in excess of its actual cost."""
    if context.spent is not None and context.viewer is not None:
        context.services.cost.settle_event(context.viewer, context.spent + others * DELIVERY - context.charged)


def end_event(context: Context) -> None:
    """An event has been executed, so others may start; a second call does nothing."""
    taken, context.taken = context.taken, 0.0
    context.loader = None  # it holds the data loaded last, and the next event may be weeks away
    context.services.cost.end_event(taken)


async def _is_live(context: Context, viewer: Viewer) -> bool:
    """Whether the session is still valid; also True if a busy database cannot answer."""
    try:
        await context.services.authenticator.check_live(viewer)
    except ServerUnavailable:
        return True
    except RequestError:
        return False
    return True
