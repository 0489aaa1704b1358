"""Rates: a token bucket for each key, on monotonic time."""

import time
from collections import OrderedDict
from collections.abc import Callable

from services.error import RateLimited


class RateLimiter:
    """Lets `per_minute` calls a minute pass for each key, in bursts of as many; 0 lets all pass.

    Keeps at most 50,000 keys: the one that called longest ago is forgotten first, which only ever helps its owner.
    """

    def __init__(self, per_minute: int, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = float(per_minute)
        self._per_second = per_minute / 60
        self._what = what
        self._clock = clock
        self._buckets: OrderedDict[object, tuple[float, float]] = OrderedDict()

    def take(self, key: object) -> None:
        """Counts one call; raises RateLimited, and counts nothing, when the bucket is empty."""
        if not self._capacity:
            return
        now = self._clock()
        tokens, filled_at = self._buckets.pop(key, (self._capacity, now))
        tokens = min(self._capacity, tokens + (now - filled_at) * self._per_second)
        refused = tokens < 1
        self._buckets[key] = (tokens if refused else tokens - 1, now)
        if len(self._buckets) > 50_000:
            self._buckets.popitem(last=False)
        if refused:
            wait = (1 - tokens) / self._per_second
            raise RateLimited(f"Too many {self._what}; try again in {wait:.1f} seconds.", round(wait, 3))
