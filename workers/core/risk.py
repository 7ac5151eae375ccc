"""How likely it is that somebody goes without an answer before the queue is empty again.

What is likely now is what mostly came of moments like this one: as hard pressed, with as many
waiting. A moment stays open until the queue is empty or an answer is lost, and is one more case
then.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque

NEWEST = 0.01
"""Of the newest case in an average, at least."""
PRIOR = 10
"""FIRST counts as so many cases."""
FIRST = 0.1
"""Before anything was seen; none where hardly anything comes."""
LOADS = (0.1, 0.5, 1.0, 1.5)
"""Where rows end, of what the engines can do; columns are the powers of two that wait."""
SIZES = 7
OPEN = 1000
"""Moments of which nothing has come yet; the oldest make room."""


class Risk:
    """Shares of moments after which an answer was lost."""

    def __init__(self) -> None:
        self._share = [[FIRST if row else 0.0] * SIZES for row in range(len(LOADS) + 1)]
        self._cases = [[0] * SIZES for _ in self._share]
        self._open: deque[tuple[float, int, int]] = deque(maxlen=OPEN)

    def ask(self, load: float, waiting: int, until: float) -> float:
        """Of a moment when `load` times what the engines can do comes, and so many wait; what is
        begun now may take until then, so before that nothing has come of it.
        """
        row = bisect_right(LOADS, load)
        column = min(waiting.bit_length(), SIZES - 1)
        self._open.append((until, row, column))
        return self._share[row][column]

    def lost(self) -> None:
        """Somebody got no answer."""
        for _, row, column in self._open:
            self._count(row, column, 1.0)
        self._open.clear()

    def empty(self, now: float) -> None:
        """Nobody waits for a first answer."""
        for _ in range(len(self._open)):
            until, row, column = self._open.popleft()
            if until <= now:
                self._count(row, column, 0.0)
            else:
                self._open.append((until, row, column))

    def _count(self, row: int, column: int, lost: float) -> None:
        self._cases[row][column] += 1
        newest = max(NEWEST, 1 / (PRIOR + self._cases[row][column]))
        self._share[row][column] += newest * (lost - self._share[row][column])
