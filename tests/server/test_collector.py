"""The garbage collector of the server: many long-lived objects are looked at once, and garbage is still found."""

import gc
from collections.abc import Iterator

import pytest

from server import collector
from server.collector import freeze_survivors, tune_collector


@pytest.fixture
def _tuned(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As in a server; afterwards as before."""
    thresholds, callbacks = gc.get_threshold(), list(gc.callbacks)
    monkeypatch.setattr(collector, "MANY", 20_000)
    gc.collect()
    gc.freeze()  # what the tests before have left
    tune_collector()
    yield
    gc.callbacks[:] = callbacks
    gc.set_threshold(*thresholds)


@pytest.mark.usefixtures("_tuned")
def test_what_survives_in_large_numbers_is_not_looked_at_again() -> None:
    """It leaves the generations, and is freed as soon as nothing refers to it."""
    frozen = gc.get_freeze_count()
    streams = [[number] for number in range(collector.YOUNG)]
    gc.collect(0)

    assert gc.get_freeze_count() - frozen >= collector.MANY
    assert len(gc.get_objects(generation=1)) + len(gc.get_objects(generation=2)) < collector.MANY
    del streams
    assert gc.get_freeze_count() - frozen < 1_000


@pytest.mark.usefixtures("_tuned")
def test_a_few_survivors_stay_where_their_garbage_is_found() -> None:
    """Cycles are what the collector is for."""
    frozen = gc.get_freeze_count()
    cycles: list[list[object]] = [[] for _ in range(1_000)]
    for each in cycles:
        each.append(each)
    gc.collect(0)
    del cycles, each

    assert gc.collect() >= 1_000
    assert gc.get_freeze_count() <= frozen


@pytest.mark.usefixtures("_tuned")
def test_tuning_twice_calls_once() -> None:
    """A process may serve several times, in tests."""
    tune_collector()

    assert gc.callbacks.count(freeze_survivors) == 1
    assert gc.get_threshold() == (collector.YOUNG, collector.RARE, collector.RARE)
