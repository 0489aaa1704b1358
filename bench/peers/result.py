"""What was measured: samples of each round, by operation and server."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sample:
    """One round: units a second, and CPU time in µs for each; a unit is a request, a delivery or a MiB.

    The times are of requests, or from a send to its last delivery, in ms.
    """

    rate: float
    cpu: float
    p50: float = 0.0
    p99: float = 0.0
    memory: float = 0.0  # KiB for each live stream


@dataclass
class Row:
    """The samples of an operation, by the name of the server; all lists are of the same rounds.

    Rows of a section are in one table.
    """

    name: str
    title: str
    section: str = "Requests"
    samples: dict[str, list[Sample]] = field(default_factory=dict)

    def add(self, server: str, sample: Sample) -> None:
        self.samples.setdefault(server, []).append(sample)

    def cpu(self, server: str) -> list[float]:
        return [sample.cpu for sample in self.samples.get(server, [])]

    def ratios(self, server: str, first: str = "sotto") -> list[float]:
        """The rate of `first` divided by that of the server, in each round."""
        pairs = zip(self.samples.get(first, []), self.samples.get(server, []), strict=False)
        return [one.rate / other.rate for one, other in pairs]


def percentile(times: Sequence[float], part: float) -> float:
    """In the unit of the times, which need not be sorted."""
    return sorted(times)[min(int(len(times) * part), len(times) - 1)]


def number(value: float) -> str:
    """Three digits, as far as a figure of a measurement deserves them."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def spread(values: Sequence[float]) -> str:
    """The median, and the range of the rounds."""
    if not values:
        return "–"
    low, high = number(min(values)), number(max(values))
    return f"{number(statistics.median(values))} ({low} to {high})"
