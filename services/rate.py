"""Rates: a token bucket per key, on monotonic time; and a limit on what one key has open at once."""

import ipaddress
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from services.error import RateLimited


class RateLimiter:
    """Allows `most` calls a minute, or in so many `seconds`, per key, in bursts of the same size; 0 means no limit.

    Remembers at most 50,000 keys; forgetting the least recent one only resets that key's limit.
    """

    def __init__(
        self, most: int, what: str, clock: Callable[[], float] = time.monotonic, *, seconds: float = 60.0
    ) -> None:
        self._capacity = float(most)
        self._per_second = most / seconds
        self._what = what
        self._clock = clock
        self._buckets: OrderedDict[object, tuple[float, float]] = OrderedDict()

    @property
    def most(self) -> int:
        """The size of the bucket; 0 for no limit."""
        return int(self._capacity)

    def take(self, key: object, amount: float = 1.0) -> float:
        """Counts one call, or `amount` calls; if that is too much, counts nothing and raises RateLimited.

        An amount over the size of the bucket is allowed when the bucket is full. Returns what was counted.
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
        """Counts what has already happened, even if it exceeds what is left; a negative amount is given back.

        Returns the number of seconds until something is left.
        """
        if not self._capacity:
            return 0.0
        tokens = max(-self._capacity, min(self._capacity, self._fill(key) - amount))
        self._buckets[key] = (tokens, self._buckets[key][1])
        return max(0.0, -tokens / self._per_second)

    def spend_if_left(self, key: object, amount: float) -> bool:
        """As `spend`, unless nothing is left; returns whether it counted."""
        if not self._capacity:
            return True
        tokens = self._fill(key)
        if tokens < 0:
            return False
        self._buckets[key] = (max(-self._capacity, min(self._capacity, tokens - amount)), self._buckets[key][1])
        return True

    def left(self, key: object) -> float:
        """What is left now."""
        return self._fill(key) if self._capacity else 0.0

    def _fill(self, key: object) -> float:
        """Refills the bucket for the time that has passed."""
        now = self._clock()
        tokens, filled_at = self._buckets.pop(key, (self._capacity, now))
        tokens = min(self._capacity, tokens + (now - filled_at) * self._per_second)
        self._buckets[key] = (tokens, now)
        if len(self._buckets) > 50_000:
            self._buckets.popitem(last=False)
        return tokens


class SignInRates:
    """Sign-ins by IP address and by name.

    Somebody who guesses passwords empties the bucket of the name. An address from which that name has signed in before
    has a separate bucket, so that the owner can still sign in.
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
        """Remembers the address of a successful sign-in."""
        network = network_of(remote)
        places = self._places.setdefault(name, deque(maxlen=8))
        self._places.move_to_end(name)
        if network not in places:
            places.append(network)
        if len(self._places) > 10_000:
            self._places.popitem(last=False)


class ConcurrencyLimit:
    """Limits how many each key has open at once; 0 means no limit."""

    def __init__(self, most: int, what: str) -> None:
        self._most = most
        self._what = what
        self._open: Counter[object] = Counter()

    def take(self, key: object) -> None:
        """Counts one as open until `give`; raises RateLimited if the limit is reached."""
        if self._most and self._open[key] >= self._most:
            raise RateLimited(f"At most {self._most} {self._what} at once: close one first.", 1.0)
        self._open[key] += 1

    def give(self, key: object) -> None:
        """Counts one as closed."""
        self._open[key] -= 1
        if not self._open[key]:
            del self._open[key]

    @contextmanager
    def held(self, key: object) -> Iterator[None]:
        """Counts one as open inside the block; raises RateLimited if the limit is reached."""
        self.take(key)
        try:
            yield
        finally:
            self.give(key)


def network_of(remote: str) -> str:
    """The key of an IP address: itself, or its /64 with IPv6, because one customer has 2 ** 64 addresses."""
    try:
        address = ipaddress.ip_address(remote)
    except ValueError:
        return remote
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address.packed[:8] + bytes(8), 64)))
    return remote
