"""Finds streams' segments: a speech detector and endpoints, frame by frame."""

from __future__ import annotations

from collections.abc import Sequence
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
from workers.engines.silero import (
    CONTEXT_SAMPLES,
    EMPTY,
    NOTHING,
    WIDTH,
    Floats,
    Samples,
    SpeechDetector,
    SpeechState,
)


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

    `speech` is what the detector remembers; where everything begins anew it is `EMPTY`.
    """

    def __init__(self, rules: EndpointRules, start: int) -> None:
        self._likely = rules.likely
        self.speech: SpeechState = EMPTY
        self._ends = Endpointer(rules, start)
        self._kept = np.empty(0, np.int16)
        self._kept_from = self.received = start
        self._context: Samples = NOTHING
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

    def receive(self, pcm: bytes) -> Samples:
        """More audio; returns the frames to judge, each with what is before it [n, 576]."""
        more = np.frombuffer(pcm, "<i2")
        self._kept = np.concatenate((self._kept, more))
        self.received += len(more)
        count = max(0, (self.received - self._ends.sample) // FRAME_SAMPLES)
        begin = self._ends.sample
        audio = np.concatenate((self._context, self._since(begin, begin + count * FRAME_SAMPLES)))
        places = np.arange(count)[:, np.newaxis] * FRAME_SAMPLES
        frames: Samples = audio[places + np.arange(CONTEXT_SAMPLES + FRAME_SAMPLES)]
        return frames

    def judge(self, frame: Samples, probability: float, speech: SpeechState) -> Piece | None:
        """The next frame holds speech with so much probability: what ends with it, if anything."""
        event = self._ends.step(probability)
        self.speech, self._context = speech, frame[-CONTEXT_SAMPLES:]
        if isinstance(event, Closed | Renewed):
            self.speech, self._context = EMPTY, NOTHING
        if isinstance(event, Opened):
            self._opened, self._given = event, event.start
        elif isinstance(event, Closed):
            return self._piece(self._last_of(event), closed=event)
        elif self._ends.is_open and self._ends.quiet == self._likely:
            return self._piece(self._ends.sample, likely=True)
        return None

    def rest(self, *, last: bool) -> Piece | None:
        """All frames are judged: what is left of an open segment for the decoder."""
        piece = self._left(last=last)
        self._trim()
        return piece

    def _left(self, *, last: bool) -> Piece | None:
        if self._ends.is_open and last:
            closed = self._ends.close(self.received)
            assert closed is not None
            return self._piece(self._last_of(closed), closed=closed)
        if self._ends.is_open and self._ends.quiet < self._likely:
            return self._piece(self._ends.sample)
        return None

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


def listen(
    detector: SpeechDetector, listeners: Sequence[Listener], audio: Sequence[tuple[bytes, bool]]
) -> list[list[Piece]]:
    """More of each stream's audio, and whether it is the last: the pieces of segments that follow.

    Streams are judged side by side, one frame of each at a time.
    """
    frames = [each.receive(pcm) for each, (pcm, _) in zip(listeners, audio, strict=True)]
    features = _features(detector, frames)
    pieces: list[list[Piece]] = [[] for _ in listeners]
    for place in range(max(map(len, frames), default=0)):
        here = [number for number, each in enumerate(frames) if place < len(each)]
        sounds = [
            _sound(detector, listeners[n], frames[n][place], features[n][place]) for n in here
        ]
        found = detector.step([listeners[n].speech for n in here], sounds)
        for number, (probability, speech) in zip(here, found, strict=True):
            if piece := listeners[number].judge(frames[number][place], probability, speech):
                pieces[number].append(piece)
    for number, (listener, (_, last)) in enumerate(zip(listeners, audio, strict=True)):
        if piece := listener.rest(last=last):
            pieces[number].append(piece)
    return pieces


def _features(detector: SpeechDetector, frames: Sequence[Samples]) -> list[Floats]:
    """Of each stream's frames [n, 576], all in one run."""
    counts = [len(each) for each in frames]
    if not any(counts):
        return [np.empty((0, WIDTH), np.float32) for _ in frames]
    return np.split(detector.features(np.concatenate(frames)), np.cumsum(counts)[:-1])


def _sound(
    detector: SpeechDetector, listener: Listener, frame: Samples, features: Floats
) -> Floats:
    """What a frame sounds like: where all begins anew, nothing is before it."""
    if listener.speech is not EMPTY:
        return features
    alone = np.concatenate((NOTHING, frame[CONTEXT_SAMPLES:]))
    (sound,) = detector.features(alone[np.newaxis])
    return np.asarray(sound)
