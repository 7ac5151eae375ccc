"""Where a segment begins and ends: a machine that is told one speech probability a frame.

Frames are 512 samples on the absolute grid of an epoch's samples, whatever chunks they came in.
Everything begins anew where a segment ends and, in silence, at each multiple of GRID_SAMPLES: only
there does a fresh machine (with a fresh speech detector) go on exactly as the old one would.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

FRAME_SAMPLES = 512
GRID_FRAMES = 40
START_FRAMES = 5
"""Segments begin on multiples of 160 ms where they can: all their chunks then end together."""

GRID_SAMPLES = GRID_FRAMES * FRAME_SAMPLES


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRules:
    """Probabilities, and lengths in frames of 32 ms.

    `onset`, `onset_frames`  speech begins where so many frames in a row are at least so likely
    `offset`                 speech goes on while a frame is at least so likely
    `sure`                   a segment none of whose frames is so likely has nothing to say
    `pre_roll`               audio before the onset that belongs to the segment, at least
    `likely`                 silence after which an end is likely: what was said is made ready
    `silence`                ends a segment; from half of `longest` on, less and less is asked
    `longest`                a segment ends there in any case
    """

    onset: float = 0.5
    onset_frames: int = 2
    offset: float = 0.35
    sure: float = 0.0
    pre_roll: int = 10
    likely: int = 4
    silence: int = 25
    longest: int = 625

    def patience(self, length: int) -> int:
        """Frames of silence that end a segment of `length` frames, falling from `silence` to 1."""
        half = self.longest // 2
        left = max(0, self.longest - length)
        return max(1, min(self.silence, self.silence * left // max(1, self.longest - half)))


class Opened(NamedTuple):
    """A segment begins at sample `start`, which lies about the pre-roll before its speech."""

    start: int


class Closed(NamedTuple):
    """A segment's speech ends before sample `end`; that was decided at sample `ended`.

    `sure`: there was speech in it.
    """

    end: int
    ended: int
    sure: bool = True


class Renewed(NamedTuple):
    """Silence at a grid point: everything begins anew at sample `at`."""

    at: int


Event = Opened | Closed | Renewed


class Endpointer:
    """Begins empty at the first frame that starts at or after sample `start`.

    `settled` is the last sample at which everything began anew: before the open segment, if one is.
    """

    def __init__(self, rules: EndpointRules, start: int) -> None:
        self._rules = rules
        self._peak = 0.0
        self.settled = start
        self._renew(-(-start // FRAME_SAMPLES))

    @property
    def sample(self) -> int:
        """The next frame's first sample."""
        return self._frame * FRAME_SAMPLES

    @property
    def is_open(self) -> bool:
        return self._opened is not None

    @property
    def is_sure(self) -> bool:
        """There is speech in the open segment."""
        return self._peak >= self._rules.sure

    @property
    def quiet(self) -> int:
        """Frames since speech was last heard in the open segment."""
        return self._frame - self._spoken

    @property
    def foreseen(self) -> int:
        """The sample at which the open segment's end is likely, or decided if it was likely before,
        unless speech goes on; 0 while it does.
        """
        if self._opened is None or not self.quiet:
            return 0
        frame = self._frame + 1
        while not (self._is_over(frame) or frame - self._spoken == self._rules.likely):
            frame += 1
        return frame * FRAME_SAMPLES

    def step(self, probability: float) -> Event | None:
        """Judge the next frame; at most one thing follows from it."""
        self._frame += 1
        self._peak = max(self._peak, probability)
        listening = self._opened is None
        event: Event | None = self._listen(probability) if listening else self._follow(probability)
        if event is None and self._opened is None and self._frame % GRID_FRAMES == 0:
            event = Renewed(self.sample)
        if isinstance(event, Closed | Renewed):
            self.settled = self.sample
            self._renew(self._frame)
        return event

    def close(self, upto: int) -> Closed | None:
        """No frame follows sample `upto`: end the open segment."""
        if self._opened is None:
            return None
        event = Closed(min(upto, self._spoken * FRAME_SAMPLES), upto, self.is_sure)
        self.settled = upto
        self._renew(self._frame)
        return event

    def _renew(self, frame: int) -> None:
        self._frame = frame
        self._floor = frame
        self._likely = 0
        self._peak = 0.0
        self._opened: int | None = None
        self._spoken = frame

    def _listen(self, probability: float) -> Opened | None:
        self._likely = self._likely + 1 if probability >= self._rules.onset else 0
        if self._likely < self._rules.onset_frames:
            return None
        onset = self._frame - self._likely
        begin = (onset - self._rules.pre_roll) // START_FRAMES * START_FRAMES
        self._opened = max(self._floor, begin)
        self._spoken = self._frame
        return Opened(self._opened * FRAME_SAMPLES)

    def _follow(self, probability: float) -> Closed | None:
        assert self._opened is not None
        if probability >= self._rules.offset:
            self._spoken = self._frame
        if not self._is_over(self._frame):
            return None
        return Closed(self._spoken * FRAME_SAMPLES, self.sample, self.is_sure)

    def _is_over(self, frame: int) -> bool:
        """Whether silence up to `frame` ends the open segment there."""
        assert self._opened is not None
        length = frame - self._opened
        long_enough = frame - self._spoken >= self._rules.patience(length)
        return length >= self._rules.longest or long_enough
