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
    """Audio of a segment for the decoder; `opened` begins it, `closed` ends it."""

    audio: Samples
    opened: Opened | None
    closed: Closed | None


class Listener:
    """Finds one stream's segments. Keeps the audio since the last settled point, at most 1.3 s,
    and of an open segment what does not fill a frame yet.
    """

    def __init__(self, detector: SpeechDetector, rules: EndpointRules, start: int) -> None:
        self._detector = detector
        self._speech: SpeechState = EMPTY
        self._ends = Endpointer(rules, start)
        self._kept = np.empty(0, np.int16)
        self._kept_from = self.received = start
        self._piece_from = start

    @property
    def settled(self) -> int:
        return self._ends.settled

    @property
    def heard(self) -> int:
        """The sample up to which the audio has been judged."""
        return min(self._ends.sample, self.received)

    def listen(self, pcm: bytes, *, last: bool) -> Iterator[Piece]:
        """The pieces of segments that follow from more audio; all of them must be taken."""
        more = np.frombuffer(pcm, "<i2")
        self._kept = np.concatenate((self._kept, more))
        self.received += len(more)
        opened: Opened | None = None
        self._piece_from = self._ends.sample
        while self._ends.sample + FRAME_SAMPLES <= self.received:
            event = self._judge()
            if isinstance(event, Opened):
                opened, self._piece_from = event, event.start
            elif isinstance(event, Closed):
                yield Piece(self._since(self._piece_from, event.ended), opened, event)
                opened, self._piece_from = None, event.ended
        if self._ends.is_open:
            upto = self.received if last else self._ends.sample
            closed = self._ends.close(upto) if last else None
            yield Piece(self._since(self._piece_from, upto), opened, closed)
        self._trim()

    def _judge(self) -> Opened | Closed | Renewed | None:
        begin = self._ends.sample
        frame = self._since(begin, begin + FRAME_SAMPLES)
        probability, self._speech = self._detector.step(self._speech, frame)
        event = self._ends.step(probability)
        if isinstance(event, Closed | Renewed):
            self._speech = EMPTY
        return event

    def _since(self, begin: int, end: int) -> Samples:
        return self._kept[begin - self._kept_from : end - self._kept_from]

    def _trim(self) -> None:
        needed = self._ends.sample if self._ends.is_open else self._ends.settled
        drop = max(0, min(needed, self.received) - self._kept_from)
        self._kept = self._kept[drop:].copy()
        self._kept_from += drop
