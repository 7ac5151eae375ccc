"""How long it mostly is until somebody waits for a first answer again."""

from __future__ import annotations

from collections import deque

KEPT = 128
ENOUGH = 4
"""So many pauses as long as this one must there have been to say how such go on."""


class Pauses:
    """Times in which an engine was free and nobody waited."""

    def __init__(self) -> None:
        self._lengths_s: deque[float] = deque(maxlen=KEPT)
        self._since: float | None = None

    def begin(self, now: float) -> None:
        """Nobody waits; nothing changes where that was so."""
        if self._since is None:
            self._since = now

    def end(self, now: float) -> None:
        """Somebody came."""
        if self._since is not None:
            self._lengths_s.append(now - self._since)
            self._since = None

    def outlast(self, seconds: float, now: float) -> float:
        """How likely this pause goes on for so long: the share of those that did, among those that
        were as long as this one is already; 1 before there was any.
        """
        lasted_s = 0.0 if self._since is None else now - self._since
        alike = [length_s for length_s in self._lengths_s if length_s > lasted_s]
        if len(alike) < ENOUGH:
            lasted_s, alike = 0.0, [*self._lengths_s]
        if not alike:
            return 1.0
        return sum(length_s > lasted_s + seconds for length_s in alike) / len(alike)
