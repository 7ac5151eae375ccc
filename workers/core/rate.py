"""How fast jobs come, now and of late."""

from __future__ import annotations

from math import exp


class Rate:
    """Events a second: the higher of a quick and a slow exponential average.

    The quick one sees a burst begin, the slow one doesn't believe that it has ended.
    """

    def __init__(self, quick_s: float = 0.2, slow_s: float = 2.0) -> None:
        self._spans = (quick_s, slow_s)
        self._weights = [0.0, 0.0]
        self._at = 0.0

    def count(self, now: float, events: int = 1) -> None:
        """Events that came now."""
        self._weights = [weight + events for weight in self._decayed(now)]
        self._at = max(now, self._at)

    def per_second(self, now: float) -> float:
        return max(
            weight / span for weight, span in zip(self._decayed(now), self._spans, strict=True)
        )

    def _decayed(self, now: float) -> list[float]:
        gap = max(now - self._at, 0.0)
        return [
            weight * exp(-gap / span)
            for weight, span in zip(self._weights, self._spans, strict=True)
        ]
