"""The clock of a process."""

from __future__ import annotations

import time


class AnchoredClock:
    """Unix seconds that never step: the wall clock read once, the monotonic clock since."""

    def __init__(self) -> None:
        self._anchor = time.time() - time.monotonic()

    def now(self) -> float:
        return self._anchor + time.monotonic()
