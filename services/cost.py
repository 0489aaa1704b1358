"""Cost: limits the rate of work that one person or address can cause, in addition to the rates of single actions."""

import asyncio
from dataclasses import dataclass

from services.capacity import Capacity
from services.limit import Limits
from services.rate import RateLimiter, network_of
from services.viewer import Viewer

EVENTS_AT_ONCE = 50_000  # the maximum total of the estimates of live events that are executed at the same time


@dataclass(frozen=True, slots=True)
class Allowance:
    """The maximum at once, what is left now, and how much is added per second."""

    most: int
    left: int
    per_second: float


class CostService:
    """Counts the cost of requests per person, and per address for requests without credentials.

    The caller defines the unit. An estimate's excess is given back, so that in the end only actual work counts.
    """

    def __init__(self, limits: Limits) -> None:
        self._people = RateLimiter(limits.cost_rate_per_minute, "costly requests")
        self._addresses = RateLimiter(limits.anonymous_cost_rate_per_minute, "costly requests of this address")
        self._streams = RateLimiter(limits.cost_rate_per_minute, "costly events")
        self._events = Capacity(EVENTS_AT_ONCE)

    def take(self, viewer: Viewer | None, remote: str, cost: float) -> float:
        """Counts a request of this cost, at most the whole allowance; returns what was counted. Raises RateLimited."""
        limiter, key = self._of(viewer, remote)
        return limiter.take(key, cost)

    def begin(self, viewer: Viewer | None, remote: str, expected: float) -> float:
        """Counts work that is about to start, even if it exceeds what is left; raises RateLimited if nothing is left.

        Returns what was counted, at most the whole allowance.
        """
        limiter, key = self._of(viewer, remote)
        limiter.take(key, 0)
        counted = min(expected, limiter.most)
        limiter.spend(key, counted)
        return counted

    def spend(self, viewer: Viewer | None, remote: str, cost: float) -> None:
        """Counts work already done, or gives back a negative cost; never raises RateLimited."""
        limiter, key = self._of(viewer, remote)
        limiter.spend(key, cost)

    def allowance(self, viewer: Viewer | None, remote: str) -> Allowance | None:
        """What is left; None if there is no limit."""
        limiter, key = self._of(viewer, remote)
        return Allowance(limiter.most, max(0, int(limiter.left(key))), limiter.most / 60) if limiter.most else None

    async def wait_for_event(self, viewer: Viewer) -> bool:
        """Waits until the viewer's allowance has room for another live event; returns whether it had to wait.

        All streams of a person share a second allowance, as large as that of requests: no event is lost, and events do
        not use up the allowance of requests.
        """
        has_waited = False
        while wait := self._streams.spend(viewer.user_id, 0):
            has_waited = True
            await asyncio.sleep(wait)
        return has_waited

    def begin_event_now(self, viewer: Viewer, estimate: float, cost: float) -> tuple[float, float] | None:
        """Begins and reserves an event if that needs no wait: the capacity that it takes, and what was counted."""
        counted = min(cost, self._streams.most)
        if not self._events.has_room(estimate) or not self._streams.spend_if_left(viewer.user_id, counted):
            return None
        return self._events.take_now(estimate), counted

    def must_wait(self, viewer: Viewer) -> bool:
        """Whether `wait_for_event` would wait."""
        return self._streams.spend(viewer.user_id, 0) > 0

    def reserve_event(self, viewer: Viewer, estimate: float) -> float:
        """Counts the estimate of an event before it is executed; returns what was counted, at most the allowance."""
        counted = min(estimate, self._streams.most)
        self._streams.spend(viewer.user_id, counted)
        return counted

    def has_room(self, estimate: float) -> bool:
        """Whether an event could be executed now, in addition to those in progress."""
        return self._events.has_room(estimate)

    async def begin_event(self, estimate: float) -> float:
        """Waits until the events in progress, of all people, leave room for another; returns the cost that it takes.

        Without this, the data and the partial responses of all waiting costly events would be in memory at once.
        """
        return await self._events.take(estimate)

    def end_event(self, taken: float) -> None:
        """Gives back the cost of an event that has been executed, or that will not be."""
        self._events.give(taken)

    def settle_event(self, viewer: Viewer, difference: float) -> None:
        """Counts the cost of an event beyond its reservation; a negative difference is given back."""
        self._streams.spend(viewer.user_id, difference)

    def _of(self, viewer: Viewer | None, remote: str) -> tuple[RateLimiter, object]:
        return (self._people, viewer.user_id) if viewer else (self._addresses, network_of(remote))
