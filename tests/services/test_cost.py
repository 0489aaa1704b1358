"""The rate of cost: what is taken, given back and paid for afterwards."""

import pytest

from services.cost import EVENTS_AT_ONCE, CostService
from services.error import RateLimited
from services.limit import Limits
from services.rate import RateLimiter
from services.viewer import Viewer


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_call_may_be_worth_many() -> None:
    """It passes where there is enough, and is told when there will be."""
    clock = Clock()
    limiter = RateLimiter(600, "things", clock)

    limiter.take("a", 400)
    with pytest.raises(RateLimited) as refused:
        limiter.take("a", 300)

    assert refused.value.retry_after_seconds == 10.0
    assert limiter.left("a") == 200
    clock.now = 10.0
    limiter.take("a", 300)
    assert limiter.left("a") == 0


def test_what_is_worth_more_than_the_bucket_passes_when_it_is_full() -> None:
    """Otherwise a small rate would forbid large requests for ever, with a time after which they never pass."""
    clock = Clock()
    limiter = RateLimiter(60, "things", clock)

    limiter.take("a", 1_000)
    with pytest.raises(RateLimited) as refused:
        limiter.take("a", 1_000)

    assert refused.value.retry_after_seconds == 60.0


def test_what_was_taken_too_much_is_given_back_and_what_was_too_little_is_owed() -> None:
    """The bucket never holds more than it can, and owes at most as much."""
    clock = Clock()
    limiter = RateLimiter(600, "things", clock)
    limiter.take("a", 500)

    assert limiter.spend("a", -400) == 0
    assert limiter.left("a") == 500
    assert limiter.spend("a", -5_000) == 0
    assert limiter.left("a") == 600
    assert limiter.spend("a", 5_000) == 60
    with pytest.raises(RateLimited):
        limiter.take("a")
    clock.now = 61.0
    limiter.take("a")


async def test_an_event_begins_at_once_only_if_neither_allowance_nor_room_is_short() -> None:
    """Otherwise nothing is counted and nothing taken."""
    costs, viewer = CostService(Limits(cost_rate_per_minute=1_000)), Viewer(1, b"s", 2**53)

    assert costs.begin_event_now(viewer, 100, 400) == (100, 400)
    assert costs.begin_event_now(viewer, 100, 5_000) == (100, 1_000)
    assert costs.begin_event_now(viewer, 100, 1) is None
    assert costs.has_room(EVENTS_AT_ONCE - 200)
    assert not costs.has_room(EVENTS_AT_ONCE - 199)

    other = Viewer(2, b"t", 2**53)
    taken = await costs.begin_event(EVENTS_AT_ONCE - 200)
    assert costs.begin_event_now(other, 1, 1) is None
    assert not costs.must_wait(other)
    costs.end_event(taken)
    assert costs.begin_event_now(other, 1, 1) == (1, 1)
