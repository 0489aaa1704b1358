"""What people and addresses may make the server work: a rate of cost, beside the rates of single things."""

import asyncio
from dataclasses import dataclass

from services.capacity import Capacity
from services.limit import Limits
from services.rate import RateLimiter, network_of
from services.viewer import Viewer

EVENTS_AT_ONCE = 50_000  # the estimates of the events of live streams that are executed at once, together


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much may be asked for at once, how much is left of it now, and how much comes back in a second."""

    most: int
    left: int
    per_second: float


class CostService:
    """Counts the cost of requests for each person, and for each address of those who have not signed in.

    The unit is the caller's. What an estimate took in excess is given back, so that only work counts in the end.
    """

    def __init__(self, limits: Limits) -> None:
        self._people = RateLimiter(limits.cost_rate_per_minute, "costly requests")
        self._addresses = RateLimiter(limits.anonymous_cost_rate_per_minute, "costly requests of this address")
        self._streams = RateLimiter(limits.cost_rate_per_minute, "costly events")
        self._events = Capacity(EVENTS_AT_ONCE)

    def take(self, viewer: Viewer | None, remote: str, cost: float) -> float:
        """Counts a request that will cost this, at most the whole allowance; raises RateLimited.

        Returns what was counted.
        """
        limiter, key = self._of(viewer, remote)
        return limiter.take(key, cost)

    def begin(self, viewer: Viewer | None, remote: str, expected: float) -> float:
        """Counts what is about to be done, be it more than is left; raises RateLimited where more was before.

        Returns what was counted, at most the whole allowance.
        """
        limiter, key = self._of(viewer, remote)
        limiter.take(key, 0)
        counted = min(expected, limiter.most)
        limiter.spend(key, counted)
        return counted

    def spend(self, viewer: Viewer | None, remote: str, cost: float) -> None:
        """Counts what has been done already, or gives back what is negative; refuses nothing by itself."""
        limiter, key = self._of(viewer, remote)
        limiter.spend(key, cost)

    def allowance(self, viewer: Viewer | None, remote: str) -> Allowance | None:
        """What is left; None where there is no limit."""
        limiter, key = self._of(viewer, remote)
        return Allowance(limiter.most, max(0, int(limiter.left(key))), limiter.most / 60) if limiter.most else None

    async def wait_for_event(self, viewer: Viewer) -> bool:
        """Waits until something is left for another event of the viewer's live streams; returns whether it had to.

        All streams of a person share an allowance of their own, as large as that of requests: no event is lost, and
        events do not use up what requests may cost.
        """
        has_waited = False
        while wait := self._streams.spend(viewer.user_id, 0):
            has_waited = True
            await asyncio.sleep(wait)
        return has_waited

    def must_wait(self, viewer: Viewer) -> bool:
        """Whether `wait_for_event` would wait."""
        return self._streams.spend(viewer.user_id, 0) > 0

    def reserve_event(self, viewer: Viewer, estimate: float) -> float:
        """Counts the estimate of an event before it is executed; returns what was counted, at most the allowance."""
        counted = min(estimate, self._streams.most)
        self._streams.spend(viewer.user_id, counted)
        return counted

    def has_room(self, estimate: float) -> bool:
        """Whether an event could be executed now, beside those that are."""
        return self._events.has_room(estimate)

    async def begin_event(self, estimate: float) -> float:
        """Wait until the events that are being executed, of all people, leave room for another; returns what it takes.

        Otherwise the data and the half-finished answers of all costly events that wait would be in memory together.
        """
        return await self._events.take(estimate)

    def end_event(self, taken: float) -> None:
        """The event has been executed, or never will be."""
        self._events.give(taken)

    def settle_event(self, viewer: Viewer, difference: float) -> None:
        """Counts what an event has cost beyond what was reserved; a negative difference is given back."""
        self._streams.spend(viewer.user_id, difference)

    def _of(self, viewer: Viewer | None, remote: str) -> tuple[RateLimiter, object]:
        return (self._people, viewer.user_id) if viewer else (self._addresses, network_of(remote))
