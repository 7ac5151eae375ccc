"""A clock that a test moves."""

from __future__ import annotations


class HandClock:
    """A ports.Clock."""

    def __init__(self, now: float = 1000.0) -> None:
        self.time = now

    def now(self) -> float:
        return self.time
