"""A token bucket (as in RFC 2697): so much a second, and a burst at most."""

from __future__ import annotations


class Bucket:
    """`rate` units a second flow in, `burst` fit; times are seconds on the caller's clock."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self.rate = rate
        self.burst = burst
        self._level = burst
        self._filled = now

    def take(self, amount: float, now: float) -> bool:
        """Take `amount` out; False, and nothing taken, where there is less."""
        elapsed = max(0.0, now - self._filled)
        self._level = min(self.burst, self._level + elapsed * self.rate)
        self._filled = now
        if amount > self._level:
            return False
        self._level -= amount
        return True
