"""Quantiles of the latest samples."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from math import ceil


class QuantileWindow:
    """Exact quantiles of the last `size` samples, kept sorted.

    With 64 samples a rise is seen in the 95th percentile after four samples and a fall after
    sixty, so it is quick to become careful and slow to forget. With fewer than 20 samples it is
    the maximum.
    """

    def __init__(self, size: int = 64) -> None:
        self._size = size
        self._recent: deque[float] = deque()
        self._sorted: list[float] = []

    def __len__(self) -> int:
        return len(self._sorted)

    @property
    def fullness(self) -> float:
        """0 when empty, 1 when as many samples are held as can be."""
        return len(self._sorted) / self._size

    def append(self, sample: float) -> None:
        """Take a sample in; the oldest one leaves when the window is full."""
        if len(self._recent) == self._size:
            del self._sorted[bisect_left(self._sorted, self._recent.popleft())]
        self._recent.append(sample)
        insort(self._sorted, sample)

    def value(self, quantile: float) -> float:
        """The smallest sample that the quantile's share at least does not exceed."""
        return self._sorted[max(ceil(quantile * len(self._sorted)), 1) - 1]

    @property
    def mean(self) -> float:
        return sum(self._sorted) / len(self._sorted)

    def scale(self, factor: float) -> None:
        """Multiply every sample by a positive factor."""
        self._recent = deque(sample * factor for sample in self._recent)
        self._sorted = sorted(self._recent)
