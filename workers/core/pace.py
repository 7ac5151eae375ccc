"""How much audio to decode at a time, and how well: the load decides."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence


class Pace:
    """Less is sooner, more is cheaper. Goes to longer chunks when the engine is busy more than
    `high` of the time, back below `low`; above `full` there is no time for better answers, and
    above `calm` none for better partials. Those take three times as long in all, so that they come
    back below a third of it only.

    `lengths_ms` rise; a longer chunk takes about 0.6 of a shorter one's time, so that `low` must
    lie below half of `high`, or it would go to and fro. It stays for `window_s` at least.
    """

    def __init__(
        self,
        lengths_ms: Sequence[int],
        *,
        calm: float = 0.5,
        full: float = 0.8,
        high: float = 0.9,
        low: float = 0.3,
        window_s: float = 2.0,
    ) -> None:
        self._lengths_ms = tuple(lengths_ms)
        self._calm = calm
        self._full = full
        self._high = high
        self._low = low
        self._window_s = window_s
        self._runs: deque[tuple[float, float]] = deque()
        self._place = 0
        self._changed: float | None = None
        self.is_spare = True
        """There is time for a better answer."""
        self.is_calm = True
        """There is time for better partials too."""

    @property
    def chunk_ms(self) -> int:
        return self._lengths_ms[self._place]

    def tell(self, began: float, took_s: float) -> None:
        """A run of the engine, once or once for each stream in it; runs come in order."""
        if self._runs and self._runs[-1][0] == began:
            return
        self._runs.append((began, took_s))
        now = began + took_s
        while sum(self._runs[0]) < now - self._window_s:
            self._runs.popleft()
        if self._changed is None:
            self._changed = began
        busy = self._busy(now)
        self.is_spare = busy <= self._full
        self.is_calm = busy <= (self._calm if self.is_calm else self._calm / 3)
        if now - self._changed >= self._window_s:
            self._move(now, busy)

    def _busy(self, now: float) -> float:
        """The share of the window in which the engine ran."""
        since = now - self._window_s
        ran_s = sum(began + took_s - max(began, since) for began, took_s in self._runs)
        return ran_s / self._window_s

    def _move(self, now: float, busy: float) -> None:
        step = (busy > self._high) - (busy < self._low)
        place = min(max(0, self._place + step), len(self._lengths_ms) - 1)
        if place != self._place:
            self._place, self._changed = place, now


def doubled(least_ms: int, most_ms: int) -> tuple[int, ...]:
    """Lengths from the least on, each twice the one before it, and none above the most."""
    lengths_ms = [least_ms]
    while 2 * lengths_ms[-1] <= most_ms:
        lengths_ms.append(2 * lengths_ms[-1])
    return tuple(lengths_ms)
