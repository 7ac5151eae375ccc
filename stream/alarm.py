"""A timer for whatever has a next deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from stream.ports import Clock


class Alarm:
    """Calls `ring` when the clock reaches what was set last; setting it again moves it.

    One timer of the event loop, and no task: nothing but a busy loop can delay it.
    """

    def __init__(self, clock: Clock, ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def set(self, due: float | None) -> None:
        """Ring at `due` (on the clock), at once if that has passed, or not at all."""
        if due == self._due:
            return
        self.stop()
        self._due = due
        if due is not None:
            delay_s = max(0.0, due - self._clock.now())
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._fire)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._due = None

    def _fire(self) -> None:
        self._timer = self._due = None
        self._ring()
