"""Budgets, slack, and a heap of deadlines that is told the time.

All times are float seconds on one clock, which belongs to the caller.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from stream.core.errors import Overloaded

K = TypeVar("K", bound=Hashable)

_COMPACT_FROM = 64


def slack(deadline: float, now: float) -> float:
    """Seconds left; negative once the deadline has passed."""
    return deadline - now


@dataclass(frozen=True, slots=True)
class Budget:
    """Time allowed for an answer, in milliseconds."""

    ms: int

    @property
    def seconds(self) -> float:
        return self.ms / 1000

    def deadline(self, arrived: float) -> float:
        """The moment by which what arrived then must be answered."""
        return arrived + self.seconds


class DeadlineHeap(Generic[K]):
    """Keys ordered by when they are due; equal times keep the order of `push`.

    A key stands in the heap at most once: pushed again, it moves. `limit` bounds the number of
    keys; the reaction of a full heap to a new key is `Overloaded`. Every operation costs O(log n)
    amortised: removed entries stay until they surface or outnumber the living.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = limit
        self._entries: list[tuple[float, int, K]] = []
        self._live: dict[K, int] = {}
        self._pushes = 0

    def __len__(self) -> int:
        return len(self._live)

    def __contains__(self, key: object) -> bool:
        return key in self._live

    def push(self, key: K, due: float) -> None:
        """Put `key` in, or move it to `due`. Raises Overloaded when there is no room."""
        if key not in self._live and self.limit is not None and len(self._live) >= self.limit:
            raise Overloaded(f"{self.limit} deadlines are pending, expected fewer")
        self._pushes += 1
        self._live[key] = self._pushes
        heapq.heappush(self._entries, (due, self._pushes, key))
        self._compact()

    def remove(self, key: K) -> bool:
        """Take `key` out; False where it is not in."""
        removed = self._live.pop(key, None) is not None
        self._compact()
        return removed

    def next_due(self) -> float | None:
        """When the earliest key is due; None when the heap is empty."""
        self._surface()
        return self._entries[0][0] if self._entries else None

    def peek(self) -> K | None:
        """The earliest key, left where it is; None when the heap is empty."""
        self._surface()
        return self._entries[0][2] if self._entries else None

    def pop_due(self, now: float, limit: int | None = None) -> list[K]:
        """Take out what is due at `now` (a key due exactly now is), earliest first."""
        due: list[K] = []
        while limit is None or len(due) < limit:
            moment = self.next_due()
            if moment is None or moment > now:
                break
            key = heapq.heappop(self._entries)[2]
            del self._live[key]
            due.append(key)
        return due

    def statistics(self) -> dict[str, float]:
        return {"pending": len(self._live), "entries": len(self._entries)}

    def _surface(self) -> None:
        entries, live = self._entries, self._live
        while entries and live.get(entries[0][2]) != entries[0][1]:
            heapq.heappop(entries)

    def _compact(self) -> None:
        if len(self._entries) > _COMPACT_FROM and len(self._entries) > 2 * len(self._live):
            self._entries = [
                entry for entry in self._entries if self._live.get(entry[2]) == entry[1]
            ]
            heapq.heapify(self._entries)
