"""The finals of each channel, for those who ask for a file."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

from stream.core.messages import Caption, Retract


class TranscriptLimits(NamedTuple):
    """Over `finals` a channel loses its oldest; over `bytes` of text in all, the channel longest
    silent is forgotten.
    """

    finals: int = 5_000
    bytes: int = 64 * 1024 * 1024


class Transcripts:
    """Told finals and retractions as the logs tell them, repeats included."""

    def __init__(self, limits: TranscriptLimits = TranscriptLimits()) -> None:  # noqa: B008
        self._limits = limits
        self._channels: OrderedDict[str, OrderedDict[str, Caption]] = OrderedDict()
        self._retracted: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._bytes = 0

    def add(self, final: Caption) -> None:
        """The first final of a segment stands, unless it was retracted before it came."""
        finals = self._channels.setdefault(final.channel, OrderedDict())
        self._channels.move_to_end(final.channel)
        if final.segment in finals or (final.channel, final.segment) in self._retracted:
            return
        finals[final.segment] = final
        self._bytes += _size(final)
        if len(finals) > self._limits.finals:
            self._bytes -= _size(finals.popitem(last=False)[1])
        while self._bytes > self._limits.bytes:
            _, gone = self._channels.popitem(last=False)
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
            self._bytes -= _size(gone)

    def of(self, channel: str) -> list[Caption]:
        """The channel's finals, in the order in which they came."""
        return list(self._channels.get(channel, OrderedDict()).values())

    def statistics(self) -> dict[str, float]:
        return {
            "channels": len(self._channels),
            "finals": sum(map(len, self._channels.values())),
            "bytes": self._bytes,
        }


def _size(final: Caption) -> int:
    """Bytes, about: the text and its words with their times."""
    return 200 + 2 * len(final.text) + 150 * len(final.words)
