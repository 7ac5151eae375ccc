"""A preview of the second hearing, while a segment goes on: its latest part, heard with all that
followed it so far.

It begins from what the draft remembers, so that a run is bounded however long the segment is.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from workers.engines.conformer.encoder import Encoder, EncoderState
from workers.engines.conformer.features import FRAME_MELS, MELS, Floats

DUE_FRAMES = 8
"""From one preview to the next, at least: 320 ms."""

WINDOW_FRAMES, STEP_FRAMES = 32, 16
"""A run hears so many frames again, and at most a step and a chunk more."""

KEPT_FRAMES = 3 * WINDOW_FRAMES
"""Whose mels are kept."""


@dataclass(slots=True)
class Preview:
    """`mels` are the latest of `frames` that were listened to. `scores` are phone log-probs from
    frame `begin` on, as they were last heard; `anchors` what the draft remembered at some frames.
    """

    mels: Floats = field(default_factory=lambda: np.empty((0, MELS), np.float32))
    frames: int = 0
    scores: Floats | None = None
    begin: int = 0
    anchors: deque[EncoderState] = field(default_factory=deque)

    @property
    def heard(self) -> int:
        """The frame before which the last preview ended."""
        return self.begin + (0 if self.scores is None else len(self.scores))

    @property
    def is_due(self) -> bool:
        return self.frames - self.heard >= DUE_FRAMES

    def listen(self, mels: Floats) -> None:
        self.mels = np.concatenate((self.mels, mels))[-KEPT_FRAMES * FRAME_MELS :]
        self.frames += len(mels) // FRAME_MELS

    def hear(self, encoder: Encoder, draft: EncoderState) -> None:
        """The latest frames once more; `draft` is what the draft remembers now."""
        first = self._anchor(encoder, draft)
        mels = self.mels[(first.position - self.frames) * FRAME_MELS :]
        (found,) = encoder.step([first.copy()], [mels])
        if self.scores is None or self.heard < first.position:
            self.scores, self.begin = found.phones, first.position
        else:
            older = self.scores[: first.position - self.begin]
            self.scores = np.concatenate((older, found.phones))

    def since(self, frame: int) -> tuple[int, Floats]:
        """Log-probs from `frame` on, or from where they are known, and where that is."""
        assert self.scores is not None
        begin = max(frame, self.begin)
        return begin, self.scores[begin - self.begin :]

    def _anchor(self, encoder: Encoder, draft: EncoderState) -> EncoderState:
        """Where the run begins: a window back, as far as the draft was remembered there."""
        oldest = self.frames - KEPT_FRAMES
        while self.anchors and self.anchors[0].position < oldest:
            self.anchors.popleft()
        if not self.anchors and oldest <= 0:
            self.anchors.append(encoder.begin())
        if not self.anchors or draft.position - self.anchors[-1].position >= STEP_FRAMES:
            self.anchors.append(draft.copy())
        while len(self.anchors) > 1 and self.frames - self.anchors[1].position >= WINDOW_FRAMES:
            self.anchors.popleft()
        return self.anchors[0]
