"""The finals of each channel, for those who ask for a file."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from stream.core.messages import Caption, Retract


class TranscriptLimits(NamedTuple):
    """Over `finals` a channel loses its oldest; over `bytes` of text in all, the channel longest
    silent is forgotten.
    """

    finals: int = 2_000
    bytes: int = 64 * 1024 * 1024


class Transcripts:
    """Told finals and retractions as the logs tell them, repeats included."""

    def __init__(self, limits: TranscriptLimits = TranscriptLimits()) -> None:  # noqa: B008
        self._limits = limits
        self._channels: OrderedDict[str, OrderedDict[str, Caption]] = OrderedDict()
        self._retracted: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._bytes = 0
        self._changes = 0
        self._changed: dict[str, int] = {}

    def add(self, final: Caption) -> None:
        """The first final of a segment stands, unless it was retracted before it came."""
        if (final.channel, final.segment) in self._retracted:
            return
        finals = self._channels.setdefault(final.channel, OrderedDict())
        self._channels.move_to_end(final.channel)
        if final.segment in finals:
            return
        finals[final.segment] = final
        self._touch(final.channel)
        self._bytes += _size(final)
        if len(finals) > self._limits.finals:
            self._bytes -= _size(finals.popitem(last=False)[1])
        while self._bytes > self._limits.bytes:
            name, gone = self._channels.popitem(last=False)
            del self._changed[name]
            self._bytes -= sum(map(_size, gone.values()))

    def retract(self, retract: Retract) -> None:
        """A segment is taken back for good."""
        if not retract.segment:
            return
        self._retracted[retract.channel, retract.segment] = None
        if len(self._retracted) > self._limits.finals:
            self._retracted.popitem(last=False)
        gone = self._channels.get(retract.channel, OrderedDict()).pop(retract.segment, None)
        if gone is not None:
            self._touch(retract.channel)
            self._bytes -= _size(gone)

    def of(self, channel: str) -> list[Caption]:
        """The channel's finals, in the order in which they came."""
        return list(self._channels.get(channel, OrderedDict()).values())

    def version(self, channel: str) -> int:
        """Another number whenever the channel's finals are others; 0 where there are none."""
        return self._changed.get(channel, 0)

    def statistics(self) -> dict[str, float]:
        return {
            "channels": len(self._channels),
            "finals": sum(map(len, self._channels.values())),
            "bytes": self._bytes,
        }

    def _touch(self, channel: str) -> None:
        self._changes += 1
        self._changed[channel] = self._changes


def _size(final: Caption) -> int:
    """Bytes, about: the text and its words with their times."""
    return 200 + 2 * len(final.text) + 150 * len(final.words)
