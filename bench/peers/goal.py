"""The goals of the project for its speed, and how far the figures are from them."""

import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.peers.result import Row, number

Rows = Mapping[str, Row]


@dataclass(frozen=True)
class Goal:
    """A figure and its bound; `aim` is what would be good, `required` what is needed."""

    title: str
    figure: Callable[[Rows], float]
    required: float
    aim: float

    def line(self, rows: Rows) -> str:
        """The row of the table of goals."""
        is_least = self.aim > self.required
        sign = "at least" if is_least else "at most"
        try:
            value = self.figure(rows)
        except (KeyError, statistics.StatisticsError):
            return f"| {self.title} | {sign} {self.required:g} | {self.aim:g} | not measured | |"
        reached = [value >= bound if is_least else value <= bound for bound in (self.required, self.aim)]
        word = "yes, and the aim" if reached[1] else "yes" if reached[0] else "**no**"
        return f"| {self.title} | {sign} {self.required:g} | {self.aim:g} | {number(value)} | {word} |"


def cpu(name: str) -> Callable[[Rows], float]:
    """µs of Sotto's CPU for each."""
    return lambda rows: statistics.median(rows[name].cpu("sotto"))


def ratio(name: str, peer: str = "mercurius") -> Callable[[Rows], float]:
    """Sotto's rate divided by that of the peer."""
    return lambda rows: statistics.median(rows[name].ratios(peer))


def of_both(name: str, peer: str = "mercurius") -> Callable[[Rows], float]:
    """The lower of two: Sotto's rate divided by the peer's, and the peer's CPU by Sotto's.

    A server that only computes has the same ratio of both on a machine that does nothing else.
    """
    return lambda rows: min(ratio(name, peer)(rows), statistics.median(rows[name].cpu(peer)) / cpu(name)(rows))


def times(name: str, other: str) -> Callable[[Rows], float]:
    """The CPU of one operation of Sotto divided by that of another."""
    return lambda rows: cpu(name)(rows) / cpu(other)(rows)


GOALS: Sequence[Goal] = (
    Goal("sends a second, 64 at a time, ÷ Mercurius", ratio("send-64"), 1.5, 3),
    Goal("send, 64 at a time, µs", cpu("send-64"), 400, 200),
    Goal("pages a second ÷ Mercurius", of_both("page"), 1, 1.3),
    Goal("inboxes a second ÷ Mercurius", of_both("inbox"), 0.9, 1.2),
    Goal("documents never seen a second ÷ Mercurius", of_both("unseen"), 0.6, 1),
    Goal("`{ __typename }` ÷ `/healthz`, µs", times("typename", "healthz"), 1.5, 1),
    Goal("delivery in a group of 50, µs", cpu("group"), 60, 20),
    Goal("delivery to one person's 100 streams, µs", cpu("person"), 20, 12),
    Goal("search in the large database ÷ in the small one, µs", times("search-large", "search-small"), 2, 1),
    Goal("KiB of a live stream", lambda rows: rows["group-many"].samples["sotto"][0].memory, 30, 20),
)
