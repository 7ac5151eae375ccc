"""The ring that resuming subscribers read: what a channel said last, and since when that is all."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from stream.core.cursor import Cursor, Offsets
from stream.core.messages import Fact
from stream.core.outbox import Item

LOOSE = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryLimits:
    """Bounds of one channel's ring; over each of them its oldest entries go."""

    entries: int = 2048
    limit_bytes: int = 512 * 1024
    age_s: float = 60.0


@dataclass(slots=True, eq=False)
class Delivery:
    """A fact that is to be delivered.

    place       its log among cursor.ORDERED, LOOSE for what need not arrive (partials, gaps)
    offset      its place in that log
    cursor      where a subscriber stands that has seen all up to it
    at          when it was read, on the gateway's clock
    size_bytes  of the record
    live        False for what was read back at the start, which nobody waits for
    item        its frame once somebody needed it; the same for all subscribers
    """

    message: Fact
    place: int
    offset: int
    cursor: Cursor
    at: float
    size_bytes: int
    live: bool
    item: Item | None = None


class History:
    """Durable deliveries of one channel, oldest first.

    `floor`: what has been dropped lies before these offsets, so from them on the ring is complete.
    """

    def __init__(self, limits: HistoryLimits) -> None:
        self.limits = limits
        self.floor = Offsets()
        self.size_bytes = 0
        self._ring: deque[Delivery] = deque()

    def __len__(self) -> int:
        return len(self._ring)

    def append(self, delivery: Delivery) -> None:
        """Keep a delivery; drop what is over a bound."""
        self._ring.append(delivery)
        self.size_bytes += delivery.size_bytes
        self.expire(delivery.at)

    def expire(self, now: float) -> None:
        """Drop what is over a bound at `now`."""
        limits, ring = self.limits, self._ring
        while ring and (
            len(ring) > limits.entries
            or self.size_bytes > limits.limit_bytes
            or now - ring[0].at > limits.age_s
        ):
            self._drop_oldest()

    def clear(self) -> Offsets:
        """Drop everything; the floor after that."""
        while self._ring:
            self._drop_oldest()
        return self.floor

    def since(self, offsets: Offsets, places: Collection[int]) -> list[Delivery] | None:
        """All deliveries of these places from `offsets` on, in order; None where some are gone."""
        if any(offsets[place] < self.floor[place] for place in places):
            return None
        return [
            delivery
            for delivery in self._ring
            if delivery.place in places and delivery.offset >= offsets[delivery.place]
        ]

    def messages(self) -> list[Fact]:
        """What the ring holds, oldest first."""
        return [delivery.message for delivery in self._ring]

    def _drop_oldest(self) -> None:
        gone = self._ring.popleft()
        self.size_bytes -= gone.size_bytes
        after = [0, 0, 0]
        after[gone.place] = gone.offset + 1
        self.floor = self.floor.merge(Offsets(*after))
