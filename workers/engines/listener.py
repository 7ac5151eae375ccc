"""Finds one stream's segments: a speech detector and endpoints, frame by frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from workers.core.endpoint import (
    FRAME_SAMPLES,
    Closed,
    Endpointer,
    EndpointRules,
    Opened,
    Renewed,
)
from workers.engines.silero import EMPTY, Samples, SpeechDetector, SpeechState


@dataclass(frozen=True, slots=True)
class Piece:
    """Audio of a segment for the decoder; `opened` begins it, `closed` ends it.

    `likely`: it may have ended here. What follows in silence is held back until speech goes on,
    so that nothing is left to decode when the silence confirms the end.
    """

    audio: Samples
    opened: Opened | None = None
    closed: Closed | None = None
    likely: bool = False


class Listener:
    """Finds one stream's segments. Keeps the audio since the last settled point, at most 1.3 s,
    and of an open segment what the decoder has not been given.
    """

    def __init__(self, detector: SpeechDetector, rules: EndpointRules, start: int) -> None:
        self._detector = detector
        self._likely = rules.likely
        self._speech: SpeechState = EMPTY
        self._ends = Endpointer(rules, start)
        self._kept = np.empty(0, np.int16)
        self._kept_from = self.received = start
        self._given = start
        self._opened: Opened | None = None

    @property
    def settled(self) -> int:
        return self._ends.settled

    @property
    def heard(self) -> int:
        """The sample up to which the audio has been judged."""
        return min(self._ends.sample, self.received)

    @property
    def is_sure(self) -> bool:
        """There is speech in the open segment."""
        return self._ends.is_sure

    @property
    def foreseen(self) -> int:
        """The sample at which the open segment's end is likely or decided unless speech goes on; 0
        while it does.
        """
        return self._ends.foreseen

    def listen(self, pcm: bytes, *, last: bool) -> Iterator[Piece]:
        """The pieces of segments that follow from more audio; all of them must be taken."""
        more = np.frombuffer(pcm, "<i2")
        self._kept = np.concatenate((self._kept, more))
        self.received += len(more)
        while self._ends.sample + FRAME_SAMPLES <= self.received:
            event = self._judge()
            if isinstance(event, Opened):
                self._opened, self._given = event, event.start
            elif isinstance(event, Closed):
                yield self._piece(self._last_of(event), closed=event)
            elif self._ends.is_open and self._ends.quiet == self._likely:
                yield self._piece(self._ends.sample, likely=True)
        if self._ends.is_open and last:
            closed = self._ends.close(self.received)
            assert closed is not None
            yield self._piece(self._last_of(closed), closed=closed)
        elif self._ends.is_open and self._ends.quiet < self._likely:
            yield self._piece(self._ends.sample)
        self._trim()

    def _judge(self) -> Opened | Closed | Renewed | None:
        begin = self._ends.sample
        frame = self._since(begin, begin + FRAME_SAMPLES)
        probability, self._speech = self._detector.step(self._speech, frame)
        event = self._ends.step(probability)
        if isinstance(event, Closed | Renewed):
            self._speech = EMPTY
        return event

    def _last_of(self, closed: Closed) -> int:
        """Where the audio ends that belongs to the segment: with a little of its silence."""
        return min(closed.ended, closed.end + self._likely * FRAME_SAMPLES)

    def _piece(self, upto: int, *, closed: Closed | None = None, likely: bool = False) -> Piece:
        piece = Piece(self._since(self._given, upto), self._opened, closed, likely)
        self._given, self._opened = upto, None
        return piece

    def _since(self, begin: int, end: int) -> Samples:
        return self._kept[begin - self._kept_from : end - self._kept_from]

    def _trim(self) -> None:
        needed = self._given if self._ends.is_open else self._ends.settled
        drop = max(0, min(needed, self.received) - self._kept_from)
        self._kept = self._kept[drop:].copy()
        self._kept_from += drop
