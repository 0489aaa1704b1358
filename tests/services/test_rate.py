"""Rates: bursts up to the bound, then as many as time brings, for each key by itself."""

from contextlib import ExitStack

import pytest

from models.base import conversation_of
from services.error import RateLimited
from services.message.message import SearchFilter
from services.page import PageRequest
from services.rate import ConcurrencyLimit, RateLimiter, SignInRates, network_of
from tests.services.conftest import MakeWorld


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


def test_the_time_to_wait_is_told_to_the_millisecond() -> None:
    """A client sets a timer by it; the sentence has a tenth of a second."""
    limiter = RateLimiter(7, "calls", lambda: 0.0)
    for _ in range(7):
        limiter.take("alice")

    with pytest.raises(RateLimited, match=r"in 8\.6 seconds") as caught:
        limiter.take("alice")
    assert caught.value.retry_after_seconds == 8.571


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


def test_what_is_spent_only_if_something_is_left_may_overdraw_once() -> None:
    """As an event of a stream: it is counted whole, and the next one waits; without a limit it always passes."""
    clock = Clock()
    limiter = RateLimiter(60, "costly events", clock)

    assert [limiter.spend_if_left("alice", 50) for _ in range(3)] == [True, True, False]
    assert limiter.left("alice") == -40
    clock.now += 41
    assert limiter.spend_if_left("alice", 5)
    assert limiter.spend_if_left("bob", 5)
    assert RateLimiter(0, "costly events", clock).spend_if_left("alice", 5)


def test_keys_are_forgotten_beyond_a_bound() -> None:
    """Whoever invents addresses does not fill the memory."""
    limiter = RateLimiter(1, "sign-ins", Clock())

    for number in range(50_010):
        limiter.take(number)

    assert len(limiter._buckets) == 50_000


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("", "192.0.2.1", False),
        ("unix", "unix", True),
    ],
)
def test_a_customers_addresses_are_one(one: str, other: str, is_same: bool) -> None:
    """With IPv6 everybody has 2 ** 64 of them: the /64 counts (RFC 6177); an IPv4 address is one in either form."""
    assert (network_of(one) == network_of(other)) is is_same


def test_who_guesses_a_strangers_password_does_not_keep_its_owner_out() -> None:
    """A place where the name has signed in before has a bucket of its own."""
    rates = SignInRates(3)
    rates.take("alice", "192.0.2.1")
    rates.know("alice", "192.0.2.1")
    for number in range(2):
        rates.take("alice", f"198.51.100.{number}")

    with pytest.raises(RateLimited):
        rates.take("alice", "198.51.100.9")
    rates.take("alice", "192.0.2.1")
    rates.take("alice", "192.0.2.1")
    with pytest.raises(RateLimited):
        rates.take("alice", "192.0.2.1")


def test_a_concurrency_limit_counts_what_is_open() -> None:
    """Each key by itself; what was closed makes room, also when it failed; 0 lets all in."""
    limit = ConcurrencyLimit(2, "sockets")
    with limit.held("alice"), limit.held("bob"):
        with (
            limit.held("alice"),
            pytest.raises(RateLimited, match="At most 2 sockets"),
            limit.held("alice"),
        ):
            raise AssertionError
        with pytest.raises(LookupError), limit.held("alice"):
            raise LookupError
        with limit.held("alice"):
            pass
    assert not limit._open
    with ExitStack() as stack:
        for _ in range(1000):
            stack.enter_context(ConcurrencyLimit(0, "sockets").held("alice"))


async def test_searches_and_subscriptions_are_counted_for_each_call(make_world: MakeWorld) -> None:
    """By user, whatever the device; and only so many subscriptions are open at once."""
    world = await make_world(search_rate_per_minute=2, subscription_rate_per_minute=4, max_subscriptions=2)
    alice, bob = await world.people("alice", "bob")
    services = world.services
    for viewer in (alice, bob):
        await services.message.search(viewer, "word", SearchFilter(), None, None)
        await services.user.page_of_messageable(viewer, "b", PageRequest())
        with pytest.raises(RateLimited, match="searches"):
            await services.message.search(viewer, "word", SearchFilter(), None, None)

    streams = [services.stream.events(alice, None, None, with_ephemeral=False) for _ in range(5)]
    await anext(streams[0])
    await anext(streams[1])
    with pytest.raises(RateLimited, match="At most 2 subscriptions at once"):
        await anext(streams[2])
    await streams[0].aclose()
    await anext(streams[3])
    with pytest.raises(RateLimited, match="Too many subscriptions"):
        await anext(streams[4])
    for stream in streams:
        await stream.aclose()


async def test_files_and_typing_are_counted(make_world: MakeWorld) -> None:
    """Before a byte of the file is read."""
    world = await make_world(upload_rate_per_minute=2, typing_rate_per_minute=1)
    alice, _ = await world.people("alice", "bob")
    id_ = await world.send(alice, "bob")
    world.services.attachment.admit(alice)
    world.services.attachment.admit(alice)

    with pytest.raises(RateLimited, match="files"):
        world.services.attachment.admit(alice)
    await world.services.presence.type(alice, conversation_of(id_), is_typing=True)
    with pytest.raises(RateLimited, match="typing"):
        await world.services.presence.type(alice, conversation_of(id_), is_typing=True)
