"""Requests under way: bounded, and one too many is told so in its own shape."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from stream.core.errors import Overloaded

UNDER_WAY = 1_000
"""Each waits 100 ms at most by default: ten thousand a second, more than one loop reads."""


class Room:
    """Where a flood ends before its texts are read."""

    def __init__(self, limit: int = UNDER_WAY) -> None:
        self._limit = limit
        self._taken = 0
        self._refused = 0

    def enter(self) -> None:
        """Each is followed by one `leave`. Raises Overloaded."""
        if self._taken >= self._limit:
            self._refused += 1
            raise Overloaded(f"{self._taken} requests are under way, expected fewer")
        self._taken += 1

    def leave(self) -> None:
        self._taken -= 1

    @contextmanager
    def place(self) -> Iterator[None]:
        """Raises Overloaded."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def statistics(self) -> dict[str, float]:
        return {"under_way": self._taken, "refused": self._refused}
