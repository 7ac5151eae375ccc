"""The draft's way through a segment."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from workers.engines.conformer.encoder import EncoderState
from workers.engines.conformer.features import FRAME_MELS, MELS, Floats
from workers.engines.conformer.words import Beam


@dataclass(slots=True)
class Hearing:
    """The way through a segment as it comes: mels that wait, what the encoder remembers, and the
    search.
    """

    beam: Beam
    state: EncoderState
    waiting: Floats = field(default_factory=lambda: np.empty((0, MELS), np.float32))
    scores: list[Floats] = field(default_factory=list)

    @property
    def frames(self) -> int:
        """Frames that wait."""
        return len(self.waiting) // FRAME_MELS

    def take(self, frames: int) -> Floats:
        chunk, self.waiting = np.split(self.waiting, [frames * FRAME_MELS])
        return chunk
