"""How readily an engine breaks a run off for others."""

from __future__ import annotations

FIRST = 0.5
"""Before anything was seen."""
NEWEST = 0.05
"""Of the newest run in the average."""


class Yielding:
    """Learned from the runs that were asked to break off: which share of the time that was left of
    them they took nevertheless.
    """

    def __init__(self, interruptible: bool) -> None:
        self._interruptible = interruptible
        self._share = FIRST

    def learn(self, left_s: float, took_s: float) -> None:
        """A run was thought to take `left_s` more when it was asked, and took `took_s`."""
        if left_s > 0:
            self._share += NEWEST * (min(took_s / left_s, 1.0) - self._share)

    @property
    def cost(self) -> float:
        """What share of a run's time those who come meanwhile go without: they come in the middle
        of it on average. All of it where no run can be broken off.
        """
        return self._share / 2 if self._interruptible else 1.0
