"""Rates: a token bucket for each key, on monotonic time; and how many things somebody has open at once."""

import ipaddress
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

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

    @property
    def most(self) -> int:
        """How much passes at once; 0 for no limit."""
        return int(self._capacity)

    def take(self, key: object, amount: float = 1.0) -> float:
        """Counts one call, or one that is worth so many; raises RateLimited, and counts nothing, when that is too much.

        What is worth more than the bucket holds passes when the bucket is full. Returns what was counted.
        """
        if not self._capacity:
            return 0.0
        needed = min(amount, self._capacity)
        tokens = self._fill(key)
        if tokens >= needed:
            self._buckets[key] = (tokens - needed, self._buckets[key][1])
            return needed
        wait = (needed - tokens) / self._per_second
        raise RateLimited(f"Too many {self._what}; try again in {wait:.1f} seconds.", round(wait, 3))

    def spend(self, key: object, amount: float) -> float:
        """Counts what happened already, be it more than is left; a negative amount is given back.

        Returns in how many seconds there will be something left.
        """
        if not self._capacity:
            return 0.0
        tokens = max(-self._capacity, min(self._capacity, self._fill(key) - amount))
        self._buckets[key] = (tokens, self._buckets[key][1])
        return max(0.0, -tokens / self._per_second)

    def left(self, key: object) -> float:
        """How much passes now."""
        return self._fill(key) if self._capacity else 0.0

    def _fill(self, key: object) -> float:
        """Fills the bucket up to this moment."""
        now = self._clock()
        tokens, filled_at = self._buckets.pop(key, (self._capacity, now))
        tokens = min(self._capacity, tokens + (now - filled_at) * self._per_second)
        self._buckets[key] = (tokens, now)
        if len(self._buckets) > 50_000:
            self._buckets.popitem(last=False)
        return tokens


class SignInRates:
    """Sign-ins by address and by name.

    Somebody who tries a stranger's passwords empties the bucket of the name; a place from which that name has signed
    in before has one of its own, so its owner is not kept out.
    """

    def __init__(self, per_minute: int) -> None:
        self._limiter = RateLimiter(per_minute, "sign-ins")
        self._places: OrderedDict[str, deque[str]] = OrderedDict()

    def take(self, name: str, remote: str) -> None:
        """Counts one attempt; raises RateLimited."""
        network = network_of(remote)
        self._limiter.take(("address", network))
        self._limiter.take(("name", name, network if network in self._places.get(name, ()) else None))

    def know(self, name: str, remote: str) -> None:
        """The attempt was good."""
        network = network_of(remote)
        places = self._places.setdefault(name, deque(maxlen=8))
        self._places.move_to_end(name)
        if network not in places:
            places.append(network)
        if len(self._places) > 10_000:
            self._places.popitem(last=False)


class ConcurrencyLimit:
    """Lets each key have at most so many open at once; 0 lets all in."""

    def __init__(self, most: int, what: str) -> None:
        self._most = most
        self._what = what
        self._open: Counter[object] = Counter()

    @contextmanager
    def held(self, key: object) -> Iterator[None]:
        """One is open inside the block; raises RateLimited where there are as many already."""
        if self._most and self._open[key] >= self._most:
            raise RateLimited(f"At most {self._most} {self._what} at once: close one first.", 1.0)
        self._open[key] += 1
        try:
            yield
        finally:
            self._open[key] -= 1
            if not self._open[key]:
                del self._open[key]


def network_of(remote: str) -> str:
    """Whom an address stands for: itself, or with IPv6 its /64, for one customer has 2 ** 64 of them."""
    try:
        address = ipaddress.ip_address(remote)
    except ValueError:
        return remote
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address.packed[:8] + bytes(8), 64)))
    return remote
