"""Rates: bursts up to the bound, then as many as time brings, for each key by itself."""

import pytest

from services.error import RateLimited
from services.rate import RateLimiter


class Clock:
    """Time that a test sets."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_and_the_next_is_told_how_long_to_wait() -> None:
    """60 a minute: one a second."""
    clock = Clock()
    limiter = RateLimiter(60, "messages", clock)
    for _ in range(60):
        limiter.take("alice")

    with pytest.raises(RateLimited) as caught:
        limiter.take("alice")

    assert caught.value.retry_after_seconds == 1.0
    assert caught.value.detail == "Too many messages; try again in 1.0 seconds."


def test_after_the_time_to_wait_it_passes() -> None:
    """A refused call costs nothing; a moment earlier it is refused still."""
    clock = Clock()
    limiter = RateLimiter(3, "sign-ins", clock)
    for _ in range(3):
        limiter.take("alice")
    clock.now += 19.9
    with pytest.raises(RateLimited) as caught:
        limiter.take("alice")
    clock.now += 0.101

    limiter.take("alice")

    assert caught.value.retry_after_seconds == 0.1


def test_a_key_does_not_pay_for_another() -> None:
    """By user, by address, by name."""
    limiter = RateLimiter(1, "messages", Clock())
    limiter.take("alice")

    limiter.take("bob")

    with pytest.raises(RateLimited):
        limiter.take("alice")


def test_time_saves_up_no_more_than_a_burst() -> None:
    """A day of silence does not buy a flood."""
    clock = Clock()
    limiter = RateLimiter(2, "messages", clock)
    limiter.take("alice")
    clock.now += 86_400
    limiter.take("alice")
    limiter.take("alice")

    with pytest.raises(RateLimited):
        limiter.take("alice")


def test_zero_is_no_limit() -> None:
    """The operator's way to turn it off; nothing is counted then."""
    limiter = RateLimiter(0, "messages", Clock())

    for _ in range(1000):
        limiter.take("alice")

    assert len(limiter._buckets) == 0


def test_keys_are_forgotten_beyond_a_bound() -> None:
    """Whoever invents addresses does not fill the memory."""
    limiter = RateLimiter(1, "sign-ins", Clock())

    for number in range(50_010):
        limiter.take(number)

    assert len(limiter._buckets) == 50_000
