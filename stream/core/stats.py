"""Counters and histograms as values."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from math import inf

BUCKETS_PER_DECADE = 10


def log_bounds(low: float, high: float, per_decade: int = BUCKETS_PER_DECADE) -> tuple[float, ...]:
    """Upper bounds from `low` to at least `high`, equally far apart on a logarithmic scale."""
    bounds = [low]
    while bounds[-1] < high:
        bounds.append(low * 10 ** (len(bounds) / per_decade))
    return tuple(bounds)


LATENCY_BOUNDS_MS = log_bounds(0.1, 100_000)


class Histogram:
    """Counts by fixed bounds, so that histograms of many processes can be added up.

    A quantile is off by at most one bucket: with 10 buckets a decade, by a factor of 1.26.
    """

    __slots__ = ("bounds", "count", "counts", "highest", "total")

    def __init__(self, bounds: tuple[float, ...] = LATENCY_BOUNDS_MS) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.count = 0
        self.total = 0.0
        self.highest = -inf

    def observe(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.count += 1
        self.total += value
        self.highest = max(self.highest, value)

    def merge(self, other: Histogram) -> None:
        """Add what `other`, of the same bounds, has counted."""
        assert self.bounds == other.bounds
        self.counts = [
            mine + theirs for mine, theirs in zip(self.counts, other.counts, strict=True)
        ]
        self.count += other.count
        self.total += other.total
        self.highest = max(self.highest, other.highest)

    def quantile(self, share: float) -> float:
        """What `share` (0 to 1) of all values don't exceed; 0 where there are none.

        It is a bucket's upper bound, and never above the highest value.
        """
        if not self.count:
            return 0.0
        for bound, reached in self.cumulative():
            if reached >= share * self.count:
                return min(bound, self.highest)
        return self.highest

    def cumulative(self) -> Iterator[tuple[float, int]]:
        """Each upper bound, the last of them infinite, with the count of values up to it."""
        reached = 0
        for bound, count in zip((*self.bounds, inf), self.counts, strict=True):
            reached += count
            yield bound, reached

    def summary(self) -> dict[str, float]:
        mean = self.total / self.count if self.count else 0.0
        return {
            "count": self.count,
            "mean": mean,
            "p50": self.quantile(0.5),
            "p99": self.quantile(0.99),
            "p999": self.quantile(0.999),
        }


class Counts(dict[str, float]):
    """Numbers by name; one that was never counted is 0."""

    def __missing__(self, name: str) -> float:
        return 0

    def add(self, name: str, amount: float = 1) -> None:
        self[name] = self[name] + amount

    def merge(self, others: Iterable[tuple[str, float]]) -> None:
        for name, amount in others:
            self.add(name, amount)
