"""What a gateway remembers of each channel, bounded in all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from stream.core.cursor import Offsets
from stream.core.history import Delivery, History, HistoryLimits
from stream.core.sequence import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelLimits:
    """Bounds of all channels together; over each the channels longest unused are forgotten.

    count        of channels
    total_bytes  of all rings (checked by `expire`)
    idle_s       after which an unused channel is forgotten
    """

    history: HistoryLimits = field(default_factory=HistoryLimits)
    count: int = 10_000
    total_bytes: int = 256 * 1024 * 1024
    idle_s: float = 600.0


class Forgotten(NamedTuple):
    """A channel of this partition is no longer known; all it said lies before these offsets."""

    partition: int
    offsets: Offsets


@dataclass(slots=True)
class Channel:
    """What has been said (`sequence`), and what can be said again (`history`)."""

    partition: int
    history: History
    used: float
    sequence: Sequence = field(default_factory=Sequence)


class Channels:
    """Channels in the order of their last use."""

    def __init__(self, limits: ChannelLimits) -> None:
        self.limits = limits
        self._channels: dict[str, Channel] = {}

    def use(self, name: str, partition: int, now: float) -> tuple[Channel, list[Forgotten]]:
        """The channel, new or known; and whom it has pushed out."""
        channel = self._channels.pop(name, None)
        if channel is None:
            channel = Channel(partition, History(self.limits.history), now)
        channel.used = max(channel.used, now)
        self._channels[name] = channel
        return channel, self._forget_over(self.limits.count)

    def keep(self, name: str, delivery: Delivery) -> None:
        """Put a delivery into the ring of a channel that has just been used."""
        self._channels[name].history.append(delivery)

    def history(self, name: str) -> History | None:
        known = self._channels.get(name)
        return known.history if known else None

    def expire(self, now: float) -> list[Forgotten]:
        """Drop what is too old in each ring; forget what is unused or too much."""
        forgotten = []
        total = 0
        for name, channel in tuple(self._channels.items()):
            channel.history.expire(now)
            if now - channel.used > self.limits.idle_s:
                forgotten.append(self._forget(name))
            else:
                total += channel.history.size_bytes
        while total > self.limits.total_bytes:
            name = next(iter(self._channels))
            total -= self._channels[name].history.size_bytes
            forgotten.append(self._forget(name))
        return forgotten

    def statistics(self) -> dict[str, float]:
        histories = [channel.history for channel in self._channels.values()]
        return {
            "known_channels": len(histories),
            "history_entries": sum(map(len, histories)),
            "history_bytes": sum(history.size_bytes for history in histories),
        }

    def _forget_over(self, count: int) -> list[Forgotten]:
        forgotten = []
        while len(self._channels) > count:
            forgotten.append(self._forget(next(iter(self._channels))))
        return forgotten

    def _forget(self, name: str) -> Forgotten:
        channel = self._channels.pop(name)
        return Forgotten(channel.partition, channel.history.clear())
