"""Whether what a channel shows is old: its audio goes on, and nothing is heard of it."""

from __future__ import annotations

from dataclasses import dataclass

from stream.core.messages import Stale
from stream.core.records import Progress


@dataclass(slots=True)
class _Live:
    heard: float
    stale: bool = False


class Staleness:
    """Told of each channel's progress, and of the time.

    A channel is live from its first progress until it is `over`; live and silent for more than
    `silence_s` it is stale. It is forgotten after `forget_s`, and the longest silent one when more
    than `limit` channels are live.
    """

    def __init__(
        self, silence_s: float = 3.0, forget_s: float = 600.0, limit: int = 10_000
    ) -> None:
        self.silence_s = silence_s
        self.forget_s = forget_s
        self.limit = limit
        self._live: dict[str, _Live] = {}

    def __len__(self) -> int:
        return len(self._live)

    def progress(self, progress: Progress, at: float) -> Stale | None:
        """A channel goes on or is over; the end of its staleness, if it was stale."""
        former = self._live.pop(progress.channel, None)
        if not progress.over:
            self._live[progress.channel] = _Live(at)  # last in the dict: the least silent
            if len(self._live) > self.limit:
                del self._live[next(iter(self._live))]
        if former is None or not former.stale:
            return None
        return _stale(progress.channel, former, at, over=True)

    def tick(self, now: float) -> list[Stale]:
        """The channels that have become stale."""
        found = []
        for channel, live in tuple(self._live.items()):
            silent_s = now - live.heard
            if silent_s > self.forget_s:
                del self._live[channel]
            elif silent_s > self.silence_s and not live.stale:
                live.stale = True
                found.append(_stale(channel, live, now))
        return found

    def of(self, channel: str, now: float) -> Stale | None:
        """What a new subscriber of a stale channel is told."""
        live = self._live.get(channel)
        return _stale(channel, live, now) if live is not None and live.stale else None


def _stale(channel: str, live: _Live, now: float, *, over: bool = False) -> Stale:
    return Stale(channel=channel, since_ms=round(max(0.0, now - live.heard) * 1000), over=over)
